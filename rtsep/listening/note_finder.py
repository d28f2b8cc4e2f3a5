"""Makes notes of what the note net hears: hysteresis, repetitions, lengths and velocities.

A pitch begins when the net is surer than `begins` that it does. It can begin again when the net was surer that it does not,
for a moment. It ends when the net is sure that it no longer sounds, or when it begins again.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rtsep.fit.hearing import LOWEST, PITCHES
from rtsep.listening.note_net import Answer

AGAIN = 0.2  # A pitch can begin again after its probability was below this.
APART_FRAMES = 6  # Onsets of a pitch lie at least this many frames apart.
ENDS = 0.3  # A note ends if the probability that it sounds is below this ...
ENDS_FRAMES = 3  # ... in this many successive frames.
LATE_FRAMES = 3  # The net was trained to say that a pitch sounds this many frames later.


class Change(NamedTuple):
    """A pitch (MIDI) begins with a velocity of 1 to 127, or ends (0), in a frame that lies before the newest one."""

    frame: int
    pitch: int
    velocity: int


class NoteFinder:
    """Finds the notes in answers of the note net, frame by frame. delay_frames, begins: those of the net."""

    def __init__(self, delay_frames: int, begins: float) -> None:
        self._delay, self._begins = delay_frames, begins
        self._frame = 0  # How many frames came.
        self._ready = np.ones(PITCHES, bool)  # The pitches that can begin.
        self._begun = np.full(PITCHES, -APART_FRAMES)  # The frames in which they last began.
        self._sounds = np.zeros(PITCHES, bool)
        self._quiet = np.zeros(PITCHES, np.int64)  # For how many frames they have not sounded.

    def step(self, answer: Answer) -> list[Change]:
        """The changes that the answers tell, in the order in which they are found."""
        found = list[Change]()
        for begins, sounds, velocity in zip(*answer, strict=True):
            self._quiet = np.where(sounds < ENDS, self._quiet + 1, 0)
            old = self._frame - self._begun >= APART_FRAMES
            new = self._ready & old & (begins > self._begins)
            ended = self._sounds & (new | (old & (self._quiet >= ENDS_FRAMES)))
            began, quiet = self._frame - self._delay, self._frame - LATE_FRAMES - ENDS_FRAMES + 1
            found += [Change(began if new[pitch] else quiet, LOWEST + int(pitch), 0) for pitch in np.flatnonzero(ended)]
            found += [Change(began, LOWEST + int(pitch), round(float(velocity[pitch]))) for pitch in np.flatnonzero(new)]
            self._sounds = (self._sounds & ~ended) | new
            self._ready = (self._ready | (begins < AGAIN)) & ~new
            self._begun[new] = self._frame
            self._frame += 1
        return found

    def finish(self) -> list[Change]:
        """The ends of the notes that still sound."""
        ends = [Change(self._frame, LOWEST + int(pitch), 0) for pitch in np.flatnonzero(self._sounds)]
        self._sounds[:] = False
        return ends
