"""Sound files with one note each: their description, their notes in a row, and the pitch of their sound.

`folders` and `sfz` find the files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rtsep.errors import RtsepError
from rtsep.files.sound import open_sound
from rtsep.training.isolated import Notes
from rtsep.training.pitch import Heard, measure_pitch

LONGEST_S = 4.0  # At most this many seconds of each note are learnt.
READ_S = 30.0  # This many seconds of each file are read to find where its note begins.
BEGIN_DB, END_DB = -40.0, -60.0  # A note begins and ends at these levels, in dB relative to its peak.
LEAD_S = 0.005  # A note is taken from this many seconds before it reaches BEGIN_DB.
GAP_S = 0.5  # Seconds between two notes, longer than any window.
RELEASE_S = 0.1  # Release, in seconds, of a sample that names none.
LEVEL_S = 0.01  # Levels are measured in steps of this many seconds.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Sample:
    """A sound file with one note of this MIDI pitch, after `skip` samples."""

    path: Path
    pitch: int
    velocity: int
    release_s: float = RELEASE_S
    skip: int = 0


@dataclass(frozen=True)
class Samples:
    """The samples of an instrument, and messages about how they were read."""

    samples: tuple[Sample, ...]
    warnings: tuple[str, ...] = ()


def read_samples(samples: Sequence[Sample], progress: Progress) -> Notes:
    """The samples in a row, each trimmed to its note. RtsepError: unreadable, silent, several rates."""
    sounds, onsets, offsets, rates, at = list[npt.NDArray[np.float32]](), list[float](), list[float](), set[int](), 0
    for number, sample in enumerate(samples):
        note, rate = _read_note(sample)
        rates.add(rate)
        if len(rates) > 1:
            raise RtsepError(f"{sample.path} has {rate} Hz and others {min(rates - {rate})}: convert them to one rate")
        gap = np.zeros(round(GAP_S * rate), np.float32)
        onsets.append((at + len(gap)) / rate)
        offsets.append((at + len(gap) + len(note)) / rate)
        at += len(gap) + len(note)
        sounds += [gap, note]
        progress("reading", number + 1, len(samples))
    return Notes(np.concatenate([*sounds, gap]), float(rate), np.array(onsets), np.array(offsets),
                 np.array([sample.pitch for sample in samples], np.int64),
                 np.array([sample.velocity for sample in samples], np.int64),
                 np.array([sample.release_s for sample in samples]))


def _read_note(sample: Sample) -> tuple[npt.NDArray[np.float32], int]:
    """The note in a file, float32 [sample], channels averaged, and its rate."""
    with open_sound(sample.path) as sound:
        rate = sound.sample_rate
        whole = next(sound.blocks(sample.skip + round(READ_S * rate))).mean(axis=0)[sample.skip :]
    step = round(LEVEL_S * rate)
    level = np.abs(whole[: len(whole) // step * step].reshape(-1, step)).max(axis=1, initial=0)
    if not (len(level) and 0 < level.max() < np.inf):
        raise RtsepError(f"{sample.path} is silent: remove it")
    first = int(np.argmax(level > level.max() * 10 ** (BEGIN_DB / 20)))
    quiet = np.flatnonzero(level > level.max() * 10 ** (END_DB / 20))[-1] + 1
    begin = max(first * step - round(LEAD_S * rate), 0)
    return whole[begin : min(quiet * step, begin + round(LONGEST_S * rate))], rate


def hear(path: Path, skip: int = 0) -> Heard | None:
    """The pitch of the note in a file, after `skip` samples; None if there is no clear pitch, or the file cannot be read."""
    try:
        note, rate = _read_note(Sample(path, 0, 0, skip=skip))
    except (RtsepError, StopIteration):
        return None  # `read_samples` tells later what is wrong.
    heard = measure_pitch(note, rate)
    return heard if heard and heard.sure else None
