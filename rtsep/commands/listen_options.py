"""The options --listen and --line, for sound without notes."""

from __future__ import annotations

import argparse
from typing import Any

from rtsep.errors import RtsepError
from rtsep.notes.pitch import parse_pitch


def add_listen(parser: argparse.ArgumentParser, further: str) -> None:
    """The option --listen, and how it hears. further: the end of its help."""
    parser.add_argument("--listen", action=argparse.BooleanOptionalAction, default=False,
                        help=f"hear the notes in the sound, with the templates of the preset; {further}")
    add_line(parser)


def add_line(parser: argparse.ArgumentParser) -> None:
    """The options of single lines."""
    parser.add_argument("--line", action=argparse.BooleanOptionalAction, default=None,
                        help="hear one note at a time, from the pitch of the line (default: for presets of bowed solo strings, "
                        "brass, reeds and pipes; --no-line hears chords there, too)")
    parser.add_argument("--line-range", metavar="LOW-HIGH",
                        help="notes between which the pitch of the line is sought, such as G3-E6 (default: the preset's)")


def listening_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """The fields of a job: whether notes are heard, whether one at a time (None: as the preset plays), and their range."""
    span = None if arguments.line_range is None else _span(arguments.line_range)
    if not arguments.listen and (arguments.line is not None or span is not None):
        raise RtsepError("--line and --line-range tell how --listen hears: give --listen, too")
    return {"listen": arguments.listen, **line_of(arguments)}


def line_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """The fields of a job that tell how notes are heard. RtsepError: a text that is no range."""
    span = None if arguments.line_range is None else _span(arguments.line_range)
    if span is not None and arguments.line is False:
        raise RtsepError("--no-line and --line-range do not go together: leave out one of them")
    return {"line": True if span is not None else arguments.line, "span": span}


def _span(text: str) -> tuple[int, int]:
    low, dash, high = text.rpartition("-")
    span = (parse_pitch(low), parse_pitch(high)) if dash and low else (1, 0)
    if span[0] > span[1]:
        raise RtsepError(f"--line-range {text}: give the lowest and the highest note, such as G3-E6")
    return span


def check_listen(arguments: argparse.Namespace) -> None:
    """RtsepError if `rtsep live --listen` has other notes, or nothing that it could gate."""
    if not arguments.listen:
        return
    if arguments.midi or arguments.play_midi is not None:
        raise RtsepError("--listen hears the notes, and --midi or --play-midi tells them: leave out one of them")
    if arguments.mosaic is not None:
        raise RtsepError("--listen and --mosaic do not go together: leave out one of them")
