"""`rtsep calibrate`: makes a preset for one instrument, room and microphone, from a short take of the instrument alone."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from rtsep.commands.common import add_timing, say_warnings, timing_of
from rtsep.commands.train import training_bar
from rtsep.errors import RtsepError

SILENT = -120.0  # A gain of this many decibels means silence.
ABOUT = """\
Fits a preset to your instrument, room and microphone. You play alone for 20 to
60 s, over as much of the keyboard as your music uses. From this take rtsep
learns the tuning, the templates and the levels of the notes. Pitches that you
did not play follow their neighbours. First, rtsep leaves out the last quarter
of the take, to measure the gain; then it learns from the whole take.

examples:
  rtsep calibrate take.wav take.mid --preset piano -o my-piano
  rtsep calibrate session-folder -o my-piano     (from rtsep live --record)
  rtsep calibrate --midi PORT --seconds 40 -o my-piano           (play now)
  rtsep live --midi PORT --preset my-piano
"""


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("calibrate", help="fit a preset to your instrument, room and microphone", description=ABOUT,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recording", nargs="?", type=Path, metavar="RECORDING",
                        help="sound file of the instrument alone, or a folder that rtsep live --record wrote; without it, you "
                        "play now")
    parser.add_argument("score", nargs="?", type=Path, metavar="SCORE",
                        help="notes of RECORDING: a MIDI file, table or score (see rtsep render --help)")
    parser.add_argument("--preset", default="piano", metavar="NAME", help="preset to start from (default: %(default)s)")
    parser.add_argument("-o", "--out", required=True, metavar="PRESET",
                        help="name of the new preset, for --preset, or path of its file; a report (.json) is written beside it")
    parser.add_argument("--overwrite", action="store_true", help="replace a preset that is there already")
    parser.add_argument("--no-check", action="store_true", help="go on even if the notes do not seem to fit the recording")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    add_timing(parser)
    group = parser.add_argument_group("playing now")
    group.add_argument("--input", metavar="DEV", help="input device (default: the default of the system)")
    group.add_argument("--output", metavar="DEV", help="output device, which stays silent (default: the default of the system)")
    group.add_argument("--rate", type=float, default=0.0, metavar="HZ", help="sample rate (default: the device's)")
    group.add_argument("--midi", action="append", default=[], metavar="PORT", help="MIDI port that the notes come from")
    group.add_argument("--seconds", type=float, default=40.0, metavar="S",
                       help="how long you play, 5 to 600 s (default: %(default)g)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Calibrate, and print the gain."""
    from rtsep.files.results import Results
    from rtsep.presets.library import find_preset, new_preset
    from rtsep.presets.preset import load_preset, save_preset
    from rtsep.training.calibrate import calibrate

    preset, target = load_preset(find_preset(arguments.preset)), new_preset(arguments.out)
    names = [target.name, f"{target.stem}.json"]
    given = [path for path in (arguments.recording, arguments.score) if path is not None]
    with ExitStack() as stack:
        results = Results(target.parent, names, arguments.overwrite, given)
        stack.callback(results.abort)
        take, warnings = _take(arguments, stack)
        progress = stack.enter_context(training_bar())
        found, report = calibrate(preset, [take], progress)
        provenance = {**preset.provenance, "source": f"{preset.provenance['source']}; fitted to {take.path.name}",
                      "made_by": shlex.join(["rtsep", *arguments.words])}
        found = replace(found, name=target.stem, title=f"{preset.title}, calibrated", provenance=provenance)
        report["warnings"] = [*warnings, *_doubts(report)]
        save_preset(found, results.new(names[0]))
        results.add(names[1], json.dumps(report, indent=2) + "\n")
        results.commit()
    say_warnings(report["warnings"])
    print(json.dumps(report, indent=2) if arguments.json else _told(report, target, arguments.out))


def _take(arguments: argparse.Namespace, stack: ExitStack) -> tuple[Any, list[str]]:
    """The take that was given, or one that is played now; and its warnings. RtsepError: the notes do not fit the sound."""
    from rtsep.files.sound import open_sound
    from rtsep.fit.check import check_fit
    from rtsep.training.inputs import Take, gather

    recording, score, timing = arguments.recording, arguments.score, timing_of(arguments)
    if recording is None:
        recording = _play(arguments, Path(stack.enter_context(tempfile.TemporaryDirectory())) / "take")
    elif arguments.midi:
        raise RtsepError("--midi is for playing now, and a recording was given: leave out --midi, and give the notes as a "
                         "file after the recording")
    if not recording.is_dir() and score is None:
        raise RtsepError(f"{recording}: its notes are missing; give them as a file after it, such as take.mid")
    [given] = gather([recording], [] if score is None else [score], "recording", lambda *_: None, timing)
    take, warnings = given.source, [*given.warnings]
    assert isinstance(take, Take)  # A recording is a Take.
    if not take.aligned:
        with open_sound(take.path, cut=True) as sound:
            fit = check_fit(sound, take.notes)
        fault = fit.fault(timing)
        if fault and not arguments.no_check:
            raise RtsepError(f"{given.name}: {fault} (--no-check goes on anyway)")
        warnings += [f"{given.name}: {text}" for text in (fault, fit.doubt()) if text]
    return take, warnings


def _play(arguments: argparse.Namespace, folder: Path) -> Path:
    """Record the player, with a silent output. Returns the folder."""
    from rich.console import Console

    from rtsep.hosts.display import LineFace
    from rtsep.hosts.live import live
    from rtsep.hosts.live_job import LiveJob
    from rtsep.hosts.portaudio import PortAudio, Wanted
    from rtsep.presets.library import find_preset

    if not 5 <= arguments.seconds <= 600:
        raise RtsepError(f"--seconds {arguments.seconds:g}: allowed is 5 to 600")
    if not arguments.midi:
        raise RtsepError("give RECORDING and SCORE, or --midi PORT to play now (rtsep devices lists the ports)")
    wanted = Wanted(arguments.input, arguments.output, 0, 0, arguments.rate, 0, True)
    job = LiveJob(tuple(arguments.midi), (arguments.preset,), "all", record=folder, seconds=arguments.seconds,
                  params={"mode": "live"} | {f"gain_db.{stem}": SILENT
                                             for stem in (find_preset(arguments.preset).stem, "residual")})
    print(f"rtsep: play now, alone, over the whole keyboard, for {arguments.seconds:g} s", file=sys.stderr, flush=True)
    with LineFace(False, Console(stderr=True, soft_wrap=True)) as face:
        live(job, lambda rescan: PortAudio(wanted, rescan), face)
    return folder


def _doubts(report: dict[str, Any]) -> list[str]:
    losses = report["divergence"]
    if losses["calibrated"] < losses["preset"]:
        return []
    return ["the new preset explains the end of the take no better than the old one: does the instrument play alone, and are "
            "these its notes?"]


def _told(report: dict[str, Any], target: Path, name: str) -> str:
    losses = report["divergence"]
    gain = 100 * (1 - losses["calibrated"] / losses["preset"])
    return (f"{target}: {report['preset']} fitted to {report['seconds']:.0f} s of playing\n"
            f"Tuning {report['tuning_cents']:+.1f} cents; {len(report['pitches_learnt'])} pitches learnt, "
            f"{len(report['pitches_corrected'])} corrected like their neighbours.\n"
            f"Share of the last quarter that stays unexplained: {losses['preset']:.3f} before, {losses['calibrated']:.3f} "
            f"after ({gain:.0f} % less).\nUse it with --preset {name}")
