"""Tempos of a hidden Markov model over positions: how probabilities [tempo, position] change from frame to frame."""

from __future__ import annotations

import numpy as np

from rtsep.listening.rows import Floats


class Tempos:
    """`values` float32 [tempo]: positions for a frame, ascending. change: the probability of each of the two neighbours."""

    def __init__(self, values: Floats, change: np.float32) -> None:
        self._change, whole = change, values.astype(np.int64)
        # Tempos with the same number of whole positions for a frame: that number, the tempos, the rest.
        self._steps = [(int(each), np.flatnonzero(whole == each), (values - whole)[whole == each, None])
                       for each in np.unique(whole)]

    def mixed(self, p: Floats) -> Floats:
        """Each tempo stays, or changes to a neighbour."""
        change = self._change
        mixed: Floats = (1 - 2 * change) * p
        mixed[1:] += change * p[:-1]
        mixed[:-1] += change * p[1:]
        mixed[[0, -1]] += change * p[[0, -1]]
        return mixed

    def moved(self, p: Floats) -> Floats:
        """Each tempo moves its own way; a part of a position becomes a probability of one position more."""
        moved, count = np.zeros_like(p), p.shape[1]
        for step, tempos, rest in self._steps:
            rows = slice(tempos[0], tempos[-1] + 1)
            moved[rows, step:] += (1 - rest) * p[rows, : count - step]
            moved[rows, step + 1 :] += rest * p[rows, : count - step - 1]
        return moved
