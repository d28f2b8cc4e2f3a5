"""The options of `rtsep live` that follow a score by the sound, and by the keys of a keyboard that plays some of its parts."""

from __future__ import annotations

import argparse
from functools import lru_cache
from pathlib import Path
from typing import Any

from rtsep.errors import RtsepError
from rtsep.hosts.asked import BY


def add_follow(parser: argparse.ArgumentParser) -> None:
    """The options --follow, --keyboard-part and --start-bar."""
    parser.add_argument("--follow", choices=("keys", "sound"),
                        help="what follows the score of --score: keys = the played notes, and there are no others; sound = the "
                        "sound of the input, and the keys of --midi or --jack, which play some of its parts (default: sound if "
                        "there are no --midi, --play-midi, --listen and --jack, or if only some parts are for instruments "
                        "with keys)")
    parser.add_argument("--keyboard-part", action="append", default=[], metavar="NAME",
                        help="part of the score that the keyboard plays; the others come from the score. Can be given several "
                        "times (default: the parts for instruments with keys, else rtsep finds them)")
    parser.add_argument("--start-bar", type=int, metavar="N",
                        help="bar of the score at which the player begins, if the score is followed by the sound (default: the "
                        "first note)")


def has_notes(arguments: argparse.Namespace) -> bool:
    """Whether there are notes besides those of a score."""
    return bool(arguments.midi) or arguments.jack or arguments.listen or arguments.play_midi is not None


def by_sound(arguments: argparse.Namespace) -> bool:
    """Whether the score is followed by the sound."""
    if arguments.score is None or arguments.follow == "keys":
        return False
    if arguments.follow == "sound" or arguments.keyboard_part or not has_notes(arguments):
        return True
    only_keys = not (arguments.listen or arguments.play_midi is not None or arguments.mosaic is not None)
    return only_keys and arguments.by in ("port", "all") and arguments.score.is_file() and _others_play(arguments.score)


def _others_play(path: Path) -> bool:
    """Whether some parts of a score are for instruments with keys, and some are not."""
    from rtsep.hosts.followed_routes import parts_with_keys

    return bool(parts_with_keys(_score(path)))


def _score(path: Path) -> Any:
    """The score in a file, which is read once unless it changes."""
    return _read(path, path.stat().st_mtime_ns if path.exists() else 0)


@lru_cache(maxsize=1)
def _read(path: Path, _changed_ns: int) -> Any:
    from rtsep.notes.read import read_notes

    return read_notes(path)


def check_follow(arguments: argparse.Namespace) -> None:
    """RtsepError for options that do not go together."""
    for name in ("follow", "start_bar", "keyboard_part") if arguments.score is None else ():
        if getattr(arguments, name) not in (None, []):
            raise RtsepError(f"--{name.replace('_', '-')} needs a score: give --score FILE")
    if not by_sound(arguments):
        for name in ("start_bar", "keyboard_part"):
            if getattr(arguments, name) not in (None, []):
                raise RtsepError(f"--{name.replace('_', '-')} goes only with a score that is followed by the sound: give "
                                 "--follow sound")
        return
    if arguments.play_midi is not None:
        raise RtsepError("--follow sound does not go with notes of a recording: leave out --play-midi")
    if arguments.keyboard_part and not (arguments.midi or arguments.jack):
        raise RtsepError("--keyboard-part needs a keyboard: give --midi PORT, or --jack")
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
    from rtsep.hosts.followed_routes import Followed, melody_part, named_parts, parts_with_keys

    score = _score(arguments.score)
    if not score.note_count:
        raise RtsepError(f"--score {arguments.score} has no notes: give a score with notes")
    bar = arguments.start_bar or 0
    if bar > len(score.bars):
        raise RtsepError(f"--start-bar {bar}: the score has {len(score.bars) or 'no'} bars")
    melody = melody_part(score, arguments.melody) if arguments.melody else None
    keyboards = len(arguments.midi) + (arguments.melody is not None and melody is None) + arguments.jack
    try:
        keys = named_parts(score, arguments.keyboard_part) or parts_with_keys(score)
    except RtsepError as error:
        raise RtsepError(f"--keyboard-part: {error}") from None
    return Followed(score, bar, keyboards, keys if keyboards else (), melody)
