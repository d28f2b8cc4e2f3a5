"""How well a frame of sound fits the positions of a score: its spectrum, and the notes that begin in it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rtsep.listening.keys import Key, Keys
from rtsep.listening.rows import Floats
from rtsep.listening.states import STEP_S, States, shares

SPECTRUM = 15.0  # The weight of the spectra's cross-entropy: frames overlap, and templates are not exact.
# An expected onset counts RISEN for each unit of its pitch's rise, less MISSED; see `Likelihood`.
RISEN, MISSED = 2.8, 0.7
# A pitch that has begun some 50 ms before counts HEARD for each unit of the note net's probability, less UNHEARD.
HEARD, UNHEARD = 4.0, 0.8
MOST_RISE = 3.0  # Larger rises count as this much.
# Just after a key, the sound counts between the first share, if no key belongs to the place, and the second, if all keys do. It
# counts in full after so many seconds without a key.
LEAST_WEIGHT, USUAL_WEIGHT, WHOLE_S = 0.05, 0.15, 8.0
FORGET_S = 20.0  # The loudest band so far falls with this time constant in seconds.
SILENT = 0.01  # Nothing sounds if all bands are below this share of the loudest one so far.
FAINTEST = 1e-4  # The loudest band has at least this magnitude.


class Frame(NamedTuple):
    """One frame.

    shares: float32 [band], of its spectrum. rises: float32 [pitch]. begins: float32 [pitch], the note net's probability that
    the pitch has begun some 50 ms before. sounds: whether anything sounds. keys: those that
    were struck. weight: how much the sound counts.
    """

    shares: Floats
    rises: Floats
    begins: Floats
    sounds: bool
    keys: tuple[Key, ...] = ()
    weight: float = 1.0


class Likelihood:
    """Compares frames with positions.

    The logarithm of the likelihood is SPECTRUM times the sum over bands of share * log(expected share), plus the sum over the
    pitches that begin there of onset * (RISEN * rise - MISSED), plus the sum over those that have begun shortly before of
    begun * (HEARD * begins - UNHEARD). keys: adds what the keys of a keyboard tell.
    """

    def __init__(self, states: States, keys: Keys | None = None) -> None:
        self._states, self.keys = states, keys
        self._missed = MISSED * states.onsets.sum(axis=1) + UNHEARD * states.begun.sum(axis=1)
        self._forget = float(np.exp(-STEP_S / FORGET_S))
        self._loudest = FAINTEST
        self.keyless_s = np.inf  # The time since the last key.
        self.matched = 0.5  # The share of the last keys that belong to the place.

    def frame(self, semitones: Floats, rises: Floats, begins: Floats, keys: tuple[Key, ...] = ()) -> Frame:
        """The next frame of Ears, and the keys that were struck."""
        self.keyless_s = 0.0 if keys else self.keyless_s + STEP_S
        least = LEAST_WEIGHT + self.matched * (USUAL_WEIGHT - LEAST_WEIGHT)
        weight = 1.0 if self.keys is None else max(least, min(self.keyless_s / WHOLE_S, 1.0))
        self._loudest = max(self._loudest * self._forget, float(semitones.max()), FAINTEST)
        return Frame(shares(semitones, self._loudest), np.minimum(rises, np.float32(MOST_RISE)), begins,
                     bool(semitones.max() > SILENT * self._loudest), keys, weight)

    def of(self, frame: Frame, first: int, last: int) -> Floats:
        """The log-likelihoods of the positions from `first` to `last` - 1."""
        states = self._states
        spectrum = states.spectra[first:last] @ (np.float32(SPECTRUM) * frame.shares)
        onsets = states.onsets[first:last] @ (np.float32(RISEN) * frame.rises)
        begun = states.begun[first:last] @ (np.float32(HEARD) * frame.begins)
        result: Floats = spectrum + onsets + begun - self._missed[first:last]
        return result if self.keys is None else np.float32(frame.weight) * result + self.keys.of(frame.keys, first, last)
