"""Checks of the options of `rtsep live`. This module loads nothing, so that typing errors are reported at once."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from difflib import get_close_matches

from rtsep.errors import RtsepError

BY = ("port", "channel", "split", "hands", "drum", "all")  # Values of --by: what makes a stem.
_TIME = re.compile(r"(?:(?:(\d{1,4}):)?(\d{1,5}):)?(\d{1,9}(?:\.\d*)?|\.\d+)s?")
SLOWEST, FASTEST = 0.25, 2.0  # The lowest and the highest speed of a recording, as factors.
LIKE = 0.5  # A known name is offered for a wrong one if they have at least this much in common, from 0 to 1.
FORMATS = ("wav", "flac")  # Values of --record-format.


def check_by_channel(gated: bool, channels: Collection[object]) -> None:
    """RtsepError if --by channel lacks notes or channels."""
    if not gated:
        raise RtsepError("--by channel needs notes: give --midi PORT, or use --by split")
    if not channels:
        raise RtsepError("--by channel needs the channels: give --channels LIST, such as --channels 1,2")


def check_by_hands(gated: bool) -> None:
    """RtsepError if --by hands lacks notes."""
    if not gated:
        raise RtsepError("--by hands needs notes: give --midi PORT, or use --by split")


def check_score(gated: bool, by: str) -> None:
    """RtsepError if --score lacks notes, or if --by makes other stems."""
    if not gated:
        raise RtsepError("--score needs the notes that are played: give --midi PORT, or --follow sound")
    if by not in ("port", "hands"):
        raise RtsepError(f"--score and --by {by} do not go together: leave out --by, give --by hands, or leave out the "
                         "score (--score \"\" where a set-up gives one)")


def parse_route(route: str) -> tuple[str, int, int]:
    """A value of --route, STEM=OUTPUT or STEM=FIRST-LAST: name of the stem, first output, last output."""
    name, equals, places = route.partition("=")
    first, _, last = places.partition("-")
    if not equals or not first.isdecimal() or (last and not last.isdecimal()):
        raise RtsepError(f"--route {route}: give STEM=OUTPUTS, such as residual=3-4 or mix=1-2")
    return name, int(first), int(last or first)


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a sentence, which offers the nearest of the `known` names; or ""."""
    names = {each.lower(): each for each in known}
    close = get_close_matches(name.lower(), names, 1, LIKE)
    return f" (did you mean {names[close[0]]!r}?)" if close else ""


def parse_time(text: str, option: str) -> float:
    """Seconds of "12.5", "12.5s", "1:05.2" or "1:02:03". RtsepError for anything else."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise RtsepError(f"{option} {text}: give seconds, such as 72.5, or minutes and seconds, such as 1:12.5")
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return 3600 * hours + 60 * minutes + seconds


def parse_preset(text: str) -> tuple[str, str | None]:
    """PRESET or PRESET@STEM: the preset's name, and the stem's; None stands for all stems."""
    name, _, stem = text.partition("@")
    return name, stem or None
