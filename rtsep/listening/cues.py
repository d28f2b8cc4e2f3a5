"""Notes from the place in a score: each begins a little before the player is expected to play it, and ends late.

A follower is some 10 ms late or early, and more if the player is not in time. So gates open ahead, and further ahead the larger
the follower's own errors are.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from rtsep.listening.follower import Told
from rtsep.listening.states import STEP_S
from rtsep.notes.messages import NOTE_OFF, NOTE_ON, Message

AHEAD_S, MOST_AHEAD_S = 0.1, 0.2  # Notes begin at least and at most this many seconds before they are expected.
ERRORS = 2.0  # They begin this many times the usual error ahead, beyond USUAL_ERROR_S.
USUAL_ERROR_S = 0.03  # A follower of a player in time has about this error in seconds.
LEARN = 0.1  # The newest error has this share in the usual error.
# Notes come at the larger of two tempos: the present one, and the mean one with this time constant in seconds; the present one
# is small while the player is late for a note.
PACE_S = 2.0
FASTEST = 4.0  # The mean tempo counts at most so much, after a small jump.
LATE_S = 0.05  # Notes end this many seconds after the player is expected to release them.
BACK_S = 0.3  # A note that has begun ends if the place falls back before it by more than this many seconds of the score.

Cue = tuple[int, Message]  # A part, and a message of it.


class Cues:
    """The notes of a score, NOTE [n], as messages at the right time. ahead_s: at least so many seconds ahead."""

    def __init__(self, notes: npt.NDArray[np.void], ahead_s: float = AHEAD_S) -> None:
        self._notes = np.sort(notes, order="onset_s")
        self._onset, self._offset = self._notes["onset_s"], self._notes["offset_s"]
        self._least_s = ahead_s
        self._open, self._silent = np.zeros(len(notes), bool), np.zeros(len(notes), bool)
        self._due = np.full(len(notes), np.inf)  # When each open note was expected, by the clock below.
        self._now_s, self._before_s, self._pace = 0.0, 0.0, 1.0
        self.error_s = 0.0

    def leave(self, parts: Collection[int]) -> None:
        """Leave out the notes of these parts from now on: a keyboard plays them."""
        self._silent = np.isin(self._notes["part"], list(parts))

    @property
    def ahead_s(self) -> float:
        """How many seconds ahead notes begin now."""
        wider_s = self._least_s + ERRORS * max(self.error_s - USUAL_ERROR_S, 0.0)
        return min(wider_s, max(MOST_AHEAD_S, self._least_s))

    def step(self, told: Told) -> list[Cue]:
        """The messages of one frame, ends of notes first. While the player is lost, no note is open."""
        self._now_s += STEP_S
        here, tempo = told.seconds, self._tempo(told)
        opening = (self._onset <= here + self.ahead_s * tempo) & (here < self._offset)
        keeping = self._open & (self._onset <= here + BACK_S + self.ahead_s * tempo) & (here < self._offset + LATE_S * tempo)
        wanted = np.zeros(len(self._notes), bool) if told.lost else (opening | keeping) & ~self._silent
        ends, begins = np.flatnonzero(self._open & ~wanted), np.flatnonzero(wanted & ~self._open)
        self._learn(told, begins, tempo)
        self._open = wanted
        return [*(self._message(note, NOTE_OFF) for note in ends.tolist()),
                *(self._message(note, NOTE_ON) for note in begins.tolist())]

    def _tempo(self, told: Told) -> float:
        """The tempo at which notes are expected."""
        moved = 0.0 if told.jumped or self._now_s <= STEP_S else (told.seconds - self._before_s) / STEP_S
        self._before_s = told.seconds
        self._pace += STEP_S / PACE_S * (min(max(moved, 0.0), FASTEST) - self._pace)
        return max(told.tempo, self._pace)

    def _learn(self, told: Told, begins: npt.NDArray[np.intp], tempo: float) -> None:
        """Compare when notes were expected, and when the place passed them."""
        passed = np.flatnonzero(np.isfinite(self._due) & (self._onset <= told.seconds))
        if len(passed) and not (told.lost or told.jumped):
            error = abs(self._now_s - float(np.median(self._due[passed])))
            self.error_s += LEARN * (min(error, MOST_AHEAD_S) - self.error_s)
        self._due[passed] = np.inf
        if told.lost or told.jumped:
            self._due[:] = np.inf
        elif tempo > 0:
            self._due[begins] = self._now_s + (self._onset[begins] - told.seconds) / tempo

    def _message(self, note: int, kind: int) -> Cue:
        row = self._notes[note]
        return int(row["part"]), (kind | int(row["channel"]), int(row["pitch"]), int(row["velocity"]) if kind == NOTE_ON else 0)
