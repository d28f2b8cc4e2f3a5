"""Scores: MIDI files become events for the engine. No ports, no threads.

A *part* is a track that carries notes, counted from 0 in file order, or a live port.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtsep.errors import RtsepError
from rtsep.notes.messages import CONTROL, NOTE_ON, Keyboard, Message, MidiParser, is_kept
from rtsep.notes.programs import Change, played_programs

__all__ = ["EVENT", "NOTE", "Message", "MidiParser", "Score", "is_kept", "read_midi"]

# kernels.memory declares the same type: compiled code depends on the kernels' own sources, so they import nothing else.
EVENT = np.dtype(
    [("sample", "<i8"), ("part", "u1"), ("status", "u1"), ("data1", "u1"), ("data2", "u1"), ("stem", "<u4")]
)  # stem: 0, or 1 + the stem that a note-on belongs to regardless of its routing.
NOTE = np.dtype(
    [("onset_s", "<f8"), ("offset_s", "<f8"), ("pitch", "u1"), ("velocity", "u1"), ("part", "u1"), ("channel", "u1")]
)
MAX_PARTS = 32  # At most this many tracks may have notes.
MAX_DURATION_S = 24 * 3600.0  # A score lasts at most this many seconds.
MAX_FILE_BYTES = 32_000_000  # A MIDI file has at most this many bytes, some ten million messages.
MAX_TICKS = 2**52  # A score has at most this many ticks, which float64 counts exactly.

Row = tuple[int, int, int, int, int]  # Tick, number of the track, status, data1, data2.


@dataclass(frozen=True, eq=False)
class Score:
    """The notes of a MIDI file, in seconds.

    | field | |
    | --- | --- |
    | track_names | of the tracks with notes in file order, one per part; "track_N" (N = part + 1) for an empty one |
    | seconds | float64 [n], time of each message from the start of the file, ascending |
    | messages | uint8 [n, 4]: part, status, data1, data2; at equal times in file order |
    | channels | channels that play notes, 0 to 15, ascending |
    | note_count | note-ons with a velocity above 0 |
    | duration_s | time of the last message; 0 without any |
    | tracks_without_notes | how many tracks carry no note |
    | programs | General MIDI program of each (part, channel) that plays notes, see `programs` |

    At the end of the file all keys and pedals that are still down are released.
    A pedal acts on its channel: parts on that channel without such a controller of their own get a copy.
    """

    track_names: tuple[str, ...]
    seconds: NDArray[np.float64]
    messages: NDArray[np.uint8]
    channels: tuple[int, ...]
    note_count: int
    duration_s: float
    tracks_without_notes: int
    programs: Mapping[tuple[int, int], int] = field(default_factory=dict)

    def events(self, sample_rate: float, offset_s: float = 0.0) -> NDArray[np.void]:
        """The messages as EVENT [n], `offset_s` seconds later; earlier ones than the first sample move to sample 0."""
        events = np.zeros(len(self.seconds), EVENT)
        events["sample"] = np.maximum(np.rint((self.seconds + offset_s) * sample_rate), 0)
        for column, name in enumerate(("part", "status", "data1", "data2")):
            events[name] = self.messages[:, column]
        return events

    def notes(self) -> NDArray[np.void]:
        """The notes as NOTE [n], by onset; offsets include both pedals (see `Keyboard` for keys struck twice)."""
        found = []
        for (part, channel), keyboard in _played(self.seconds, self.messages).items():
            keyboard.finish(self.duration_s)
            found += [(*note, part, channel) for note in keyboard.ended]
        return np.sort(np.array(found, NOTE), order=("onset_s", "part", "pitch", "channel"))


def _played(seconds: Iterable[float], messages: NDArray[np.uint8]) -> dict[tuple[int, int], Keyboard]:
    """A keyboard for each part and channel, after all its messages."""
    keyboards: dict[tuple[int, int], Keyboard] = {}
    for at_s, (part, status, data1, data2) in zip(seconds, messages.tolist(), strict=True):
        keyboards.setdefault((part, status & 0x0F), Keyboard()).play(float(at_s), (status, data1, data2))
    return keyboards


def read_midi(path: str | os.PathLike[str]) -> Score:
    """The notes of the MIDI file `path` (format 0 or 1, tempo map or SMPTE time).

    A file without notes gives a Score without parts. RtsepError: missing, empty, truncated, not MIDI, broken, format 2,
    longer than 24 hours, more than 32 tracks with notes.
    """
    division, chunks = _split(_read_bytes(path), path)
    tracks = _parse(chunks, path)
    rows, tempos, changes, end = _collect(tracks, path)
    playing = sorted({row[1] for row in rows if _is_strike(row)})
    if len(playing) > MAX_PARTS:
        raise RtsepError(f"{path} has {len(playing)} tracks with notes, allowed are {MAX_PARTS}: merge or remove some")
    programs = played_programs([(row[0], row[1], row[2] & 0x0F) for row in rows if _is_strike(row)], changes)
    rows = sorted(_assign(rows, playing), key=lambda row: row[0])  # Stable: file order at equal times.
    seconds = _seconds(np.array([row[0] for row in rows] + [end], np.float64), division, tempos)
    names = tuple(_name(tracks[track], part) for part, track in enumerate(playing))
    score = _score(rows, seconds, names, len(tracks) - len(playing),
                   {(playing.index(track), channel): program for (track, channel), program in programs.items()})
    if score.duration_s > MAX_DURATION_S:
        hours = score.duration_s / 3600
        raise RtsepError(f"{path} lasts {hours:.0f} hours, allowed are 24: cut it, or check its tempo")
    return score


def _read_bytes(path: str | os.PathLike[str]) -> bytes:
    """The content of a file that begins as MIDI."""
    try:
        with open(path, "rb") as file:
            data = file.read(12)
            if not data:
                raise RtsepError(f"{path} is empty: give a standard MIDI file")
            if data[:4] != b"MThd" and (data[:4], data[8:]) != (b"RIFF", b"RMID"):
                raise RtsepError(f"{path} is not MIDI: give a standard MIDI file (.mid)")
            data += file.read(MAX_FILE_BYTES)
    except OSError as error:
        raise RtsepError(f"cannot read {path}: {error.strerror}; give a standard MIDI file") from error
    if len(data) > MAX_FILE_BYTES:
        raise RtsepError(f"{path} has more than {MAX_FILE_BYTES // 10**6} MB of MIDI: cut it into pieces")
    return data[20:] if data[:4] == b"RIFF" else data


def _split(data: bytes, path: str | os.PathLike[str]) -> tuple[int, list[bytes]]:
    """The time division and the track chunks with their headers; unknown chunks and data after the last are skipped."""
    truncated = RtsepError(f"{path} is truncated: its header promises more than there is; copy or export it again")
    if len(data) < 14:
        raise truncated
    header_bytes, style, count, division = struct.unpack(">4xIHHH", data[:14])
    if style > 1:
        raise RtsepError(f"{path} is MIDI of format {style}, allowed are 0 and 1: export it as format 1")
    if division == 0 or (division & 0x8000 and not division & 0xFF):
        raise RtsepError(f"{path} is broken: it has no ticks per beat; export it again")
    at, chunks = 8 + header_bytes, list[bytes]()
    while len(chunks) < count:
        end = at + 8 + int.from_bytes(data[at + 4 : at + 8], "big")
        if at + 8 > len(data) or end > len(data):
            raise truncated
        if data[at : at + 4] == b"MTrk":
            chunks.append(data[at:end])
        at = end
    return division, chunks


def _parse(chunks: list[bytes], path: str | os.PathLike[str]) -> list[Any]:
    """The tracks as mido reads them."""
    import mido
    from mido.midifiles.meta import KeySignatureError

    def parsed(chunks: list[bytes]) -> list[Any]:
        header = struct.pack(">4sIHHH", b"MThd", 6, 1, len(chunks), 1)
        return list(mido.MidiFile(file=BytesIO(header + b"".join(chunks))).tracks)

    try:
        try:
            return parsed(chunks)
        except KeySignatureError:  # Common, and irrelevant for notes: such keys become C major.
            return parsed([re.sub(rb"\xff\x59\x02..", b"\xff\x59\x02\0\0", chunk, flags=re.DOTALL) for chunk in chunks])
    except Exception as error:  # mido raises nearly any exception for broken bytes.
        reason = str(error) or "a track ends within a message"
        raise RtsepError(f"{path} is broken MIDI ({reason}): export it again") from error


def _collect(
    tracks: list[Any], path: str | os.PathLike[str]
) -> tuple[list[Row], list[tuple[int, int]], list[Change], int]:
    """All notes' messages in file order, changes of tempo (tick, microseconds per beat) and program, and the last tick."""
    rows, tempos, changes, end = list[Row](), list[tuple[int, int]](), list[Change](), 0
    for number, track in enumerate(tracks):
        tick = 0
        for message in track:
            tick += message.time
            if message.type == "set_tempo" and message.tempo:
                tempos.append((tick, message.tempo))
            elif message.type == "program_change":
                changes.append((tick, number, message.channel, message.program))
            elif message.type in ("note_on", "note_off", "control_change"):
                status, data1, data2 = message.bytes()
                rows += [(tick, number, status, data1, data2)] * is_kept(status, data1)
        end = max(end, tick)
    if end > MAX_TICKS:
        raise RtsepError(f"{path} is broken MIDI (a pause of {end} ticks): export it again")
    return rows, tempos, changes, end


