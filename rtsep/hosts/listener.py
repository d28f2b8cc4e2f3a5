"""`live --listen`: a thread hears the notes in the input, and plays them to the engine like those of a keyboard.

The engine looks at the sound later (parameter `lookahead_ms`), so a note comes before its sound although the net needs time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from rtsep.callbacks import shared
from rtsep.hosts.lanes import Lanes
from rtsep.listening.transcriber import Told, Transcriber
from rtsep.notes.messages import CONTROL, NOTE_OFF, NOTE_ON, NOTES_OFF, Message
from rtsep.presets.preset import Preset

LOOKAHEAD_MS = 80.0  # The engine looks at the sound so many milliseconds later, if nothing else is asked for.
POLL_S = 0.004  # The thread looks for new sound at intervals of this many seconds.
MOST_BEHIND_S = 5.0  # A thread that is further behind than this many seconds begins anew.
CHANNEL = 0  # Notes come on this channel.

Receive = Callable[[int, int, Message], object]  # Part, time in nanoseconds (time.monotonic_ns), message.


class NoteListener:
    """Hears notes in the input of `lanes` while `with` lasts. `receive` takes them as notes of the device; `say`: a message."""

    def __init__(self, lanes: Lanes, presets: Sequence[Preset], receive: Receive, say: Callable[[str], object]) -> None:
        self._lanes, self._presets, self._receive, self._say = lanes, presets, receive, say
        self._begin()
        self.missed = 0  # Samples that were not heard, since the thread came too late.
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rtsep hears notes", daemon=True)

    def _begin(self) -> None:
        self._transcriber = Transcriber(self._presets, self._lanes.sample_rate, self._lanes.channels)
        self._next = self._lanes.word(shared.POSITION)

    def __enter__(self) -> NoteListener:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._stop.wait(POLL_S):
                self.hear()
        except Exception as error:  # Without this thread, the sound goes on: say what happened.
            self._say(f"rtsep hears no more notes ({type(error).__name__}: {error})")
            self._end_all()

    def hear(self) -> None:
        """Hear what has come since the last call."""
        end = self._lanes.word(shared.POSITION)
        if end - self._next > MOST_BEHIND_S * self._lanes.sample_rate:
            self.missed += end - self._next
            self._end_all()
            self._begin()
        elif end > self._next:
            self._tell(self._transcriber.hear(self._lanes.ear.between(self._next, end)))
            self._next = end

    def _end_all(self) -> None:
        self._receive(self._lanes.part, time.monotonic_ns(), (CONTROL | CHANNEL, NOTES_OFF, 0))

    def _tell(self, told: Sequence[Told]) -> None:
        for one in told:
            status = NOTE_ON if one.velocity else NOTE_OFF
            self._receive(self._lanes.part, time.monotonic_ns(), (status | CHANNEL, one.pitch, one.velocity))
