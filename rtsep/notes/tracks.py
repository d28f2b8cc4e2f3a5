"""Events of one track of a MIDI file, read in the way of MIDI players: odd events are skipped, and counted in one sentence.

The running status stays after meta events and sysex.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

Timed = tuple[int, int, int, int, int]  # Tick, port, status, data1, data2.

SYSEX, ESCAPE, META = 0xF0, 0xF7, 0xFF  # MIDI's status bytes of these events in files.
NAME, PORT, END, TEMPO, OFFSET = 0x03, 0x21, 0x2F, 0x51, 0x54  # MIDI's numbers of the meta events that are read here.
NEEDED = {PORT: 1, TEMPO: 3, 0x00: 0, 0x20: 1, OFFSET: 5, 0x58: 4, 0x59: 2}  # These meta events have at least this many bytes.
SYSTEM_BYTES = {0xF1: 1, 0xF2: 2, 0xF3: 1}  # System messages have this many data bytes; all others have none.


@dataclass
class Track:
    """A track: its name; channel messages in file order; sysex, tempo (microseconds per beat) and meta events by tick.

    good: the number of valid events; odd: what was not valid, and how often. ended: whether there was an end mark.
    """

    name: bytes = b""
    messages: list[Timed] = field(default_factory=list)
    sysex: list[tuple[int, bytes]] = field(default_factory=list)
    tempos: list[tuple[int, int]] = field(default_factory=list)
    metas: list[tuple[int, int, bytes]] = field(default_factory=list)  # Tick, MIDI's number and content of all whole ones.
    end: int = 0  # Tick of the end mark, or of the last event.
    good: int = 0
    odd: Counter[str] = field(default_factory=Counter)
    ended: bool = False


class _CutError(Exception):
    """The bytes end within an event."""


class _Reader:
    """Reads one track from `at` to `limit`."""

    def __init__(self, data: bytes, at: int, limit: int) -> None:
        self.data, self.at, self.limit = data, at, limit
        self.track = Track()
        self._tick = self._port = self._status = 0
        self._named = False

    def byte(self) -> int:
        if self.at >= self.limit:
            raise _CutError
        self.at += 1
        return self.data[self.at - 1]

    def number(self) -> int:
        """Read a number of variable length."""
        value = 0
        while True:
            byte = self.byte()
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                return value

    def event(self) -> None:
        """Read one event with the time before it."""
        self._tick += self.number()
        first = self.byte()
        if first == META:
            self._meta(self.byte())
        elif first in (SYSEX, ESCAPE):
            self._sysex(first)
        elif first > SYSEX:
            self.track.odd["system messages"] += 1
            self.at = min(self.at + SYSTEM_BYTES.get(first, 0), self.limit)
        elif first >= 0x80:
            self._status = first
            self._channel(self.byte())
        elif self._status:
            self._channel(first)
        else:
            self.track.odd["bytes that belong to no message"] += 1

    def _channel(self, data1: int) -> None:
        """Read a channel message. Keys and controllers above 127 do not exist; values above 127 count as 127."""
        data2 = 0 if self._status & 0xE0 == 0xC0 else self.byte()
        if data1 > 127 or data2 > 127:
            self.track.odd["messages with data bytes over 127"] += 1
        if data1 <= 127:
            self.track.messages.append((self._tick, self._port, self._status, data1, min(data2, 127)))
            self.track.good += max(data1, data2) <= 127

    def _meta(self, kind: int) -> None:
        data = self._bytes(self.number())
        if len(data) < NEEDED.get(kind, 0):
            self.track.odd["meta events that are too short"] += 1
            return
        self.track.good += 1
        self.track.metas.append((self._tick, kind, data))
        self.track.odd["meta events with impossible values"] += kind == OFFSET and data[0] > 127
        if kind == NAME and not self._named:
            self.track.name, self._named = data, True
        elif kind == PORT:
            self._port = data[0] & 0x7F
        elif kind == TEMPO:
            self.track.tempos.append((self._tick, int.from_bytes(data[:3], "big")))
        self.track.ended = kind == END

    def _sysex(self, first: int) -> None:
        start, length = self.at, self.number()
        if self.at + length > self.limit:  # The length is missing or wrong: the message goes on to its end mark.
            stop = self.data.find(b"\xf7", start, self.limit)
            if stop < 0:
                raise _CutError
            self.track.odd["sysex messages of a wrong length"] += 1
            self.at = stop + 1
            return
        data = self._bytes(length)
        if first == SYSEX and max(data.removesuffix(b"\xf7"), default=0) > 127:
            self.track.odd["sysex messages with data bytes over 127"] += 1
        self.track.sysex.append((self._tick, data))
        self.track.good += 1

    def _bytes(self, length: int) -> bytes:
        if self.at + length > self.limit:
            raise _CutError
        self.at += length
        return self.data[self.at - length : self.at]

    def read(self) -> None:
        """Read events up to the end mark or to the limit."""
        try:
            while not self.track.ended and self.at < self.limit:
                self.event()
                self.track.end = self._tick
        except _CutError:
            self.track.odd["tracks that end within a message"] += 1


def read_track(data: bytes, at: int, limit: int) -> tuple[Track, int]:
    """The track whose events begin at `at` and end at `limit` at the latest; and the place where its last event ends."""
    reader = _Reader(data, at, limit)
    reader.read()
    return reader.track, reader.at


def tell_odd(odd: Mapping[str, int]) -> tuple[str, ...]:
    """One sentence about everything odd in a file; empty if nothing was odd."""
    counted = ", ".join(f"{what}: {count}" for what, count in odd.items() if count)
    return (f"the MIDI file is not quite valid ({counted}); rtsep reads it as players do",) if counted else ()
