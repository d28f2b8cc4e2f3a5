"""Envelopes: the levels of notes by velocity and age. From them the engine knows which level to expect of a note."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rtsep.kernels.memory import ENVELOPE_POINTS, ENVELOPE_S, ENVELOPE_STEPS, ENVELOPE_VELOCITY

Floats = npt.NDArray[np.float64]
AGES_S: Floats = ENVELOPE_S * (2 ** (np.arange(ENVELOPE_POINTS) / ENVELOPE_STEPS) - 1)
BEFORE_DB = 80.0  # A note that has only begun, or is no longer heard, counts as this many decibels below its peak.
USUAL_DB_PER_STEP = 0.25  # Change in decibels per step of velocity, for a pitch that was heard at only one velocity.
TAIL = 0.4  # After a note's end its level continues with the slope of this last share of the note.
FASTEST_DB_S = 70.0  # A level falls by at most this many decibels per second.
DECAY_DB = 60.0  # A preset's decay time is the time in which a note falls by this many decibels.
SETTLED_S = (0.05, 0.3)  # Ages, in seconds, between which a note in music shows its level.
LEAST_VARIANCE = 4.0  # The level per step is measured only if the variance of velocities is larger.
LEAST_FRAMES = 4  # A point of an envelope is known if it has at least this many frames.
# Notes within this many semitones are neighbours; a pitch without them uses this many nearest notes.
NEIGHBOURS, NEAREST = 6, 8


def note_envelope(level: Floats, age_s: Floats) -> Floats:
    """Levels in dB at AGES_S of a note whose frames had the magnitudes `level` at the ascending ages `age_s`."""
    peak_db = 20 * np.log10(level.max())
    heard_db = 20 * np.log10(np.maximum(level, level.max() * 10 ** (-BEFORE_DB / 20)))
    late = age_s >= age_s[-1] - TAIL * (age_s[-1] - age_s[0])
    slope = np.polyfit(age_s[late], heard_db[late], 1)[0] if late.sum() > 2 else 0.0
    falling = np.clip(slope, -FASTEST_DB_S, 0.0)
    inside = np.interp(AGES_S, [0.0, *age_s], [peak_db - BEFORE_DB, *heard_db])
    after = np.interp(age_s[-1], age_s, heard_db) + falling * (AGES_S - age_s[-1])
    result: Floats = np.maximum(np.where(age_s[-1] < AGES_S, after, inside), peak_db - BEFORE_DB)
    return result


def pitch_envelope(envelopes: Sequence[Floats], velocity: npt.NDArray[np.int64]) -> Floats:
    """[2, point]: dB at velocity 64, and dB per step of velocity, from a line through the notes of one pitch."""
    y, x = np.stack(envelopes), velocity - float(ENVELOPE_VELOCITY)
    if len(np.unique(x)) < 2:
        return np.stack([(y - USUAL_DB_PER_STEP * x[:, None]).mean(axis=0), np.full(ENVELOPE_POINTS, USUAL_DB_PER_STEP)])
    slope, base = np.polyfit(x, y, 1)
    return np.stack([base, np.clip(slope, 0.0, 1.0)])


def table(of_pitch: dict[int, Floats]) -> npt.NDArray[np.float32]:
    """envelope_db [128, 2, point]; the loudest level is about 0 dB, and pitches that were not heard are all 0."""
    result = np.zeros((128, 2, ENVELOPE_POINTS), np.float32)
    loudest = max(envelope[0].max() for envelope in of_pitch.values())
    for pitch, envelope in of_pitch.items():
        result[pitch] = envelope
        result[pitch, 0] -= loudest + 1e-2  # So no envelope is all 0.
    return result


def averaged(tables: Sequence[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
    """One table from several instruments' tables: the mean of those that have a pitch, scaled to the level of the first."""
    first, total, known = tables[0], np.zeros(tables[0].shape), np.zeros(128)
    for each in tables:
        heard = each.any(axis=(1, 2))
        both = heard & first.any(axis=(1, 2))
        offset = (each[both, 0].max(axis=-1) - first[both, 0].max(axis=-1)).mean() if both.any() else 0.0
        total[heard] += each[heard] - np.array([[offset], [0.0]])
        known += heard
    return (total / np.maximum(known, 1)[:, None, None]).astype(np.float32)


