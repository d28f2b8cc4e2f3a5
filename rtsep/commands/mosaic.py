"""`rtsep mosaic`: remakes one sound from another."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from rtsep.commands.common import progress_bar


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "mosaic", help="remake a sound from the sounds of another",
        description="Remakes TARGET from frames of SOUND: at every moment it finds the frames that together resemble TARGET. "
        "The result has the notes and the rhythm of TARGET, and the timbre of SOUND. Half a minute of each takes about ten "
        "seconds; longer sounds take more. Both must have the same sample rate. A SOUND with many pitches and levels works "
        "best.")
    parser.add_argument("target", type=Path, metavar="TARGET", help="sound file to follow")
    parser.add_argument("--source", type=Path, required=True, metavar="SOUND", help="sound file that the frames come from")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE",
                        help="file to write: NAME.wav, .flac, .ogg or .mp3; it is as long as TARGET and has the channels of "
                             "SOUND")
    parser.add_argument("--repetition", type=int, default=3, metavar="FRAMES",
                        help="a source frame is not heard again within this many frames; 0: no limit (default: %(default)s)")
    parser.add_argument("--polyphony", type=int, default=10, metavar="COUNT",
                        help="number of source frames at a time, before --continuity adds neighbours; 0: no limit (default: "
                        "%(default)s)")
    parser.add_argument("--continuity", type=int, default=3, metavar="FRAMES",
                        help="prefer frames that come with this many neighbours on either side, in the source's order; 0: no "
                        "preference (default: %(default)s)")
    parser.add_argument("--iterations", type=int, default=20, metavar="COUNT",
                        help="number of updates; they bring in the limits step by step (default: %(default)s)")
    parser.add_argument("--window", type=int, default=0, metavar="SAMPLES",
                        help="length of a frame, a power of two; a frame begins at every quarter of it (default: 4096 at 44.1 "
                        "kHz)")
    parser.add_argument("--phase-iterations", type=int, default=32, metavar="COUNT",
                        help="number of iterations that make the phases consistent (default: %(default)s)")
    parser.add_argument("--bits", choices=("16", "24", "float"), help="bits per sample (default: float, in FLAC 24)")
    parser.add_argument("--picture", type=Path, metavar="FILE",
                        help="also draw both sounds, and which parts of the source are heard: NAME.png")
    parser.add_argument("--overwrite", action="store_true", help="replace files that are there already")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Make the mosaic, and print the effect of the limits."""
    from rtsep.commands.tables import show_mosaic
    from rtsep.mosaic.constraints import Constraints
    from rtsep.mosaic.make import Job, make

    constraints = Constraints(arguments.repetition, arguments.polyphony, arguments.continuity, arguments.iterations)
    job = Job(arguments.target, arguments.source, arguments.out, constraints, arguments.window, arguments.phase_iterations,
              arguments.bits, arguments.overwrite, arguments.picture)
    with progress_bar() as progress:
        report = make(job, lambda done, total: progress(job.target.name, done, total))
    show_mosaic(report, job.out)
