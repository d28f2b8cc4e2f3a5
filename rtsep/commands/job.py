"""Options of a separation from files: what `rtsep render` does with one recording, and `rtsep batch` with many."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from rtsep.commands.common import (
    add_drum_map,
    add_mosaic,
    add_params,
    add_preset,
    add_timing,
    checked_params,
    timing_of,
)
from rtsep.commands.output import add_output, delivery_of
from rtsep.notes.pitch import parse_pitch

if TYPE_CHECKING:
    from rtsep.hosts.render import Job

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


def add_job(parser: argparse.ArgumentParser, *further_modes: str) -> None:
    """The options; only this command knows `further_modes`."""
    add_timing(parser)
    add_preset(parser)
    parser.add_argument("--by", choices=("track", "channel", "family", "split", "hands", "drum", "all"), default="track",
                        help="what makes a stem: track = a MIDI track; channel = a channel (of each port); family = a General "
                        "MIDI family (strings, brass, drums ...), which is also used instead of more than 32 stems; split = "
                        "the keys on one side of --split (without drums); hands = a hand of the player, found from the notes "
                        "so far, as in rtsep live (without drums); drum = a group of drums (kick, snare, hihat, toms, cymbals, "
                        "percussion); all = all notes together (default: %(default)s)")
    add_drum_map(parser)
    parser.add_argument("--group", action="append", default=[], metavar="NAME=SELECTION", dest="groups",
                        help="make a separate stem of any notes (see rtsep render --help); can be given several times")
    parser.add_argument("--split", default="C4", metavar="NOTE",
                        help="lowest note of the stem `high` with --by split, such as C4 or 60 (default: %(default)s)")
    add_params(parser, *further_modes)
    add_mosaic(parser)
    parser.add_argument("--block", type=int, metavar="SAMPLES",
                        help="samples in a block for the engine (default: one hop); the result is the same")
    parser.add_argument("--picture", action="store_true", help="also write picture.png: the notes over spectrograms")
    add_output(parser)
    parser.add_argument("--bits", choices=("16", "24", "float"), help="bits per sample (default: float, in FLAC 24)")
    parser.add_argument("--reference", action="store_true",
                        help="use the reference engine in plain NumPy: slow, but without a compiler")


def job_of(arguments: argparse.Namespace, *further_modes: str) -> Job:
    """What the options ask for, without a recording and a folder. RtsepError: values that are not allowed."""
    split, params = parse_pitch(arguments.split), checked_params(arguments, *further_modes)
    from rtsep.hosts.render import Job

    return Job(Path(), Path(), (), tuple(arguments.presets), tuple(arguments.groups), arguments.by, split, params,
               arguments.block, arguments.format, arguments.bits, picture=arguments.picture, mosaic=arguments.mosaic,
               reference=arguments.reference, drum_map=arguments.drum_map, delivery=delivery_of(arguments),
               timing=timing_of(arguments))
