"""The grid of a voice's pitch: its candidates, and the logarithmic axis on which their harmonics lie."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

LOWEST_HZ, HIGHEST_HZ = 55.0, 2200.0  # The candidates lie between these frequencies.
STEPS = 6  # Number of candidates in a semitone.
FINER = 4  # The spectrum is read at this many places for each candidate, since a harmonic is sharper than a pitch.
HARMONICS = 12  # The salience counts this many harmonics.
CANDIDATES = int(np.log2(HIGHEST_HZ / LOWEST_HZ) * 12 * STEPS) + 1  # Number of candidates.
# Number of steps of the axis: from an octave below the lowest candidate to the highest harmonic of the highest one.
AXIS = CANDIDATES + int(np.ceil((1 + np.log2(HARMONICS)) * 12 * STEPS)) + 1


def candidates_hz() -> npt.NDArray[np.float64]:
    """The candidates in Hz."""
    return LOWEST_HZ * 2 ** (np.arange(CANDIDATES) / (12 * STEPS))


def axis_hz() -> npt.NDArray[np.float64]:
    """The frequencies of the axis in Hz, [place, step]. Its first step lies an octave below the lowest candidate."""
    return LOWEST_HZ / 2 * 2 ** ((np.arange(AXIS) + np.arange(FINER)[:, None] / FINER) / (12 * STEPS))


def places_above(factor: Any) -> npt.NDArray[np.int64]:
    """How many places above the step an octave below a candidate its multiples by `factor` lie."""
    places: npt.NDArray[np.int64] = np.rint(np.log2(2 * np.asarray(factor)) * 12 * STEPS * FINER).astype(np.int64)
    return places


def limits_of(low_hz: float, high_hz: float) -> tuple[int, int]:
    """The first candidate from `low_hz` on, and the one after the last up to `high_hz`; at least one lies between them."""
    first, end = np.searchsorted(candidates_hz(), [low_hz, high_hz * 2 ** (0.5 / (12 * STEPS))]).tolist()
    first = min(first, CANDIDATES - 1)
    return first, max(end, first + 1)
