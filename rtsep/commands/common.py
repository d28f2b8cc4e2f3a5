"""What several commands share: parameters from the command line, progress, warnings, and messages about compiling."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rtsep.compiling.progress import Progress
from rtsep.errors import RtsepError
from rtsep.params import PARAMS, param_of

# Greatest values of --offset, in seconds, and of --stretch.
MOST_OFFSET_S, MOST_STRETCH = 3600.0, 10.0


def add_preset(parser: argparse.ArgumentParser) -> None:
    """The option --preset."""
    parser.add_argument("--preset", action="append", default=[], metavar="NAME[@STEM]", dest="presets",
                        help="preset for all stems: a name (see rtsep presets) or the path of a preset file. NAME@STEM is for "
                        "one stem: STEM is the name of its file, track or port, or its number (with --by channel, the number "
                        "of the channel). Can be given several times: --preset piano --preset cello@2 --preset "
                        "violin@'Violin I' (default: by the General MIDI programs of the notes, else piano)")


def file_or_none(text: str) -> Path | None:
    """The file of an option. An empty text means no file, so it also overrules the file of a set-up."""
    return Path(text) if text else None


def add_score(parser: argparse.ArgumentParser, alone: str = "") -> None:
    """The option --score. alone: what it does without MIDI."""
    parser.add_argument("--score", type=file_or_none, metavar="FILE",
                        help="score (MIDI, MusicXML or any other) of what is played on one keyboard: each played note gets the "
                        "part of the score note that it matches. Each part (a track or a staff) is a stem; with --by hands the "
                        f"two parts are the hands. rtsep follows wrong, missing and extra notes, jumps and any tempo{alone}")


def add_drum_map(parser: argparse.ArgumentParser) -> None:
    """The option --drum-map."""
    parser.add_argument("--drum-map", type=file_or_none, metavar="FILE",
                        help="text file that says which group each drum belongs to, in lines such as 22,hihat or F#1,kick (a "
                        "note, then kick, snare, hihat, toms, cymbals or percussion; # begins a comment). Without it, rtsep "
                        "knows General MIDI and the electronic kits of Roland, Yamaha and Alesis")


def add_timing(parser: Any) -> None:
    """The options --offset and --stretch, for notes that were not played together with the sound."""
    parser.add_argument("--offset", type=float, default=0.0, metavar="SECONDS",
                        help="how much later the sound is than the notes (negative: earlier); rtsep moves the notes by it")
    parser.add_argument("--stretch", type=float, default=1.0, metavar="FACTOR",
                        help="length of the sound divided by the length of the notes: 2 for a sound at half the tempo of the "
                        "notes. rtsep first multiplies the times of the notes by it, and then adds --offset")


def timing_of(arguments: argparse.Namespace) -> Any:
    """The `Timing` that --offset and --stretch ask for. RtsepError: a value that is not allowed."""
    from rtsep.notes.moved import Timing

    offset_s, stretch = arguments.offset, arguments.stretch
    if not (abs(offset_s) <= MOST_OFFSET_S and 1 / MOST_STRETCH <= stretch <= MOST_STRETCH):
        raise RtsepError(f"--offset {offset_s:g} --stretch {stretch:g}: allowed are {-MOST_OFFSET_S:g} to {MOST_OFFSET_S:g} s, "
                         f"and factors from {1 / MOST_STRETCH:g} to {MOST_STRETCH:g}")
    return Timing(offset_s, stretch)


def add_mosaic(parser: argparse.ArgumentParser) -> None:
    """The option --mosaic."""
    parser.add_argument("--mosaic", type=file_or_none, metavar="SOUND",
                        help="do not separate, but remake the input from the frames of this sound file, which must have the "
                        "same sample rate and last at most ten minutes. The stems are mosaic, and dry (the input with the same "
                        "delay); wet fades between them. With notes, only their pitches in SOUND are heard. See also "
                        "mosaic_polyphony and the other mosaic parameters in rtsep params")


def add_params(parser: argparse.ArgumentParser, *further_modes: str) -> None:
    """The options that are parameters of the engine. `further_modes` are modes that only this command knows."""
    parser.add_argument("--mode", choices=(*PARAMS["mode"].choices, *further_modes),
                        help="; ".join((PARAMS["mode"].help, *(f"{mode} = every mode in turn" for mode in further_modes))))
    parser.add_argument("--latency", metavar="SAMPLES", help=PARAMS["latency_samples"].help)
    parser.add_argument("--lookahead", metavar="MS", help=f"{PARAMS['lookahead_ms'].help} (0 to 1000 ms, default: 0)")
    parser.add_argument("--background", metavar="ROWS", help=PARAMS["background"].help + " (default: 32)")
    parser.add_argument("--learn-background", metavar="SECONDS", help=PARAMS["learn_background_s"].help)
    parser.add_argument("--no-adapt", action="store_true", help="templates do not adapt (adapt=off)")
    parser.add_argument("--estimator", choices=PARAMS["estimator"].choices,
                        help=f"{PARAMS['estimator'].help} (default: {PARAMS['estimator'].default})")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="settings",
                        help="set any parameter (see rtsep params); can be given several times")


def add_keeping(parser: argparse.ArgumentParser, when: str) -> None:
    """The options that save what the engine has learnt."""
    parser.add_argument("--save-preset", action="append", default=[], metavar="FILE[@STEM]", dest="keep",
                        help=f"{when}, save the adapted templates as a new preset: give its name or the path of its file. If "
                        "the stems have different presets, FILE@STEM says which one to save")
    parser.add_argument("--save-background", action="store_true",
                        help="also save in the new preset what the background has learnt; it then starts from there")


def given_params(arguments: argparse.Namespace) -> dict[str, str]:
    """The parameters of the command line: --set, and the options that are parameters."""
    params = {}
    for setting in arguments.settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise RtsepError(f"--set {setting}: give NAME=VALUE, such as --set mask_power=1.5 (see rtsep params)")
        params[name.strip()] = value.strip()
    options = {"mode": arguments.mode, "latency_samples": arguments.latency,
               "lookahead_ms": arguments.lookahead, "background": arguments.background,
               "learn_background_s": arguments.learn_background, "estimator": arguments.estimator,
               "adapt": "off" if arguments.no_adapt else None}
    return params | {name: value for name, value in options.items() if value is not None}


class _Bars:
    """Progress bars on stderr. They appear with the first progress; if stderr is not a terminal, there are none."""

    def __init__(self) -> None:
        self._progress: Any = None
        self._tasks: dict[str, Any] = {}

    def advance(self, what: str, done: float, total: float) -> None:
        """Show that `done` of `total` parts of `what` are done."""
        if self._progress is None:
            self._start()
        if what not in self._tasks:
            from rich.markup import escape

            self._tasks[what] = self._progress.add_task(escape(what), total=total)
        self._progress.update(self._tasks[what], completed=done)

    def _start(self) -> None:
        from rich.console import Console
        from rich.progress import Progress

        console = Console(stderr=True)
        self._progress = Progress(console=console, transient=True, disable=not console.is_terminal)
        self._progress.start()

    def stop(self) -> None:
        """Remove the bars."""
        if self._progress is not None:
            self._progress.stop()
        self._progress, self._tasks = None, {}


def checked_params(arguments: argparse.Namespace, *further_modes: str) -> dict[str, str]:
    """As `given_params`, but checked before anything is loaded. RtsepError: a name or a value that is not allowed."""
    params = given_params(arguments)
    for name, value in params.items():
        if name != "mode" or value not in further_modes:
            param_of(name).parse(value)
    return params


@contextmanager
def progress_bar() -> Iterator[Callable[[str, int, int], None]]:
    """Show progress bars on stderr; gives a function (what, done, total) that moves them."""
    bars = _Bars()
    try:
        yield bars.advance
    finally:
        bars.stop()


class CompilingShown:
    """Shows on stderr that the engine is being compiled, and how long it takes: a bar, or one line if there is no terminal.

    Call it with a `Progress` (rtsep.compiling.progress).
    """

    def __init__(self) -> None:
        self._bars = _Bars()
        self._began: float | None = None
        self._waits = False

    def __call__(self, progress: Progress) -> None:
        if self._began is None:
            self._began = time.monotonic()
            if not sys.stderr.isatty():
                print(f"rtsep: {self._told(progress)}", file=sys.stderr, flush=True)
        if progress.waits and not self._waits:
            self._waits = True
            self._bars.stop()
            print("rtsep: another rtsep is compiling the same code; waiting for it", file=sys.stderr, flush=True)
        elif progress.done < 1:
            self._bars.advance(f"Compiling for {self._target(progress)}, once", progress.done, 1.0)
        if progress.done >= 1:
            self._bars.stop()
            print(f"rtsep: compiled in {time.monotonic() - self._began:.0f} s", file=sys.stderr, flush=True)
            self._began, self._waits = None, False

    def stop(self) -> None:
        """Remove the bar, if there is one."""
        self._bars.stop()

    @staticmethod
    def _target(progress: Progress) -> str:
        return progress.target or "this computer's processor"

    def _told(self, progress: Progress) -> str:
        kept = "once, until the temporary folder is emptied (see RTSEP_CACHE_DIR)" if progress.temporary else "once"
        if not progress.kept:
            kept = "at every start, since no folder can keep the code (see RTSEP_CACHE_DIR)"
        return f"compiling the engine for {self._target(progress)}, {kept}; about {progress.left_s:.0f} s ..."


def say_warnings(warnings: list[str]) -> None:
    """Print each warning on its own line of stderr."""
    for warning in warnings:
        print(f"rtsep: warning: {warning}", file=sys.stderr)
