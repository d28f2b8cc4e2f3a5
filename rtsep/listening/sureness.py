"""Does the player play this score? The note net hears which pitches begin; this compares them with the notes at the place.

A follower finds some place in any music. At a right place, a note that is passed begins more surely than the pitches around it.
At a wrong place it does not: those begin as often, and so do notes that are not in the score.
"""

from __future__ import annotations

from collections import deque

import numpy as np
import numpy.typing as npt

from rtsep.fit.hearing import LOWEST, PITCHES
from rtsep.listening.note_finder import NoteFinder
from rtsep.listening.note_net import Answer
from rtsep.listening.rows import Floats

OCTAVE = 12  # A note is compared with the other pitches within so many semitones ...
ALONE_S = 0.4  # ... that the score does not have within this many seconds of it.
EARLY_FRAMES = 12  # A note may begin so many frames before the place passes it, ...
LATE_FRAMES = 4  # ... or so many frames after that; the net hears it later still.
FIRST = 0.95  # A note is heard if it begins more surely than this share of the others, ...
AMONG = 0.9  # ... and not heard if it begins more surely than less than this share of them.
# What a note adds to the log-odds that the player plays the score, if it is heard, and if not. 89 % of the notes were heard at
# right places, and 9 % at wrong ones: the logarithms of such ratios are about twice as large, but neighbours tell the same.
HEARD, UNHEARD = 1.0, -0.75
BEFORE_S, AFTER_S = 0.4, 0.5  # A pitch is told if the score has it at most so many seconds before, or after, the place.
UNTOLD = -0.15  # What another pitch that begins adds: 0.7 came in a second at right places, and 4.7 at wrong ones.
# What it adds if it is the fourth one, or a later one, without a note that is passed: the place stands still in other music.
STILL, IN_TURN = -0.6, 4
START = 2.0  # The log-odds before anything is heard.
LEAST, MOST = -4.0, 8.0  # The log-odds stay between these, so that some ten notes can change them.
LOST, FOUND = -2.0, 2.0  # The score is lost below the first of these log-odds, and found above the second one.
# All these were chosen on the tuning pieces, at right places and with the scores of other pieces.


class Sureness:
    """How sure it is that the player plays `notes`, NOTE [n]. lost: whether it seems to be other music.

    delay_frames, begins: those of the note net.
    """

    def __init__(self, notes: npt.NDArray[np.void], delay_frames: int, begins: float) -> None:
        column = notes["pitch"].astype(np.int64) - LOWEST
        kept = notes[(column >= 0) & (column < PITCHES)]
        kept = np.sort(kept, order="onset_s")
        self._onset, self._column = kept["onset_s"], kept["pitch"].astype(np.int64) - LOWEST
        self._delay, self._finder = delay_frames, NoteFinder(delay_frames, begins)
        frames = EARLY_FRAMES + LATE_FRAMES + self._delay + 1
        self._begins = deque([np.zeros(PITCHES, np.float32)] * frames, frames)
        self.reset(0.0)

    def reset(self, seconds: float) -> None:
        """The player goes on from this time of the score."""
        self._odds, self.lost = START, False
        self._untold = 0  # How many pitches have begun since a note was passed.
        self._go_on(seconds)

    def _go_on(self, seconds: float) -> None:
        """Forget the notes that were passed."""
        self._places = deque([seconds] * (self._delay + 1), self._delay + 1)
        self._passed = deque([slice(0, 0)] * (LATE_FRAMES + self._delay + 1), LATE_FRAMES + self._delay + 1)

    @property
    def sure(self) -> float:
        """The probability that the player plays the score."""
        return 1 / (1 + float(np.exp(-self._odds)))

    def step(self, answer: Answer, seconds: float, jumped: bool) -> None:
        """Take the net's answer to one frame, and the place in it. jumped: the player did not come there by playing."""
        if jumped:
            self._go_on(seconds)
        self._begins.append(answer.begins[0])
        first, last = np.searchsorted(self._onset, [self._places[-1], seconds], "right").tolist()
        self._passed.append(slice(first, last))
        self._places.append(seconds)
        begun = [change.pitch - LOWEST for change in self._finder.step(answer) if change.velocity]
        self._odds += self._of_score(self._passed[0]) + self._of_sound(begun, self._places[0])
        self._odds = min(max(self._odds, LEAST), MOST)
        self.lost = self._odds < (FOUND if self.lost else LOST)

    def _of_score(self, passed: slice) -> float:
        """What the notes that were passed some frames ago add."""
        if passed.start == passed.stop:
            return 0.0
        added, self._untold = 0.0, 0
        surest: Floats = np.max(self._begins, axis=0)
        for onset_s, column in zip(self._onset[passed].tolist(), self._column[passed].tolist(), strict=True):
            others = np.zeros(PITCHES, bool)
            others[max(column - OCTAVE, 0) : column + OCTAVE + 1] = True
            others[self._around(onset_s - ALONE_S, onset_s + ALONE_S)] = False
            if not others.any():
                continue
            share = float(np.mean(surest[others] < surest[column]))
            added += HEARD if share >= FIRST else UNHEARD if share < AMONG else 0.0
        return added

    def _of_sound(self, begun: list[int], seconds: float) -> float:
        """What pitches add that began when the place was there."""
        told = self._around(seconds - BEFORE_S, seconds + AFTER_S)
        added = 0.0
        for column in begun if len(told) else ():
            if column not in told:
                self._untold += 1
                added += UNTOLD if self._untold < IN_TURN else STILL
        return added

    def _around(self, first_s: float, last_s: float) -> npt.NDArray[np.int64]:
        """The columns of the notes that begin between two times of the score."""
        return self._column[slice(*np.searchsorted(self._onset, [first_s, last_s]).tolist())]
