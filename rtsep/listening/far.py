"""Where else in the score the player can be: a coarse hidden Markov model over the whole score.

The player goes on, or jumps to an entry (the start of a bar), or to any position.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rtsep.listening.keys import Keys
from rtsep.listening.likelihood import HEARD, MISSED, RISEN, SPECTRUM, UNHEARD, Frame
from rtsep.listening.states import STEP_S, States
from rtsep.listening.tempos import Tempos

STRIDE = 4  # A coarse position and a coarse frame are this many fine ones.
TEMPOS = np.array([0, 0.5, 0.7, 0.85, 1, 1.2, 1.45, 2], np.float32)  # As in `near`.
CHANGE = np.float32(0.05)  # The probability, in a coarse frame, of each of the two neighbouring tempos.
WEIGHT = np.float32(1.5)  # A coarse frame tells as much as this many fine ones, since those overlap.
JUMP, ANYWHERE = 3e-5, 3e-6  # Probabilities, in a coarse frame, of a jump to an entry, and to any position.
AROUND_S = 0.3  # A place is all positions within this many seconds.


class View(NamedTuple):
    """The best place as a fine position, and its probability."""

    best: float
    certain: float


class Far:
    """Looks for the player in the whole score, once in STRIDE frames, by sound and perhaps keys."""

    def __init__(self, states: States, keys: Keys | None = None) -> None:
        self._keys = keys
        count = -(-len(states) // STRIDE)
        pad = count * STRIDE - len(states)
        grouped = np.pad(states.spectra, ((0, pad), (0, 0)), "edge").reshape(count, STRIDE, -1)
        self._spectra = grouped.mean(axis=1) * np.float32(SPECTRUM)
        self._onsets, self._begun = (np.pad(each, ((0, pad), (0, 0))).reshape(count, STRIDE, -1).max(axis=1)
                                     for each in (states.onsets, states.begun))
        self._missed = MISSED * self._onsets.sum(axis=1) + UNHEARD * self._begun.sum(axis=1)
        entries = np.zeros(count, np.float32)
        entries[np.minimum(states.entries // STRIDE, count - 1)] = 1
        self._entries = ((JUMP * entries / entries.sum() + ANYWHERE / count) / len(TEMPOS)).astype(np.float32)
        self._around = max(round(AROUND_S / (STRIDE * STEP_S)), 1)
        self._frames, self._tempos = list[Frame](), Tempos(TEMPOS, CHANGE)
        self.put(0, round(0.5 / STEP_S))

    def put(self, first: int, last: int) -> None:
        """Set the player to the fine positions from `first` to `last` - 1."""
        self._p = np.zeros((len(TEMPOS), len(self._missed)), np.float32)
        begin = min(max(first // STRIDE, 0), len(self._missed) - 1)
        self._p[:, begin : max(last // STRIDE, begin + 1)] = 1
        self._p /= self._p.sum()

    def step(self, frame: Frame) -> bool:
        """Take one frame; once in STRIDE frames, the view is new, and the result is True."""
        self._frames.append(frame)
        if len(self._frames) < STRIDE:
            return False
        shares = np.mean([each.shares for each in self._frames], axis=0)
        rises = np.max([each.rises for each in self._frames], axis=0)
        keys = tuple(key for each in self._frames for key in each.keys)
        weight = WEIGHT * np.float32(np.mean([each.weight for each in self._frames]))
        begins = np.max([each.begins for each in self._frames], axis=0)
        self._frames.clear()
        onsets = self._onsets @ (np.float32(RISEN) * rises) + self._begun @ (np.float32(HEARD) * begins)
        fits = weight * (self._spectra @ shares + onsets - self._missed)
        if self._keys is not None and keys:
            fits += self._keys.coarse(keys, STRIDE)
        p = (self._tempos.moved(self._tempos.mixed(self._p)) + self._entries) * np.exp(fits - fits.max())
        self._p = p / p.sum()
        return True

    def view(self) -> View:
        """The best place of all."""
        by_position = self._p.sum(axis=0)
        total = np.concatenate([[0], np.cumsum(by_position)])
        ends = np.minimum(np.arange(len(by_position)) + self._around + 1, len(by_position))
        starts = np.maximum(np.arange(len(by_position)) - self._around, 0)
        mass = total[ends] - total[starts]
        best = int(mass.argmax())
        inside = by_position[starts[best] : ends[best]]
        middle = starts[best] + float(inside @ np.arange(len(inside)) / max(inside.sum(), 1e-12))
        return View((middle + 0.5) * STRIDE, float(mass[best]))

    def mass(self, first: float, last: float) -> float:
        """The probability of the fine positions from `first` to `last`."""
        begin, end = (min(max(round(each / STRIDE), 0), self._p.shape[1]) for each in (first, last))
        return float(self._p[:, begin:end].sum())
