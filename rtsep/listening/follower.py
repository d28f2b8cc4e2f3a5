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
from rtsep.listening.keys import Key, Keys
from rtsep.listening.likelihood import WHOLE_S, Likelihood
from rtsep.listening.near import Near, Place
from rtsep.listening.note_net import NoteNet, note_net
from rtsep.listening.rivals import Rivals
from rtsep.listening.states import STEP_S, States, score_states
from rtsep.listening.sureness import Sureness
from rtsep.presets.preset import Preset

NEAR_S = 1.0  # `Far` agrees with `Near` if its player is within this many seconds of the score.
CERTAIN, TIMES = 0.8, 10.0  # Another place is tried if it has this probability, and this many times that of the old one.
WIDTH_S = 0.4  # The player is at most this many seconds from the place that `Far` says.
# The newest key has this share in how many keys belong to the place. While it is more than half of them, the player is not
# lost, whatever the sound is: the microphone need not hear the keyboard.
KEYS_TELL = 0.2


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

    bars_s: the starts of bars, to which jumps lead. start_s: the player begins there, or waits there. keyboard: a player has a
    keyboard, whose keys are told.
    """

    def __init__(self, notes: npt.NDArray[np.void], presets: Sequence[Preset], sample_rate: float,
                 bars_s: Sequence[float] = (), start_s: float | None = None, keyboard: bool = False) -> None:
        self._states = score_states(notes, presets, sample_rate, bars_s)
        self.keys = keys_of(notes, self._states) if keyboard else None
        self._likelihood = Likelihood(self._states, self.keys)
        self._rivals = Rivals(lambda: Near(self._states, self._likelihood))
        self._far = Far(self._states, self.keys)
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

    def step(self, heard: Heard, number: int, keys: tuple[Key, ...] = ()) -> Told:
        """Where the player is after frame `number` of `heard`; every frame must come once, in order. keys: struck in it."""
        answer = self._net.step(heard.one(number))
        frame = self._likelihood.frame(heard.semitones[number], heard.rises[number], answer.begins[0], keys)
        place, jumped = self._rivals.step(frame)
        if self.keys is not None and keys:
            share = self.keys.matches(keys, place.position) / len(keys)
            self._likelihood.matched += KEYS_TELL * (share - self._likelihood.matched)
        if self._far.step(frame):
            self._look_around(place)
        seconds = self._states.start_s + place.position * STEP_S
        self._sureness.step(answer, seconds, jumped)
        return Told(seconds, place.tempo, place.sure * self._sureness.sure, self._sureness.lost and not self._keys_tell, jumped)

    @property
    def _keys_tell(self) -> bool:
        """Whether keys have come lately that belong to the place."""
        return self._likelihood.keyless_s < WHOLE_S and self._likelihood.matched > 0.5

    def _look_around(self, place: Place) -> None:
        """Try another place, if it seems better."""
        view, reach = self._far.view(), NEAR_S / STEP_S
        here = self._far.mass(place.position - reach, place.position + reach)
        if self._rivals.alone and abs(view.best - place.position) > reach and view.certain > max(CERTAIN, TIMES * here):
            half = round(WIDTH_S / STEP_S / 2)
            self._rivals.challenge(round(view.best) - half, round(view.best) + half)


def keys_of(notes: npt.NDArray[np.void], states: States) -> Keys:
    """What the keys of a keyboard can be in a score with `notes`, NOTE [n]."""
    onsets = np.clip(np.rint(states.at(notes["onset_s"])), 0, len(states) - 1).astype(np.int64)
    return Keys(onsets, notes["pitch"].astype(np.int64), notes["part"].astype(np.int64), len(states))
