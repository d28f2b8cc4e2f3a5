"""Measures in music how long notes ring: for each note as the median over its strongest partials.

Other notes disturb some partials of some notes; medians and quantiles exclude these. Pitches without usable notes take the
times of their neighbours.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rtsep.training.frames import Spectrogram
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


def measure_ringing(
    frames: Spectrogram, V: Frames, takes: Sequence[Take], W: Floats, row_pitch: npt.NDArray[np.int64]
) -> Ringing:
    """Measure V, the spectrogram `frames` or a copy in memory, by the notes of `takes` and the templates of their pitches."""
    pitches = np.unique(row_pitch)
    release, decay = np.full(len(pitches), np.nan), np.full(len(pitches), np.nan)
    for i, pitch in enumerate(pitches):
        bins = np.argsort(W[row_pitch == pitch][-1])[-PARTIALS:]
        times = [_ring(V[part][:, bins], at_s - note["onset_s"], float(note["offset_s"] - note["onset_s"]))
                 for part, at_s, note in _notes_alone(frames, takes, int(pitch))]
        release[i] = _quantile((time for time, _ in times), RELEASE_QUANTILE)
        decay[i] = _quantile((time for _, time in times), 0.5)
    release = np.maximum(release - frames.memory_s(RELEASE_DB), 0)
    return Ringing(_spread(pitches, release, USUAL_RELEASE_S), _spread(pitches, decay, USUAL_DECAY_S))


def _notes_alone(frames: Spectrogram, takes: Sequence[Take], pitch: int) -> list[tuple[slice, Floats, np.void]]:
    """The longest notes of a pitch, each until its key is struck again: frames, their ends in s, and the note."""
    found = []
    for number, take in enumerate(takes):
        notes, end_s = take.notes[take.notes["pitch"] == pitch], frames.ends_s(number)
        for note, until_s in zip(notes, [*notes["onset_s"][1:], take.seconds], strict=False):
            begin, end = np.searchsorted(end_s, [note["onset_s"] + SETTLED_S, min(note["offset_s"] + AFTER_S, until_s)])
            if end > begin + 1:
                first = frames.of(number).start
                found.append((slice(first + int(begin), first + int(end)), end_s[begin:end], note))
    return sorted(found, key=lambda each: -float(each[2]["offset_s"] - each[2]["onset_s"]))[:NOTES_PER_PITCH]


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
