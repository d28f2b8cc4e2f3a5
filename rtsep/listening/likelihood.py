"""How well a frame of sound fits the positions of a score: its spectrum, and the notes that begin in it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rtsep.listening.rows import Floats
from rtsep.listening.states import STEP_S, States, shares

SPECTRUM = 15.0  # The weight of the spectra's cross-entropy: frames overlap, and templates are not exact.
# An expected onset counts RISEN for each unit of its pitch's rise, less MISSED; see `Likelihood`.
RISEN, MISSED = 2.8, 0.7
MOST_RISE = 3.0  # Larger rises count as this much.
FORGET_S = 20.0  # The loudest band so far falls with this time constant in seconds.
SILENT = 0.01  # Nothing sounds if all bands are below this share of the loudest one so far.
FAINTEST = 1e-4  # The loudest band has at least this magnitude.


class Frame(NamedTuple):
    """One frame: the shares [band] of its spectrum, the rise [pitch] of each pitch, and whether anything sounds."""

    shares: Floats
    rises: Floats
    sounds: bool


class Likelihood:
    """Compares frames with positions.

    The logarithm of the likelihood is SPECTRUM times the sum over bands of share * log(expected share), plus the sum over the
    pitches that begin there of onset * (RISEN * rise - MISSED).
    """

    def __init__(self, states: States) -> None:
        self._states = states
        self._begun = MISSED * states.onsets.sum(axis=1)
        self._forget = float(np.exp(-STEP_S / FORGET_S))
        self._loudest = FAINTEST

    def frame(self, semitones: Floats, rises: Floats) -> Frame:
        """The next frame of Ears."""
        self._loudest = max(self._loudest * self._forget, float(semitones.max()), FAINTEST)
        return Frame(shares(semitones, self._loudest), np.minimum(rises, np.float32(MOST_RISE)),
                     bool(semitones.max() > SILENT * self._loudest))

    def of(self, frame: Frame, first: int, last: int) -> Floats:
        """The log-likelihoods of the positions from `first` to `last` - 1."""
        states = self._states
        spectrum = states.spectra[first:last] @ (np.float32(SPECTRUM) * frame.shares)
        result: Floats = spectrum + states.onsets[first:last] @ (np.float32(RISEN) * frame.rises) - self._begun[first:last]
        return result
