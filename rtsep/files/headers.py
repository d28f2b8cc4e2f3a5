"""Reads the beginning of a sound file: which decoder it needs, and whether all the sound is there that its header promises.

The decoder alone would take a truncated file for a shorter one, and a file with an unfinished header for an empty one.
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
    data: bytes  # The first bytes of the name of the chunk with the sound.
    align: int
    counts_header: int  # How many bytes of its header the size of a chunk includes.


class Found(NamedTuple):
    """How a file is to be read."""

    skip: int = 0  # Bytes of a tag at the beginning that the decoder must not see.
    at: int = 0  # Offset, from the start of the file, of the bytes that `patch` replaces for the decoder.
    patch: bytes = b""
    note: str = ""  # A message for the user about the sound, or "".
    undecodable: str = ""  # Why only ffmpeg can read it, or "".


LAYOUTS = {
    b"RIFF": Layout(12, 4, "<I", b"data", 2, 0),  # WAV
    b"RIFX": Layout(12, 4, ">I", b"data", 2, 0),
    b"RF64": Layout(12, 4, "<I", b"data", 2, 0),
    b"FORM": Layout(12, 4, ">I", b"SSND", 2, 0),  # AIFF
    b"caff": Layout(8, 4, ">Q", b"data", 1, 0),
    b"riff": Layout(40, 16, "<Q", b"data", 8, 24),  # W64
}
# Programs write these sizes if they cannot go back to correct the header; then the sound ends where the file ends.
UNKNOWN_SIZES = frozenset((0, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 2**32 - 1, 2**64 - 1))
MOST_CHUNKS = 10_000  # The search for the sound gives up after this many chunks.
MOST_TAGS = 16  # At most this many ID3 tags are skipped.
TAGGED = (*LAYOUTS, b"fLaC", b".snd", b"OggS")  # These formats have no ID3 tags, so a tag is hidden from the decoder.
_OGG_PAGE = 65_307  # The longest page of an Ogg file has this many bytes.


def check_file(path: str | os.PathLike[str], cut: bool = False) -> Found:
    """How to read `path`. With `cut`, uncompressed sound that ends too early is read up to its end.

    RtsepError if it is not a file, cannot be read, is empty, or holds less sound than its header says. This covers WAV, RF64,
    W64, AIFF, AU, CAF, Ogg and MP3 (FLAC needs decoding); all other files pass.
    """
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise RtsepError(f"{path} is not a file: give a sound file")
        if not status.st_size:
            raise RtsepError(f"{path} is empty: give a sound file")
        with open(path, "rb") as file:
            found, fault = _look(file, status.st_size)
    except OSError as error:
        raise RtsepError(f"cannot read {path}: {error.strerror}; give a sound file") from error
    if fault and not (cut and found.note):
        raise RtsepError(f"cannot use {path}, {fault}: copy or export it again, best as WAV or FLAC")
    return found


def _look(file: BinaryIO, size: int) -> tuple[Found, str | None]:
    """How to read the file, and why its sound is not complete; None if the header shows no fault."""
    start = _after_tags(file)
    file.seek(start)
    magic = file.read(4)
    found = Found(start if magic in TAGGED else 0)
    if magic in LAYOUTS:
        return _chunked(file, size, found, LAYOUTS[magic])
    if magic == b".snd":
        offset, promised = struct.unpack(">II", file.read(8).ljust(8, b"\0"))
        if not promised and size > start + offset:
            return _mended(found, start + 8, size - start - offset, ">I"), None
        return _compare(found, promised, size - start - offset)
    if magic == b"OggS":
        return found, _ogg_fault(file, size)
    if _is_mpeg(magic) or (start and magic not in TAGGED):
        return _mpeg(file, size, start)
    return found, None


def _after_tags(file: BinaryIO) -> int:
    """Where the sound begins, after ID3 tags."""
    start = 0
    for _ in range(MOST_TAGS):
        file.seek(start)
        head = file.read(10)
        if head[:3] != b"ID3" or len(head) < 10:
            break
        start += 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
        start += 10 * bool(head[5] & 0x10)  # The tag has a footer.
    return start


def _compare(found: Found, promised: int, there: int) -> tuple[Found, str | None]:
    if promised in UNKNOWN_SIZES or promised <= there:
        return found, None
    fault = f"it is truncated: its header promises {promised} bytes of sound and {max(there, 0)} are there"
    return found._replace(note=f"{fault}, which were read" if there > 0 else ""), fault


def _chunked(file: BinaryIO, size: int, found: Found, layout: Layout) -> tuple[Found, str | None]:
    """Compare the promised bytes of sound with those that are there, and correct a size that was never written."""
    at, promised_64 = found.skip + layout.first, 0
    head_bytes = layout.id_bytes + struct.calcsize(layout.size)
    for _ in range(MOST_CHUNKS):
        file.seek(min(at, size))
        head = file.read(head_bytes)
        if len(head) < head_bytes:
            break
        (length,) = struct.unpack(layout.size, head[layout.id_bytes :])
        length = max(length - layout.counts_header, 0)
        if head.startswith(layout.data):
            there = size - at - head_bytes
            if not (promised_64 or length) and there > 0 and not _is_chunk(file, size, layout):
                return _mended(found, at + layout.id_bytes, there, layout.size, layout.counts_header), None
            return _compare(found, promised_64 or length, there)
        if head.startswith(b"ds64"):  # RF64 has its true sizes here.
            promised_64 = int.from_bytes(file.read(16)[8:], "little")
        at += head_bytes + length + -length % layout.align
    return found, None


def _is_chunk(file: BinaryIO, size: int, layout: Layout) -> bool:
    """Whether the next bytes are a chunk with a name in letters that ends in the file: then the sound is really empty."""
    head = file.read(layout.id_bytes + struct.calcsize(layout.size))
    if len(head) < layout.id_bytes + struct.calcsize(layout.size):
        return False
    (length,) = struct.unpack(layout.size, head[layout.id_bytes :])
    return head[:4].isascii() and head[:4].decode("ascii").isprintable() and file.tell() + length <= size + layout.counts_header


def _mended(found: Found, at: int, there: int, code: str, more: int = 0) -> Found:
    """The file with the true size of its sound, plus `more`, at this offset."""
    patch = struct.pack(code, min(there + more, 2 ** (8 * struct.calcsize(code)) - 1))
    note = f"its recording was never finished: its header promises 0 bytes of sound and {there} are there, which were read"
    return found._replace(at=at, patch=patch, note=note)


def _ogg_fault(file: BinaryIO, size: int) -> str | None:
    """The fault of an Ogg file, or None. Its last page must be complete, and must be marked as the last of its stream."""
    file.seek(max(0, size - 2 * _OGG_PAGE))
    tail = file.read()
    page = tail[tail.rfind(b"OggS") :]
    segments = page[27 : 27 + page[26]] if len(page) > 26 else b""
    whole = len(page) > 26 and len(page) >= 27 + page[26] + sum(segments)
    return None if whole and page[5] & 4 else "it is truncated: its stream has no end"


def _is_mpeg(head: bytes) -> bool:
    return len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0


def _mpeg(file: BinaryIO, size: int, start: int) -> tuple[Found, str | None]:
    """How to read an MP3, and its fault. It must state its length (else the decoder guesses it, and can stop early)."""
    file.seek(start)
    head = file.read(4096)
    tag = max(head.find(b"Xing"), head.find(b"Info"))
    if tag < 0:
        return Found(undecodable="it is an MPEG stream that does not state its length"), None
    flags, promised = struct.unpack(">I4xI", head[tag + 4 : tag + 16].ljust(12, b"\0"))
    frame = max(head.rfind(b"\xff", 0, tag), 0)
    return Found(), _compare(Found(), promised if flags & 3 == 3 else 0, size - start - frame)[1]
