"""The frames of a growing FLAC (RFC 9639): where they begin, and how a file that was cut off is made whole at one of them."""

from __future__ import annotations

import os
import re
import struct
from pathlib import Path

from rtsep.errors import RtsepError

SIZES = struct.Struct(">HH")  # The smallest and the largest number of samples in a frame.
SIZES_AT, LENGTH_AT = 8, 18  # Bytes of a FLAC at which SIZES begin, and the 8 bytes that end with the length in samples.
LENGTH_BITS = 36  # The length has this many bits.
TAIL_BYTES = 2**24  # Frames are searched in this many bytes at the end of a FLAC; they hold several seconds of any sound.


def flac_block(path: Path) -> int:
    """The number of samples of every frame."""
    with open(path, "rb") as file:
        head = file.read(LENGTH_AT + 8)
    if len(head) < LENGTH_AT + 8 or head[:4] != b"fLaC":
        raise RtsepError(f"{path} is not a FLAC of a take: its header is missing")
    least, most = SIZES.unpack_from(head, SIZES_AT)
    if not least == most > 0:
        raise RtsepError(f"{path} is not a FLAC of a take: its frames differ in length")
    return int(most)


def _length(path: Path) -> int:
    """The length in samples by the header; 0: unknown."""
    with open(path, "rb") as file:
        file.seek(LENGTH_AT)
        return int.from_bytes(file.read(8), "big") % (1 << LENGTH_BITS)


def flac_frames(path: Path) -> int:
    """How many samples are certainly there: the length in the header if the last frame is whole, else all before this frame."""
    starts, block, told = _starts(path), flac_block(path), _length(path)
    last = max(starts, default=0)
    if told and (told - 1) // block == last and last in starts:
        with open(path, "rb") as file:
            file.seek(starts[last])
            if _crc16(file.read()) == 0:
                return told
    return block * last


def _starts(path: Path) -> dict[int, int]:
    """The numbers of the frames at the end of the file, and the bytes at which they begin."""
    size = path.stat().st_size
    begin = max(size - TAIL_BYTES, 0)
    with open(path, "rb") as file:
        file.seek(begin)
        tail = file.read()
    found: dict[int, int] = {}
    for match in re.finditer(rb"\xff\xf8", tail):
        number = _frame_number(tail[match.start() : match.start() + 16])
        if number is not None:
            found[number] = begin + match.start()
    return {number: at for number, at in found.items() if number == 0  # All others only look like frames.
            or found.get(number - 1, size) < at or found.get(number + 1, 0) > at}


def _frame_number(head: bytes) -> int | None:
    """The number of the FLAC frame that begins with `head`, or None if no frame begins there."""
    if len(head) < 16:
        return None
    ones = 8 - (head[4] ^ 0xFF).bit_length()  # As in UTF-8.
    more = max(ones - 1, 0)
    if ones in (1, 8) or any(byte & 0xC0 != 0x80 for byte in head[5 : 5 + more]):
        return None
    number = head[4] & (0xFF >> (ones + 1)) if ones else head[4]
    for byte in head[5 : 5 + more]:
        number = number << 6 | byte & 0x3F
    at = 5 + more + {6: 1, 7: 2}.get(head[2] >> 4, 0) + {12: 1, 13: 2, 14: 2}.get(head[2] & 15, 0)
    return int(number) if _crc8(head[:at]) == head[at] else None


def _crc8(data: bytes) -> int:
    """The checksum of a frame's header: the polynomial x^8 + x^2 + x + 1."""
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value << 1 ^ (0x07 if value & 0x80 else 0)) & 0xFF
    return value


def _crc16(data: bytes) -> int:
    """The checksum of a whole frame (0 if its last two bytes are included): the polynomial x^16 + x^15 + x^2 + 1."""
    value = 0
    for byte in data:
        value ^= byte << 8
        for _ in range(8):
            value = (value << 1 ^ (0x8005 if value & 0x8000 else 0)) & 0xFFFF
    return value


def cut_flac(path: Path, frames: int) -> None:
    """Cut the file at the frame that begins with sample `frames`, and write this length into the header."""
    if frames == _length(path):
        return
    starts, block = _starts(path), flac_block(path)
    with open(path, "r+b") as file:
        file.truncate(starts[frames // block])
        file.seek(LENGTH_AT)
        kept = int.from_bytes(file.read(8), "big") >> LENGTH_BITS << LENGTH_BITS
        file.seek(LENGTH_AT)
        file.write((kept | frames).to_bytes(8, "big") + bytes(16))  # The checksum of all sound becomes "unknown".
        file.flush()
        os.fsync(file.fileno())
