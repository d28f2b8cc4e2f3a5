"""The place in a score against another one: a jump is followed if the sound says so for long enough, and taken back if not.

`Near` follows from the present place, and a rival follows from another one. Both explain the same frames; the difference of
their log-evidence is the rival's lead.
"""

from __future__ import annotations

from collections.abc import Callable

from rtsep.listening.likelihood import Frame
from rtsep.listening.near import Near, Place
from rtsep.listening.states import STEP_S

AHEAD, TRIED_S = 75.0, 0.8  # The rival wins with this lead, after this many seconds of sound at least.
BEHIND = 50.0  # The rival is given up if it is this far behind, ...
LONGEST_S = 4.0  # ... or after this many seconds of sound, ...
TOGETHER_S = 0.3  # ... or if it is within this many seconds of the present place.


class Rivals:
    """The present place, and perhaps a rival, which can win. `make` makes a Near."""

    def __init__(self, make: Callable[[], Near]) -> None:
        self._make, self._near = make, make()
        self._rival: Near | None = None
        self._lead, self._frames = 0.0, 0

    def put(self, first: int, last: int) -> None:
        """Set the player to the positions from `first` to `last` - 1; there is no rival."""
        self._near.put(first, last)
        self._rival = None

    @property
    def alone(self) -> bool:
        """Whether there is no rival."""
        return self._rival is None

    def challenge(self, first: int, last: int) -> None:
        """Try the positions from `first` to `last` - 1."""
        self._rival = self._make()
        self._rival.put(first, last)
        self._lead, self._frames = 0.0, 0

    def step(self, frame: Frame) -> tuple[Place, bool]:
        """The place after one more frame, and whether the player has jumped."""
        place = self._near.step(frame)
        if self._rival is None:
            return place, False
        other = self._rival.step(frame)
        if frame.sounds:
            self._lead += other.evidence - place.evidence
            self._frames += 1
        if self._lead > AHEAD and self._frames * STEP_S >= TRIED_S:
            self._near, self._rival = self._rival, self._near
            self._lead, self._frames = -self._lead / 2, 0  # The old place is the rival now, and can win again.
            return other, True
        if (self._lead < -BEHIND or self._frames * STEP_S > LONGEST_S
                or abs(other.position - place.position) * STEP_S < TOGETHER_S):
            self._rival = None
        return place, False
