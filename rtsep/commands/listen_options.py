"""The option --listen, for sound without notes."""

from __future__ import annotations

import argparse

from rtsep.errors import RtsepError


def add_listen(parser: argparse.ArgumentParser, further: str) -> None:
    """The option --listen. further: the end of its help."""
    parser.add_argument("--listen", action=argparse.BooleanOptionalAction, default=False,
                        help=f"hear the notes in the sound, with the templates of the preset; {further}")


def check_listen(arguments: argparse.Namespace) -> None:
    """RtsepError if `rtsep live --listen` has other notes, or nothing that it could gate."""
    if not arguments.listen:
        return
    if arguments.midi or arguments.play_midi is not None:
        raise RtsepError("--listen hears the notes, and --midi or --play-midi tells them: leave out one of them")
    if arguments.mosaic is not None:
        raise RtsepError("--listen and --mosaic do not go together: leave out one of them")
