"""The inputs of the note net for many moments, as `note_net.inputs` makes them, six times as fast: compiled."""

from __future__ import annotations

import numpy as np
from numba import njit

from rtsep.listening.note_net import (
    ACTIVATIONS_AT,
    BANDS_AT,
    FRAMES,
    INPUTS,
    MARGIN,
    PAST_ACTIVATIONS_AT,
    PAST_BANDS_AT,
    PAST_FRAMES,
    PASTS,
    PITCHES,
    Seen,
)


def fast_inputs(seen: Seen, frames: np.ndarray, pitches: np.ndarray) -> np.ndarray:
    """The inputs [n, INPUTS], float32, of float32 `seen`."""
    x = np.empty((len(frames), INPUTS), np.float32)
    _fill(x, *seen, frames, pitches)
    return x


@njit
def _fill(x, activations, bands, rise, held, frames, pitches):
    for row in range(len(frames)):
        now, column = frames[row], pitches[row] + MARGIN
        at = _levels(x[row], 0, activations, now, column, ACTIVATIONS_AT)
        at = _levels(x[row], at, bands, now, column, BANDS_AT)
        for frame in range(now - FRAMES + 1, now + 1):
            x[row, at] = rise[frame]
            at += 1
        at = _past(x[row], at, activations, now, column, PAST_ACTIVATIONS_AT)
        at = _past(x[row], at, bands, now, column, PAST_BANDS_AT)
        height = pitches[row] / (PITCHES / 2) - 1
        x[row, at], x[row, at + 1], x[row, at + 2] = height, height * height, held[now]


@njit
def _levels(row, at, levels, now, column, intervals):
    for frame in range(now - FRAMES + 1, now + 1):
        for interval in intervals:
            row[at] = levels[frame, column + interval]
            at += 1
    return at


@njit
def _past(row, at, levels, now, column, intervals):
    for part in range(PASTS):
        last = now - FRAMES - part * PAST_FRAMES
        for interval in intervals:
            total = np.float32(0)
            for frame in range(last - PAST_FRAMES + 1, last + 1):
                total += levels[frame, column + interval]
            row[at] = total / np.float32(PAST_FRAMES)
            at += 1
    return at
