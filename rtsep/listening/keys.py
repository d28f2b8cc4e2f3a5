"""Keys of a keyboard beside the sound: how well a struck key, or none, fits the positions of a score.

A key tells the place far better than its sound: its pitch is certain, and it comes without delay. So both are evidence for one
hidden Markov model, and the sound alone tells the place while the keyboard rests.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from rtsep.listening.rows import Floats

SPREAD_STEPS, REACH = 3.0, 9  # A key comes within about so many positions of its note; at most within REACH positions.
# The log-likelihood of a key far from all notes of its pitch, below that of a key in time: wrong keys are struck, too.
WRONG = -30.0
MISSED = 1.0  # A note of the keyboard that passes without its key costs this much.

Key = tuple[int, float]  # A pitch, and how many frames before the present one it was struck.


class Keys:
    """Compares keys with `count` positions. onsets, pitches, parts: int64 [note], position, pitch and part of each note."""

    def __init__(self, onsets: npt.NDArray[np.int64], pitches: npt.NDArray[np.int64], parts: npt.NDArray[np.int64],
                 count: int) -> None:
        self._onsets, self._pitches, self._parts, self._count = onsets, pitches, parts, count
        near = np.arange(-REACH, REACH + 1)
        self._shape: Floats = np.exp(-0.5 * (near / SPREAD_STEPS) ** 2).astype(np.float32)
        self.know(frozenset(parts.tolist()), frozenset())

    def know(self, perhaps: Collection[int], surely: Collection[int]) -> None:
        """Keys can be notes of the parts `perhaps`; notes of the parts `surely` do not sound without their keys."""
        self._fits = dict[int, Floats]()
        self._perhaps = np.isin(self._parts, list(perhaps))
        mine = np.unique(self._onsets[np.isin(self._parts, list(surely))])
        passed = self._around(mine)
        self._passed: Floats = np.float32(MISSED) * passed / self._shape.sum()

    def _around(self, onsets: npt.NDArray[np.int64]) -> Floats:
        """How near each position is to one of the `onsets`, 0 to 1."""
        found = np.zeros(self._count + 2 * REACH, np.float32)
        for number, value in enumerate(self._shape):
            np.maximum.at(found, onsets + number, value)
        return found[REACH : REACH + self._count]

    def _fit(self, pitch: int) -> Floats:
        """The log-likelihood of a key of this pitch, for every position."""
        if pitch not in self._fits:
            near = self._around(np.unique(self._onsets[self._perhaps & (self._pitches == pitch)]))
            self._fits[pitch] = np.log(near + np.float32(np.exp(WRONG)))
        return self._fits[pitch]

    def of(self, keys: tuple[Key, ...], first: int, last: int) -> Floats:
        """The log-likelihoods of the positions from `first` to `last` - 1."""
        found: Floats = -self._passed[first:last]
        for pitch, age in keys:
            at = np.clip(np.arange(first, last) - round(age), 0, self._count - 1)
            found = found + self._fit(pitch)[at]
        return found

    def coarse(self, keys: tuple[Key, ...], stride: int) -> Floats:
        """The log-likelihoods of the keys for every `stride` positions: the largest of them."""
        found = np.zeros(-(-self._count // stride), np.float32)
        for pitch, _ in keys:
            fit = self._fit(pitch)
            found += np.pad(fit, (0, -len(fit) % stride), "edge").reshape(-1, stride).max(axis=1)
        return found

    def matches(self, keys: tuple[Key, ...], position: float) -> int:
        """How many of the keys belong to notes near a position."""
        first = min(max(round(position) - REACH, 0), self._count - 1)
        return sum(bool(self._fit(pitch)[first : first + 2 * REACH].max() > WRONG / 2) for pitch, _ in keys)
