"""Options of `rtsep train`: what the preset says about itself."""

from __future__ import annotations

import argparse
import shlex
from typing import TYPE_CHECKING

from rtsep.errors import RtsepError

if TYPE_CHECKING:
    from rtsep.training.learn import About


def between(option: str, number: int, low: int, high: int) -> int:
    """Give back `number`. RtsepError if it is not allowed."""
    if not low <= number <= high:
        raise RtsepError(f"{option} {number}: allowed is {low} to {high}")
    return number


def add_about(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    group = parser.add_argument_group("what the preset says about itself")
    group.add_argument("--program", action="append", default=[], type=int, metavar="N", dest="programs",
                       help="General MIDI program that it plays without --preset, from 0 (grand piano) to 127, 128 = drum "
                       "kits; can be given several times (default: none). The first one also says which instrument of a "
                       "SoundFont to learn")
    group.add_argument("--title", metavar="TEXT", help="title for people (default: its name)")
    group.add_argument("--source", metavar="TEXT", help="instrument and recording (default: the names of the inputs)")
    group.add_argument("--licence", default="unknown", metavar="TEXT", help="such as 'CC BY 4.0' (default: %(default)s)")
    group.add_argument("--attribution", default="unknown", metavar="TEXT", help="whom to credit (default: %(default)s)")


def about_of(arguments: argparse.Namespace, name: str) -> About:
    """The preset's description of itself."""
    from rtsep.notes.programs import DRUMS
    from rtsep.training.learn import About

    named = ", ".join(path.name for path in arguments.inputs)
    provenance = {"source": arguments.source or named, "licence": arguments.licence, "attribution": arguments.attribution,
                  "made_by": shlex.join(["rtsep", *arguments.words])}
    programs = tuple(between("--program", program, 0, 128) for program in arguments.programs)
    programs = programs or ((DRUMS,) if arguments.drums else ())
    return About(name, arguments.title or name, provenance, programs)
