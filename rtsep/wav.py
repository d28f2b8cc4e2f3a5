"""WAV files as we write them.

The usual encoder puts the time of day into its float files, so that the same sound does not give the same file, and has
to know beforehand whether a file will pass 4 GB. Here neither matters.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

RIFF_LIMIT = 2**32 - 1  # largest size that plain WAV can name
SAMPLE_BYTES = {"16": 2, "24": 3, "float": 4}


def encode(block: NDArray[np.float32], bits: str) -> NDArray[Any]:
    """float32 [channels, n] of full scale 1 to the samples of a file, [n, channels].

    bits "float": float32 as they are. "16" and "24": int16 and int32 of that range, rounded, clipped to full scale.
    """
    if bits == "float":
        return np.ascontiguousarray(block.T, "<f4")
    scale = np.float32(2 ** (int(bits) - 1))
    samples = np.clip(np.rint(block.T * scale), -scale, scale - 1)
    return np.ascontiguousarray(samples, "<i2" if bits == "16" else "<i4")


class WavFile:
    """A WAV file that grows; `close` corrects its header and waits until it is on the disk. Errors are OSError."""

    def __init__(self, path: Path, sample_rate: int, channels: int, bits: str) -> None:
        self._format = (sample_rate, channels, SAMPLE_BYTES[bits])
        self._bytes = 0
        self._file = open(path, "xb")  # noqa: SIM115  (it stays open)
        self._file.write(wav_header(*self._format, 0))

    def write(self, samples: NDArray[Any]) -> None:
        """Append what `encode` made, [n, channels]."""
        if self._format[2] == 3:
            samples = samples.reshape(-1, 1).view("u1")[:, :3]
        self._file.write(samples.tobytes())
        self._bytes += samples.nbytes

    def close(self) -> None:
        """Finish the file."""
        self._file.write(bytes(self._bytes % 2))
        self._file.seek(0)
        self._file.write(wav_header(*self._format, self._bytes))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def discard(self) -> None:
        """Close the file as it is."""
        self._file.close()


def wav_header(sample_rate: int, channels: int, sample_bytes: int, data_bytes: int) -> bytes:
    """The bytes before the sound of a WAV file: 16 or 24 bit integers (2, 3 bytes a sample) or float (4).

    Their number does not depend on `data_bytes`, so the header can be written first and corrected at the end. Above
    4 GB it is RF64 (EBU Tech 3306), which takes the place of a chunk kept free for it.
    """
    frame_bytes = channels * sample_bytes
    tag = 3 if sample_bytes == 4 else 1
    fmt = struct.pack("<HHIIHH", tag, channels, sample_rate, sample_rate * frame_bytes, frame_bytes, 8 * sample_bytes)
    chunks = _chunk(b"fmt ", fmt)
    if tag == 3:
        frames = min(data_bytes // frame_bytes, 2**32 - 1)
        chunks = _chunk(b"fmt ", fmt + b"\0\0") + _chunk(b"fact", struct.pack("<I", frames))
    riff_bytes = 4 + 36 + len(chunks) + 8 + data_bytes + data_bytes % 2
    name, reserved = b"RIFF", _chunk(b"JUNK", bytes(28))
    if riff_bytes > RIFF_LIMIT:
        sizes = struct.pack("<QQQI", riff_bytes, data_bytes, data_bytes // frame_bytes, 0)
        name, reserved, riff_bytes, data_bytes = b"RF64", _chunk(b"ds64", sizes), 2**32 - 1, 2**32 - 1
    head = name + struct.pack("<I", riff_bytes) + b"WAVE"
    return head + reserved + chunks + b"data" + struct.pack("<I", data_bytes)


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content
