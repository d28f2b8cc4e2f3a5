"""`live --listen`: a thread hears the notes in the input, and plays them to the engine like those of a keyboard.

The engine looks at the sound later (parameter `lookahead_ms`), so a note comes before its sound although the net needs time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from rtsep.hosts.input_reader import InputReader
from rtsep.hosts.lanes import Lanes
from rtsep.hosts.transcription import Hearing
from rtsep.listening.line import LineTranscriber
from rtsep.listening.transcriber import Told
from rtsep.notes.messages import CONTROL, NOTE_OFF, NOTE_ON, NOTES_OFF, Message

LOOKAHEAD_MS = 80.0  # The engine looks at the sound so many milliseconds later, if nothing else is asked for ...
LINE_LOOKAHEAD_MS = 140.0  # ... and so many if it hears a single line.
CHANNEL = 0  # Notes come on this channel.

Receive = Callable[[int, int, Message], object]  # Part, time in nanoseconds (time.monotonic_ns), message.


def lookahead_of(hearing: Hearing) -> float:
    """How many milliseconds later the engine looks at the sound."""
    return LINE_LOOKAHEAD_MS if hearing.line else LOOKAHEAD_MS


class NoteListener:
    """Hears notes in the input of `lanes` while `with` lasts. `receive` takes them as notes of the device; `say`: a message."""

    def __init__(self, lanes: Lanes, hearing: Hearing, receive: Receive, say: Callable[[str], object]) -> None:
        self._lanes, self._receive, self._say = lanes, receive, say
        self._transcriber = hearing.transcriber(lanes.sample_rate, lanes.channels)
        self.reader = InputReader(lanes, "rtsep hears notes", self._hear, self._begin_anew, self._failed)

    def __enter__(self) -> NoteListener:
        self.reader.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.reader.close()

    def _hear(self, sound: npt.NDArray[np.float32]) -> None:
        self._tell(self._transcriber.hear(sound))
        if isinstance(self._transcriber, LineTranscriber):
            del self._transcriber.sounded[:-1]  # Only files keep how notes sounded; a session can last for hours.

    def _begin_anew(self) -> None:
        self._end_all()
        self._transcriber.reset()

    def _failed(self, error: Exception) -> None:
        self._say(f"rtsep hears no more notes ({type(error).__name__}: {error})")
        self._end_all()

    def _end_all(self) -> None:
        self._receive(self._lanes.part, time.monotonic_ns(), (CONTROL | CHANNEL, NOTES_OFF, 0))

    def _tell(self, told: Sequence[Told]) -> None:
        for one in told:
            status = NOTE_ON if one.velocity else NOTE_OFF
            self._receive(self._lanes.part, time.monotonic_ns(), (status | CHANNEL, one.pitch, one.velocity))
