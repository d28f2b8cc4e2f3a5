"""The part of MIDI about notes: from bytes to messages, and from messages to sounding keys. No files, ports or threads.

A message is (status, data1, data2), with the channel in the status byte, as in MIDI. A note-on with velocity 0 is a note-off.
Messages with one data byte have 0 as data2.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

# MIDI's status bytes of channel 1.
NOTE_OFF, NOTE_ON, CONTROL, PROGRAM, BEND = 0x80, 0x90, 0xB0, 0xC0, 0xE0
# MIDI's numbers of the controllers that end or hold notes.
PEDAL, SOSTENUTO, SOUND_OFF, RESET, NOTES_OFF = 64, 66, 120, 121, 123
CONTROLLERS = frozenset((PEDAL, SOSTENUTO, SOUND_OFF, RESET, *range(NOTES_OFF, 128)))  # 124 to 127 end notes like 123.
SYSEX, REAL_TIME = 0xF0, 0xF8  # The first of MIDI's system and real-time status bytes.

Message = tuple[int, int, int]


def is_kept(status: int, data1: int) -> bool:
    """Whether a message starts or ends notes: note on, note off, or one of `CONTROLLERS`."""
    kind = status & 0xF0
    return kind in (NOTE_ON, NOTE_OFF) or (kind == CONTROL and data1 in CONTROLLERS)


class MidiParser:
    """Turns the bytes of one live stream into messages. The pieces can be cut at any place.

    `part` is the part that the events of the stream belong to. Use one parser for each port: it remembers the running status.
    Thread: the one that feeds it.
    """

    def __init__(self, part: int = 0) -> None:
        self.part = part
        self._status = 0  # 0: skip data until the next status byte.
        self._data: list[int] = []

    def feed(self, data: Iterable[int]) -> list[Message]:
        """All channel messages that `data` completes, including controllers, programs and bends.

        Real-time bytes can occur at any place, even inside a message. Sysex, system common and stray data are skipped.
        """
        found: list[Message] = []
        for byte in data:
            if byte >= REAL_TIME:
                continue
            if byte & 0x80:
                self._status, self._data = (byte if byte < SYSEX else 0), []  # System messages end running status.
            elif self._status:
                self._data.append(byte)
                self._complete(found)
        return found

    def _complete(self, found: list[Message]) -> None:
        """Move the message to `found` when its data bytes are complete."""
        wanted = 1 if self._status & 0xE0 == 0xC0 else 2  # Program change and channel pressure have one data byte.
        if len(self._data) == wanted:
            found.append((self._status, self._data[0], self._data[1] if wanted == 2 else 0))
            self._data = []


class Keyboard:
    """The keys and pedals of one part and channel, and the notes that they play.

    If a key is struck again, its note ends and another begins. Presses are counted: if two voices share a key, it is held until
    both have released it (as in the engine's gate). A note-off of a silent key does nothing.
    """

    def __init__(self) -> None:
        self.ended: list[tuple[float, float, int, int]] = []  # Onset and offset in seconds, pitch, velocity.
        self._sounding: dict[int, tuple[float, int]] = {}  # Pitch: onset, velocity.
        self._down: Counter[int] = Counter()  # Keys that are down, with the number of their presses.
        self._kept: set[int] = set()  # Keys held by the sostenuto pedal.
        self._pedal = self._sostenuto = False

    @property
    def sounding(self) -> tuple[int, ...]:
        """Pitches that sound now."""
        return tuple(self._sounding)

    @property
    def pressed(self) -> tuple[tuple[int, int], ...]:
        """(pitch, velocity) of the keys that are down."""
        return tuple((pitch, velocity) for pitch, (_onset_s, velocity) in list(self._sounding.items()) if self._down[pitch])

    def play(self, at_s: float, message: Message) -> None:
        """Play one message at the time `at_s` in seconds. Times never go back."""
        status, data1, data2 = message
        kind = status & 0xF0
        if kind == NOTE_ON and data2:
            self._end(at_s, {data1})
            self._sounding[data1] = (at_s, data2)
            self._down[data1] += 1
        elif kind in (NOTE_ON, NOTE_OFF):
            self._down -= Counter([data1])  # Drops counts of 0.
        elif kind == CONTROL:
            self._control(at_s, data1, data2)
        if not self._pedal:
            self._end(at_s, self._sounding.keys() - self._down.keys() - self._kept)

    def finish(self, at_s: float) -> None:
        """End all notes that still sound."""
        self._end(at_s, set(self._sounding))

    def hanging(self, channel: int) -> list[Message]:
        """The messages that release all keys and pedals that are down."""
        pedals = [(CONTROL | channel, PEDAL, 0)] * self._pedal + [(CONTROL | channel, SOSTENUTO, 0)] * self._sostenuto
        return [(NOTE_OFF | channel, pitch, 0) for pitch in sorted(self._down.elements())] + pedals

    def _control(self, at_s: float, number: int, value: int) -> None:
        pressed = value >= 64
        if number == PEDAL:
            self._pedal = pressed
        elif number == SOSTENUTO:
            if pressed != self._sostenuto:  # Keys are held only when it is pressed, not when it moves further.
                self._kept = set(self._down) if pressed else set()
            self._sostenuto = pressed
        elif number == RESET:
            self._pedal = self._sostenuto = False
            self._kept = set()
        elif number in CONTROLLERS:
            self._down.clear()
            if number == SOUND_OFF:
                self.finish(at_s)

    def _end(self, at_s: float, pitches: set[int]) -> None:
        for pitch in sorted(pitches & self._sounding.keys()):
            onset_s, velocity = self._sounding.pop(pitch)
            self.ended.append((onset_s, at_s, pitch, velocity))
