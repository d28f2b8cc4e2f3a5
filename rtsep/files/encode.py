"""Sound files that grow: the formats that can be written, and what each of them can hold."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
from numpy.typing import NDArray

from rtsep.errors import RtsepError
from rtsep.files.reading import MOST_CHANNELS, READ_FRAMES, UNKNOWN_FRAMES, decoder_name, open_sound
from rtsep.files.results import sync

MOST_WAV_BYTES = 2**32 - 2**20  # Plain WAV counts its bytes in 32 bits, and needs some bytes for its header.
SAMPLES = {"16": ("PCM_16", 2), "24": ("PCM_24", 3), "float": ("FLOAT", 4)}  # Name for the encoder, bytes per sample.
MP3_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)  # MP3 has these sample rates, in Hz.
BEXT_BYTES = 602  # The chunk `bext` (version 1) of a WAV has this many bytes.
BEXT_TIME_AT = 338  # The sample at which a WAV begins is at this byte of the chunk `bext`.


class Format(NamedTuple):
    """What a format can hold."""

    kind: str  # Name for the encoder.
    channels: int  # The largest number of channels.
    lossy: str = ""  # Name of the lossy coding for the encoder.
    compression: float | None = None  # From 0 (the best sound) to 1 (the smallest file); only for lossy formats.
    rates: tuple[int, ...] = ()  # Sample rates in Hz; empty: any.
    bits: tuple[str, ...] = ()  # The first is the default.


FORMATS = {
    "wav": Format("WAV", MOST_CHANNELS, bits=("float", "16", "24")),
    "flac": Format("FLAC", 8, bits=("24", "16")),
    "ogg": Format("OGG", MOST_CHANNELS, "VORBIS", 0.2),
    "mp3": Format("MP3", 2, "MPEG_LAYER_III", 0.0, MP3_RATES),
}


class Form(NamedTuple):
    """How a sound file is written. `start`: the sample of the mix at which it begins. `frames`: its expected length."""

    sample_rate: int
    channels: int
    format: str
    bits: str  # "" for lossy formats.
    frames: int = 0
    start: int = 0


def choose_bits(format: str, bits: str | None, channels: int, sample_rate: int) -> str:
    """The bits for a format, "" for a lossy one. RtsepError: the format cannot be written, or cannot hold this sound."""
    if format not in FORMATS:
        raise RtsepError(f"format {format!r}: allowed are wav, flac, ogg and mp3")
    form = FORMATS[format]
    if form.kind not in soundfile.available_formats() or form.lossy not in ("", *soundfile.available_subtypes(form.kind)):
        raise RtsepError(f"the sound library here cannot write {format}: choose wav or flac, or install a newer soundfile")
    if bits is not None and bits not in SAMPLES:
        raise RtsepError(f"bits {bits!r}: allowed are {', '.join(SAMPLES)}")
    if bits is not None and bits not in form.bits:
        raise RtsepError(f"{format} has no bits to choose: leave out --bits" if form.lossy else
                         f"{format} has no {bits} samples: choose 16 or 24 bits, or wav")
    if channels > form.channels:
        raise RtsepError(f"{format} holds at most {form.channels} channels, not {channels}: choose wav")
    if form.rates and sample_rate not in form.rates:
        rates = ", ".join(map(str, form.rates))
        raise RtsepError(f"{format} has no {sample_rate} Hz: give --rate with one of {rates}, or choose another format")
    return bits or (form.bits[0] if form.bits else "")


class SoundSink:
    """A growing sound file. `close` makes sure that all of it is on the disk. Errors are OSError. Thread: control."""

    def __init__(self, path: Path, form: Form) -> None:
        kind, lossy, compression = FORMATS[form.format].kind, FORMATS[form.format].lossy, FORMATS[form.format].compression
        subtype, sample_bytes = (lossy, 0) if lossy else SAMPLES[form.bits]
        self._path, self._form, self._frames = path, form, 0
        self._room = MOST_WAV_BYTES // (form.channels * sample_bytes) if form.format == "wav" else UNKNOWN_FRAMES
        if form.frames > self._room:
            kind, self._room = "RF64", UNKNOWN_FRAMES
        self._kind = kind
        path.touch(exist_ok=False)  # If this fails, the error gives the reason.
        with _encoding():
            self._sound = soundfile.SoundFile(decoder_name(path), "w", form.sample_rate, form.channels, subtype, format=kind,
                                              compression_level=compression)
            if form.start:
                with suppress(soundfile.SoundFileError):  # Not every format can hold text.
                    self._sound.comment = f"begins at {form.start / form.sample_rate:.6f} s of the mix"

    def write(self, block: NDArray[np.float32]) -> None:
        """Append float32 [channels, n]."""
        self._frames += block.shape[1]
        if self._frames > self._room:
            raise RtsepError("a stem is larger than 4 GB, which a WAV of unknown length cannot hold: choose flac")
        with _encoding():
            for begin in range(0, block.shape[1], READ_FRAMES):  # Longer portions would overflow the stack of Ogg's encoder.
                self._sound.write(block[:, begin : begin + READ_FRAMES].T)

    def close(self) -> None:
        """Finish the file. OSError if it is not whole."""
        self.discard()
        if self._frames:
            with _encoding(), open_sound(self._path, alone=True):  # At the end, the encoder does not report a full disk.
                if self._form.start and self._kind == "WAV":
                    _stamp(self._path, self._form.start)
                sync(self._path)

    def discard(self) -> None:
        """Close the file as it is."""
        with _encoding():
            self._sound.close()


@contextmanager
def _encoding() -> Iterator[None]:
    """Turn errors of the encoder, which have no reason, into OSError."""
    try:
        yield
    except (soundfile.SoundFileError, AssertionError, RtsepError) as error:
        raise OSError("the disk is full or failed") from error


def _stamp(path: Path, start: int) -> None:
    """Add the chunk `bext` to a WAV (EBU Tech 3285), so that editors put the file at the sample `start`."""
    content = bytearray(BEXT_BYTES)
    content[: len(b"rtsep")] = b"rtsep"
    struct.pack_into("<QH", content, BEXT_TIME_AT, start, 1)
    with open(path, "r+b") as file:
        end = file.seek(0, os.SEEK_END)
        file.write(b"\0" * (end % 2) + b"bext" + struct.pack("<I", BEXT_BYTES) + content)
        total = file.tell() - 8
        file.seek(4)
        file.write(struct.pack("<I", total))
