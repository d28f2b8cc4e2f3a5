"""The place in a score from frame to frame: a hidden Markov model over position and tempo, around the last place.

From frame to frame, the player goes on at one of TEMPOS, or rests; the tempo changes little. Notes are not in time exactly:
the player can wait before a note, and a note can come earlier than the tempo says. After Raphael, "Automatic segmentation of
acoustic musical signals using hidden Markov models", IEEE PAMI 21(4), 1999, and Cont, "A coupled duration-focused architecture
for real-time music-to-score alignment", IEEE PAMI 32(6), 2010.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rtsep.listening.likelihood import Frame, Likelihood
from rtsep.listening.rows import Floats
from rtsep.listening.states import STEP_S, States
from rtsep.listening.tempos import Tempos

# Seconds of the score for one second of the performance; 0: the player rests.
TEMPOS = np.concatenate([[0], np.geomspace(0.4, 2.5, 27)]).astype(np.float32)
CHANGE = np.float32(0.03)  # The probability, in a frame, of each of the two neighbouring tempos.
BLUR = np.float32(0.02)  # The probability of one position more, and of one less, than the tempo says.
WAIT, WAIT_STEPS = np.float32(0.75), 2  # In the last positions before a note, the player waits with this probability.
# In this many positions before a note, it comes now with this probability in a frame.
EARLY_STEPS, EARLY = 20, np.float32(0.001)
REST = np.float32(0.002)  # The probability, in a frame, that a slow player rests.
REACH_S = 3.0  # Places within this many seconds of the score around the last one are compared.
AROUND = 15  # The place is a mean over this many positions on both sides of the most probable surroundings.
TINY = 1e-30  # The likelihood of a frame counts as at least this.
SURE_STEPS = 10  # `Place.sure` is the probability of the positions within this many of the place.


class Place(NamedTuple):
    """Where the player is: the position (it need not be whole), the tempo, and the probability of places within 100 ms.

    evidence: the log-likelihood of the frame by what was expected before it.
    """

    position: float
    tempo: float
    sure: float
    evidence: float


class Near:
    """Follows a player around the last place."""

    def __init__(self, states: States, likelihood: Likelihood) -> None:
        self._states, self._likelihood = states, likelihood
        self._reach = round(REACH_S / STEP_S)
        self._tempos = Tempos(TEMPOS, CHANGE)
        self.put(0, round(0.5 / STEP_S) + 1)

    def put(self, first: int, last: int) -> None:
        """Set the player to the positions from `first` to `last` - 1, at any tempo."""
        first = min(max(first, 0), len(self._states) - 1)
        last = min(max(last, first + 1), len(self._states))
        self._first = first
        self._p = np.full((len(TEMPOS), last - first), 1 / (len(TEMPOS) * (last - first)), np.float32)
        self._last = Place((first + last - 1) / 2, 1.0, 0.0, 0.0)

    def step(self, frame: Frame) -> Place:
        """The place after one more frame."""
        middle = int(self._last.position)
        first, last = max(middle - self._reach, 0), min(middle + self._reach, len(self._states))
        ahead = self._predict(self._mixed(self._placed(first, last)), first, last)
        fits = self._likelihood.of(frame, first, last)
        most, expected = float(fits.max()), float(ahead.sum())
        p = ahead * np.exp(fits - np.float32(most))
        total = float(p.sum())
        evidence = most + float(np.log(max(total, TINY) / expected))
        if not total > 0:  # The sound is far from everything that the model expects.
            p, total = ahead, expected
        self._p, self._first = p / np.float32(total), first
        self._last = self._place(evidence)
        return self._last

    def _placed(self, first: int, last: int) -> Floats:
        """The probabilities [tempo, position] from `first` to `last` - 1."""
        p = np.zeros((len(TEMPOS), last - first), np.float32)
        begin, end = max(first, self._first), min(last, self._first + self._p.shape[1])
        p[:, begin - first : end - first] = self._p[:, begin - self._first : end - self._first]
        return p

    def _mixed(self, p: Floats) -> Floats:
        """Each tempo stays, or changes to a neighbour; few slow players rest."""
        mixed = self._tempos.mixed(p)
        mixed[0] -= (CHANGE - REST) * p[1]
        mixed[1] += (CHANGE - REST) * p[1]
        return mixed

    def _predict(self, p: Floats, first: int, last: int) -> Floats:
        """The probabilities one frame later; `p` changes."""
        groups = self._states.groups
        begun = groups[np.searchsorted(groups, first) : np.searchsorted(groups, last)] - first
        before = np.unique(np.maximum(begun[:, None] - 1 - np.arange(WAIT_STEPS), 0))
        waiting = WAIT * p[:, before]
        p[:, before] -= waiting
        total = np.cumsum(np.pad(p, ((0, 0), (1, 0))), axis=1)
        since = np.maximum(np.maximum(begun - EARLY_STEPS, np.concatenate([[0], begun])[:-1]), 0)
        early = EARLY * (total[:, begun] - total[:, since])
        ahead = self._tempos.moved(p)
        ahead[:, begun] += early
        ahead[:, before] += waiting
        blurred: Floats = (1 - 2 * BLUR) * ahead
        blurred[:, 1:] += BLUR * ahead[:, :-1]
        blurred[:, :-1] += BLUR * ahead[:, 1:]
        return blurred

    def _place(self, evidence: float) -> Place:
        """The mean around the most probable position."""
        by_position = self._p.sum(axis=0)
        total = np.cumsum(np.pad(by_position, (SURE_STEPS + 1, SURE_STEPS)))
        width = 2 * SURE_STEPS + 1
        near = total[width:] - total[:-width]  # The probability of all positions within SURE_STEPS.
        best = int(near.argmax())
        first = max(best - AROUND, 0)
        around = self._p[:, first : best + AROUND + 1]
        weights = around.sum(axis=0)
        mass = weights.sum()
        position = self._first + first + float(weights @ np.arange(len(weights)) / mass)
        return Place(position, float(TEMPOS @ around.sum(axis=1) / mass), float(near[best]), evidence)
