"""How loud notes are, by velocity and age: what a preset tells the engine of its notes before they are heard."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from rtsep.kernels.memory import ENVELOPE_POINTS, ENVELOPE_S, ENVELOPE_STEPS, ENVELOPE_VELOCITY

Floats = npt.NDArray[np.float64]
AGES_S: Floats = ENVELOPE_S * (2 ** (np.arange(ENVELOPE_POINTS) / ENVELOPE_STEPS) - 1)
BEFORE_DB = 80.0  # so far below its peak is a note that has just begun, and what is never heard
USUAL_DB_PER_STEP = 0.25  # of velocity, where a pitch was heard at one velocity alone
TAIL = 0.4  # of a note, whose slope goes on after its end
FASTEST_DB_S = 70.0


def note_envelope(level: Floats, age_s: Floats) -> Floats:
    """dB at AGES_S of a note whose frames had the magnitudes `level` at the ascending ages `age_s`."""
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
    """[2, point]: dB at velocity 64 and per step of velocity, a line through the notes of one pitch."""
    y, x = np.stack(envelopes), velocity - float(ENVELOPE_VELOCITY)
    if len(np.unique(x)) < 2:
        return np.stack([(y - USUAL_DB_PER_STEP * x[:, None]).mean(axis=0), np.full(ENVELOPE_POINTS, USUAL_DB_PER_STEP)])
    slope, base = np.polyfit(x, y, 1)
    return np.stack([base, np.clip(slope, 0.0, 1.0)])


def table(of_pitch: dict[int, Floats]) -> npt.NDArray[np.float32]:
    """envelope_db [128, 2, point]; the loudest level of all is about 0, and pitches that were not heard are 0."""
    result = np.zeros((128, 2, ENVELOPE_POINTS), np.float32)
    loudest = max(envelope[0].max() for envelope in of_pitch.values())
    for pitch, envelope in of_pitch.items():
        result[pitch] = envelope
        result[pitch, 0] -= loudest + 1e-2  # never all 0
    return result


def averaged(tables: Sequence[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
    """One table of several instruments' tables: the mean of those that know a pitch, brought to the level of the first."""
    first, total, known = tables[0], np.zeros(tables[0].shape), np.zeros(128)
    for each in tables:
        heard = each.any(axis=(1, 2))
        both = heard & first.any(axis=(1, 2))
        offset = (each[both, 0].max(axis=-1) - first[both, 0].max(axis=-1)).mean() if both.any() else 0.0
        total[heard] += each[heard] - np.array([[offset], [0.0]])
        known += heard
    return (total / np.maximum(known, 1)[:, None, None]).astype(np.float32)
