"""A thread outside the audio callback reads the input that the callback keeps, some milliseconds after it came."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from rtsep.callbacks.shared import POSITION
from rtsep.hosts.lanes import Lanes

POLL_S = 0.004  # The thread looks for new sound at intervals of this many seconds.
MOST_BEHIND_S = 5.0  # A thread that is further behind than this many seconds leaves out the sound between.


class InputReader:
    """Reads the input of `lanes` between start() and close().

    The thread calls hear(sound), float32 [channel, sample], with what has come; skipped() after it left out sound, since it was
    too late; failed(error) if one of these raises, which ends the thread. name: what the thread does, in words.
    """

    def __init__(self, lanes: Lanes, name: str, hear: Callable[[npt.NDArray[np.float32]], object],
                 skipped: Callable[[], object], failed: Callable[[Exception], object]) -> None:
        self._lanes, self._hear, self._skipped, self._failed = lanes, hear, skipped, failed
        self.missed = 0  # Samples that were left out.
        self._next = lanes.word(POSITION)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to read, from now on."""
        self._next = self._lanes.word(POSITION)
        self._thread.start()

    def close(self) -> None:
        """Stop reading."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        try:
            while not self._stop.wait(POLL_S):
                self.read()
        except Exception as error:  # Without this thread, the sound goes on.
            self._failed(error)

    def read(self) -> None:
        """Read what has come since the last call."""
        end = self._lanes.word(POSITION)
        if end - self._next > MOST_BEHIND_S * self._lanes.sample_rate:
            self.missed += end - self._next
            self._next = end
            self._skipped()
        elif end > self._next:
            self._hear(self._lanes.ear.between(self._next, end))
            self._next = end
