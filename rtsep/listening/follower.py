"""Follows a player in a score by the sound: where the player is, how fast, and how sure that is.

`Near` follows from frame to frame; `Far` watches the whole score, for jumps; `Sureness` notices a player who plays other music.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rtsep.listening.ears import Heard
from rtsep.listening.far import Far
from rtsep.listening.likelihood import Likelihood
from rtsep.listening.near import Near, Place
from rtsep.listening.note_net import NoteNet, note_net
from rtsep.listening.rivals import Rivals
from rtsep.listening.states import STEP_S, score_states
from rtsep.listening.sureness import Sureness
from rtsep.presets.preset import Preset

NEAR_S = 1.0  # `Far` agrees with `Near` if its player is within this many seconds of the score.
CERTAIN, TIMES = 0.8, 10.0  # Another place is tried if it has this probability, and this many times that of the old one.
WIDTH_S = 0.4  # The player is at most this many seconds from the place that `Far` says.


class Told(NamedTuple):
    """Where the player is after a frame.

    seconds: in the score. tempo: seconds of the score for one second. sure: 0 to 1. lost: the player seems to play other music.
    jumped: the player came here by a jump.
    """

    seconds: float
    tempo: float
    sure: float
    lost: bool
    jumped: bool


class Follower:
    """Follows a player of a score with `notes`, NOTE [n], frame by frame.

    bars_s: the starts of bars, to which jumps lead. start_s: the player begins there, or waits there.
    """

    def __init__(self, notes: npt.NDArray[np.void], presets: Sequence[Preset], sample_rate: float,
                 bars_s: Sequence[float] = (), start_s: float | None = None) -> None:
        self._states = score_states(notes, presets, sample_rate, bars_s)
        self._likelihood = Likelihood(self._states)
        self._rivals = Rivals(lambda: Near(self._states, self._likelihood))
        self._far = Far(self._states)
        net = note_net(piano=False)  # It hears all that sounds, whatever plays the score.
        self._net = NoteNet(net)
        self._sureness = Sureness(notes, net.delay_frames, net.begins)
        if start_s is not None:
            self.go_to(start_s)

    def go_to(self, seconds: float) -> None:
        """The player goes on from this time of the score, or a little before it."""
        at = round(float(self._states.at(seconds)))
        self._rivals.put(at - round(WIDTH_S / STEP_S), at + 1)
        self._far.put(at - round(WIDTH_S / STEP_S), at + 1)
        self._sureness.reset(seconds)

    def step(self, heard: Heard, number: int) -> Told:
        """Where the player is after frame `number` of `heard`; every frame must come once, in order."""
        answer = self._net.step(heard.one(number))
        frame = self._likelihood.frame(heard.semitones[number], heard.rises[number], answer.begins[0])
        place, jumped = self._rivals.step(frame)
        if self._far.step(frame):
            self._look_around(place)
        seconds = self._states.start_s + place.position * STEP_S
        self._sureness.step(answer, seconds, jumped)
        return Told(seconds, place.tempo, place.sure * self._sureness.sure, self._sureness.lost, jumped)

    def _look_around(self, place: Place) -> None:
        """Try another place, if it seems better."""
        view, reach = self._far.view(), NEAR_S / STEP_S
        here = self._far.mass(place.position - reach, place.position + reach)
        if self._rivals.alone and abs(view.best - place.position) > reach and view.certain > max(CERTAIN, TIMES * here):
            half = round(WIDTH_S / STEP_S / 2)
            self._rivals.challenge(round(view.best) - half, round(view.best) + half)
