"""The last seconds of the input, and the notes in them. The callback always keeps them, in two rings.

The rings are never emptied. A reader copies them, and leaves out what the callback has perhaps written over meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rtsep.callbacks import shared
from rtsep.notes.messages import NOTE_OFF, NOTE_ON
from rtsep.notes.score import EVENT, NOTE
from rtsep.windows import power_above

EAR_S = 15.0  # At least this many seconds of the input are kept.
LEAST, MOST = 1 << 13, 1 << 22  # At least and at most this many samples are kept, at any rate.
EVENTS = 4096  # This many events are kept, a power of two.
MARGIN = 4096  # While a reader copies, the callback writes over at most this many of the oldest samples and events.

Floats = npt.NDArray[np.float32]


class Heard(NamedTuple):
    """Sound [channel, sample] that begins at the sample `first` since the start, and its notes, NOTE [n], in its seconds."""

    sound: Floats
    rate: int
    first: int
    notes: npt.NDArray[np.void]


class Ear:
    """The rings, and copies of what is in them. `word` reads a word of the callback (callbacks/shared.py). Thread: control."""

    def __init__(self, channels: int, sample_rate: float, word: Callable[[int], int]) -> None:
        size = power_above(min(max(EAR_S * sample_rate, LEAST), MOST))
        self._rate, self._word = sample_rate, word
        self._sound = np.full((channels, size), 0, np.float32)  # `full` writes to all its memory, so that it is really there.
        self._events = np.zeros(EVENTS, EVENT)

    @property
    def arrays(self) -> Mapping[str, Any]:
        """The rings, by the names of the record's fields."""
        return {"ear": self._sound, "ear_events": self._events}

    @property
    def sizes(self) -> Mapping[str, int]:
        """Their sizes, by the names of the record's fields."""
        return {"ear_size": self._sound.shape[1], "ear_events_size": EVENTS}

    def heard(self, since: int = 0) -> Heard:
        """The last seconds, from the sample `since` on."""
        size, last = self._sound.shape[1], self._word(shared.POSITION)
        copy = self._sound.copy()
        first = max(since, self._word(shared.POSITION) + MARGIN - size, 0)
        sound = copy[:, np.arange(first, max(last, first)) & (size - 1)]
        events, _ = self.events(0)
        return Heard(sound, round(self._rate), first, _notes(events[events["sample"] >= first], first, last, self._rate))

    def last(self, samples: int) -> Floats:
        """The last samples, [channel, sample]; silence before the first one. Any thread may call it."""
        end = self._word(shared.POSITION)
        return self._sound[:, np.arange(end - samples, end) & (self._sound.shape[1] - 1)]

    def between(self, first: int, end: int) -> Floats:
        """The samples from `first` to `end` - 1, which have come just now, [channel, sample]. Any thread may call it."""
        return self._sound[:, np.arange(max(first, end + MARGIN - self._sound.shape[1]), end) & (self._sound.shape[1] - 1)]

    def events(self, since: int) -> tuple[npt.NDArray[np.void], int]:
        """The events from number `since` on that are still kept, EVENT [n], at samples since the start; and the next number."""
        last = self._word(shared.KEPT_EVENTS)
        copy = self._events.copy()
        first = max(since, self._word(shared.KEPT_EVENTS) + shared.BURST - EVENTS, 0)
        return copy[np.arange(first, max(last, first)) & (EVENTS - 1)], last


def _notes(events: npt.NDArray[np.void], first: int, last: int, rate: float) -> npt.NDArray[np.void]:
    """Each note from its note-on to the next note-off of its key, or to `last`."""
    found, open_notes = list[tuple[float, float, int, int, int, int]](), dict[tuple[int, int, int], tuple[int, int]]()

    def end(key: tuple[int, int, int], sample: int) -> None:
        if key in open_notes:
            begin, velocity = open_notes.pop(key)
            found.append(((begin - first) / rate, (sample - first) / rate, key[2], velocity, key[0], key[1]))

    for sample, part, status, pitch, velocity, _ in events.tolist():
        key = part, status & 0x0F, pitch
        if status & 0xF0 in (NOTE_ON, NOTE_OFF):
            end(key, sample)
            if status & 0xF0 == NOTE_ON and velocity:
                open_notes[key] = sample, velocity
    for key in list(open_notes):
        end(key, last)
    return np.sort(np.array(found, NOTE), order="onset_s")
