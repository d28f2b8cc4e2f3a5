"""How well each pitch explains a frame of a single line, and whether a note begins there: for the paths in `line_path`.

The score of a pitch joins the clarity at the best fundamental frequency near it, and its level among the activations of all
templates. Clarity is sharp in pitch and time, and knows nothing of other instruments; activations know the instrument.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rtsep.fit.hearing import COMPRESSION, LOWEST, PITCHES
from rtsep.listening.clarity import AROUND, FAINTEST_DB, PLACES, Clear, places_of
from rtsep.listening.ears import Heard
from rtsep.listening.rows import Floats

CLARITY, ACTIVATION = 0.6, 1.0  # Weights of the clarity, and of the level of the activation, 0 to 1.
HIGHER = 0.06  # Clarity counts this much more for each octave, since a sound is as periodic at two periods as at one.
REACH = 5  # A pitch can sound this many places above or below itself ...
AWAY = 0.2  # ... and loses this much for the square of its distance in semitones.
SHIFT = 2  # The ears hear a frame this many frames later than its middle.
LOUDER_DB, MOST_LOUDER = 0.06, 0.5  # An attack gets this much for each dB by which the sound rises, and at most that.
RISES = 0.6  # It gets this much for the rise of its own activation, 0 to 1.
BEFORE, AFTER = 4, 2  # A rise is looked for from this many frames before to that many after a frame.
QUIET_DB = -30.0  # Frames that are this much softer than the loudest so far are rests.
FADING_DB = 0.05  # The loudest level so far falls by this in each frame.
SOFTEST_DB = -60.0  # It is at least this.

SCALE = np.float32(1 / np.log1p(COMPRESSION))  # Levels of activations times this are 0 to 1.


class Scored(NamedTuple):
    """A frame. score, bonus [pitch]: see `LinePath.step`. above [pitch]: where it sounds best, in semitones above the pitch.

    level_db: the highest level around it, relative to the loudest so far.
    """

    score: Floats
    bonus: Floats
    above: Floats
    level_db: float


class LineScores:
    """Scores frames for the MIDI pitches from `lowest` to `highest`, which lie among those of the ears."""

    def __init__(self, lowest: int, highest: int) -> None:
        pitches = np.arange(lowest, highest + 1)
        middle = np.rint((pitches - lowest + AROUND) * PLACES).astype(np.int64)
        self._places = middle[:, None] + np.arange(-REACH, REACH + 1)
        self._columns = pitches - LOWEST
        steps = np.arange(-REACH, REACH + 1) / PLACES
        self._prior = (HIGHER / 12 * (pitches[:, None] - lowest + steps) - AWAY * steps**2).astype(np.float32)
        # What came from the frame BEFORE the next one on.
        self._clear = np.zeros((BEFORE, places_of(lowest, highest)), np.float32)
        self._level_db = np.full(BEFORE, FAINTEST_DB, np.float32)
        self._levels = np.zeros((BEFORE - SHIFT, PITCHES), np.float32)
        self._loudest = SOFTEST_DB

    def step(self, clear: Clear, heard: Heard) -> list[Scored]:
        """The frames that are complete with these new ones, in order."""
        self._clear = np.concatenate([self._clear, clear.clarity])
        self._level_db = np.concatenate([self._level_db, clear.level_db])
        self._levels = np.concatenate([self._levels, heard.levels])
        count = max(min(len(self._clear), len(self._levels)) - BEFORE - AFTER, 0)
        found = [self._scored(number + BEFORE) for number in range(count)]
        self._clear, self._level_db, self._levels = (part[count:] for part in (self._clear, self._level_db, self._levels))
        return found

    def _scored(self, at: int) -> Scored:
        around = self._clear[at, self._places] + self._prior
        best = around.argmax(axis=1)
        number = np.arange(len(best))
        activations = SCALE * self._levels[at - 2 : at + AFTER + 1, self._columns]
        level_db = float(self._level_db[at : at + AFTER + 1].max())
        louder = level_db - float(self._level_db[at - BEFORE : at].min())
        self._loudest = max(self._loudest - FADING_DB, float(self._level_db[at]))
        score = CLARITY * around[number, best] + ACTIVATION * activations[2]
        if self._level_db[at] < self._loudest + QUIET_DB:
            score = score - 1
        rise = np.clip(activations[3:].max(axis=0) - activations[:2].min(axis=0), 0, 1)
        bonus = RISES * rise + min(max(LOUDER_DB * louder, 0), MOST_LOUDER)
        return Scored(score, bonus, self._sounds(at, best), level_db - self._loudest)

    def _sounds(self, at: int, best: np.ndarray) -> Floats:
        """Where the clarity near the best place is highest, in semitones above each pitch: the vertex of a parabola."""
        number = np.arange(len(best))
        centre = self._places[number, best]
        last = self._clear.shape[1] - 1
        low, here, high = (self._clear[at, np.clip(centre + step, 0, last)] for step in (-1, 0, 1))
        bend = np.minimum(low + high - 2 * here, -1e-6)
        result: Floats = ((best - REACH + np.clip((low - high) / (2 * bend), -0.5, 0.5)) / PLACES).astype(np.float32)
        return result
