"""Which parts of a score a keyboard plays: those whose notes come with their keys."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from rtsep.listening.follower import Told
from rtsep.listening.keys import Key
from rtsep.listening.states import STEP_S

NEAR_S = 0.3  # A key belongs to a note of its pitch that is at most this many seconds of the score away.
NEWEST = 0.1  # The newest note of a part has this share in how many of its notes come with their keys.
LEAST_NOTES, PLAYED = 6, 0.5  # The keyboard plays a part if more than this share of at least so many notes came with keys.
MOST_S = 1.0  # A place that moves on by more than this many seconds in a frame has jumped.


class KeyboardParts:
    """Finds the parts that a keyboard plays, among those of `notes`, NOTE [n]; `told`: they are known, and stay."""

    def __init__(self, notes: npt.NDArray[np.void], told: Collection[int] = ()) -> None:
        self._notes = np.sort(notes, order="onset_s")
        parts = frozenset(int(part) for part in np.unique(notes["part"]))
        self._told = bool(told)
        self.surely = frozenset(told)
        self.perhaps = self.surely or parts
        self._share, self._count = dict.fromkeys(parts, PLAYED), dict.fromkeys(parts, 0)
        self._struck = list[tuple[int, float]]()  # Pitch and place of the last keys that belong to no note yet.
        self._before_s = float("nan")

    def step(self, told: Told, keys: tuple[Key, ...]) -> bool:
        """Take the place after a frame, and the keys of the frame. True: `perhaps` or `surely` has changed."""
        if self._told:
            return False
        self._struck += [(pitch, told.seconds - told.tempo * age * STEP_S) for pitch, age in keys]
        passed_s, before_s = told.seconds - NEAR_S, self._before_s
        self._before_s = passed_s if told.lost or told.jumped or not passed_s < before_s else before_s
        if told.lost or told.jumped or not before_s < passed_s < before_s + MOST_S:
            return False
        first, last = np.searchsorted(self._notes["onset_s"], [before_s, passed_s])
        for note in sorted(self._notes[first:last].tolist(), key=lambda note: -self._share[note[4]]):
            self._compare(note[0], note[2], note[4])
        self._struck = [(pitch, place) for pitch, place in self._struck if abs(place - told.seconds) < 3 * NEAR_S]
        return self._decide()

    def _compare(self, onset_s: float, pitch: int, part: int) -> None:
        """A note has passed: a key belongs to it, or none. Parts that the keyboard plays come first, so unisons are theirs."""
        near = [key for key in self._struck if key[0] == pitch and abs(key[1] - onset_s) < NEAR_S]
        if near:
            self._struck.remove(min(near, key=lambda key: abs(key[1] - onset_s)))
        self._share[part] += NEWEST * (bool(near) - self._share[part])
        self._count[part] += 1

    def _decide(self) -> bool:
        known = {part for part, count in self._count.items() if count >= LEAST_NOTES}
        surely = frozenset(part for part in known if self._share[part] > PLAYED)
        perhaps = frozenset(self._share) - (known - surely)
        changed = (surely, perhaps) != (self.surely, self.perhaps)
        self.surely, self.perhaps = surely, perhaps
        return changed
