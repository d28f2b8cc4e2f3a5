"""Options for a voice, or another single line, whose pitch is found in the sound."""

from __future__ import annotations

import argparse
from typing import Any

from rtsep.errors import RtsepError
from rtsep.notes.pitch import parse_pitch

NAME = "voice"  # Name of the stem, unless another one is given.

MELODY = ("FILE|TRACK", "the notes of the voice: a file in time with MIX, as for --midi (FILE@TRACK names one of its tracks), "
          "or a track of --midi. rtsep then seeks the pitch only near these notes; it does not need the notes of other "
          "instruments, and no preset for the voice. It includes --voice")
PLAYED = ("PORT|PART", "MIDI port on which somebody plays the notes of the voice along. rtsep then seeks the pitch only near "
          "these notes. It includes --voice. The name of a part of --score instead: its notes come from the score")


def add_voice(parser: Any, melody: tuple[str, str] = MELODY) -> None:
    """Declare the options; `melody`: what --melody takes, and its help."""
    parser.add_argument("--voice", action="store_true",
                        help="also separate a singing voice, or another instrument that plays one note at a time: rtsep finds "
                        "its pitch in what the told notes leave")
    parser.add_argument("--voice-name", metavar="NAME", help="name of the stem of the voice (default: voice)")
    parser.add_argument("--voice-range", metavar="LOW-HIGH",
                        help="notes between which the pitch of the voice is sought, such as E2-G4 (default: C2-C6)")
    parser.add_argument("--melody", metavar=melody[0], help=melody[1])


def voice_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """The fields of a job: the name of the voice's stem, if there is to be one, and its melody."""
    asked = arguments.voice or arguments.melody is not None
    told = [name for name in ("voice_name", "voice_range") if getattr(arguments, name) is not None]
    if told and not asked:
        raise RtsepError(f"--{told[0].replace('_', '-')} is for a voice: give --voice or --melody, too")
    return {"voice": (arguments.voice_name or NAME) if asked else "", "melody": arguments.melody or ""}


def played_voice_of(arguments: argparse.Namespace, followed: Any) -> dict[str, Any]:
    """The same for `rtsep live`, and the MIDI ports: the melody is the last of them, or a part of the followed score."""
    told = voice_of(arguments)
    if followed is not None and followed.melody is not None:
        told["melody"] = ""
    return {"midi": (*arguments.midi, *filter(None, [told["melody"]])), **told}


def range_of(arguments: argparse.Namespace) -> dict[str, str]:
    """The parameters that --voice-range sets. RtsepError: a text that is no range."""
    if arguments.voice_range is None:
        return {}
    low, dash, high = arguments.voice_range.rpartition("-")
    if not dash or not low:
        raise RtsepError(f"--voice-range {arguments.voice_range}: give the lowest and the highest note, such as E2-G4")
    return {"voice_low": str(parse_pitch(low)), "voice_high": str(parse_pitch(high))}
