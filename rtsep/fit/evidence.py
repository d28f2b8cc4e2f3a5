"""What speaks for each cell of a grid in each step of a sound: levels and rises of the activations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rtsep.fit.grid import Floats, Grid
from rtsep.fit.hearing import STEP_S, TINY, Sound, combs, listen, rises

CHUNK = 2000  # The sound is analysed this many steps at a time, so that its spectra need little memory.
# Weights, per step, of the levels and of the rises, and of rises where nothing begins in the score. Chosen with `lab.py align`.
LEVELS, RISES, UNWRITTEN = 3.0, 6.0, 0.2
# A step is silent if its activations, and those of the next steps, have at most this share of those of a loud step, which only
# one step in ten exceeds.
SILENT, LOUD, NEXT = 0.006, 0.9, 3


@dataclass(frozen=True)
class Ears:
    """A sound as the aligner hears it.

    levels: float32 [step, pitch], roots of the activations, which sum to 1. strengths: float32 [step, pitch], their logarithmic
    rises. rises: the same, at most about 1 in all. heard: float32 [step], the length of the rises. silent: bool [step].
    """

    levels: Floats
    strengths: Floats
    rises: Floats
    heard: Floats
    silent: npt.NDArray[np.bool_]

    def first(self, steps: int) -> Ears:
        """The first steps."""
        return Ears(self.levels[:steps], self.strengths[:steps], self.rises[:steps], self.heard[:steps], self.silent[:steps])

    def pooled(self, steps: int) -> Ears:
        """The same with one step instead of `steps`: mean levels and the strongest rises."""
        count = -(-len(self.levels) // steps)
        pad = ((0, count * steps - len(self.levels)), (0, 0))
        levels, strengths = (np.pad(each, pad).reshape(count, steps, -1) for each in (self.levels, self.strengths))
        silent = np.asarray(np.pad(self.silent, pad[0], constant_values=True).reshape(count, steps).all(axis=1))
        return _ears(levels.mean(axis=1), strengths.max(axis=1), silent)

    def evidence(self, grid: Grid, steps: slice, cells: slice) -> Floats:
        """Log-likelihoods [step, cell] up to a constant of each step."""
        rises = self.rises[steps] @ grid.onsets[:, cells]
        rises -= (UNWRITTEN * self.heard[steps, None]) * grid.quiet[cells]
        result: Floats = LEVELS * (self.levels[steps] @ grid.levels[:, cells]) + RISES * rises
        result[self.silent[steps]] = -1.0 * grid.struck[cells]  # Nothing begins in silence.
        return result


def hear_all(sound: Sound) -> Ears:
    """The whole sound, every STEP_S."""
    rows, steps = combs(sound.sample_rate), max(int(sound.frames / sound.sample_rate / STEP_S), 1)
    H = np.concatenate([listen(sound, rows, begin * STEP_S, min(CHUNK, steps - begin)) for begin in range(0, steps, CHUNK)])
    level = H.sum(axis=1)
    soft = np.pad(level <= SILENT * np.quantile(level, LOUD), (0, NEXT), constant_values=True)
    silent = np.asarray(np.lib.stride_tricks.sliding_window_view(soft, NEXT + 1).all(axis=1))
    return _ears(np.sqrt(H), np.maximum(rises(H, float(H.max())), 0), silent)


def _ears(levels: Floats, strengths: Floats, silent: npt.NDArray[np.bool_]) -> Ears:
    rises = strengths / (np.sqrt((strengths**2).sum(axis=1, keepdims=True)) + 1)
    return Ears(levels / np.maximum(levels.sum(axis=1, keepdims=True), TINY), strengths, rises,
                np.sqrt((rises**2).sum(axis=1)).astype(np.float32), silent)
