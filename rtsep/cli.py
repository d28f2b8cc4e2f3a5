"""The command line: one function per command. What is heavy is imported by the command that needs it."""

from __future__ import annotations

import argparse
import io
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from rtsep.errors import RtsepError
from rtsep.params import PARAMS

ENDED_BADLY, INTERRUPTED = 2, 130


class _Parser(argparse.ArgumentParser):
    """argparse, but an error is one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(ENDED_BADLY, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def _build_parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="rtsep", description="Separates the sound of instruments into stems while it is played: "
                     "MIDI says which notes sound, a preset says what they sound like.")
    parser.add_argument("--version", action="store_true", help="print the version and end")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    demo = commands.add_parser("demo", help="separate the bundled piano clip and measure the result")
    demo.add_argument("--out", type=Path, default=Path("rtsep-demo"), metavar="DIR",
                      help="folder for stems, report.json and picture.png (default: %(default)s)")
    demo.add_argument("--overwrite", action="store_true", help="replace results that are there already")
    _add_render(commands)
    commands.add_parser("params", help="list every parameter with unit, range and default")
    presets = commands.add_parser("presets", help="list the presets; show one; check a file")
    actions = presets.add_subparsers(dest="action", metavar="ACTION", parser_class=_Parser)
    show = actions.add_parser("show", help="what is inside a preset")
    show.add_argument("preset", help="name of a preset, or path of a preset file")
    check = actions.add_parser("check", help="whether a preset file is sound")
    check.add_argument("file", type=Path, help="path of a preset file")
    _add_bench(commands)
    return parser


def _add_render(commands: Any) -> None:
    parser = commands.add_parser(
        "render", help="separate a sound file into stems",
        description="Separates the sound file MIX with the streaming engine, exactly as it would sound live. Writes one "
        "file per stem and the residual, as long as MIX and aligned with it, and report.json.")
    parser.add_argument("mix", type=Path, metavar="MIX", help="sound file: WAV, FLAC, AIFF, Ogg, MP3; any channels")
    parser.add_argument("--midi", type=Path, metavar="FILE",
                        help="MIDI file of the notes that sound in MIX; without it every template is open")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the results")
    parser.add_argument("--preset", default="piano", metavar="NAME",
                        help="preset name (see rtsep presets) or path of a preset file (default: %(default)s)")
    parser.add_argument("--by", choices=("track", "channel", "split"), default="track",
                        help="what makes a stem: a MIDI track, a channel, or the side of --split (default: %(default)s)")
    parser.add_argument("--split", default="C4", metavar="NOTE",
                        help="lowest note of the stem `high` with --by split, such as C4 or 60 (default: %(default)s)")
    parser.add_argument("--mode", choices=PARAMS["mode"].choices, help=PARAMS["mode"].help + " (default: live)")
    parser.add_argument("--latency", metavar="SAMPLES", help=PARAMS["latency_samples"].help)
    parser.add_argument("--block", type=int, metavar="SAMPLES",
                        help="samples handed to the engine at a time (default: one hop); the result is the same")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="settings",
                        help="any parameter (see rtsep params); can be given several times")
    parser.add_argument("--picture", action="store_true", help="also write picture.png: notes over spectrograms")
    parser.add_argument("--format", choices=("wav", "flac"), default="wav", help="of the stems (default: %(default)s)")
    parser.add_argument("--bits", choices=("16", "24", "float"), help="of the samples (default: float, in FLAC 24)")
    parser.add_argument("--overwrite", action="store_true", help="replace results that are there already")


def _add_bench(commands: Any) -> None:
    parser = commands.add_parser(
        "bench", help="what separating costs on this computer",
        description="Measures the engine on the bundled sound: which block sizes this computer keeps up with, and what "
        "window, hop, open templates, stems and channels cost. Close other programs first. Takes about a minute.")
    parser.add_argument("--quick", action="store_true", help="rougher figures in a few seconds")
    parser.add_argument("--seconds", type=float, metavar="S", help="how long to measure, 1 to 600 (default: 45; quick: 6)")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")


def _params(arguments: argparse.Namespace) -> dict[str, str]:
    """The parameters of the command line: --set, and the options that are parameters."""
    params = {}
    for setting in arguments.settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise RtsepError(f"--set {setting}: give NAME=VALUE, such as --set mask_power=1.5 (see rtsep params)")
        params[name.strip()] = value.strip()
    if arguments.mode is not None:
        params["mode"] = arguments.mode
    if arguments.latency is not None:
        params["latency_samples"] = arguments.latency
    return params


@contextmanager
def _progress() -> Iterator[Any]:
    """A progress bar on stderr: a function (what, done, total)."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        tasks: dict[str, Any] = {}

        def advance(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(escape(what), total=total)
            bar.update(tasks[what], completed=done)

        yield advance


def _load_engine() -> None:
    """Import the engine; the first time on a computer it is compiled, which takes a while and is said."""
    from rtsep.cache import cache_folder, is_compiled

    if is_compiled(cache_folder()):
        return
    print("rtsep: compiling the engine for this computer, once; this takes 10 to 60 s ...", file=sys.stderr, flush=True)
    started = time.perf_counter()
    import rtsep.kernels  # noqa: F401

    print(f"rtsep: compiled in {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)


def _say_warnings(report: dict[str, Any]) -> None:
    for warning in report["warnings"]:
        print(f"rtsep: warning: {warning}", file=sys.stderr)


def _demo(arguments: argparse.Namespace) -> None:
    _load_engine()
    from rtsep.hosts.demo import demo
    from rtsep.tables import show_demo

    with _progress() as progress:
        report = demo(arguments.out, arguments.overwrite, progress)
    _say_warnings(report)
    show_demo(report, arguments.out)


def _render(arguments: argparse.Namespace) -> None:
    _load_engine()
    from rtsep.hosts.render import Job, render
    from rtsep.routing import parse_pitch
    from rtsep.tables import show_render

    job = Job(arguments.mix, arguments.out, arguments.midi, arguments.preset, arguments.by, parse_pitch(arguments.split),
              _params(arguments), arguments.block, arguments.format, arguments.bits, arguments.overwrite,
              arguments.picture)
    with _progress() as progress:
        report = render(job, lambda done, total: progress(job.mix.name, done, total))
    _say_warnings(report)
    show_render(report, arguments.out)


def _bench(arguments: argparse.Namespace) -> None:
    _load_engine()
    from rtsep.hosts.bench import QUICK_SECONDS, SECONDS, bench
    from rtsep.hosts.bench_tables import show_bench

    usual = QUICK_SECONDS if arguments.quick else SECONDS
    with _progress() as progress:
        report = bench(usual if arguments.seconds is None else arguments.seconds, progress)
    if arguments.json:
        print(json.dumps(report, indent=2))
    else:
        show_bench(report)


def _list_params(_arguments: argparse.Namespace) -> None:
    from rtsep.tables import show_params

    show_params()


def _presets(arguments: argparse.Namespace) -> None:
    from rtsep.library import find_preset
    from rtsep.preset import load_preset
    from rtsep.tables import show_preset, show_presets

    if arguments.action == "show":
        show_preset(load_preset(find_preset(arguments.preset)))
    elif arguments.action == "check":
        preset = load_preset(arguments.file)
        for note in preset.notes:
            print(f"rtsep: warning: {note}", file=sys.stderr)
        print(f"{arguments.file}: a sound preset with {len(preset.W)} templates")
    else:
        show_presets()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; gives the exit code: 0, 2 after an error that is told in one line, 130 when interrupted."""
    parser = _build_parser()
    given = parser.parse_args(arguments)
    if given.version:
        from rtsep import __version__

        print(f"rtsep {__version__}")
        return 0
    if given.command is None:
        parser.print_help()
        return 0
    run = {"demo": _demo, "render": _render, "params": _list_params, "presets": _presets, "bench": _bench}[given.command]
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks a letter must not end the run
    try:
        run(given)
        sys.stdout.flush()
    except RtsepError as error:
        print(f"rtsep: error: {error}", file=sys.stderr)
        return ENDED_BADLY
    except OSError as error:
        print(f"rtsep: error: {error}", file=sys.stderr)
        return ENDED_BADLY
    except KeyboardInterrupt:
        print("rtsep: interrupted; no file was left half-written", file=sys.stderr)
        return INTERRUPTED
    return 0
