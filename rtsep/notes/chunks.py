"""Chunks of a MIDI file: header and tracks, even if lengths and counts are wrong, and also within RIFF.

A track ends where its length says, if a chunk begins or the file ends there; else at its end mark, or before the next track.
"""

from __future__ import annotations

import os
import struct
from collections import Counter
from dataclasses import dataclass, field
from typing import BinaryIO

from rtsep.errors import RtsepError
from rtsep.notes.tracks import Track, read_track

MAX_FILE_BYTES = 32_000_000  # A MIDI file has at most this many bytes, which are about ten million messages.
HEADER_BYTES = 14  # A MIDI file begins with a header of this many bytes.

Name = str | os.PathLike[str]


@dataclass
class Chunks:
    """division: the time base in the header. tracks: all tracks. odd: what is wrong in the file, and how often."""

    division: int
    tracks: list[Track] = field(default_factory=list)
    odd: Counter[str] = field(default_factory=Counter)


def read_chunks(path: Name) -> Chunks:
    """The tracks of the MIDI file `path`.

    RtsepError: missing, empty, not MIDI, format 2, truncated, or more odd events than right ones.
    """
    data = _read_bytes(path)
    if len(data) < HEADER_BYTES:
        raise _truncated(path)
    header_bytes, style, count, division = struct.unpack(">4xIHHH", data[:HEADER_BYTES])
    if style > 1:
        raise RtsepError(f"{path} is MIDI of format {style}, allowed are 0 and 1: export it as format 1")
    if division == 0 or (division & 0x8000 and not division & 0xFF):
        raise RtsepError(f"{path} is broken: it has no ticks per beat; export it again")
    found = Chunks(division)
    _read_tracks(found, data, 8 + header_bytes, path)
    missing = count - len(found.tracks)
    if missing and not found.tracks:
        raise _truncated(path)
    found.odd["tracks that the header promises and that are missing"] += max(missing, 0)
    found.odd["tracks that the header does not promise"] += max(-missing, 0)
    _refuse_garbage(found, path)
    return found


def _truncated(path: Name) -> RtsepError:
    return RtsepError(f"{path} is truncated: its header promises more than there is; copy or export it again")


def _refuse_garbage(found: Chunks, path: Name) -> None:
    """RtsepError if there are more odd events than right ones."""
    odd = Counter[str]()
    for track in found.tracks:
        odd.update(track.odd)
    found.odd.update(odd)
    if odd.total() > sum(track.good for track in found.tracks):
        what, count = odd.most_common(1)[0]
        raise RtsepError(f"{path} is broken MIDI ({what}: {count}): export it again")


def _read_tracks(found: Chunks, data: bytes, at: int, path: Name) -> None:
    """Add all tracks from `at` on."""
    while 0 <= at < len(data):
        end = at + 8 + int.from_bytes(data[at + 4 : at + 8], "big")
        if data[at : at + 4] == b"MTrk":
            at = _read_one(found, data, at, end, path)
        elif _is_chunk(data, at):
            at = end
        else:
            at = data.find(b"MTrk", at)


def _read_one(found: Chunks, data: bytes, at: int, end: int, path: Name) -> int:
    """Add the track at `at`; by its length it ends at `end`. Returns where the next chunk begins."""
    following = data.find(b"MTrk", at + 4)
    fits = _is_border(data, end)
    track, stop = read_track(data, at + 8, end if fits else following if following >= 0 else len(data))
    if end > len(data) and not track.ended and following < 0:
        raise _truncated(path)
    swallows = fits and track.ended and data[stop : stop + 4] == b"MTrk" and stop < end
    found.odd["tracks of a wrong length"] += not fits or swallows
    found.tracks.append(track)
    if fits and not swallows:
        return end
    return stop if _is_border(data, stop) else following


def _is_border(data: bytes, at: int) -> bool:
    """Whether a chunk can begin at `at`, or the file ends there."""
    return at == len(data) or (at < len(data) and (data[at : at + 4] == b"MTrk" or _is_chunk(data, at)))


def _is_chunk(data: bytes, at: int) -> bool:
    """Whether a whole chunk with a name of four letters lies at `at`."""
    name, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "big")
    return len(name) == 4 and all(0x20 <= byte < 0x7F for byte in name) and at + 8 + length <= len(data)


def _read_bytes(path: Name) -> bytes:
    """The MIDI data of a file that is MIDI, or RIFF with MIDI in it."""
    try:
        with open(path, "rb") as file:
            data = file.read(12)
            if not data:
                raise RtsepError(f"{path} is empty: give a standard MIDI file")
            if (data[:4], data[8:]) == (b"RIFF", b"RMID"):
                data = _from_riff(file, path)
            elif data[:4] == b"MThd":
                data += file.read(MAX_FILE_BYTES)
            else:
                raise RtsepError(f"{path} is not MIDI: give a standard MIDI file (.mid)")
    except OSError as error:
        raise RtsepError(f"cannot read {path}: {error.strerror}; give a standard MIDI file") from error
    if len(data) > MAX_FILE_BYTES:
        raise RtsepError(f"{path} has more than {MAX_FILE_BYTES // 10**6} MB of MIDI: cut it into pieces")
    return data


def _from_riff(file: BinaryIO, path: Name) -> bytes:
    """The MIDI data in the chunk `data` of a RIFF file, at any place. Other chunks, such as instruments, are skipped."""
    while len(header := file.read(8)) == 8:
        name, length = header[:4], int.from_bytes(header[4:], "little")
        begin = file.tell()
        if name == b"data":
            data = file.read(min(length, MAX_FILE_BYTES + 1))
            if data[:4] == b"MThd":
                return data
        file.seek(begin + length + length % 2)  # Chunks begin at even bytes.
    file.seek(12)  # A length is wrong: look for the header itself.
    data = file.read(MAX_FILE_BYTES)
    at = data.find(b"MThd")
    if at < 0:
        raise RtsepError(f"{path} is not MIDI: its RIFF has no MIDI in it; give a standard MIDI file (.mid)")
    return data[at:]
