"""The notes of a take: a journal that grows while it is recorded, and the MIDI file that it becomes.

The journal is a row of records of one size, so it can be read up to the last whole one after any crash.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import mido
import numpy as np
import numpy.typing as npt

from rtsep.files.growing import write_all
from rtsep.kernels.memory import CORRECTION
from rtsep.notes.messages import CONTROL, NOTE_OFF, NOTE_ON, NOTES_OFF, RESET, SOUND_OFF, Message

TICKS, TEMPO_US = 32767, 500_000  # Ticks and microseconds per quarter note: a tick is 15 us, less than a sample at 48 kHz.
NOBODY = -1  # Stands for notes that belong to no stem.
NOTE = np.dtype([("sample", "<i8"), ("stem", "i1"), ("part", "u1"), ("status", "u1"), ("data1", "u1"), ("data2", "u1")])


class Sounding:
    """The keys and pedals that are down in what has been recorded."""

    def __init__(self) -> None:
        self._down: dict[tuple[int, int, int], int] = {}  # (part, status of the press, key or controller): velocity or value.

    def receive(self, part: int, message: Message) -> None:
        """Follow a message."""
        status, data1, data2 = message
        kind, channel = status & 0xF0, status & 0x0F
        if kind == NOTE_OFF or (kind == NOTE_ON and not data2):
            self._down.pop((part, NOTE_ON | channel, data1), None)
        elif kind == CONTROL and (data1 in (SOUND_OFF, RESET) or data1 >= NOTES_OFF):
            ended = CONTROL if data1 == RESET else NOTE_ON
            self._down = {key: value for key, value in self._down.items() if key[:2] != (part, ended | channel)}
        elif data2:
            self._down[part, status, data1] = data2
        else:
            self._down.pop((part, status, data1), None)

    def presses(self) -> list[tuple[int, Message]]:
        """Messages that press all of them, as the next take begins with."""
        return [(part, (status, data1, data2)) for (part, status, data1), data2 in self._down.items()]

    def releases(self) -> list[tuple[int, Message]]:
        """Messages that release all of them, as a take ends with."""
        return [(part, (NOTE_OFF | status & 0x0F if status & 0xF0 == NOTE_ON else status, data1, 0))
                for part, status, data1 in self._down]


class Journal:
    """The growing file of notes. `table` tells the stem of a note by part, channel and pitch. Thread: one."""

    def __init__(self, path: Path, table: npt.NDArray[np.int8]) -> None:
        self._table, self._file = table, io.FileIO(path, "x")
        self.events, self.bytes = 0, 0

    def add(self, notes: Iterable[tuple[int, int, Message]], played: bool = True) -> None:
        """Append messages (sample, part, message); one for a channel is kept for each of its stems. OSError: disk full.

        Only those that were `played` are counted. Corrections of hands are no MIDI.
        """
        notes = [each for each in notes if each[2][0] != CORRECTION]
        rows = [(max(sample, 0), stem, part, *message) for sample, part, message in notes
                for stem in self._stems(part, message)]
        if rows:
            write_all(self._file, np.array(rows, NOTE).tobytes())
            self.events += len(notes) if played else 0
            self.bytes += len(rows) * NOTE.itemsize

    def _stems(self, part: int, message: Message) -> Sequence[int]:
        if part >= len(self._table):
            return (NOBODY,)
        of_channel = self._table[part, message[0] & 0x0F]
        if message[0] & 0xF0 != CONTROL:
            return (int(of_channel[message[1]]),)
        return np.unique(of_channel[of_channel >= 0]).tolist() or (NOBODY,)

    def update(self) -> None:
        """Write what is there to the disk."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def read_journal(path: Path) -> npt.NDArray[np.void]:
    """NOTE [n]: the whole records of a journal."""
    data = path.read_bytes()
    return np.frombuffer(data[: len(data) // NOTE.itemsize * NOTE.itemsize], NOTE)


def midi_bytes(notes: npt.NDArray[np.void], stems: Sequence[str], sample_rate: float) -> bytes:
    """A MIDI file of NOTE [n], exact to a sample at 48 kHz: a track for each stem and port, named as the stem."""
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS)
    places = sorted(set(zip(notes["stem"].tolist(), notes["part"].tolist(), strict=True))) or [(0, 0)]
    for stem, part in places:
        track = file.add_track(stems[stem] if 0 <= stem < len(stems) else "other notes")
        track.append(mido.MetaMessage("set_tempo", tempo=TEMPO_US))
        track += _timed(notes[(notes["stem"] == stem) & (notes["part"] == part)], sample_rate)
    buffer = io.BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()


def _timed(notes: npt.NDArray[np.void], sample_rate: float) -> Iterator[mido.Message]:
    now, per_second = 0, TICKS * 1e6 / TEMPO_US
    for sample, _stem, _part, *message in np.sort(notes, order="sample", kind="stable").tolist():
        tick = round(sample / sample_rate * per_second)
        yield mido.Message.from_bytes(message, time=tick - now)
        now = tick
