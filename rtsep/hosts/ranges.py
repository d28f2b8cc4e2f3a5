"""A range of time of a sound: what of it is written, and from where on it is heard.

Notes that sound where the range begins have begun before it. The engine hears the sound from their beginning, so it knows
their age and level; what it makes of the time before the range is not written.
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

LEAD_S = 2.0  # The sound is heard from at least this many seconds before the range, where there are as many.
GRID = 4096  # Hearing begins at a multiple of this many samples, so frames lie as if the whole sound were heard.


@dataclass(frozen=True)
class Excerpt:
    """A range of a sound, as far as rendering needs it. Thread: control.

    begin, end: the samples of the whole that are written. first: the sample from which it is heard.
    """

    whole: SoundReader
    begin: int
    end: int
    first: int

    @property
    def sample_rate(self) -> int:
        """In Hz."""
        return self.whole.sample_rate

    @property
    def channels(self) -> int:
        """Of the sound."""
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
        """What is heard, as `SoundReader.blocks`, and `after` samples more: those that follow, at the sound's end zeros."""
        last = min(self.end + after, self.whole.frames)
        yield from self.whole.blocks(size, self.first, last)
        yield np.zeros((self.channels, self.end + after - last), np.float32)

    def events(self, events: npt.NDArray[np.void]) -> npt.NDArray[np.void]:
        """The EVENTs of the whole as heard: from the first sample on, and before it pedals and controllers as they stood."""
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
    """The range from `start_s` to `end_s`, None being the sound's own; `from_start`: hear all that comes before.

    RtsepError if it lies outside the sound or is empty.
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
    """The sample from which to hear the sound, so that all notes that sound at `begin` are heard from their onset."""
    earliest_s = begin / rate
    if score is not None and begin:
        notes = score.notes()
        sounding = notes[(notes["onset_s"] < earliest_s) & (notes["offset_s"] > earliest_s)]
        earliest_s = float(sounding["onset_s"].min(initial=earliest_s))
    return max(round((earliest_s - LEAD_S) * rate), 0) // GRID * GRID
