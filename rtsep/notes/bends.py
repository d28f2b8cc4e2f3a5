"""Pitch bends and tunings: how many cents each note sounds away from its written pitch, and which templates it gets.

It reads pitch bend with its range (RPN 0), fine and coarse tuning (RPN 1 and 2), also those of the masters of MPE zones, and
sysex of the MIDI Tuning Standard. If a note sounds whole semitones away from start to end, it gets the templates of the pitch
that sounds. Other bent notes keep the templates of their written pitch, and a warning counts them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtsep.notes.messages import BEND, CONTROL, NOTE_OFF, NOTE_ON, RESET
from rtsep.notes.programs import DRUMS
from rtsep.notes.tracks import Timed
from rtsep.notes.tunings import read_tuning
from rtsep.notes.zones import DATA, Parameters

BENT_CENTS = 20.0  # A note counts as bent if it sounds more than this many cents away from its pitch.
USUAL_RANGE, MEMBER_RANGE = 2.0, 48.0  # The default range of a bend in semitones: of a channel, and of a member of an MPE zone.
DATA_LOW = 38  # MIDI's number of the controller for the fine value of a parameter.
CENTRE = 8192  # The value of a pitch bend that bends nothing; a full bend has this many steps.
RANGE, FINE, COARSE = (0, 0), (0, 1), (0, 2)  # High and low number of these registered parameters.

Place = tuple[int, int, int]  # Port, channel, key; a key of -1 stands for all keys.
Curve = tuple[list[float], list[float]]  # Seconds, ascending, and cents from then on.
Curves = dict[Place, list[Curve]]


class Channel:
    """Bend and tuning of one channel."""

    def __init__(self, reach: float) -> None:
        self._reach, self._low = reach, 0.0  # The range of bends in semitones, and the cents beyond them.
        self._bend, self._fine, self._coarse = 0, CENTRE, 0

    @property
    def cents(self) -> float:
        """How many cents the channel sounds away from its written pitches."""
        bent = self._bend / CENTRE * (100 * self._reach + self._low)
        return bent + 100 * self._coarse + 100 * (self._fine - CENTRE) / CENTRE

    def bend(self, value: int) -> None:
        """Bend by `value`, 0 to 16383."""
        self._bend = value - CENTRE

    def set(self, parameter: tuple[int, int], value: int, fine: bool) -> None:
        """Set the coarse or fine value of a registered parameter."""
        if parameter == RANGE:
            self._reach, self._low = (self._reach, float(value)) if fine else (float(value), 0.0)
        elif parameter == FINE:
            self._fine = (self._fine & ~0x7F | value) if fine else (value << 7 | self._fine & 0x7F)
        elif parameter == COARSE and not fine:
            self._coarse = value - 64


class Bending:
    """Bends and tunings of all channels of one port."""

    def __init__(self, masters: Mapping[int, int]) -> None:
        self._masters, self._channels, self._parameters = masters, dict[int, Channel](), Parameters()

    def channel(self, number: int) -> Channel:
        """The channel with this number, counted from 0."""
        if number not in self._channels:
            self._channels[number] = Channel(MEMBER_RANGE if number in self._masters else USUAL_RANGE)
        return self._channels[number]

    def receive(self, status: int, data1: int, data2: int) -> int | None:
        """Take a message. Returns its channel if it can have changed the pitch of the channel, else None."""
        kind, number = status & 0xF0, status & 0x0F
        if kind == BEND:
            self.channel(number).bend(data2 << 7 | data1)
        elif kind == CONTROL and data1 == RESET:
            self.channel(number).bend(CENTRE)
        elif kind == CONTROL:
            return self._control(number, data1, data2)
        else:
            return None
        return number

    def _control(self, number: int, data1: int, data2: int) -> int | None:
        self._parameters.control(number, data1, data2)
        if data1 not in (DATA, DATA_LOW):
            return None
        for each in (number, *(self._masters if self._parameters.chosen(number) == RANGE and number in self._masters else ())):
            if each == number or self._masters[each] == self._masters[number]:  # The members of a zone share their range.
                self.channel(each).set(self._parameters.chosen(number), data2, data1 == DATA_LOW)
        return number


def read_curves(
    heard: Iterable[Timed], sysex: Iterable[tuple[int, bytes]], masters: Mapping[int, Mapping[int, int]],
    at: Callable[[Iterable[int]], list[float]],
) -> Curves | None:
    """How the pitch changes at each place; None if it never changes. `heard`: all messages by time; `at`: ticks to seconds."""
    ports, changes = dict[int, Bending](), dict[Place, list[tuple[int, float]]]()
    for tick, port, status, data1, data2 in heard:
        if status & 0xF0 not in (BEND, CONTROL):
            continue
        bending = ports.setdefault(port, Bending(masters.get(port, {})))
        number = bending.receive(status, data1, data2)
        if number is not None:
            changes.setdefault((port, number, -1), []).append((tick, bending.channel(number).cents))
    for tick, data in sysex:
        for channel, key, kind, cents in read_tuning(data):
            changes.setdefault((-1 - kind, channel, key), []).append((tick, cents))
    curves = {place: [(at(tick for tick, _ in told), [cents for _, cents in told])] for place, told in changes.items()
              if any(cents for _, cents in told)}
    for port, zone in masters.items():
        for member, master in zone.items():
            curves[port, member, -1] = [*curves.get((port, member, -1), []), *curves.get((port, master, -1), [])[:1]]
    return curves if any(curves.values()) else None


def _places(port: int, channel: int, pitch: int) -> Iterable[Place]:
    yield port, channel, -1
    for kind in range(3):  # The kinds of `read_tuning`.
        yield from ((-1 - kind, told, key) for told in (-1, channel) for key in (-1, pitch))


def _reach(curves: Sequence[Curve], onset_s: float, offset_s: float) -> tuple[float, float]:
    """The lowest and the highest deviation of a note, in cents."""
    times = {onset_s}
    for seconds, _ in curves:
        times.update(seconds[bisect_right(seconds, onset_s) : bisect_left(seconds, offset_s)])
    found = [sum(cents[last - 1] for seconds, cents in curves if (last := bisect_right(seconds, time_s))) for time_s in times]
    return min(found), max(found)


def retune(
    messages: NDArray[np.uint8], seconds: NDArray[np.float64], notes: NDArray[np.void], ports: Sequence[int],
    programs: Mapping[tuple[int, int], int], curves: Curves,
) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """The messages, with the pitch that sounds if it is whole semitones away, and a warning about all bent notes.

    notes: NOTE [n]. Drums are never bent.
    """
    shifts, bent = dict[tuple[int, int, int, float], int](), list[tuple[Any, float]]()
    known = dict[tuple[int, int, int], list[Curve]]()
    for note in notes:
        part, channel, pitch = int(note["part"]), int(note["channel"]), int(note["pitch"])
        key = part, channel, pitch
        if key not in known:
            drums, places = programs.get((part, channel)) == DRUMS, _places(ports[part], channel, pitch)
            known[key] = [] if drums else [curve for place in places for curve in curves.get(place, ())]
        if not (there := known[key]):
            continue
        low, high = _reach(there, float(note["onset_s"]), float(note["offset_s"]))
        if max(-low, high) > BENT_CENTS:
            bent.append((note, max(-low, high)))
            whole = round((low + high) / 200)
            if whole and max(abs(low - 100 * whole), abs(high - 100 * whole)) <= BENT_CENTS and 0 <= pitch + whole < 128:
                shifts[part, channel, pitch, float(note["onset_s"])] = whole
    return _moved(messages, seconds, shifts), (_told(bent, len(shifts)),) if bent else ()


def _moved(
    messages: NDArray[np.uint8], seconds: NDArray[np.float64], shifts: Mapping[tuple[int, int, int, float], int]
) -> NDArray[np.uint8]:
    """The messages, with each shifted note and its end at the pitch that sounds."""
    found, down = messages.copy(), dict[tuple[int, int, int], list[int]]()
    for at, (part, status, pitch, velocity) in enumerate(messages.tolist() if shifts else ()):
        key = (part, status & 0x0F, pitch)
        if status & 0xF0 == NOTE_ON and velocity:
            down.setdefault(key, []).append(pitch + shifts.get((*key, float(seconds[at])), 0))
            found[at, 2] = down[key][-1]
        elif status & 0xF0 in (NOTE_ON, NOTE_OFF) and down.get(key):
            found[at, 2] = down[key].pop(0)
    return found


def _told(bent: Sequence[tuple[Any, float]], moved: int) -> str:
    channels = ", ".join(str(channel + 1) for channel in sorted({int(note["channel"]) for note, _ in bent}))
    first = min(float(note["onset_s"]) for note, _ in bent)
    many = "note is" if len(bent) == 1 else "notes are"
    told = (f"{len(bent)} {many} bent or tuned by more than {BENT_CENTS:g} cents, up to "
            f"{max(cents for _, cents in bent):.0f}, from {first:.2f} s on, on channel {channels}")
    if moved == len(bent):
        return f"{told}: by whole semitones, so they get the templates of the pitches that sound"
    some = f"{moved} of them sound whole semitones away and get the templates of those pitches; " if moved else ""
    return f"{told}: {some}{'the others' if moved else 'they'} keep the templates of their written pitch and separate less well"
