"""Stage: the pitch of a voice, from what the told notes leave of the same frame. See `rtsep.stages.voice_pitch`."""

from __future__ import annotations

import math

import numpy as np

from rtsep.reference.passed import Floats
from rtsep.stages.voice_grid import CANDIDATES, FINER, HARMONICS, LOWEST_HZ, STEPS, axis_hz, places_above
from rtsep.stages.voice_pitch import (
    AROUND_CENTS,
    FADING,
    HEARD_HZ,
    LEAST_LEFT,
    LEVEL_HZ,
    MEMORY_S,
    SEMITONE_COST,
    SURE,
    VOICED,
    VOICED_TOLD,
)


class VoicePitch:
    """The scores of the paths, by candidate. `limits`: the first candidate of the voice's range, and the one after the last."""

    def __init__(self, bins: int, bin_hz: float, hop_s: float, limits: tuple[int, int] | None = None) -> None:
        self.limits = limits or (0, CANDIDATES)
        self.score = np.zeros(CANDIDATES)
        self.sureness = 0.0  # of the last frame's pitch: salience times the square root of the share that the notes leave
        self._keep = math.exp(-hop_s / MEMORY_S)
        self._level_bins = min(int(LEVEL_HZ / bin_hz), bins)
        at = axis_hz() / bin_hz
        heard = ((axis_hz() < HEARD_HZ) & (at < bins - 2)).all(axis=0)
        self._axis = np.where(heard, at, bins).T.ravel()  # place by place, in bins
        self._weight = FADING ** np.arange(1, HARMONICS + 1)

    def step(self, left: Floats, told_hz: tuple[float, float] = (0.0, 0.0)) -> float:
        """The pitch in Hz, 0 if the frame is unvoiced, from left [bin]; `told_hz`: the melody's range, as in stage `melody`."""
        self.sureness = 0.0
        level = left[: self._level_bins].sum()
        if told_hz[0] < 0 or not level > LEAST_LEFT:
            self.score[:] = 0
            return 0.0
        first, end = possible(told_hz, self.limits)
        salience = self.salience(np.sqrt(left * self._level_bins / level))[first:end]
        score = moved(self.score[first:end], SEMITONE_COST / STEPS)
        self.score[:] = 0
        self.score[first:end] = self._keep * score + (1 - self._keep) * salience
        best = int(np.argmax(self.score[first:end]))
        self.sureness = float(salience[best] * np.sqrt(level))
        voiced, sure = (VOICED_TOLD, 0.0) if told_hz[0] > 0 else (VOICED, SURE)
        if salience[best] < voiced or self.sureness < sure:
            return 0.0
        return LOWEST_HZ * 2 ** float((first + best + vertex(salience, best)) / (12 * STEPS))

    def salience(self, root: Floats) -> Floats:
        """The salience of every candidate, from the scaled root [bin] of a spectrum."""
        axis = np.interp(self._axis, np.arange(len(root)), root, right=0)
        n, candidate = np.arange(1, HARMONICS + 1)[:, None], np.arange(len(self.score)) * FINER
        above = axis[candidate + places_above(n)] - axis[candidate + places_above(n - 0.5)]
        salience: Floats = self._weight @ above / self._weight.sum()
        return salience


def possible(told_hz: tuple[float, float], limits: tuple[int, int]) -> tuple[int, int]:
    """The first possible candidate, and the one after the last: those of the range, or those near told notes."""
    if told_hz[0] <= 0:
        return limits
    low, high = (12 * STEPS * math.log2(hz / LOWEST_HZ) for hz in told_hz)
    around = AROUND_CENTS * STEPS / 100
    first = min(max(math.ceil(low - around), 0), CANDIDATES - 1)
    return first, min(max(math.floor(high + around) + 1, first + 1), CANDIDATES)


def moved(score: Floats, cost: float) -> Floats:
    """The best score that a path from anywhere brings to each candidate, at `cost` for each step."""
    way = cost * np.arange(len(score))
    up: Floats = np.maximum.accumulate(score + way) - way
    best: Floats = np.maximum(up, np.maximum.accumulate((up - way)[::-1])[::-1] + way)
    return best


def vertex(salience: Floats, best: int) -> float:
    """Where the peak near candidate `best` lies, -0.5 to 0.5: the vertex of a parabola through it and its neighbours."""
    if best == 0 or best + 1 == len(salience):
        return 0.0
    below, here, above = salience[best - 1 : best + 2]
    bend = below + above - 2 * here
    return float(np.clip((below - above) / (2 * bend), -0.5, 0.5)) if bend < 0 else 0.0
