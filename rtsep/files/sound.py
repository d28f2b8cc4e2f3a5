"""Sound files to and from arrays [channel, sample], and folders of results that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from rtsep.errors import RtsepError
from rtsep.files.headers import check_file
from rtsep.files.results import Given, Results, atomic_write, sync, write_error

__all__ = ["SoundReader", "StemWriter", "atomic_write", "open_sound", "read_sound"]

LOWEST_RATE, HIGHEST_RATE = 8_000, 192_000  # Sample rates, in Hz, that are read.
MOST_CHANNELS, MOST_FLAC_CHANNELS = 64, 8  # At most this many channels are read, and can be written to FLAC.
MOST_WAV_BYTES = 2**32 - 2**20  # Plain WAV counts its bytes in 32 bits, and some are for its header.
SAMPLES = {"16": ("PCM_16", 2), "24": ("PCM_24", 3), "float": ("FLOAT", 4)}  # Name for the encoder, bytes per sample.
READ_FRAMES = 65_536  # Files are read in portions of this many samples per channel.
UNKNOWN_FRAMES = 2**62  # Streams of unknown length have more: their decoder reports about 2**63.


class SoundReader:
    """An open sound file. Thread: control.

    sample_rate in Hz, channels, frames (samples per channel), format_name such as "WAV".
    """

    def __init__(self, path: Given, sound: Any) -> None:
        self._path, self._sound = path, sound
        self.sample_rate, self.channels, self.frames = int(sound.samplerate), int(sound.channels), int(sound.frames)
        self.format_name = str(sound.format)

    def blocks(self, size: int) -> Iterator[NDArray[np.float32]]:
        """The whole sound as new arrays float32 [channels, size], of which the last may be shorter; full scale is 1.

        RtsepError if the file ends or breaks before `frames`.
        """
        left = self.frames
        self._seek(0)
        while left:
            block = self._read(min(size, left))
            left -= block.shape[1]
            yield block

    def read(self, begin: int, end: int) -> NDArray[np.float32]:
        """The samples from `begin` to `end`: a new array float32 [channels, end - begin]."""
        self._seek(begin)
        return self._read(end - begin)

    def check_end(self) -> None:
        """Read the last frame, which shows truncation in formats that only state their length. RtsepError as `blocks`."""
        self.read(self.frames - 1, self.frames)

    def _seek(self, frame: int) -> None:
        with _decoding(self._path):
            self._sound.seek(frame)

    def _read(self, frames: int) -> NDArray[np.float32]:
        with _decoding(self._path):
            block = self._sound.read(frames, dtype="float32", always_2d=True)
            if not len(block):
                raise soundfile.SoundFileRuntimeError("nothing left")
        return np.ascontiguousarray(block.T)


@contextmanager
def _decoding(path: Given) -> Iterator[None]:
    """Turns errors of the decoder into RtsepError."""
    try:
        yield
    except soundfile.SoundFileError as error:
        raise RtsepError(f"{path} is truncated or broken: it ends too early; copy or export it again") from error


@contextmanager
def open_sound(path: Given) -> Iterator[SoundReader]:
    """Open a sound file; its blocks are read when needed, and some damage shows only then.

    RtsepError: missing, a folder, empty, not sound, truncated, of no length, a rate outside 8 to 192 kHz, over 64 channels.
    """
    check_file(path)
    with _decoder(path) as sound:
        reader = SoundReader(path, sound)
        _check_shape(path, reader)
        reader.check_end()
    with _decoder(path) as sound:  # Open it again: after seeking, a lossy decoder may differ in the last bits.
        yield SoundReader(path, sound)


def read_sound(path: Given) -> tuple[NDArray[np.float32], int]:
    """The whole file as float32 [channels, frames], and its sample rate. Errors as `open_sound`."""
    with open_sound(path) as sound:
        return np.concatenate(list(sound.blocks(READ_FRAMES)), axis=1), sound.sample_rate


@contextmanager
def _decoder(path: Given) -> Iterator[Any]:
    try:
        sound = soundfile.SoundFile(_name(path))
    except (soundfile.SoundFileError, TypeError) as error:  # TypeError: the name ends in .raw.
        raise RtsepError(f"{path} is no sound file that can be read here: give WAV, FLAC, AIFF, Ogg or MP3") from error
    with sound:
        yield sound


def _name(path: Given) -> str | bytes:
    """The path for the decoder, with any bytes."""
    return os.fspath(path) if os.name == "nt" else os.fsencode(path)


def _check_shape(path: Given, sound: SoundReader) -> None:
    if not sound.frames:
        raise RtsepError(f"{path} holds no sound (0 samples): give a recording")
    if sound.frames > UNKNOWN_FRAMES:
        raise RtsepError(f"{path} does not tell its length: convert it to WAV, or to FLAC again")
    if not LOWEST_RATE <= sound.sample_rate <= HIGHEST_RATE:
        raise RtsepError(f"{path} has {sound.sample_rate} Hz, allowed are {LOWEST_RATE} to {HIGHEST_RATE}: convert it")
    if sound.channels > MOST_CHANNELS:
        raise RtsepError(f"{path} has {sound.channels} channels, allowed are {MOST_CHANNELS}: take out some")


class StemWriter:
    """Sound files of one rate and length, written block by block into a folder where they appear all at once.

    folder: made if missing. names: one per stem, without ending. format: wav or flac. bits: 16, 24 or float, the default
    of wav; flac has no float, its default is 24. overwrite: replace files of the same names. protect: inputs that no result
    may replace. extras: names of files that `add_file` will write, checked at once. frames: the expected length; beyond 4 GB,
    wav becomes RF64. Leaving `with` without `commit` leaves nothing behind. Thread: control.
    files: the file names, in the order of `names`. clipped_samples: the number that did not fit into integers.

    RtsepError: unknown or impossible format, more than 8 channels in flac, the folder cannot be written or is a file,
    results exist already, a result would replace an input; later: the disk is full, wav passes 4 GB unexpectedly.
    """

    def __init__(
        self, folder: Given, names: Sequence[str], sample_rate: int, channels: int, format: str = "wav",
        bits: str | None = None, overwrite: bool = False, protect: Sequence[Given] = (),
        extras: Sequence[str] = ("report.json",), frames: int | None = None,
    ) -> None:  # fmt: skip
        self._bits = _check_format(format, bits, channels)
        self.files = tuple(f"{name}.{format}" for name in names)
        self.clipped_samples = 0
        self._sinks: list[_SoundSink] = []
        self._results = Results(folder, (*self.files, *extras), overwrite, protect)
        form = (sample_rate, channels, format, self._bits, frames or 0)
        for name in self.files:
            with self._failing():
                self._sinks.append(_SoundSink(self._results.new(name), *form))

    def __enter__(self) -> StemWriter:
        return self

    def __exit__(self, *raised: object) -> None:
        self.abort()

    def write(self, stem: int, block: NDArray[np.float32]) -> None:
        """Append float32 [channels, n] to the stem of this index; full scale is 1, integers are clipped to it."""
        if self._bits != "float":
            self.clipped_samples += int(np.count_nonzero(np.abs(block) > 1))
            steps = 2 ** (int(self._bits) - 1)
            block = np.rint(block * steps) / steps  # The encoder clips too, but rounds only for FLAC.
        with self._failing():
            self._sinks[stem].write(block)

    def add_file(self, name: str, content: bytes | str) -> None:
        """Add a file (a report, a picture) that appears together with the stems; text becomes UTF-8."""
        self._results.add(name, content)

    def commit(self) -> None:
        """Finish all files and give them their names."""
        with self._failing():
            for sink in self._sinks:
                sink.close()
        self._results.commit()

    def abort(self) -> None:
        """Remove all files, unless they were committed."""
        for sink in self._sinks:
            with suppress(OSError):
                sink.discard()
        self._results.abort()

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.abort()
            raise write_error(self._results.folder, error) from error


def _check_format(format: str, bits: str | None, channels: int) -> str:
    """The bits for a format."""
    if format not in ("wav", "flac"):
        raise RtsepError(f"format {format!r}: allowed are wav and flac")
    bits = bits or ("24" if format == "flac" else "float")
    if bits not in SAMPLES:
        raise RtsepError(f"bits {bits!r}: allowed are {', '.join(SAMPLES)}")
    if format == "flac" and bits == "float":
        raise RtsepError("flac has no float samples: choose 16 or 24 bits, or wav")
    if format == "flac" and channels > MOST_FLAC_CHANNELS:
        raise RtsepError(f"flac holds {MOST_FLAC_CHANNELS} channels, not {channels}: choose wav")
    return bits


class _SoundSink:
    """A growing sound file; `close` ensures that all of it is on the disk. Errors are OSError."""

    def __init__(self, path: Path, sample_rate: int, channels: int, format: str, bits: str, expected: int) -> None:
        subtype, sample_bytes = SAMPLES[bits]
        self._path, self._frames = path, 0
        self._room = MOST_WAV_BYTES // (channels * sample_bytes) if format == "wav" else UNKNOWN_FRAMES
        if expected > self._room:
            format, self._room = "rf64", UNKNOWN_FRAMES
        path.touch(exist_ok=False)  # Fails with the reason.
        with _encoding():
            self._sound = soundfile.SoundFile(_name(path), "w", sample_rate, channels, subtype, format=format)

    def write(self, block: NDArray[np.float32]) -> None:
        self._frames += block.shape[1]
        if self._frames > self._room:
            raise RtsepError("a stem passes 4 GB, which a WAV whose length was not known cannot hold: choose flac")
        with _encoding():
            self._sound.write(block.T)

    def close(self) -> None:
        self.discard()
        if self._frames:
            with _encoding(), open_sound(self._path):  # The encoder does not report a full disk at the end.
                sync(self._path)

    def discard(self) -> None:
        with _encoding():
            self._sound.close()


@contextmanager
def _encoding() -> Iterator[None]:
    """Turns errors of the encoder, which give no reason, into OSError."""
    try:
        yield
    except (soundfile.SoundFileError, AssertionError, RtsepError) as error:
        raise OSError("the disk is full or failed") from error
