"""Scores with more tracks than the engine has parts: their keyboards are distributed over its parts and channels.

A keyboard is a part and a channel with notes. The engine only has to keep keyboards apart.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rtsep.errors import RtsepError
from rtsep.notes.programs import CHANNELS

ENGINE_PARTS = 32  # The engine keeps this many parts apart, each with all channels.


def fold(
    events: NDArray[np.void], table: NDArray[np.int8], keyboards: list[tuple[int, int]]
) -> tuple[NDArray[np.void], NDArray[np.int8]]:
    """Events and the table of a routing, with any number of parts, for the engine; unchanged if the engine has enough parts.

    keyboards: the (part, channel) pairs that play notes. RtsepError: there are more of them than the engine keeps apart.
    """
    if len(table) <= ENGINE_PARTS:
        return events, table
    if len(keyboards) > ENGINE_PARTS * CHANNELS:
        raise RtsepError(f"{len(keyboards)} tracks and channels have notes, allowed are {ENGINE_PARTS * CHANNELS} together: "
                         "merge or remove some")
    place = np.full((len(table), CHANNELS), -1)
    folded = np.full((ENGINE_PARTS, *table.shape[1:]), -1, table.dtype)
    for number, (part, channel) in enumerate(sorted(keyboards)):
        place[part, channel] = number
        folded[number // CHANNELS, number % CHANNELS] = table[part, channel]
    places = place[events["part"], events["status"] & 0x0F]
    kept = events[places >= 0].copy()
    places = places[places >= 0]
    kept["part"], kept["status"] = places // CHANNELS, kept["status"] & 0xF0 | places % CHANNELS
    return kept, folded
