"""A baseline beside the follower: online dynamic time warping of the same spectra, forward only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rtsep.listening.ears import Ears
from rtsep.listening.follower import Told
from rtsep.listening.states import STEP_S, score_states, shares
from rtsep.notes.score import Score
from rtsep.presets.preset import Preset

REACH_S = 3.0
"""Places within this many seconds of the score around the last one are compared."""
BENT = 0.1
"""What a step costs that stays, or leaves a place out, as a share of the mean distance."""


def follow(sound: np.ndarray, rate: int, score: Score, presets: Sequence[Preset]) -> list[Told]:
    """Where the path is after each frame: D [place] = distance + min of D of the same place, the one before, and the one before
    that."""
    heard, states = Ears(presets, rate, sound.shape[0]).hear(sound), score_states(score.notes(), presets, rate)
    reach, place, loudest, found = round(REACH_S / STEP_S), 0, 1e-4, []
    D = np.full(len(states), np.inf)
    D[: round(0.5 / STEP_S)] = 0
    for semitones, rises in zip(heard.semitones, heard.rises, strict=True):
        loudest = max(loudest, float(semitones.max()))
        near = slice(max(place - reach, 0), place + reach)
        distance = -states.spectra[near] @ shares(semitones, loudest) - 0.02 * states.onsets[near] @ rises
        bent = BENT * float(np.abs(distance - distance.min()).mean())
        before = np.concatenate([[np.inf, np.inf], D])[near.start : near.start + len(distance) + 2]
        D[:] = np.inf
        D[near] = distance + np.minimum(np.minimum(before[2:] + bent, before[1:-1]), before[:-2] + bent)
        D -= D.min()
        place = int(D.argmin())
        found.append(Told(states.start_s + place * STEP_S, 1.0, 1.0, False, False))
    return found
