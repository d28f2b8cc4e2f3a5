"""What several commands share: parameters from the command line, progress, warnings, and compiling said aloud."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rtsep.errors import RtsepError
from rtsep.params import PARAMS


def add_preset(parser: argparse.ArgumentParser) -> None:
    """The option --preset."""
    parser.add_argument("--preset", action="append", default=[], metavar="NAME[@STEM]", dest="presets",
                        help="preset name (see rtsep presets) or path of a preset file, for all stems; with @ for one stem, "
                        "which is named as its file, track or port is, or by number (a channel's with --by channel); can be "
                        "given several times: --preset piano --preset cello@2 --preset violin@'Violin I' (default: by the "
                        "General MIDI programs of the notes, else piano)")


def add_mosaic(parser: argparse.ArgumentParser) -> None:
    """The option --mosaic."""
    parser.add_argument("--mosaic", type=Path, metavar="SOUND",
                        help="do not separate, but remake what is heard from the frames of this sound file, which has the "
                        "same sample rate and lasts at most ten minutes; stems: mosaic, and dry, the input as late; wet fades "
                        "between them. With notes only their pitches of SOUND are heard. rtsep params has more: "
                        "mosaic_polyphony and the like")


def add_params(parser: argparse.ArgumentParser, *further_modes: str) -> None:
    """The options that are parameters of the engine; `further_modes` mean something to this command alone."""
    parser.add_argument("--mode", choices=(*PARAMS["mode"].choices, *further_modes),
                        help="; ".join((PARAMS["mode"].help, *(f"{mode} = each in turn" for mode in further_modes)))
                        + " (default: live)")
    parser.add_argument("--latency", metavar="SAMPLES", help=PARAMS["latency_samples"].help)
    parser.add_argument("--background", metavar="ROWS", help=PARAMS["background"].help + " (default: 32)")
    parser.add_argument("--learn-background", metavar="SECONDS", help=PARAMS["learn_background_s"].help)
    parser.add_argument("--no-adapt", action="store_true", help="templates stay as they are in the preset (adapt=off)")
    parser.add_argument("--estimator", choices=PARAMS["estimator"].choices,
                        help=f"{PARAMS['estimator'].help} (default: {PARAMS['estimator'].default})")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="settings",
                        help="any parameter (see rtsep params); can be given several times")


def add_keeping(parser: argparse.ArgumentParser, when: str) -> None:
    """The options that write what was learnt."""
    parser.add_argument("--save-preset", action="append", default=[], metavar="FILE[@STEM]", dest="keep",
                        help=f"{when}, write the templates as they have adapted as a new preset: a name or the path of a file; "
                        "with @ whose preset, where stems play different ones")
    parser.add_argument("--save-background", action="store_true",
                        help="what the background has learnt goes into saved presets as well; it is what they will start from")


def given_params(arguments: argparse.Namespace) -> dict[str, str]:
    """The parameters of the command line: --set, and the options that are parameters."""
    params = {}
    for setting in arguments.settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise RtsepError(f"--set {setting}: give NAME=VALUE, such as --set mask_power=1.5 (see rtsep params)")
        params[name.strip()] = value.strip()
    options = {"mode": arguments.mode, "latency_samples": arguments.latency, "background": arguments.background,
               "learn_background_s": arguments.learn_background, "adapt": "off" if arguments.no_adapt else None,
               "estimator": arguments.estimator}
    return params | {name: value for name, value in options.items() if value is not None}


@contextmanager
def progress_bar() -> Iterator[Any]:
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


def load_engine(*callbacks: str) -> None:
    """Import the engine, and `callbacks` (module.function of a kernel); what is compiled for the first time is said."""
    from rtsep.cache import cache_folder, is_compiled

    folder, functions = cache_folder(), ("entry.entry", *callbacks)
    if all(is_compiled(folder, function) for function in functions):
        return
    print("rtsep: compiling the engine for this computer, once; this takes some minutes ...", file=sys.stderr, flush=True)
    started = time.perf_counter()
    from rtsep.kernels import load

    for function in functions:
        load(function.partition(".")[0])
    print(f"rtsep: compiled in {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)


def say_warnings(warnings: list[str]) -> None:
    """Each on a line of stderr."""
    for warning in warnings:
        print(f"rtsep: warning: {warning}", file=sys.stderr)
