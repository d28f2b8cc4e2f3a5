"""Reads sound files as arrays [channel, sample], block by block."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from rtsep.errors import RtsepError
from rtsep.files.ffmpeg import FfmpegSound, has_ffmpeg, kind_of
from rtsep.files.headers import Found, check_file
from rtsep.files.results import Given
from rtsep.files.view import View

LOWEST_RATE, HIGHEST_RATE = 8_000, 192_000  # The lowest and the highest allowed sample rate, in Hz.
MOST_CHANNELS = 64  # A file has at most this many channels.
READ_FRAMES = 65_536  # Files are read in portions of this many samples per channel.
INEXACT = ("MP3", "OGG")  # In these formats, samples after a seek can differ from those of continuous reading.
UNKNOWN_FRAMES = 2**62  # A stream with more samples than this has an unknown length: its decoder reports about 2**63.


class SoundReader:
    """An open sound file. Thread: control.

    sample_rate in Hz, channels, frames (samples per channel), format_name such as "WAV", notes: sentences for the user about
    the file.
    """

    def __init__(self, path: Given, sound: Any, note: str = "") -> None:
        self._path, self._sound = path, sound
        self._position = 0
        self.sample_rate, self.channels, self.frames = int(sound.samplerate), int(sound.channels), int(sound.frames)
        self.format_name = str(sound.format)
        self.notes = [f"{os.path.basename(path)}: {note}"] if note else []

    def blocks(self, size: int, begin: int = 0, end: int | None = None) -> Iterator[NDArray[np.float32]]:
        """The sound from `begin` to `end` (or all) as new arrays float32 [channels, size]; the last one can be shorter.

        Full scale is 1. RtsepError if the file ends before, or is broken.
        """
        left = (self.frames if end is None else end) - begin
        self._seek(begin, exactly=True)
        while left > 0:
            block = self._read(min(size, left))
            left -= block.shape[1]
            yield block

    def read(self, begin: int, end: int) -> NDArray[np.float32]:
        """The samples from `begin` to `end`: a new array float32 [channels, end - begin]."""
        self._seek(begin)
        return self._read(end - begin)

    def check_end(self) -> None:
        """Read the last frame: this shows truncation in formats that only state their length. RtsepError as `blocks`."""
        self.read(self.frames - 1, self.frames)

    def _seek(self, frame: int, exactly: bool = False) -> None:
        """Go to a sample. If the format cannot seek, or cannot seek `exactly`, read on to it."""
        seekable = getattr(self._sound, "seekable", lambda: True)()
        on = not seekable or (exactly and self.format_name in INEXACT)
        with _decoding(self._path):
            if seekable and frame != self._position and (not on or frame < self._position):
                self._position = 0 if on else frame
                self._sound.seek(self._position)
            while self._position < frame:
                self._read(min(frame - self._position, READ_FRAMES))
            if self._position > frame:
                raise soundfile.SoundFileRuntimeError("it cannot be read again")

    def _read(self, frames: int) -> NDArray[np.float32]:
        with _decoding(self._path):
            block = self._sound.read(frames, dtype="float32", always_2d=True)
            if not len(block):
                raise soundfile.SoundFileRuntimeError("nothing left")
        self._position += len(block)
        return np.ascontiguousarray(block.T)


@contextmanager
def _decoding(path: Given) -> Iterator[None]:
    """Turn errors of the decoder into RtsepError."""
    try:
        yield
    except (soundfile.SoundFileError, ValueError) as error:  # ValueError: if a header is wrong, soundfile counts below 0.
        raise RtsepError(f"{path} is truncated or broken: it ends too early; copy or export it again") from error


@contextmanager
def open_sound(path: Given, cut: bool = False, alone: bool = False) -> Iterator[SoundReader]:
    """Open a sound file. Its blocks are read when they are needed, and some damage shows only then.

    If the decoder cannot read the file, ffmpeg does, if it is installed; with `alone`, ffmpeg is not used. With `cut`,
    uncompressed sound that ends before its header says is read up to its end; `notes` then says so. RtsepError: the file is
    missing, a folder, empty, not sound, truncated, without samples, has a rate outside 8 to 192 kHz or over 64 channels.
    """
    found = check_file(path, cut)
    reason = found.undecodable or _undecodable(path, found)
    if reason:
        with _by_ffmpeg(path, reason, alone) as sound:
            reader = SoundReader(path, sound, found.note or (sound.note and f"ffmpeg says: {sound.note}"))
            _check_shape(path, reader)
            yield reader
        return
    with _decoder(path, found) as sound:
        reader = SoundReader(path, sound)
        _check_shape(path, reader)
        reader.check_end()
    with _decoder(path, found) as sound:  # It is opened again: after a seek, a lossy decoder can differ in the last bits.
        yield SoundReader(path, sound, found.note)


def read_sound(path: Given, cut: bool = False) -> tuple[NDArray[np.float32], int]:
    """The whole file as float32 [channels, frames], and its sample rate. Errors, and `cut`, as `open_sound`."""
    with open_sound(path, cut) as sound:
        return np.concatenate(list(sound.blocks(READ_FRAMES)), axis=1), sound.sample_rate


def decoder_name(path: Given) -> str | bytes:
    """The path in the form that the decoder takes; it can have any bytes."""
    return os.fspath(path) if os.name == "nt" else os.fsencode(path)


def _undecodable(path: Given, found: Found) -> str:
    """Why the decoder cannot read the file, and ffmpeg must, or ""."""
    try:
        with _decoder(path, found) as sound:
            return "it does not state its length" if sound.frames > UNKNOWN_FRAMES else ""
    except RtsepError:
        kind = kind_of(path)
        if kind or has_ffmpeg():
            return f"it is {kind}" if kind else "it is not a sound file"
        raise


def _by_ffmpeg(path: Given, reason: str, alone: bool) -> FfmpegSound:
    if alone or not has_ffmpeg():
        raise RtsepError(f"{path} cannot be read here, {reason}: install ffmpeg, or convert it to WAV or FLAC")
    return FfmpegSound(path)


@contextmanager
def _decoder(path: Given, found: Found) -> Iterator[Any]:
    raw = View(open(path, "rb"), found) if found.skip or found.patch else None  # noqa: SIM115
    try:
        sound = soundfile.SoundFile(decoder_name(path) if raw is None else raw)
    except (soundfile.SoundFileError, TypeError) as error:  # TypeError: the name ends in .raw.
        if raw is not None:
            raw.close()
        raise RtsepError(f"{path} is not a sound file that can be read here: give WAV, FLAC, AIFF, Ogg or MP3, or install "
                         "ffmpeg, which also reads M4A and video") from error
    with sound:
        yield sound
    if raw is not None:
        raw.close()


def _check_shape(path: Given, sound: SoundReader) -> None:
    if not sound.frames:
        raise RtsepError(f"{path} holds no sound (0 samples): give a recording")
    if not LOWEST_RATE <= sound.sample_rate <= HIGHEST_RATE:
        raise RtsepError(f"{path} has {sound.sample_rate} Hz, allowed are {LOWEST_RATE} to {HIGHEST_RATE}: convert it")
    if sound.channels > MOST_CHANNELS:
        raise RtsepError(f"{path} has {sound.channels} channels, allowed are {MOST_CHANNELS}: take out some")
