"""The follower on files: what `rtsep live --score` without a keyboard does, step by step and without a device."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from laboratory.warps import Warped
from rtsep.listening.cues import AHEAD_S, Cues
from rtsep.listening.ears import STEP_S, Ears
from rtsep.listening.follower import Follower, Told
from rtsep.notes.score import EVENT, Score
from rtsep.presets.preset import Preset

WINDOW_S = 1.5
"""The follower passes a note at most this many seconds too early or too late; else it has missed the note."""
END_S = 0.3
"""Notes in the last seconds of the sound do not count."""
MISSED_S = 9.0
"""The error of a missed note, in seconds."""


def follow(sound: np.ndarray, rate: int, score: Score, presets: Sequence[Preset], bars: bool = True) -> list[Told]:
    """Where the follower is after each frame of a sound [channel, sample]."""
    heard = Ears(presets, rate, sound.shape[0]).hear(sound)
    follower = Follower(score.notes(), presets, rate, score.bars.start_s.tolist() if bars else ())
    return [follower.step(heard, number) for number in range(len(heard))]


def cued(told: Sequence[Told], score: Score, rate: int, ahead_s: float = AHEAD_S) -> np.ndarray:
    """The notes that the engine gets, EVENT [n]."""
    cues, rows = Cues(score.notes(), ahead_s), []
    for number, each in enumerate(told):
        at = round((number + 1) * STEP_S * rate)
        rows += [(at, part, *message, 0) for part, message in cues.step(each)]
    return np.array(rows, EVENT)


def errors(told: Sequence[Told], warped: Warped) -> np.ndarray:
    """For each note that the player plays from the score: seconds from its onset until the follower passes it."""
    place = np.array([each.seconds for each in told])
    at_s, end_s = (np.arange(len(place)) + 1) * STEP_S, len(place) * STEP_S
    found = []
    for onset, written in zip(warped.told["onset_s"].tolist(), warped.written_s.tolist(), strict=True):
        if onset > end_s - END_S:
            continue
        near = slice(max(int((onset - WINDOW_S) / STEP_S), 0), int((onset + WINDOW_S) / STEP_S) + 2)
        here, when = place[near], at_s[near]
        passed = np.flatnonzero((here[:-1] < written) & (here[1:] >= written))
        late = when[passed] + STEP_S * (written - here[passed]) / (here[passed + 1] - here[passed]) - onset
        found.append(late[np.abs(late).argmin()] if len(late) else MISSED_S)
    return np.array(found)
