"""`rtsep train`: makes a preset from recordings and their notes, or from isolated notes."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rtsep.commands.common import add_timing, say_warnings, timing_of
from rtsep.commands.train_about import about_of, add_about, between
from rtsep.commands.train_many import add_manifest, check_manifest, learn_manifest
from rtsep.errors import RtsepError

ABOUT = """\
Learns what the notes of an instrument sound like, and writes a preset for
rtsep render and rtsep live. INPUT is one of these; rtsep detects which:

  a recording of one instrument, with --score FILE: its notes in a MIDI file, a
    table (onset,offset,pitch,velocity in seconds), or any other format that
    rtsep render --help names
  a long recording of single notes with pauses, with --score FILE: this is the
    best material
  a folder that rtsep live --record wrote
  a folder with one sound file per note, and the note in its name, such as
    Piano_C#4_v80.wav, A0v12.flac, 60.wav; it can have one folder per layer. The
    sound decides which part of a name is the note, and whether C4 is 60
  an SFZ instrument (.sfz), or a SoundFont (.sf2, .sf3; needs fluidsynth)
  a manifest (.csv, .jsonl, .parquet; columns mix and midi, as rtsep batch has it) of many recordings of music by one
    instrument: they are learnt from at once by several processes or a cluster, with a checkpoint after every update

Several inputs make one preset: they are takes of one instrument or, with
--stack, separate instruments. Give one --score for each recording, in order.

examples:
  rtsep train take.wav --score take.mid -o my-piano
  rtsep train take1.wav take2.wav --score take1.mid --score take2.mid -o my-piano
  rtsep train recordings.csv -o my-piano --engine dask --address tcp://10.0.0.1:8786
  rtsep train session-folder -o my-piano
  rtsep live --preset my-piano --midi PORT
