"""The options of `rtsep live` that follow a score by the sound."""

from __future__ import annotations

import argparse
from typing import Any

from rtsep.errors import RtsepError
from rtsep.hosts.asked import BY


def add_follow(parser: argparse.ArgumentParser) -> None:
    """The options --follow and --start-bar."""
    parser.add_argument("--follow", choices=("keys", "sound"),
                        help="what follows the score of --score: keys = the played notes; sound = the sound of the input, "
                        "without a keyboard (default: sound if there are no --midi, --play-midi, --listen and --jack)")
    parser.add_argument("--start-bar", type=int, metavar="N",
                        help="bar of the score at which the player begins, if the score is followed by the sound (default: the "
                        "first note)")


def has_notes(arguments: argparse.Namespace) -> bool:
    """Whether there are notes besides those of a score."""
    return bool(arguments.midi) or arguments.jack or arguments.listen or arguments.play_midi is not None


def by_sound(arguments: argparse.Namespace) -> bool:
    """Whether the score is followed by the sound."""
    if arguments.score is None:
        return False
    return bool(arguments.follow == "sound" or (arguments.follow is None and not has_notes(arguments)))


def check_follow(arguments: argparse.Namespace) -> None:
    """RtsepError for options that do not go together."""
    for name in ("follow", "start_bar") if arguments.score is None else ():
        if getattr(arguments, name) is not None:
            raise RtsepError(f"--{name.replace('_', '-')} needs a score: give --score FILE")
    if not by_sound(arguments):
        if arguments.start_bar is not None:
            raise RtsepError("--start-bar goes only with a score that is followed by the sound: give --follow sound")
        return
    if arguments.midi or arguments.play_midi is not None:
        raise RtsepError("--follow sound does not go with notes of a keyboard or of a recording: leave out --midi and "
                         "--play-midi")
    if arguments.listen:
        raise RtsepError("--follow sound takes the notes from the score, and --listen hears them: leave out one of them")
    if arguments.mosaic is not None:
        raise RtsepError("--follow sound does not go with --mosaic: leave out one of them")
    if arguments.by not in ("port", "all"):
        raise RtsepError(f"--by {arguments.by} does not go with a score that is followed by the sound: leave out --by, then "
                         f"each track or staff is a stem; or give --by {BY[-1]}")
    if arguments.start_bar is not None and arguments.start_bar < 1:
        raise RtsepError(f"--start-bar {arguments.start_bar}: give 1 or more")


def read_followed(arguments: argparse.Namespace) -> Any:
    """The score that is followed by the sound, as `Followed`; None if there is none. RtsepError: it cannot be followed."""
    if not by_sound(arguments):
        return None
    from rtsep.hosts.following import Followed
    from rtsep.notes.read import read_notes

    score = read_notes(arguments.score)
    if not score.note_count:
        raise RtsepError(f"--score {arguments.score} has no notes: give a score with notes")
    bar = arguments.start_bar or 0
    if bar > len(score.bars):
        raise RtsepError(f"--start-bar {bar}: the score has {len(score.bars) or 'no'} bars")
    return Followed(score, bar)
