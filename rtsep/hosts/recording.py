"""A recording that plays instead of a microphone: its sound, which can be read in any order and at any speed, and its notes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rtsep.errors import RtsepError
from rtsep.files.sound import open_sound
from rtsep.hosts.driver import import_library
from rtsep.hosts.recorded_notes import Sounding
from rtsep.kernels.memory import EVENT
from rtsep.notes.folded import ENGINE_PARTS
from rtsep.notes.messages import CONTROL, NOTES_OFF, RESET, Message
from rtsep.notes.read import read_notes
from rtsep.notes.score import Score

LONGEST = 65536  # The speed is changed for portions of at most this many samples.
FADE_S = 0.005  # Before and after the jump of a loop, the sound fades for this many seconds.

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Recording:
    """The file of a recording, and its notes, if there are any."""

    path: Path
    sample_rate: int
    channels: int
    frames: int
    score: Score | None
    notes: Path | None = None  # The file of the notes.

    def events(self, first_part: int, tracks: bool) -> npt.NDArray[np.void]:
        """Its notes as EVENT [n], at samples of the file. Parts count from `first_part`: with `tracks` one for each track."""
        if self.score is None:
            return np.zeros(0, EVENT)
        events = self.score.events(self.sample_rate)
        parts = first_part + (events["part"].astype(np.int64) if tracks else 0)
        events["part"] = np.minimum(parts, ENGINE_PARTS - 1)
        return events


def open_recording(path: Path, notes: Path | None) -> Recording:
    """Look at the file, and read its notes. RtsepError if it cannot be played."""
    with open_sound(path, cut=True) as sound:
        score = None if notes is None else read_notes(notes, sound.sample_rate)
        if score is not None and not score.note_count:
            raise RtsepError(f"--play-midi {notes}: it has no notes; give a file with notes")
        return Recording(path, sound.sample_rate, sound.channels, sound.frames, score, notes)


class Source:
    """The sound of a recording at another rate, with other channels and at another speed, from any place. Thread: one.

    RtsepError if a package for this is missing.
    """

    def __init__(self, recording: Recording, sample_rate: float, channels: int) -> None:
        self._recording, self._rate, self._channels = recording, sample_rate, channels
        self._soxr = None if sample_rate == recording.sample_rate else import_library(
            "soxr", f"{recording.path.name} has {recording.sample_rate} Hz and the device {sample_rate:g} Hz: this needs "
            "soxr, which is missing here ({}): pip install 'rtsep[rate]'")
        self._stack = ExitStack()
        self._sound: Any = None
        self._steps: list[Any] = []
        self.ratio = 1.0  # Output samples for each sample of the file.

    def begin(self, speed: float) -> None:
        """Start again at `speed`, from any place that is read next."""
        self._steps = [] if self._soxr is None else [_resampler(self._soxr, self._recording, self._rate, self._channels)]
        if speed != 1:
            self._steps.append(_stretcher(self._channels, self._rate, speed))
        self.ratio = self._rate / self._recording.sample_rate / speed

    def read(self, begin: int, end: int, last: bool) -> Floats:
        """The output for the file's samples from `begin` to `end`; `last`: nothing follows."""
        block = self._fitting(self._read(begin, end))
        for step in self._steps:
            block = step(block, last)
        return block

    def _read(self, begin: int, end: int) -> Floats:
        try:
            if self._sound is not None:
                return self._sound.read(begin, end)  # type: ignore[no-any-return]
        except RtsepError:  # Some files can be read only from their beginning.
            self._stack.close()
        self._sound = self._stack.enter_context(open_sound(self._recording.path, cut=True))
        return self._sound.read(begin, end)  # type: ignore[no-any-return]

    def _fitting(self, block: Floats) -> Floats:
        if len(block) == self._channels:
            return block
        return np.repeat(block.mean(axis=0, keepdims=True), self._channels, axis=0) if self._channels == 1 or len(block) == 1 \
            else block[np.arange(self._channels) % len(block)]

    def close(self) -> None:
        """Close the file."""
        self._stack.close()


def _resampler(soxr: Any, recording: Recording, sample_rate: float, channels: int) -> Any:
    stream = soxr.ResampleStream(recording.sample_rate, sample_rate, channels, dtype="float32")
    return lambda block, last: np.ascontiguousarray(stream.resample_chunk(np.ascontiguousarray(block.T), last=last).reshape(
        -1, channels).T)


def _stretcher(channels: int, sample_rate: float, speed: float) -> Any:
    rubberband = import_stretch()
    options = rubberband.Option.PROCESS_REALTIME | rubberband.Option.ENGINE_FINER
    stretch = rubberband.RubberBandStretcher(round(sample_rate), channels, options, 1 / speed, 1.0)
    stretch.set_max_process_size(LONGEST)
    stretch.process(np.zeros((channels, stretch.get_preferred_start_pad()), np.float32), False)
    late = stretch.get_start_delay()

    def step(block: Floats, last: bool) -> Floats:
        nonlocal late
        stretch.process(np.ascontiguousarray(block), last)
        out: Floats = stretch.retrieve(max(stretch.available(), 0))
        skipped, late = min(late, out.shape[1]), max(late - out.shape[1], 0)
        return out[:, skipped:]

    return step


def import_stretch() -> Any:
    """The module that changes the speed but not the pitch. RtsepError, which says what to install, if it is missing."""
    return import_library("pylibrb", "another speed at the same pitch needs pylibrb, which is missing here ({}): "
                          "pip install 'rtsep[speed]'")


def releases(events: npt.NDArray[np.void]) -> list[tuple[int, Message]]:
    """Part and message of messages that end all notes and pedals of `events`."""
    places = sorted({(int(part), int(status) & 0x0F) for part, status in zip(events["part"], events["status"], strict=True)})
    return [(part, (CONTROL | channel, controller, 0)) for part, channel in places for controller in (RESET, NOTES_OFF)]


def pressed_before(events: npt.NDArray[np.void], frame: int) -> list[tuple[int, Message]]:
    """Part and message of messages that press all keys and pedals that are down at the file's sample `frame`."""
    sounding = Sounding()
    for event in events[events["sample"] < frame].tolist():
        named = dict(zip(EVENT.names or (), event, strict=True))
        sounding.receive(named["part"], (named["status"], named["data1"], named["data2"]))
    return sounding.presses()


def as_events(at: int, messages: Sequence[tuple[int, Message]]) -> npt.NDArray[np.void]:
    """EVENT [n]: the messages with their parts, all at the sample `at`."""
    events = np.zeros(len(messages), EVENT)
    events["sample"] = at
    for number, (part, message) in enumerate(messages):
        events[number]["part"] = part
        events[number]["status"], events[number]["data1"], events[number]["data2"] = message
    return events


def faded(block: Floats, sample_rate: float, begins: bool, ends: bool) -> Floats:
    """The block, with a short fade-in if it `begins`, and a fade-out if it `ends`."""
    length = min(round(FADE_S * sample_rate), block.shape[1])
    ramp = np.linspace(0, 1, length, dtype=np.float32)
    if begins:
        block[:, :length] *= ramp
    if ends and length:
        block[:, -length:] *= ramp[::-1]
    return block
