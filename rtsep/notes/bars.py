"""Bars of a piece: where each begins, and how many beats it has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rtsep.notes.tracks import Track

SIGNATURE = 0x58  # MIDI's number of the meta event with a time signature.
MOST_BARS = 100_000  # A piece with more bars than this counts as one without bars.


@dataclass(frozen=True, eq=False)
class Bars:
    """Bars in the order of playing. start_s: float64 [bar], ascending, in seconds. beats: int64 [bar]."""

    start_s: NDArray[np.float64]
    beats: NDArray[np.int64]

    def __len__(self) -> int:
        """The number of bars."""
        return len(self.start_s)

    def at(self, seconds: float) -> tuple[int, int]:
        """The bar and the beat in it, both from 1, at a time; before the first bar, its first beat. There must be a bar."""
        bar = max(int(np.searchsorted(self.start_s, seconds, side="right")) - 1, 0)
        following = min(bar + 1, len(self) - 1)
        length_s = self.start_s[following] - self.start_s[following - 1] if len(self) > 1 else np.inf
        beats = int(self.beats[bar])
        beat = int(max(seconds - self.start_s[bar], 0) / length_s * beats)
        return bar + 1, min(beat, beats - 1) + 1


NO_BARS = Bars(np.zeros(0), np.zeros(0, np.int64))  # For notes without bars, such as tables.


def bars_in_ticks(tracks: Iterable[Track], ticks_per_quarter: int, end: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The first tick and the beats of each bar up to the tick `end`, by the time signatures; without one, 4/4."""
    changes = {0: (4, 4 * ticks_per_quarter)}
    for tick, kind, data in sorted((meta for track in tracks for meta in track.metas), key=lambda meta: meta[0]):
        if kind == SIGNATURE and data[0] and data[1] < 8:
            changes[tick] = data[0], max(data[0] * 4 * ticks_per_quarter // 2 ** data[1], 1)
    starts, beats, ticks = list[NDArray[np.float64]](), list[NDArray[np.int64]](), sorted(changes)
    for tick, following in zip(ticks, [*ticks[1:], max(end, ticks[-1] + 1)], strict=True):
        count, length = changes[tick]
        if (following - tick) // length + sum(map(len, starts)) > MOST_BARS:
            return np.zeros(0), np.zeros(0, np.int64)
        starts.append(np.arange(tick, following, length, dtype=np.float64))
        beats.append(np.full(len(starts[-1]), count, np.int64))
    return np.concatenate(starts), np.concatenate(beats)
