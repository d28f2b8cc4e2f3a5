"""Measures in music how long notes ring: for each note as the median over its strongest partials.

Other notes disturb some partials of some notes; medians and quantiles exclude these. Pitches without usable notes take the
times of their neighbours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rtsep.training.frames import Spectrogram, memory_s
from rtsep.training.inputs import Take
from rtsep.training.isolated import DECAY_DB, LONGEST_DECAY_S, RELEASE_DB, Floats
from rtsep.training.updates import Frames

PARTIALS = 6  # A note is measured at this many of its template's strongest bins.
SETTLED_S = 0.12  # From this age on, in seconds, a note decays evenly, and the window has no sound from before the note.
AFTER_S = 1.0  # A release is sought in this many seconds after the note's end.
SHORTEST_S = 0.25  # A decay is measured on notes that are held for at least this many seconds.
SLOWEST_DB_S = 1.0  # A fall of fewer decibels per second than this counts as this.
NOTES_PER_PITCH = 12  # At most this many notes of every pitch are measured: the longest ones.
# This quantile of the measured releases is taken: disturbances make releases longer, so it is below the median.
RELEASE_QUANTILE = 0.25
USUAL_RELEASE_S, USUAL_DECAY_S = 0.1, 10.0  # Release and decay, in seconds, if no note shows them.


@dataclass(frozen=True)
class Ringing:
    """Seconds per pitch, float32 [128]: of sound after note-off, and of a note held by the pedal; 0 for other pitches."""

    release_s: npt.NDArray[np.float32]
    decay_s: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Alone:
    """A note to measure: of which take, the frames of its take, their ends in s from its onset on, and how long it is held."""

    take: int
    pitch: int
    frames: slice
    age_s: Floats
    held_s: float


Times = tuple[int, float, float]  # Pitch, and release and decay in s, nan where they cannot be measured.


def measure_ringing(
    frames: Spectrogram, V: Frames, takes: Sequence[Take], W: Floats, row_pitch: npt.NDArray[np.int64]
) -> Ringing:
    """Measure V, the spectrogram `frames` or a copy in memory, by the notes of `takes` and the templates of their pitches."""
    end_s = [frames.ends_s(number) for number in range(len(takes))]
    alone = notes_alone(np.unique(row_pitch), [take.notes for take in takes], [take.seconds for take in takes], end_s)
    times = [ring_of(V, note, W, row_pitch, frames.of(note.take).start) for note in alone]
    return ringing_of(np.unique(row_pitch), times, memory_s(frames.window, takes[0].sample_rate, RELEASE_DB))


def notes_alone(
    pitches: npt.NDArray[np.int64], notes: Sequence[npt.NDArray[np.void]], seconds: Sequence[float], end_s: Sequence[Floats]
) -> list[Alone]:
    """The longest notes of each pitch, each until its key is struck again; notes, length and ends of frames are each take's."""
    chosen = list[Alone]()
    for pitch in pitches.tolist():
        found = [note for take in range(len(notes))
                 for note in _of_take(take, pitch, notes[take][notes[take]["pitch"] == pitch], seconds[take], end_s[take])]
        chosen += sorted(found, key=lambda note: -note.held_s)[:NOTES_PER_PITCH]
    return chosen


def _of_take(take: int, pitch: int, notes: npt.NDArray[np.void], seconds: float, end_s: Floats) -> Iterator[Alone]:
    for note, until_s in zip(notes, [*notes["onset_s"][1:], seconds], strict=False):
        begin, end = np.searchsorted(end_s, [note["onset_s"] + SETTLED_S, min(note["offset_s"] + AFTER_S, until_s)])
        if end > begin + 1:
            yield Alone(take, pitch, slice(int(begin), int(end)), end_s[begin:end] - note["onset_s"],
                        float(note["offset_s"] - note["onset_s"]))


def ring_of(V: Frames, note: Alone, W: npt.NDArray[np.floating], row_pitch: npt.NDArray[np.int64], first: int) -> Times:
    """Measure one note in V, in which its take begins at the frame `first`."""
    bins = np.argsort(W[row_pitch == note.pitch][-1])[-PARTIALS:]
    levels = V[slice(first + note.frames.start, first + note.frames.stop)][:, bins]
    return note.pitch, *_ring(levels, note.age_s, note.held_s)


def ringing_of(pitches: npt.NDArray[np.int64], times: Sequence[Times], after_s: float) -> Ringing:
    """From the times of single notes to those of pitches. after_s: how long the window hears a note that has ended."""
    release = np.array([_quantile((of for each, of, _ in times if each == pitch), RELEASE_QUANTILE) for pitch in pitches])
    decay = np.array([_quantile((of for each, _, of in times if each == pitch), 0.5) for pitch in pitches])
    return Ringing(_spread(pitches, np.maximum(release - after_s, 0), USUAL_RELEASE_S),
                   _spread(pitches, decay, USUAL_DECAY_S))


def _ring(levels: Floats, age_s: Floats, held_s: float) -> tuple[float, float]:
    """Release and decay time in s of one note; nan: not measurable.

    levels [frame, bin] at the ages `age_s` since the onset; the key goes up at `held_s`.
    """
    held = age_s <= held_s
    if not held.any():
        return np.nan, np.nan
    level_db = 20 * np.log10(levels.astype(np.float64) + 1e-12 * levels.max(initial=1e-12))
    fallen = np.median(level_db - level_db[held][-1], axis=1)
    over = np.flatnonzero(~held & (fallen < -RELEASE_DB))
    release = float(age_s[over[0]] - held_s) if len(over) else np.nan
    if age_s[held][-1] - age_s[0] < SHORTEST_S:
        return release, np.nan
    slope = np.polyfit(age_s[held], level_db[held], 1)[0]
    return release, float(min(DECAY_DB / max(-np.median(slope), SLOWEST_DB_S), LONGEST_DECAY_S))


def _quantile(times: Iterable[float], share: float) -> float:
    """A quantile of the known times."""
    known = [time for time in times if not np.isnan(time)]
    return float(np.quantile(known, share)) if known else np.nan


def _spread(pitches: npt.NDArray[np.int64], times: Floats, usual_s: float) -> npt.NDArray[np.float32]:
    """Times [128]: for each pitch the median of the five nearest known ones; `usual_s` if none is known."""
    result, known = np.zeros(128, np.float32), np.flatnonzero(~np.isnan(times))
    for pitch in pitches:
        near = known[np.argsort(np.abs(pitches[known] - pitch), kind="stable")[:5]]
        result[pitch] = np.median(times[near]) if len(near) else usual_s
    return result
