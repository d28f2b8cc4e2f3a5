"""A range of time in a sound: which part is written, and from where on the engine hears it.

Notes that sound where the range begins have begun before it. The engine hears the sound from their onset, so it knows their
age and level; its output from before the range is not written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rtsep.errors import RtsepError
from rtsep.files.sound import SoundReader
from rtsep.notes.messages import NOTE_OFF, NOTE_ON
from rtsep.notes.score import Score

LEAD_S = 2.0  # The engine hears at least this many seconds before the range, if the sound has as many.
GRID = 4096  # The engine starts at a multiple of this many samples, so frames lie as in a run over the whole sound.


@dataclass(frozen=True)
class Excerpt:
    """A range of a sound, for rendering. Thread: control.

    begin, end: the samples of the whole that are written. first: the sample from which the engine hears it.
    """

    whole: SoundReader
    begin: int
    end: int
    first: int

    @property
    def sample_rate(self) -> int:
        """The sample rate in Hz."""
        return self.whole.sample_rate

    @property
    def channels(self) -> int:
        """The number of channels."""
        return self.whole.channels

    @property
    def frames(self) -> int:
        """Samples per channel that are written."""
        return self.end - self.begin

    @property
    def lead(self) -> int:
        """Samples per channel that are heard and not written."""
        return self.begin - self.first

    def blocks(self, size: int, after: int) -> Iterator[npt.NDArray[np.float32]]:
        """The heard samples in blocks, as `SoundReader.blocks`, and `after` more: those that follow, or zeros at the end."""
        last = min(self.end + after, self.whole.frames)
        yield from self.whole.blocks(size, self.first, last)
        yield np.zeros((self.channels, self.end + after - last), np.float32)

    def events(self, events: npt.NDArray[np.void]) -> npt.NDArray[np.void]:
        """The EVENTs from the first heard sample on; before them, pedals and controllers with their values at that sample."""
        before, heard = events[events["sample"] < self.first], events[events["sample"] >= self.first].copy()
        heard["sample"] -= self.first
        kind = before["status"] & 0xF0
        before = before[(kind != NOTE_ON) & (kind != NOTE_OFF)]
        last = {tuple(event[name] for name in ("part", "status", "data1")): i for i, event in enumerate(before)}
        before = before[sorted(last.values())]
        before["sample"] = 0
        return np.concatenate([before, heard])


def choose_range(
    sound: SoundReader, start_s: float | None, end_s: float | None, score: Score | None, from_start: bool
) -> Excerpt:
    """The range from `start_s` to `end_s`; None: the start or the end of the sound. `from_start`: hear all that comes before.

    RtsepError if the range lies outside the sound, or is empty.
    """
    seconds = sound.frames / sound.sample_rate
    begin = round((start_s or 0.0) * sound.sample_rate)
    end = sound.frames if end_s is None else round(end_s * sound.sample_rate)
    if begin >= sound.frames:
        raise RtsepError(f"--start {start_s:g}: the sound is only {seconds:.3f} s long; give an earlier time")
    if end <= begin:
        raise RtsepError(f"--end {end_s:g}: give a time after --start, which is {start_s or 0:g} s")
    if end > sound.frames:
        raise RtsepError(f"--end {end_s:g}: the sound is only {seconds:.3f} s long; give an earlier time, or leave it out")
    return Excerpt(sound, begin, end, 0 if from_start else _first(begin, sound.sample_rate, score))


def _first(begin: int, rate: int, score: Score | None) -> int:
    """The sample from which to hear the sound: all notes that sound at `begin` are then heard from their onset."""
    earliest_s = begin / rate
    if score is not None and begin:
        notes = score.notes()
        sounding = notes[(notes["onset_s"] < earliest_s) & (notes["offset_s"] > earliest_s)]
        earliest_s = float(sounding["onset_s"].min(initial=earliest_s))
    return max(round((earliest_s - LEAD_S) * rate), 0) // GRID * GRID