@dataclass(frozen=True)
class HeardNote:
    """One note's frames: levels in dB at ages in s, and its level after the attack and before it fades much."""

    pitch: int
    velocity: int
    age_s: Floats
    level_db: Floats
    settled_db: float


def _heard(level: Floats, end_s: Floats, notes: npt.NDArray[np.void]) -> Iterator[HeardNote]:
    """Every note of one pitch that is long enough, from the level [frame] of its rows in frames that end at `end_s`."""
    for note, until_s in zip(notes, np.append(notes["onset_s"], np.inf)[1:], strict=True):
        begin, end = np.searchsorted(end_s, [note["onset_s"], min(note["offset_s"], until_s)])
        age_s, level_db = end_s[begin:end] - note["onset_s"], 20 * np.log10(level[begin:end] + 1e-9 * level.max())
        settled = (age_s >= SETTLED_S[0]) & (age_s <= SETTLED_S[1])
        if settled.any():
            yield HeardNote(int(note["pitch"]), int(note["velocity"]), age_s, level_db, float(level_db[settled].mean()))


def _step_db(notes: Sequence[HeardNote]) -> float:
    """dB per step of velocity, over all pitches, with each pitch relative to its own mean."""
    x, y = np.array([note.velocity for note in notes], float), np.array([note.settled_db for note in notes])
    pitch = np.array([note.pitch for note in notes])
    for each in np.unique(pitch):
        mine = pitch == each
        x[mine] -= x[mine].mean()
        y[mine] -= y[mine].mean()
    return float(np.clip((x * y).sum() / (x**2).sum(), 0.0, 1.0)) if (x**2).mean() > LEAST_VARIANCE else USUAL_DB_PER_STEP


def _shape_db(notes: Sequence[HeardNote], decay_s: float) -> Floats:
    """dB at AGES_S above the settled level, as the median over notes; after their ages it falls by `decay_s`."""
    age_s = np.concatenate([note.age_s for note in notes])
    level_db = np.concatenate([note.level_db - note.settled_db for note in notes])
    at = np.round(ENVELOPE_STEPS * np.log2(1 + age_s / ENVELOPE_S)).astype(int)
    known = [point for point in range(1, ENVELOPE_POINTS) if (at == point).sum() >= LEAST_FRAMES]
    if not known:
        return -DECAY_DB / decay_s * AGES_S
    values = [float(np.median(level_db[at == point])) for point in known]
    shape = np.interp(AGES_S, [0.0, *AGES_S[known]], [max(values) - BEFORE_DB, *values])
    result: Floats = shape - DECAY_DB / decay_s * np.maximum(AGES_S - AGES_S[known[-1]], 0)
    return result


def heard_notes(
    H: npt.NDArray[np.float32], row_pitch: npt.NDArray[np.int64], end_s: Floats, notes: npt.NDArray[np.void]
) -> Iterator[HeardNote]:
    """Every note of a take that is long enough, from its activations H [frame, row], whose frames end at `end_s`."""
    for pitch in np.unique(row_pitch):
        level = H[:, row_pitch == pitch].sum(axis=1).astype(np.float64)
        if level.any():
            yield from _heard(level, end_s, notes[notes["pitch"] == pitch])


def music_envelopes(
    pitches: npt.NDArray[np.int64], found: Sequence[HeardNote], decay_s: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32] | None:
    """envelope_db of the `pitches` from notes in music. decay_s [128]. None: no note is long enough.

    The shape of an envelope comes from nearby pitches, its level only from the pitch itself.
    """
    if not found:
        return None
    found = sorted(found, key=lambda note: note.pitch)  # Pitch after pitch, take after take.
    step_db, of_pitch = _step_db(found), {}
    for pitch in pitches.tolist():
        near = sorted(found, key=lambda note: abs(note.pitch - pitch))
        own = [note for note in near if note.pitch == pitch] or near[:NEAREST]
        level_db = np.median([note.settled_db - step_db * (note.velocity - ENVELOPE_VELOCITY) for note in own])
        shape = _shape_db([note for note in near if abs(note.pitch - pitch) <= NEIGHBOURS] or near[:NEAREST], decay_s[pitch])
        of_pitch[pitch] = np.stack([level_db + shape, np.full(ENVELOPE_POINTS, step_db)])
    return table(of_pitch)
