"""The worst value of a figure, in the last seconds and in the whole session."""

from __future__ import annotations

from collections import deque

RECENT_S = 10.0  # The last seconds are this many.


class Worst:
    """The largest value of a figure that is measured again and again. Thread: control."""

    def __init__(self) -> None:
        self.session = 0.0
        self._recent: deque[tuple[float, float]] = deque()

    def note(self, now_s: float, value: float) -> float:
        """Take a value at the time `now_s`. Returns the largest value of the last ten seconds."""
        self.session = max(self.session, value)
        self._recent.append((now_s, value))
        while self._recent[0][0] < now_s - RECENT_S:
            self._recent.popleft()
        return max(each for _at_s, each in self._recent)
