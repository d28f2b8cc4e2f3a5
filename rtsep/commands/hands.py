"""`rtsep hands`: divides the notes of a file between the left and the right hand."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from rtsep.commands.common import say_warnings

ABOUT = """\
Finds which hand plays each note of IN, and writes OUT: a MIDI file with the
tracks `right hand` and `left hand`. Tempo, time signatures, pedals, programs
and all other messages stay. Both tracks get the pedals, so each track sounds
and reads correctly alone. Drums (channel 10) stay in their own track.

The notes so far decide the hand, as in rtsep live --by hands; a note can still
change hands in its first 50 ms. With --offline the notes that follow decide,
too. If IN has two tracks, rtsep says how many notes agree with them. Names such
as Right, LH or links say which hand a track is; without such names the first
track is the right hand.

IN is MIDI, a table (.csv, .tsv, .txt), JAMS or Sonic Visualiser (.svl); with
pip install 'rtsep[score]' also MusicXML, MEI, ABC, kern and Guitar Pro.
Without --out, nothing is written.
"""


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("hands", help="divide the notes of a file between the left and the right hand",
                                 description=ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, metavar="IN", help="file of notes, see above")
    parser.add_argument("-o", "--out", type=Path, metavar="OUT", help="MIDI file to write: NAME.mid")
    parser.add_argument("--offline", action="store_true", help="look ahead: the notes that follow decide the hand, too")
    parser.add_argument("--score", type=Path, metavar="FILE",
                        help="score with two tracks or staves: each note gets the hand of the score note that it matches")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument("--overwrite", action="store_true", help="replace OUT if it is there already")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Divide the notes, and print how certain the result is."""
    from rtsep.hosts.hands_file import Job, divide

    report = divide(Job(arguments.source, arguments.out, arguments.offline, arguments.score, arguments.overwrite))
    if arguments.json:
        print(json.dumps(report, indent=2))
        return
    say_warnings(report["warnings"])
    print("\n".join(_told(report)))


def _told(report: dict[str, Any]) -> list[str]:
    """The report as lines of text."""
    notes, tracks, said = report["notes"], report["tracks"], list[str]()
    drums = f"; {report['drums']} drum notes" if report["drums"] else ""
    said.append(f"{notes} notes, decided by {report['told_by']}: left hand {report['left_hand']}, right hand "
                f"{report['right_hand']}{drums}")
    if report["told_by"] == "the notes so far":
        said.append(f"{report['revised']} changed hands within 50 ms ({100 * report['revised_share']:.1f} %)")
    said.append(f"{report['uncertain']} are uncertain ({100 * report['uncertain_share']:.1f} %)")
    if tracks is not None:
        said.append(f"{tracks['agree']} of {tracks['notes']} agree with the two tracks ({100 * tracks['share']:.1f} %): right "
                    f"hand {tracks['right']!r}, left hand {tracks['left']!r}")
    if report["out"] is not None:
        said.append(f"wrote {report['out']}")
    return said
