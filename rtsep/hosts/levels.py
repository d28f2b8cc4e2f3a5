"""Peak hold and clip marks of all meters."""

from __future__ import annotations

from rtsep.engine.separator import SILENT_DB
from rtsep.hosts.status import Hold

HOLD_S = 2.0  # A peak is held for this many seconds, until a higher one comes.
CLIP_DB = -0.1  # A peak at or above this level, in dBFS, sets the clip mark.


class Holds:
    """The held peak and the clip mark of every meter, by its name. Clip marks stay until they are cleared. Thread: control."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[float, float]] = {}  # Name: level in dBFS, and the time until which it is held.
        self._clipped: set[str] = set()

    def note(self, now_s: float, name: str, peak_db: float) -> Hold:
        """Take the present peak in dBFS. Returns the held peak and the clip mark."""
        held_db, until_s = self._held.get(name, (SILENT_DB, 0.0))
        if peak_db >= held_db or now_s >= until_s:
            held_db, until_s = self._held[name] = peak_db, now_s + HOLD_S
        if peak_db >= CLIP_DB:
            self._clipped.add(name)
        return Hold(held_db, name in self._clipped)

    def clear(self) -> None:
        """Remove the clip marks."""
        self._clipped.clear()
