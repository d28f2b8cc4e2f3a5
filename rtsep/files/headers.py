"""Compares the length in a sound file's header with the bytes that exist. The sound itself is read in sound.py.

The decoder would take a truncated file for a shorter one, so truncation is detected here.
"""

from __future__ import annotations

import os
import stat
import struct
from typing import BinaryIO, NamedTuple

from rtsep.errors import RtsepError


class Layout(NamedTuple):
    """The chunk structure of a format."""

    first: int  # Offset of the first chunk.
    id_bytes: int
    size: str  # struct code of the size field.
    data: bytes  # Start of the name of the chunk with the sound.
    align: int
    counts_header: int  # Bytes of the chunk's header that its size includes.


LAYOUTS = {
    b"RIFF": Layout(12, 4, "<I", b"data", 2, 0),  # WAV
    b"RIFX": Layout(12, 4, ">I", b"data", 2, 0),
    b"RF64": Layout(12, 4, "<I", b"data", 2, 0),
    b"FORM": Layout(12, 4, ">I", b"SSND", 2, 0),  # AIFF
    b"caff": Layout(8, 4, ">Q", b"data", 1, 0),
    b"riff": Layout(40, 16, "<Q", b"data", 8, 24),  # W64
}
# Programs write these if they cannot go back to correct the header; the sound then ends with the file.
UNKNOWN_SIZES = frozenset((0, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 2**32 - 1, 2**64 - 1))
MOST_CHUNKS = 10_000  # The search for the sound gives up after this many chunks.
_OGG_PAGE = 65_307  # Bytes of the longest page of an Ogg file.


def check_file(path: str | os.PathLike[str]) -> None:
    """RtsepError if `path` is no file, cannot be read, is empty, or holds less sound than its header says.

    Covers WAV, RF64, W64, AIFF, AU, CAF, Ogg and MP3 (FLAC needs decoding); all other files pass.
    """
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise RtsepError(f"{path} is not a file: give a sound file")
        if not status.st_size:
            raise RtsepError(f"{path} is empty: give a sound file")
        fault = _find_fault(path)
    except OSError as error:
        raise RtsepError(f"cannot read {path}: {error.strerror}; give a sound file") from error
    if fault:
        raise RtsepError(f"cannot use {path}, {fault}: copy or export it again, best as WAV or FLAC")


def _find_fault(path: str | os.PathLike[str]) -> str | None:
    """Why the sound in `path` is not complete, or None if its header shows no fault."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        magic = file.read(4)
        if magic in LAYOUTS:
            return _compare(*_chunked(file, size, LAYOUTS[magic]))
        if magic == b".snd":
            offset, promised = struct.unpack(">II", file.read(8).ljust(8, b"\0"))
            return _compare(promised, size - offset)
        if magic == b"OggS":
            return _ogg_fault(file, size)
        if magic[:3] == b"ID3" or _is_mpeg(magic):
            return _mpeg_fault(file, size)
    return None


def _compare(promised: int, there: int) -> str | None:
    if promised in UNKNOWN_SIZES or promised <= there:
        return None
    return f"it is truncated: its header promises {promised} bytes of sound and {max(there, 0)} are there"


def _chunked(file: BinaryIO, size: int, layout: Layout) -> tuple[int, int]:
    """Bytes of sound promised and present; 0 promised if no chunk of sound is found."""
    at, promised_64 = layout.first, 0
    head_bytes = layout.id_bytes + struct.calcsize(layout.size)
    for _ in range(MOST_CHUNKS):
        file.seek(min(at, size))
        head = file.read(head_bytes)
        if len(head) < head_bytes:
            break
        (length,) = struct.unpack(layout.size, head[layout.id_bytes :])
        length = max(length - layout.counts_header, 0)
        if head.startswith(layout.data):
            return promised_64 or length, size - at - head_bytes
        if head.startswith(b"ds64"):  # RF64 stores the true sizes here.
            promised_64 = int.from_bytes(file.read(16)[8:], "little")
        at += head_bytes + length + -length % layout.align
    return 0, 0


def _ogg_fault(file: BinaryIO, size: int) -> str | None:
    """The fault of an Ogg file: its last page must be complete and flagged as the last of its stream."""
    file.seek(max(0, size - 2 * _OGG_PAGE))
    tail = file.read()
    page = tail[tail.rfind(b"OggS") :]
    segments = page[27 : 27 + page[26]] if len(page) > 26 else b""
    whole = len(page) > 26 and len(page) >= 27 + page[26] + sum(segments)
    return None if whole and page[5] & 4 else "it is truncated: its stream has no end"


def _is_mpeg(head: bytes) -> bool:
    return len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0


def _mpeg_fault(file: BinaryIO, size: int) -> str | None:
    """The fault of an MP3 file: it must state its length (else the decoder guesses it and may stop early) and have it."""
    file.seek(0)
    start, head = 0, file.read(10)
    if head[:3] == b"ID3" and len(head) == 10:
        start = 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
    file.seek(start)
    head = file.read(4096)
    if head[:4] == b"fLaC":
        return None
    tag = max(head.find(b"Xing"), head.find(b"Info"))
    if tag < 0:
        return "it is an MPEG stream that does not tell its length"
    flags, promised = struct.unpack(">I4xI", head[tag + 4 : tag + 16].ljust(12, b"\0"))
    frame = max(head.rfind(b"\xff", 0, tag), 0)
    return _compare(promised if flags & 3 == 3 else 0, size - start - frame)
