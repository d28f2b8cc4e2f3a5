"""Messages to the player: shown for some seconds, kept for later reading, and written to a file if one is given."""

from __future__ import annotations

import io
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rtsep.errors import RtsepError

SHOWN_S = 8.0  # A message is shown for this many seconds.
KEPT = 20  # The last messages, this many, can be read again.


@dataclass(frozen=True)
class Message:
    """A message: its number from 1, the time of day, its text, and its time in seconds of time.monotonic."""

    number: int
    time: str
    text: str
    at_s: float


class Said:
    """The messages of a session. RtsepError if `log` cannot be written to. Thread: control."""

    def __init__(self, log: Path | None = None) -> None:
        self.last: deque[Message] = deque(maxlen=KEPT)
        self._count, self._lock = 0, threading.Lock()
        self._log: io.TextIOWrapper | None = None
        try:
            self._log = log.open("a", encoding="utf-8") if log is not None else None
        except OSError as error:
            raise RtsepError(f"--log {log}: the file cannot be written ({error.strerror}); give another file") from error

    @property
    def text(self) -> str:
        """The text of the last message, or ""."""
        return self.last[-1].text if self.last else ""

    def say(self, text: str) -> None:
        """Show `text` now."""
        now = time.localtime()
        self._count += 1
        self.last.append(Message(self._count, time.strftime("%H:%M:%S", now), text, time.monotonic()))
        try:
            self._write(text, now)
        except OSError as error:
            self._log = None
            self.say(f"--log ended: the file cannot be written any more ({error.strerror})")

    def log(self, text: str) -> None:
        """Write `text` only to the file. Any thread can call it."""
        with suppress(OSError, ValueError):  # `say` reports a file that cannot be written. Perhaps it is closed already.
            self._write(text, time.localtime())

    def _write(self, text: str, now: time.struct_time) -> None:
        log = self._log
        if log is not None:
            with self._lock:
                log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S', now)} {text}\n")
                log.flush()

    def shown(self, now_s: float) -> list[Message]:
        """The messages to show at `now_s` (time.monotonic), oldest first."""
        return [each for each in self.last if now_s - each.at_s < SHOWN_S]

    def close(self) -> None:
        """Close the file."""
        if self._log is not None:
            self._log.close()
