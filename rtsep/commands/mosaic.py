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
        description="Finds in every moment the frames of SOUND that together resemble TARGET, and writes what they sound like: "
        "TARGET's notes and rhythm in SOUND's timbre. The longer both are, the longer it takes: "
        "half a minute of each some ten seconds. Both must have one sample rate; a SOUND of many pitches and loudnesses "
        "serves best.")
    parser.add_argument("target", type=Path, metavar="TARGET", help="sound file to follow")
    parser.add_argument("--source", type=Path, required=True, metavar="SOUND", help="sound file whose frames are heard")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE",
                        help="where to write: NAME.wav or NAME.flac, as long as TARGET, with the channels of SOUND")
    parser.add_argument("--repetition", type=int, default=3, metavar="FRAMES",
                        help="no source frame is heard again within so many frames; 0: no limit (default: %(default)s)")
    parser.add_argument("--polyphony", type=int, default=10, metavar="COUNT",
                        help="source frames at a time, before continuity adds neighbours; 0: no limit (default: %(default)s)")
    parser.add_argument("--continuity", type=int, default=3, metavar="FRAMES",
                        help="favour frames whose neighbours sound in the source's order, so far either way; 0: do not "
                        "(default: %(default)s)")
    parser.add_argument("--iterations", type=int, default=20, metavar="COUNT",
                        help="updates over which the limits come in (default: %(default)s)")
    parser.add_argument("--window", type=int, default=0, metavar="SAMPLES",
                        help="of a frame, a power of two; frames begin at every quarter of it (default: 4096 at 44.1 kHz)")
    parser.add_argument("--phase-iterations", type=int, default=32, metavar="COUNT",
                        help="how often phases are made to fit together (default: %(default)s)")
    parser.add_argument("--bits", choices=("16", "24", "float"), help="of the samples (default: float, in FLAC 24)")
    parser.add_argument("--picture", type=Path, metavar="FILE",
                        help="also draw both sounds and what is heard of the source: NAME.png")
    parser.add_argument("--overwrite", action="store_true", help="replace what is there already")
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
