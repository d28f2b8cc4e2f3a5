"""The pitch that a sampler's file states: in chunks of WAV and AIFF, in blocks and tags of FLAC."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO

Given = str | os.PathLike[str]
MOST_BYTES = 65_536  # At most this many bytes of a chunk are read.
MOST_CHUNKS = 1000  # The search gives up after this many chunks.
HIGHEST = 127  # The highest MIDI pitch.
# The values of these tags (in small letters, without signs) are the pitch.
TAGS = ("rootnote", "rootkey", "midirootnote", "midiunitynote", "unitynote", "midinote", "basenote", "pitchkeycenter")


def root_note(path: Given) -> int | None:
    """The MIDI pitch, 0 to 127, in a chunk `smpl`, `inst` or `INST`, or in the blocks and tags of a FLAC; None: no pitch."""
    try:
        with open(path, "rb") as file:
            magic = file.read(12)
            if magic[:4] in (b"RIFF", b"RIFX", b"RF64") and magic[8:] == b"WAVE":
                return _of_wav(_chunks(file, 12, ">" if magic[:4] == b"RIFX" else "<"), ">" if magic[:4] == b"RIFX" else "<")
            if magic[:4] == b"FORM" and magic[8:] in (b"AIFF", b"AIFC"):
                return next((_pitch(body[0]) for name, body in _chunks(file, 12, ">") if name == b"INST" and body), None)
            if magic[:4] == b"fLaC":
                return _of_flac(file)
    except (OSError, struct.error):
        return None  # The reader of the sound reports what is wrong with the file.
    return None


def _chunks(file: BinaryIO, at: int, order: str) -> Iterator[tuple[bytes, bytes]]:
    """The name and the first bytes of each chunk from byte `at` on."""
    for _ in range(MOST_CHUNKS):
        file.seek(at)
        head = file.read(8)
        if len(head) < 8:
            return
        (length,) = struct.unpack(f"{order}I", head[4:])
        yield head[:4], file.read(min(length, MOST_BYTES))
        at += 8 + length + length % 2


def _of_wav(chunks: Iterator[tuple[bytes, bytes]], order: str) -> int | None:
    found = dict[bytes, int | None]()
    for name, body in chunks:
        if name == b"smpl" and len(body) >= 16:
            found[name] = _pitch(struct.unpack(f"{order}I", body[12:16])[0])
        elif name == b"inst" and body:
            found[name] = _pitch(body[0])
    return found.get(b"smpl", found.get(b"inst"))


def _of_flac(file: BinaryIO) -> int | None:
    """The pitch in the blocks before the sound: in a chunk that was kept from WAV or AIFF (`riff`, `aiff`), or in a tag."""
    at, last, tag = 4, False, None
    while not last:
        file.seek(at)
        head = file.read(4)
        if len(head) < 4:
            break
        last, kind, length = bool(head[0] & 0x80), head[0] & 0x7F, int.from_bytes(head[1:], "big")
        if kind in (2, 4):
            body = file.read(min(length, MOST_BYTES))
            kept = _kept_chunk(body) if kind == 2 else None
            if kept is not None:
                return kept
            tag = _of_tags(body) if kind == 4 and tag is None else tag
        at += 4 + length
    return tag


def _kept_chunk(body: bytes) -> int | None:
    name, chunk = body[4:8], body[12:]
    if body[:4] == b"riff":
        return _of_wav(iter([(name, chunk)]), "<")
    return _pitch(chunk[0]) if body[:4] == b"aiff" and name == b"INST" and chunk else None


def _of_tags(body: bytes) -> int | None:
    """The pitch in a block of Vorbis comments: each comment is its length and NAME=VALUE."""
    at = 4 + int.from_bytes(body[:4], "little")
    count, at = int.from_bytes(body[at : at + 4], "little"), at + 4
    for _ in range(min(count, MOST_CHUNKS)):
        length = int.from_bytes(body[at : at + 4], "little")
        name, _, value = body[at + 4 : at + 4 + length].decode("utf-8", "replace").partition("=")
        at += 4 + length
        if "".join(filter(str.isalpha, name.lower())) in TAGS and value.strip().isascii() and value.strip().isdigit():
            return _pitch(int(value))
    return None


def _pitch(number: int) -> int | None:
    return number if 0 <= number <= HIGHEST else None