"""


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("train", help="learn a preset from recordings and their notes", description=ABOUT,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("inputs", nargs="+", type=Path, metavar="INPUT", help="what to learn from, see above")
    parser.add_argument("--score", action="append", default=[], type=Path, metavar="FILE", dest="scores",
                        help="notes of a recording: a MIDI file, table or score; one for each recording, in the same order")
    parser.add_argument("-o", "--out", required=True, metavar="PRESET",
                        help="name of the new preset, for --preset (the file is in your own folder, see rtsep presets), or "
                        "path of its file; a report (.json) and a picture (.png) are written beside it")
    parser.add_argument("--as", choices=("auto", "notes", "recording"), default="auto", dest="kind",
                        help="what recordings are: notes = single notes with pauses, recording = music (default: detected)")
    parser.add_argument("--stack", action="store_true", help="each input is a separate instrument")
    group = parser.add_argument_group("scores that were not played together with the recording")
    add_timing(group)
    group.add_argument("--sync", action="store_true",
                       help="align the notes with the recording (needs pip install 'rtsep[sync]')")
    group.add_argument("--no-check", action="store_true", help="train even if a score does not seem to fit its recording")
    _add_samples(parser)
    _add_training(parser)
    add_about(parser)
    add_manifest(parser)
    parser.add_argument("--overwrite", action="store_true", help="replace a preset that is there already")
    parser.add_argument("--keep-partial", action="store_true",
                        help="when interrupted (Ctrl-C), write the result so far without asking")
    parser.add_argument("--no-picture", action="store_true", help="write no picture of templates, activations and cost")
    parser.add_argument("--json", action="store_true", help="print the report as JSON instead of a table")
    parser.set_defaults(run=run)


def _add_samples(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("folders with a sound file per note")
    group.add_argument("--octave", type=int, metavar="N",
                       help="octave of middle C (pitch 60) in the names of notes, 2 to 6: 4 in most libraries, 3 in those of "
                       "Yamaha, Ableton, Logic (default: 4, or what the sound shows)")
    group.add_argument("--name-pattern", metavar="PATTERN", dest="pattern",
                       help="where the note is in a file name, and which files to take: {note} is a note or a number, "
                       "{velocity} and {layer} are optional, * is anything: 'Harp_*_{note}_v{layer}' (without the ending; with "
                       "/ it includes folders; default: detected)")


def _add_training(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how it learns (the defaults gave the best results)")
    group.add_argument("--method", choices=("nmf", "nae", "nae-gradient", "nae-signed"), default="nmf",
                       help="nmf = constrained NMF; nae = nonnegative autoencoder (if the recording is music, the preset keeps "
                       "its encoder); nae-gradient = the same by gradient steps; nae-signed = its encoder can be negative "
                       "(default: %(default)s)")
    group.add_argument("--templates", type=int, choices=(1, 2, 3), default=2, metavar="N",
                       help="per pitch: 1 = sustain; 2 = attack, sustain; 3 = attack, sustain, decay (default: %(default)s)")
    group.add_argument("--levels", type=int, default=1, metavar="N",
                       help="dynamic levels, from soft to loud, with separate templates (default: %(default)s)")
    group.add_argument("--divergence", choices=("kl", "euclid", "is"),
                       help="what is minimised: kl = Kullback-Leibler, euclid = squared error, is = Itakura-Saito (default: "
                       "kl; autoencoders have only euclid)")
    group.add_argument("--iterations", type=int, metavar="N",
                       help="number of updates, 1 to 1000: more of them fit these recordings better, and the instrument worse "
                       "(default: 5 for isolated notes; for music 20 of nmf, 50 of nae, 200 of nae-gradient, 20 of nae-signed)")
    group.add_argument("--range", metavar="LOW-HIGH", dest="reach",
                       help="also make templates for pitches in this range that were not played, such as A0-C8: shifted from "
                       "the nearest played pitch (default: between the played pitches, and 7 semitones beyond)")
    group.add_argument("--drums", action="store_true",
                       help="the inputs are single drum hits on General MIDI keys (36 kick, 38 snare, 42 hi-hat ...), soft and "
                       "loud: every drum gets templates for its stroke, attack, body and decay, each open at its own time")
    group.add_argument("--no-fill", action="store_true", help="make templates only for pitches that were played")


def run(arguments: argparse.Namespace) -> None:
    """Train, and print what was learnt."""
    from rtsep.commands.tables import show_training
    from rtsep.files.results import Results
    from rtsep.presets.library import new_preset
    from rtsep.presets.preset import save_preset
    from rtsep.training.inputs import gather
    from rtsep.training.learn import check_job, learn

    manifest = check_manifest(arguments)
    job, target, hints = _job(arguments), new_preset(arguments.out), _hints(arguments)
    about = about_of(arguments, target.stem)
    check_job(job)
    endings = (".npz", ".json") if arguments.no_picture else (".npz", ".json", ".png")
    names = [target.stem + ending for ending in endings]
    results = Results(target.parent, names, arguments.overwrite, (*arguments.inputs, *arguments.scores))
    try:
        with training_bar() as progress:
            if manifest:
                learnt = learn_manifest(arguments, job, about, target, progress)
            else:
                given = gather(arguments.inputs, arguments.scores, arguments.kind, progress, job.timing, hints)
                results.protect([file for each in given for file in each.files])
                learnt = learn(given, job, about, progress)
        say_warnings(learnt.report["warnings"])
        if learnt.interrupted and not (arguments.keep_partial or _wants_it(learnt.report)):
            raise KeyboardInterrupt
        save_preset(learnt.preset, results.new(names[0]))
        results.add(names[1], json.dumps(learnt.report, indent=2) + "\n")
        if not arguments.no_picture:
            from rtsep.training.pictures import draw_training

            results.add(names[2], draw_training(learnt))
        results.commit()
    finally:
        results.abort()
    if arguments.json:
        print(json.dumps(learnt.report, indent=2))
    else:
        show_training(learnt.report, target, arguments.out)


def _job(arguments: argparse.Namespace) -> Any:
    """The job that the options ask for."""
    from rtsep.notes.moved import AS_WRITTEN
    from rtsep.training.isolated import Settings
    from rtsep.training.learn import Job

    if arguments.iterations is not None:
        between("--iterations", arguments.iterations, 1, 1000)
    timing = timing_of(arguments)
    if arguments.sync and timing != AS_WRITTEN:
        raise RtsepError("--sync finds the times itself: leave out --offset and --stretch")
    if arguments.method != "nmf" and (arguments.drums or arguments.divergence in ("kl", "is")):
        raise RtsepError(f"--method {arguments.method}: autoencoders minimise the squared error (--divergence euclid), and "
                         "drums have their own method: leave out --divergence and --drums, or leave out --method")
    settings = Settings(arguments.templates, between("--levels", arguments.levels, 1, 8), arguments.iterations,
                        arguments.divergence or "kl", drums=arguments.drums, method=arguments.method)
    filled = not (arguments.no_fill or arguments.drums)
    return Job(settings, arguments.stack, filled, *_range(arguments), arguments.sync, not arguments.no_check,
               timing)


def _hints(arguments: argparse.Namespace) -> Any:
    """What the options say about libraries of samples."""
    from rtsep.training.folders import Naming
    from rtsep.training.inputs import Hints
    from rtsep.training.soundfonts import Choice

    if arguments.octave is not None:
        between("--octave", arguments.octave, 2, 6)
    program = between("--program", arguments.programs[0], 0, 128) if arguments.programs else None
    return Hints(Naming(arguments.octave, arguments.pattern, not arguments.drums), Choice(program, arguments.drums))


def _range(arguments: argparse.Namespace) -> tuple[int | None, int | None]:
    """The option --range."""
    from rtsep.notes.pitch import parse_pitch

    if arguments.reach is None:
        return None, None
    low, dash, high = arguments.reach.partition("-")
    if arguments.no_fill or not dash:
        raise RtsepError(f"--range {arguments.reach}: give the lowest and highest pitch, such as A0-C8 or 21-108, "
                         "and leave out --no-fill")
    return parse_pitch(low), parse_pitch(high)


def _wants_it(report: dict[str, Any]) -> bool:
    """Ask on the terminal whether to write an unfinished preset; without a terminal the answer is no."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    print(f"rtsep: interrupted after {report['updates']} updates; {len(report['pitches_trained'])} pitches are trained. "
          "Write this preset? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


@contextmanager
def training_bar() -> Iterator[Any]:
    """Show a progress bar on stderr, with loss and time left; gives a function (what, done, total, loss or None)."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(),
               TextColumn("{task.fields[loss]}"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        tasks: dict[str, Any] = {}

        def advance(what: str, done: int, total: int, loss: float | None = None) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total, loss="")
            bar.update(tasks[what], completed=done, loss="" if loss is None else f"loss {loss:.4g}")

        yield advance