def _is_strike(row: Row) -> bool:
    return row[2] & 0xF0 == NOTE_ON and row[4] > 0


def _assign(rows: list[Row], playing: list[int]) -> Iterator[Row]:
    """The rows with parts for tracks; a controller also goes to parts on its channel that do not have it."""
    part_of = {track: part for part, track in enumerate(playing)}
    players = sorted({(row[2] & 0x0F, part_of[row[1]]) for row in rows if _is_strike(row)})
    own = {(part_of.get(row[1]), *row[2:4]) for row in rows}
    for tick, track, status, data1, data2 in rows:
        part = part_of.get(track)
        if status & 0xF0 != CONTROL:
            yield from [(tick, part, status, data1, data2)] if part is not None else []
            continue
        for channel, player in players:
            if channel == status & 0x0F and (player == part or (player, status, data1) not in own):
                yield tick, player, status, data1, data2


def _seconds(ticks: NDArray[np.float64], division: int, tempos: list[tuple[int, int]]) -> NDArray[np.float64]:
    """Ticks in seconds: at a fixed rate for SMPTE divisions, else by the tempo changes (at first 120 beats a minute)."""
    if division & 0x8000:
        frames = 256 - (division >> 8)
        return ticks / (division & 0xFF) / (30000 / 1001 if frames == 29 else frames)
    changes = sorted([(0, 500_000), *tempos], key=lambda change: change[0])  # Stable: the last change at a tick counts.
    starts = np.array([tick for tick, _ in changes], np.float64)
    tick_s = np.array([tempo for _, tempo in changes]) * 1e-6 / division
    start_s = np.concatenate(([0.0], np.cumsum(np.diff(starts) * tick_s[:-1])))
    last = np.searchsorted(starts, ticks, side="right") - 1
    return start_s[last] + (ticks - starts[last]) * tick_s[last]


def _score(
    rows: list[Row], seconds: NDArray[np.float64], names: tuple[str, ...], without: int,
    programs: Mapping[tuple[int, int], int],
) -> Score:
    """The Score of rows (tick, part, ...) at `seconds`, whose last entry is the end of the file."""
    messages = np.array([row[1:] for row in rows], np.uint8).reshape(-1, 4)
    keyboards = _played(seconds[:-1], messages).items()
    hanging = [(part, *message) for (part, channel), keys in keyboards for message in keys.hanging(channel)]
    strikes = [row for row in rows if _is_strike(row)]
    seconds = np.concatenate((seconds[:-1], np.full(len(hanging), seconds[-1])))
    messages = np.concatenate((messages, np.array(hanging, np.uint8).reshape(-1, 4)))
    channels = tuple(sorted({row[2] & 0x0F for row in strikes}))
    return Score(names, seconds, messages, channels, len(strikes), float(seconds.max(initial=0.0)), without, programs)


def _name(track: Any, part: int) -> str:
    """The track's name, in either of the two usual encodings."""
    raw = next((message.name for message in track if message.type == "track_name"), "").encode("latin-1")
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError:
        name = raw.decode("latin-1")
    return name.strip(" \t\r\n\0") or f"track_{part + 1}"
