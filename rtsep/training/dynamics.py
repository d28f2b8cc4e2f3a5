"""Reads dynamics from file names: velocities, numbered layers, and words such as pp and loud."""

from __future__ import annotations

import re
from collections.abc import Sequence

WORDS = {"ppp": 16, "pp": 33, "p": 49, "mp": 64, "mf": 80, "f": 96, "ff": 112, "fff": 127, "soft": 49, "quiet": 49,
         "medium": 80, "med": 80, "loud": 112, "hard": 112}  # These words stand for these velocities.
# These full words stand for these velocities if the names have at least one besides piano, which can be the instrument.
SPELT = {"pianissimo": 33, "piano": 49, "mezzopiano": 64, "mezzoforte": 80, "forte": 96, "fortissimo": 112}
NUMBERED = re.compile(r"(?<![A-Za-z])(?:velocity|vel|vl|v|layer|lyr|lay|dynamic|dyn)[ _=-]?(\d{1,3})(?!\d)", re.IGNORECASE)
MOST_LAYERS = 32  # Numbers up to this one count layers: no instrument has such a low loudest velocity.
USUAL = 64  # A note whose name tells no dynamics has this velocity.
HIGHEST = 127  # The highest MIDI velocity.


def velocities(names: Sequence[str], follows: Sequence[int] | None = None) -> list[int]:
    """The velocity, 1 to 127, of each name, from which the note was removed; folders before the name count, too.

    follows: the number after each pitch, which is taken as the velocity if it can be one.
    """
    numbers = [[int(each) for each in NUMBERED.findall(name)] for name in names]
    if any(numbers):
        return _spread([found[-1] if found else None for found in numbers])
    if follows and max(follows) > MOST_LAYERS and min(follows) >= 1 and max(follows) <= HIGHEST:
        return list(follows)
    words = [_words(name) for name in names]
    known = WORDS | (SPELT if any(({*SPELT} - {"piano"}) & {*found} for found in words) else {})
    return [next((known[word] for word in reversed(found) if word in known), USUAL) for found in words]


def layered(numbers: Sequence[int]) -> list[int]:
    """Velocities of layers that are numbered from soft to loud, from 0 or 1 on: each is the middle of its layer."""
    first, last = min(0 if min(numbers) == 0 else 1, min(numbers)), max(numbers)
    count = last - first + 1
    return [max(round((number - first + 0.5) * HIGHEST / count), 1) for number in numbers]


def _spread(numbers: Sequence[int | None]) -> list[int]:
    """Numbers as velocities, or as layers if the highest is too low for a velocity."""
    given = [number for number in numbers if number is not None]
    if max(given) > MOST_LAYERS:
        return [USUAL if number is None else min(max(number, 1), HIGHEST) for number in numbers]
    if len(set(given)) == 1:
        return [USUAL] * len(numbers)
    by_layer = dict(zip(given, layered(given), strict=True))
    return [USUAL if number is None else by_layer[number] for number in numbers]


def _words(name: str) -> list[str]:
    """The words of a name in lower case; mezzo-forte is one word."""
    return re.split(r"[^a-z]+", re.sub(r"mezzo[^a-z]*", "mezzo", name.lower()))
