"""Sound files that grow and survive a crash: the written sound can be read at any moment, or after `mend_sounds`.

The header of a WAV always has the same length and is written again every second; beyond 4 GB the file is RF64 (EBU Tech 3306).
A FLAC is a sequence of frames: a file that was cut off is made to end before its last frame, and its header gets this length.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rtsep.errors import RtsepError
from rtsep.files.encode import Form, SoundSink, choose_bits
from rtsep.files.flac_frames import cut_flac, flac_block, flac_frames
from rtsep.files.results import sync

SAMPLE_BYTES = {"wav": 4, "flac": 3}  # A sample has this many bytes: float in WAV, 24 bits in FLAC (before packing).
WAV_HEADER = struct.Struct("<4sI4s4sIQQQI4sIHHIIHHH4sII4sI")  # RIFF, JUNK or ds64, fmt, fact, data.
FLOAT_TAG = 3  # WAV's number for the coding "float".
MOST_32 = 2**32 - 1  # The largest number that WAV's sizes can hold.


def check_format(format: str, channels: int, sample_rate: int) -> None:
    """RtsepError if this format cannot hold sound with so many channels and this rate."""
    if format not in SAMPLE_BYTES:
        raise RtsepError(f"recording as {format!r}: allowed are {' and '.join(SAMPLE_BYTES)}")
    choose_bits(format, None, channels, sample_rate)


def wav_header(sample_rate: int, channels: int, frames: int) -> bytes:
    """The header of a float WAV with `frames` samples per channel. It always has the same length."""
    data = 4 * channels * frames
    whole = WAV_HEADER.size - 8 + data
    large = whole > MOST_32
    return WAV_HEADER.pack(
        b"RF64" if large else b"RIFF", MOST_32 if large else whole, b"WAVE",
        b"ds64" if large else b"JUNK", 28, *((whole, data, frames) if large else (0, 0, 0)), 0,
        b"fmt ", 18, FLOAT_TAG, channels, sample_rate, 4 * channels * sample_rate, 4 * channels, 32, 0,
        b"fact", 4, min(frames, MOST_32), b"data", min(data, MOST_32))


class GrowingWav:
    """A float WAV that can be read at any moment, up to the last `update`. OSError if the disk is full. Thread: one."""

    def __init__(self, path: Path, sample_rate: int, channels: int) -> None:
        self._rate, self._channels, self.frames = sample_rate, channels, 0
        self._file = io.FileIO(path, "x+")
        try:
            write_all(self._file, wav_header(sample_rate, channels, 0))
        except OSError:
            self._file.close()
            raise

    def write(self, block: NDArray[np.float32]) -> None:
        """Append float32 [channels, n]."""
        try:
            write_all(self._file, np.ascontiguousarray(block.T, "<f4").tobytes())
        finally:  # A full disk perhaps takes only a part of the block.
            self.frames = (self._file.tell() - WAV_HEADER.size) // (4 * self._channels)

    def update(self) -> None:
        """Write the length into the header, and force everything to the disk."""
        self._file.seek(0)
        write_all(self._file, wav_header(self._rate, self._channels, self.frames))
        self._file.seek(0, os.SEEK_END)
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Finish the file."""
        try:
            self.update()
        finally:
            self._file.close()


class GrowingFlac:
    """A FLAC of 24 bits. Samples beyond full scale are clipped. OSError if the disk is full. Thread: one."""

    def __init__(self, path: Path, sample_rate: int, channels: int) -> None:
        self._path, self.frames = path, 0
        self._sink = SoundSink(path, Form(sample_rate, channels, "flac", "24"))

    def write(self, block: NDArray[np.float32]) -> None:
        """Append float32 [channels, n]."""
        self._sink.write(block)
        self.frames += block.shape[1]

    def update(self) -> None:
        """Force everything so far to the disk."""
        sync(self._path)

    def close(self) -> None:
        """Finish the file."""
        self._sink.close()


def growing(path: Path, sample_rate: int, channels: int) -> GrowingWav | GrowingFlac:
    """A new growing file; its ending decides the format. OSError if it exists or cannot be written."""
    return (GrowingFlac if path.suffix == ".flac" else GrowingWav)(path, sample_rate, channels)


def mend_sounds(paths: Sequence[Path], most_cut: int) -> list[int]:
    """Make files whole that grew together, and cut them to one length if no file loses more than `most_cut` samples.

    Returns their lengths in samples. It needs no room on the disk. OSError if a file cannot be read or written, RtsepError if
    it is not a growing file.
    """
    held = [_frames(path) for path in paths]
    common = min(held, default=0)
    if common and any(path.suffix == ".flac" and has != common for path, has in zip(paths, held, strict=True)):
        common -= common % max(map(flac_block, paths))
    if max(held, default=0) - common > most_cut:
        return [_cut(path, has) for path, has in zip(paths, held, strict=True)]
    return [_cut(path, common) for path in paths]


def _frames(path: Path) -> int:
    """The samples per channel that are really there; the header does not count."""
    with open(path, "rb") as file:
        if not any(file.read(4)):  # It is empty; or the disk was full, and only the encoder's last bytes were written.
            return 0
    return flac_frames(path) if path.suffix == ".flac" else _wav_frames(path)


def _cut(path: Path, frames: int) -> int:
    """Make the file end after `frames` samples, and write this length into the header. Returns it."""
    if frames and path.suffix == ".flac":
        cut_flac(path, frames)
    elif path.suffix != ".flac" and path.stat().st_size:
        _cut_wav(path, frames)
    return frames


def write_all(file: io.FileIO, data: bytes) -> None:
    """Write all of `data`: a raw file can take a part of it, and reports a full disk only at the next part."""
    left = memoryview(data)
    while len(left):
        left = left[file.write(left) :]


def _wav_shape(path: Path) -> tuple[int, int]:
    """Sample rate and channels."""
    with open(path, "rb") as file:
        head = file.read(WAV_HEADER.size)
    if len(head) < WAV_HEADER.size or head[:4] not in (b"RIFF", b"RF64"):
        raise RtsepError(f"{path} is not a WAV of a take: its header is missing")
    fields = WAV_HEADER.unpack(head)
    coding, channels, rate = fields[11:14]
    if coding != FLOAT_TAG or not channels:
        raise RtsepError(f"{path} is not a WAV of a take: its header is of another kind")
    return int(rate), int(channels)


def _wav_frames(path: Path) -> int:
    """The whole samples that are really there; the header does not count."""
    _rate, channels = _wav_shape(path)
    return max(path.stat().st_size - WAV_HEADER.size, 0) // (4 * channels)


def _cut_wav(path: Path, frames: int) -> None:
    rate, channels = _wav_shape(path)
    with open(path, "r+b") as file:
        file.truncate(WAV_HEADER.size + 4 * channels * frames)
        file.write(wav_header(rate, channels, frames))
        file.flush()
        os.fsync(file.fileno())
