"""Shared by several commands: parameters from the command line, progress, warnings, and messages about compiling."""

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
                        help="preset name (see rtsep presets) or path of a preset file, for all stems; with @ for one stem, "
                        "which is given by the name of its file, track or port, or by number (of a channel with --by channel); "
                        "can be given several times: --preset piano --preset cello@2 --preset violin@'Violin I' (default: by "
                        "the General MIDI programs of the notes, else piano)")


def file_or_none(text: str) -> Path | None:
    """The file of an option; an empty one stands for none, and overrules a set-up's."""
    return Path(text) if text else None


def add_score(parser: argparse.ArgumentParser) -> None:
    """The option --score."""
    parser.add_argument("--score", type=file_or_none, metavar="FILE",
                        help="what is played on one keyboard (MIDI, MusicXML or any other score): each played note takes the "
                        "part of the note in the score that it matches. Every part, a track or a staff, is a stem; with --by "
                        "hands the two parts are the hands. Wrong, missing and extra notes, jumps and any tempo are followed")


def add_drum_map(parser: argparse.ArgumentParser) -> None:
    """The option --drum-map."""
    parser.add_argument("--drum-map", type=file_or_none, metavar="FILE",
                        help="which group each drum belongs to: a text of lines such as 22,hihat or F#1,kick (a note and kick, "
                        "snare, hihat, toms, cymbals or percussion; # begins a comment). Without it: General MIDI and the "
                        "electronic kits of Roland, Yamaha and Alesis")


def add_timing(parser: Any) -> None:
    """The options --offset and --stretch, of notes that were not played together with the sound."""
    parser.add_argument("--offset", type=float, default=0.0, metavar="SECONDS",
                        help="the sound is so much later than the notes (negative: earlier), which are moved")
    parser.add_argument("--stretch", type=float, default=1.0, metavar="FACTOR",
                        help="the sound lasts so many times as long as the notes say, whose times are multiplied by it first: "
                        "2 for a sound of half their tempo")


def timing_of(arguments: argparse.Namespace) -> Any:
    """What --offset and --stretch say, a `Timing`. RtsepError: nonsense."""
    from rtsep.notes.moved import Timing

    offset_s, stretch = arguments.offset, arguments.stretch
    if not (abs(offset_s) <= MOST_OFFSET_S and 1 / MOST_STRETCH <= stretch <= MOST_STRETCH):
        raise RtsepError(f"--offset {offset_s:g} --stretch {stretch:g}: allowed are {-MOST_OFFSET_S:g} to {MOST_OFFSET_S:g} s, "
                         f"and factors from {1 / MOST_STRETCH:g} to {MOST_STRETCH:g}")
    return Timing(offset_s, stretch)


def add_mosaic(parser: argparse.ArgumentParser) -> None:
    """The option --mosaic."""
    parser.add_argument("--mosaic", type=file_or_none, metavar="SOUND",
                        help="do not separate, but remake the input from the frames of this sound file, which has the same "
                        "sample rate and lasts at most ten minutes; stems: mosaic, and dry, the input with the same delay; wet "
                        "fades between them. With notes, only their pitches of SOUND are heard. See also mosaic_polyphony and "
                        "similar parameters in rtsep params")


def add_params(parser: argparse.ArgumentParser, *further_modes: str) -> None:
    """The options that are parameters of the engine; only this command knows `further_modes`."""
    parser.add_argument("--mode", choices=(*PARAMS["mode"].choices, *further_modes),
                        help="; ".join((PARAMS["mode"].help, *(f"{mode} = each in turn" for mode in further_modes))))
    parser.add_argument("--latency", metavar="SAMPLES", help=PARAMS["latency_samples"].help)
    parser.add_argument("--background", metavar="ROWS", help=PARAMS["background"].help + " (default: 32)")
    parser.add_argument("--learn-background", metavar="SECONDS", help=PARAMS["learn_background_s"].help)
    parser.add_argument("--no-adapt", action="store_true", help="templates do not change (adapt=off)")
    parser.add_argument("--estimator", choices=PARAMS["estimator"].choices,
                        help=f"{PARAMS['estimator'].help} (default: {PARAMS['estimator'].default})")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="settings",
                        help="any parameter (see rtsep params); can be given several times")


def add_keeping(parser: argparse.ArgumentParser, when: str) -> None:
    """The options that save what was learnt."""
    parser.add_argument("--save-preset", action="append", default=[], metavar="FILE[@STEM]", dest="keep",
                        help=f"{when}, write the adapted templates as a new preset: a name or the path of a file; with @ for "
                        "the preset of one stem, where stems play different ones")
    parser.add_argument("--save-background", action="store_true",
                        help="also save what the background has learnt, as its start with the new preset")


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


class _Bars:
    """Progress bars on stderr, which appear with the first progress; none if stderr is no terminal."""

    def __init__(self) -> None:
        self._progress: Any = None
        self._tasks: dict[str, Any] = {}

    def advance(self, what: str, done: float, total: float) -> None:
        """Show that `done` of `total` of `what` is done."""
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
    """As `given_params`, with RtsepError, before anything is loaded, for names and values that are not allowed."""
    params = given_params(arguments)
    for name, value in params.items():
        if name != "mode" or value not in further_modes:
            param_of(name).parse(value)
    return params


@contextmanager
def progress_bar() -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar on stderr: a function (what, done, total)."""
    bars = _Bars()
    try:
        yield bars.advance
    finally:
        bars.stop()


class CompilingShown:
    """Shows on stderr that the engine is being compiled, and for how long: a bar, or a line if stderr is no terminal.

    It is called with `Progress` (rtsep.compiling.progress).
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
            print("rtsep: another rtsep is compiling the same; waiting for it", file=sys.stderr, flush=True)
        elif progress.done < 1:
            self._bars.advance(f"Compiling for {self._target(progress)}, once", progress.done, 1.0)
        if progress.done >= 1:
            self._bars.stop()
            print(f"rtsep: compiled in {time.monotonic() - self._began:.0f} s", file=sys.stderr, flush=True)
            self._began, self._waits = None, False

    def stop(self) -> None:
        """Remove the bar in any case."""
        self._bars.stop()

    @staticmethod
    def _target(progress: Progress) -> str:
        return progress.target or "this computer's processor"

    def _told(self, progress: Progress) -> str:
        kept = "once, until the temporary folder is emptied (see RTSEP_CACHE_DIR)" if progress.temporary else "once"
        if not progress.kept:
            kept = "at every start, since no folder is there to keep it in (see RTSEP_CACHE_DIR)"
        return f"compiling the engine for {self._target(progress)}, {kept}; about {progress.left_s:.0f} s ..."


def say_warnings(warnings: list[str]) -> None:
    """Print each warning on a line of stderr."""
    for warning in warnings:
        print(f"rtsep: warning: {warning}", file=sys.stderr)
