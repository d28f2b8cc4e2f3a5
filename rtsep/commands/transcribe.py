"""`rtsep transcribe`: hears the notes in sound files, and writes them as MIDI."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from rtsep.commands.common import progress_bar, say_warnings
from rtsep.commands.listen_options import add_line, line_of

ABOUT = """\
Hears which notes sound in IN, and writes them to OUT, a MIDI file: pitch, onset,
end and velocity of each note. There is one track; rtsep hands OUT divides it
between the hands. Pedals are not written: a note lasts as long as it is heard.

A single line (a violin, a flute, a voice) is heard by its pitch, note by note:
with presets of such instruments, and with --line. Its notes have pitch bends, so
vibrato and intonation are kept. A line needs no preset: --line alone is for a
voice, or any instrument between C2 and C6.

With several files, OUT is a folder, in which each file becomes NAME.mid.

It hears best one instrument that rtsep has a preset for, in a dry room. Rooms,
other instruments and fast soft notes cost notes; see the figures in the
documentation (How well rtsep hears notes).
"""


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("transcribe", help="write the notes that sound in a file as MIDI", description=ABOUT,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", type=Path, nargs="+", metavar="IN", help="sound file, any that rtsep render reads; - is "
                        "standard input")
    parser.add_argument("-o", "--out", type=Path, metavar="OUT", required=True,
                        help="MIDI file to write, NAME.mid; for several files, a folder")
    parser.add_argument("--preset", action="append", default=[], metavar="NAME", dest="presets",
                        help="instrument that plays: a name (see rtsep presets) or the path of a preset file (default: piano)")
    add_line(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument("--overwrite", action="store_true", help="replace MIDI files that are there already")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Transcribe, and print what was found."""
    from rtsep.hosts.transcribe import Job, transcribe

    job = Job(arguments.sources, arguments.out, tuple(arguments.presets), overwrite=arguments.overwrite, **line_of(arguments))
    with progress_bar() as progress:
        report = transcribe(job, progress)
    if arguments.json:
        print(json.dumps(report, indent=2))
        return
    say_warnings(report["warnings"])
    for file in report["files"]:
        print(f"wrote {file['out']}: {file['notes']} notes in {file['seconds']:.1f} s, heard with "
              f"{report['heard_with']}")
