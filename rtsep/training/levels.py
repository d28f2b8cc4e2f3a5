"""Corrects a preset's envelopes, the levels of notes by velocity and age, with a take of one instrument.

For each note in a frame, the level over the expected level, in dB, is split into a gain, a steepness in velocity, and a
remainder. The remainder is averaged over nearby pitches and ages, weighted by the note's share of the frame, and added to the
envelopes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from rtsep.kernels.memory import ENVELOPE_POINTS, ENVELOPE_S, ENVELOPE_STEPS, ENVELOPE_VELOCITY
from rtsep.training.inputs import Take

# A note that sounds in a frame.
SOUNDING = np.dtype([("frame", "<i8"), ("pitch", "<i8"), ("velocity", "<i8"), ("point", "<f8")])
# A correction extends over this many semitones, and over this many points of the envelope.
NEAR_SEMITONES, NEAR_POINTS = 1.5, 1.5
DOUBT = 4.0  # An unchanged envelope counts as this many frames of evidence.
STEADY = 1e4  # An unchanged steepness in velocity counts as this much evidence, in frames times squared steps of velocity.
MOST_DB = 15.0  # A level that is off by more decibels than this counts as this.
SURE_SHARE = 4.0  # A note that fills a quarter of a frame (one over this number) counts as much as a note that fills all of it.
FAINTEST = 1e-4  # Notes with a smaller share of a frame are ignored.

Floats = npt.NDArray[np.float64]


def sounding(takes: Sequence[Take], ends_s: Sequence[Floats]) -> npt.NDArray[np.void]:
    """SOUNDING [n]: every frame in which a note is held, and the point of its envelope there.

    Frames end at ends_s [take][frame]; their numbers count through all takes. A repeated note ends the earlier one.
    """
    found, first = [np.zeros(0, SOUNDING)], 0
    for take, end_s in zip(takes, ends_s, strict=True):
        for pitch in np.unique(take.notes["pitch"]):
            notes = take.notes[take.notes["pitch"] == pitch]
            until = np.minimum(notes["offset_s"], np.append(notes["onset_s"][1:], np.inf))
            for note, last in zip(notes, until, strict=True):
                frames = np.flatnonzero((end_s > note["onset_s"]) & (end_s <= last))
                mine = np.zeros(len(frames), SOUNDING)
                mine["frame"], mine["pitch"], mine["velocity"] = first + frames, pitch, note["velocity"]
                mine["point"] = ENVELOPE_STEPS * np.log2(1 + (end_s[frames] - note["onset_s"]) / ENVELOPE_S)
                found.append(mine)
        first += len(end_s)
    return np.concatenate(found)


def correct_envelopes(
    envelope_db: npt.NDArray[np.float32], notes: npt.NDArray[np.void], H: npt.NDArray[np.float32], row_pitch: npt.ArrayLike
) -> npt.NDArray[np.float32]:
    """envelope_db [128, 2, point], corrected by the take: `notes` SOUNDING [n], H [frame, row; then rows of no note]."""
    of_pitch = np.zeros((H.shape[1], 128), np.float32)
    of_pitch[np.arange(len(np.asarray(row_pitch))), np.asarray(row_pitch)] = 1
    levels, totals = H @ of_pitch, H.sum(axis=1)
    level, share = (each[notes["frame"], notes["pitch"]] for each in (levels, levels / np.maximum(totals, 1e-30)[:, None]))
    known: npt.NDArray[np.bool_] = np.asarray(envelope_db.any(axis=(1, 2)))
    told = (share > FAINTEST) & known[notes["pitch"]] & (notes["point"] <= ENVELOPE_POINTS - 1)
    notes, level, weight = notes[told], level[told].astype(float), np.minimum(SURE_SHARE * share[told].astype(float), 1)
    if not len(notes):
        return envelope_db
    steps = notes["velocity"] - float(ENVELOPE_VELOCITY)
    over_db = 20 * np.log10(level) - _predicted_db(envelope_db, notes, steps)
    over_db -= np.median(over_db)
    over_db = np.clip(over_db - np.average(over_db, weights=weight), -MOST_DB, MOST_DB)
    centred = steps - np.average(steps, weights=weight)
    steeper = (weight * centred * over_db).sum() / ((weight * centred**2).sum() + STEADY)
    result = envelope_db.copy()
    result[known, 0] += _averaged(notes, over_db - steeper * centred, weight)[known]
    result[known, 1] = np.clip(result[known, 1] + steeper, 0, 1)
    return result


def _predicted_db(envelope_db: npt.NDArray[np.float32], notes: npt.NDArray[np.void], steps: Floats) -> Floats:
    below = np.minimum(notes["point"].astype(np.int64), ENVELOPE_POINTS - 2)
    part = notes["point"] - below
    low, high = (envelope_db[notes["pitch"], 0, at] + steps * envelope_db[notes["pitch"], 1, at] for at in (below, below + 1))
    result: Floats = low + part * (high - low)
    return result


def _averaged(notes: npt.NDArray[np.void], residual_db: Floats, weight: Floats) -> Floats:
    """The correction of each pitch and point, [128, point]."""
    at = notes["pitch"], np.rint(notes["point"]).astype(np.int64)
    total, count = np.zeros((128, ENVELOPE_POINTS)), np.zeros((128, ENVELOPE_POINTS))
    np.add.at(total, at, weight * residual_db)
    np.add.at(count, at, weight)
    pitches, points = _nearness(128, NEAR_SEMITONES), _nearness(ENVELOPE_POINTS, NEAR_POINTS)
    result: Floats = (pitches @ total @ points) / (pitches @ count @ points + DOUBT)
    return result


def _nearness(size: int, width: float) -> Floats:
    """Weights by distance, [size, size], 1 on the diagonal."""
    at = np.arange(size)
    result: Floats = np.exp(-0.5 * ((at[:, None] - at) / width) ** 2)
    return result
