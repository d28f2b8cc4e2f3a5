"""The notes of a take: a journal that grows during the recording, and the MIDI file that is made from it.

The journal is a sequence of records of equal size, so after any crash it can be read up to the last whole record.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import mido
import numpy as np
import numpy.typing as npt

from rtsep.files.growing import write_all
from rtsep.kernels.memory import STEM_TOLD
from rtsep.notes.messages import CONTROL, NOTE_OFF, NOTE_ON, NOTES_OFF, RESET, SOUND_OFF, Message

TICKS, TEMPO_US = 32767, 500_000  # Ticks and microseconds per quarter note: a tick is 15 us, less than a sample at 48 kHz.
NOBODY = -1  # The stem of notes that belong to no stem.
TOLD = 0xF0  # Plus the channel: status of a record that tells the stem of a key. MIDI's own messages of this kind are left out.
NOTE = np.dtype([("sample", "<i8"), ("stem", "i1"), ("part", "u1"), ("status", "u1"), ("data1", "u1"), ("data2", "u1")])


def as_recorded(events: npt.NDArray[np.void]) -> list[tuple[int, int, Message]]:
    """Sample, part and message of EVENT [n] from the callback. Corrections of hands are left out: they are not MIDI."""
    found = list[tuple[int, int, Message]]()
    for sample, part, status, data1, data2, stem in events.tolist():
        if status == STEM_TOLD:
            found.append((sample, part, (TOLD | data2, data1, stem - 1)))
        elif status < TOLD:
            found.append((sample, part, (status, data1, data2)))
    return found


class Sounding:
    """The keys and pedals that are down in what has been recorded."""

    def __init__(self) -> None:
        self._down: dict[tuple[int, int, int], int] = {}  # (part, status of the press, key or controller): velocity or value.
        self._told: dict[tuple[int, int, int], Message] = {}  # The messages that told the stems of keys, with the same keys.

    def receive(self, part: int, message: Message) -> None:
        """Follow a message."""
        status, data1, data2 = message
        kind, channel = status & 0xF0, status & 0x0F
        if kind == TOLD:
            self._told[part, NOTE_ON | channel, data1] = message
        elif kind == NOTE_OFF or (kind == NOTE_ON and not data2):
            self._down.pop((part, NOTE_ON | channel, data1), None)
        elif kind == CONTROL and (data1 in (SOUND_OFF, RESET) or data1 >= NOTES_OFF):
            ended = CONTROL if data1 == RESET else NOTE_ON
            self._down = {key: value for key, value in self._down.items() if key[:2] != (part, ended | channel)}
        elif data2:
            self._down[part, status, data1] = data2
        else:
            self._down.pop((part, status, data1), None)

    def presses(self) -> list[tuple[int, Message]]:
        """Messages that press all of them and tell their stems. The next take begins with them."""
        return [(part, message) for (part, status, data1), data2 in self._down.items()
                for message in ((status, data1, data2), self._told.get((part, status, data1))) if message is not None]

    def releases(self) -> list[tuple[int, Message]]:
        """Messages that release all of them. A take ends with them."""
        return [(part, (NOTE_OFF | status & 0x0F if status & 0xF0 == NOTE_ON else status, data1, 0))
                for part, status, data1 in self._down]


class Journal:
    """The growing file of notes. `table` has the stem of a note by part, channel and pitch. Thread: one."""

    def __init__(self, path: Path, table: npt.NDArray[np.int8]) -> None:
        self._table, self._file = table, io.FileIO(path, "x")
        self._unwritten = b""  # Whole records that a full disk did not take yet.
        self.events, self.bytes = 0, 0
        self.last = 0  # The sample of the latest message.

    def add(self, notes: Iterable[tuple[int, int, Message]], played: bool = True) -> None:
        """Append messages (sample, part, message). A message for a whole channel is written for each of its stems.

        `events` counts them only if they were `played`. What a full disk does not take is kept for the next call.
        """
        notes = list(notes)
        rows = [(max(sample, 0), stem, part, *message) for sample, part, message in notes
                for stem in self._stems(part, message)]
        if rows:
            self._unwritten += np.array(rows, NOTE).tobytes()
            with suppress(OSError):
                self._write()
            self.last = max(self.last, *(row[0] for row in rows))
            self.events += sum(message[0] < TOLD for _, _, message in notes) if played else 0

    def _write(self) -> None:
        """Append whole records, or nothing, so that later records never begin within one. OSError: disk full."""
        try:
            write_all(self._file, self._unwritten)
        except OSError:
            self._file.truncate(self.bytes)
            self._file.seek(self.bytes)
            raise
        self.bytes += len(self._unwritten)
        self._unwritten = b""

    def _stems(self, part: int, message: Message) -> Sequence[int]:
        if message[0] >= TOLD:
            return (message[2],)
        if part >= len(self._table):
            return (NOBODY,)
        of_channel = self._table[part, message[0] & 0x0F]
        if message[0] & 0xF0 != CONTROL:
            return (int(of_channel[message[1]]),)
        return np.unique(of_channel[of_channel >= 0]).tolist() or (NOBODY,)

    def update(self) -> None:
        """Make sure that the records are on the disk."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Write the rest, and close the file. OSError: disk full."""
        try:
            self._write()
        finally:
            self._file.close()


def read_journal(path: Path) -> npt.NDArray[np.void]:
    """NOTE [n]: the whole records of a journal, with the stems that were told last."""
    data = path.read_bytes()
    rows = np.frombuffer(data[: len(data) // NOTE.itemsize * NOTE.itemsize], NOTE)
    broken = rows["status"] < NOTE_OFF  # This is not a status, so from here on there are no records.
    return _in_told_stems(rows[: np.argmax(broken)] if broken.any() else rows)


def _in_told_stems(rows: npt.NDArray[np.void]) -> npt.NDArray[np.void]:
    """Only the messages. Where a stem was told, both ends of the note belong to it."""
    is_message = rows["status"] < TOLD
    if is_message.all():
        return rows
    stems, presses, told = rows["stem"].copy(), dict[tuple[int, int, int], list[int]](), set[int]()
    ends, down = dict[int, int](), dict[tuple[int, int, int], list[int]]()
    for at, (sample, stem, part, status, data1, data2) in enumerate(rows.tolist()):
        kind, key = status & 0xF0, (part, status & 0x0F, data1)
        if kind == TOLD:
            for press in reversed(presses.get(key, ())):
                began = rows[press]["sample"]
                if began == sample or press not in told:
                    stems[press] = stem
                    told.add(press)
                elif began < sample:
                    break
        elif kind == NOTE_ON and data2:
            presses.setdefault(key, []).append(at)
            down.setdefault(key, []).append(at)
        elif kind in (NOTE_ON, NOTE_OFF) and down.get(key):
            ends[at] = down[key].pop()
        elif kind == CONTROL and (data1 == SOUND_OFF or data1 >= NOTES_OFF):
            down = {other: pressed for other, pressed in down.items() if other[:2] != key[:2]}
    stems[list(ends)] = stems[list(ends.values())]
    found = rows.copy()
    found["stem"] = stems
    return found[is_message]


def midi_bytes(notes: npt.NDArray[np.void], stems: Sequence[str], sample_rate: float) -> bytes:
    """A MIDI file of NOTE [n], exact to a sample at 48 kHz: a track for each stem and port, with the name of the stem."""
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
