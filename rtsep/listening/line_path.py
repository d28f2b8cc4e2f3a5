"""The notes of a single line as the best path through pitches and rests, decided a little later than they sound.

A hidden Markov model: a note is an attack of some frames, in which it cannot end, and a sustained part; a rest is one state.
Each frame scores every pitch. The score of a path is their sum, less costs for new notes. The state of a frame is that of the
best path, LAG frames later (fixed-lag Viterbi decoding). Notes as such states: M. Mauch et al., "Computer-aided melody note
transcription using the Tony software", TENOR 2015.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

LAG = 6  # A frame is decided when this many frames have come after it.
ATTACK = 5  # The attack of a note lasts this many frames.
CHANGE, LEAP = 1.8, 0.08  # Costs of a note after another one, and of each semitone between them.
AGAIN = 0.6  # The cost of the same note again.
BEGINS, ENDS = 0.6, 0.3  # Costs of a note after a rest, and of a rest after a note.
REST = 1.1  # The score of a rest.
NEVER = -1e9  # The score of a path that does not exist.

Scores = npt.NDArray[np.floating]


class Decided(NamedTuple):
    """What a frame is: the number of its pitch, -1 for a rest; and whether a note begins there."""

    pitch: int
    begins: bool


class _Origin(NamedTuple):
    """Where the best paths of a frame come from.

    attack [pitch]: the note before an attack, -1 for a rest. sustained [pitch]: whether the attack ended just before. rest: the
    note before a rest, -1 for a rest.
    """

    attack: npt.NDArray[np.int64]
    sustained: npt.NDArray[np.bool_]
    rest: int


class LinePath:
    """The paths through `pitches` pitches, frame by frame."""

    def __init__(self, pitches: int) -> None:
        number = np.arange(pitches)
        self._cost = CHANGE + LEAP * np.abs(number[:, None] - number)  # [new, old]
        self._cost[number, number] = AGAIN
        self._number = number
        self._notes = np.full((ATTACK + 1, pitches), NEVER)  # By age in frames; the last row is the sustained part.
        self._rest = 0.0
        self._origins = deque[_Origin](maxlen=LAG + 1)

    def step(self, scores: Scores, bonus: Scores) -> Decided | None:
        """Take the scores of a frame [pitch], and what an attack gets besides. Returns what the frame LAG before it is."""
        sustained = self._notes[-1]
        ways = sustained - self._cost
        before = ways.argmax(axis=1)
        best, after_rest = ways[self._number, before], self._rest - BEGINS
        attack = np.where(after_rest > best, -1, before)
        new = np.empty_like(self._notes)
        new[0] = np.maximum(best, after_rest) + scores + bonus
        new[1:-1] = self._notes[:-2] + scores
        new[-1] = np.maximum(self._notes[-2], sustained) + scores
        last = int(sustained.argmax())
        ended = sustained[last] - ENDS > self._rest
        self._origins.append(_Origin(attack, self._notes[-2] > sustained, last if ended else -1))
        rest = REST + (sustained[last] - ENDS if ended else self._rest)
        highest = max(float(new.max()), float(rest))
        self._notes, self._rest = new - highest, float(rest) - highest
        return self._decided() if len(self._origins) > LAG else None

    def _decided(self) -> Decided:
        """The oldest frame that is kept, on the best path."""
        age, pitch = np.unravel_index(int(self._notes.argmax()), self._notes.shape)
        state = (int(age), int(pitch)) if self._rest < 0 else (0, -1)
        for origin in list(self._origins)[:0:-1]:
            state = _before(state, origin)
        return Decided(state[1], state[1] >= 0 and state[0] == 0)


def _before(state: tuple[int, int], origin: _Origin) -> tuple[int, int]:
    """Age and pitch one frame earlier."""
    age, pitch = state
    if pitch >= 0 and age == ATTACK:
        return (ATTACK - 1 if origin.sustained[pitch] else ATTACK), pitch
    if pitch >= 0 and age > 0:
        return age - 1, pitch
    old = origin.rest if pitch < 0 else int(origin.attack[pitch])
    return (ATTACK if old >= 0 else 0), old
