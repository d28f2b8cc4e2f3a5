"""`rtsep render`: separates a sound file into stems, with its MIDI."""

from __future__ import annotations

import argparse
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

from rtsep.commands.common import (
    add_drum_map,
    add_keeping,
    add_mosaic,
    add_params,
    add_preset,
    add_score,
    add_timing,
    checked_params,
    progress_bar,
    say_warnings,
    timing_of,
)
from rtsep.commands.output import add_output, delivery_of, explain_unknown, folder_for, hand_over
from rtsep.errors import RtsepError
from rtsep.notes.pitch import parse_pitch

ABOUT = """\
Separates the sound file MIX with the streaming engine; the result sounds
exactly as it would live. Writes one file for each stem and the residual, and
report.json. The files are as long as MIX (or as the range from --start to
--end) and aligned with it. They add up to MIX; in MP3 and Ogg, which are lossy,
only nearly; at another --rate, to MIX at that rate. With --mode all, every mode
renders into its own folder, and onset.png shows one onset in each.
"""
GROUPS = """\
groups of notes: --group NAME=SELECTION makes a separate stem of any notes. All
other notes stay in their stems; with --by all they form one stem, `rest`. If
several groups select a note, it belongs to the first of them. SELECTION is a
list of terms with commas between them, and a note must match all of them. Join
several lists by +. Terms:

  track:right        a track, by name or number
  channel:10         a channel; channel:1-4 are four
  C4-C5  60-72  C4   pitches, from-to or one
  velocity:90-127    velocities, from-to or one
  10s-12.5s  10s-    notes that begin in this time: at 10 s or later, but before
                     12.5 s
  C4@12.5            the one C4 that begins nearest to 12.5 s, at most 0.25 s
                     away

formats of FILE in --midi; rtsep finds the format from the content: MIDI; a
table (.csv, .tsv, .txt) with onset, offset or duration, and pitch; also
velocity, track; times in seconds, or with a unit in the name: onset_ms,
onset_samples, onset_beats with a column tempo; JAMS; Sonic Visualiser (.svl);
with pip install 'rtsep[score]' also MusicXML, MEI, ABC, kern and Guitar Pro
(.gp3 to .gp5).

examples:
  --group solo=track:right,10s-12.5s                the right hand, for 2.5 s
  --group chord=C4@12.5+E4@12.5+G4@12.5 --by all    one chord as a stem
  --group bass=track:left,C-1-B2 --group loud=velocity:100-127
"""


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "render", help="separate a sound file into stems",
        description=ABOUT, epilog=GROUPS, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mix", type=Path, metavar="MIX", help="sound file: WAV, FLAC, AIFF, Ogg, MP3; M4A and video if "
                        "ffmpeg is installed; any channels; - is standard input")
    parser.add_argument("--midi", action="append", default=[], metavar="FILE[@STEM]",
                        help="the notes that sound in MIX: a MIDI file, a table or a score, see below. Without it every "
                        "template is open. Can be given several times: rtsep takes the notes of all files. With @STEM all "
                        "notes of a file are one stem with this name: --midi left.mid@left --midi right.mid@right")
    add_timing(parser)
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for the results; needed, except with --stdout")
    add_preset(parser)
    parser.add_argument("--by", choices=("track", "channel", "family", "split", "hands", "drum", "all"), default="track",
                        help="what makes a stem: track = a MIDI track; channel = a channel (of each port); family = a General "
                        "MIDI family (strings, brass, drums ...), which is also used instead of more than 32 stems; split = "
                        "the keys on one side of --split (without drums); hands = a hand of the player, found from the notes "
                        "so far, as in rtsep live (without drums); drum = a group of drums (kick, snare, hihat, toms, cymbals, "
                        "percussion); all = all notes together (default: %(default)s)")
    add_score(parser)
    add_drum_map(parser)
    parser.add_argument("--group", action="append", default=[], metavar="NAME=SELECTION", dest="groups",
                        help="make a separate stem of any notes, see below; can be given several times")
    parser.add_argument("--split", default="C4", metavar="NOTE",
                        help="lowest note of the stem `high` with --by split, such as C4 or 60 (default: %(default)s)")
    add_params(parser, "all")
    add_mosaic(parser)
    parser.add_argument("--block", type=int, metavar="SAMPLES",
                        help="samples in a block for the engine (default: one hop); the result is the same")
    parser.add_argument("--picture", action="store_true", help="also write picture.png: the notes over spectrograms")
    add_output(parser)
    parser.add_argument("--bits", choices=("16", "24", "float"), help="bits per sample (default: float, in FLAC 24)")
    add_keeping(parser, "at the end")
    parser.add_argument("--reference", action="store_true",
                        help="use the reference engine in plain NumPy: slow, but without a compiler")
    parser.add_argument("--overwrite", action="store_true", help="replace results that are there already")
    parser.set_defaults(run=run, explain_unknown=explain_unknown)


def run(arguments: argparse.Namespace) -> None:
    """Render, and print what was written."""
    with folder_for(arguments) as arguments.out:
        _run(arguments)


def _run(arguments: argparse.Namespace) -> None:
    split, params = parse_pitch(arguments.split), checked_params(arguments, "all")
    from rtsep.hosts.compare import render_modes
    from rtsep.hosts.render import Job, render

    job = Job(arguments.mix, arguments.out, tuple(arguments.midi), tuple(arguments.presets), tuple(arguments.groups),
              arguments.by, split, params, arguments.block, arguments.format, arguments.bits,
              arguments.overwrite, arguments.picture, arguments.mosaic, tuple(arguments.keep), arguments.save_background,
              shlex.join(["rtsep", *arguments.words]), arguments.reference, arguments.drum_map, delivery_of(arguments),
              timing_of(arguments), arguments.score)
    if job.params.get("mode") == "all":
        if job.keep:
            raise RtsepError("--save-preset and --mode all do not go together, since each mode adapts its own templates: "
                             "choose one mode")
        job = replace(job, params={name: value for name, value in job.params.items() if name != "mode"})
        with progress_bar() as progress:
            report = render_modes(job, progress)
        say_warnings(report["warnings"])
        hand_over(arguments, report)
        return
    with progress_bar() as progress:
        report = render(job, lambda done, total: progress(job.mix.name, done, total))
    say_warnings(report["warnings"])
    hand_over(arguments, report)
