"""Stage: the colour of each instrument, a smooth spectral gain that all its templates share. See `rtsep.stages.colour`."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from rtsep.reference.passed import Floats, Frame, Masks, Open
from rtsep.reference.setup import Setup
from rtsep.stages.colour import BANDS, CHANGED, HEARS, LEAST_MODEL, MEMORY_S, MOST, MOVES, PRIOR_S


@dataclass
class Colour:
    """Gains of bands, as natural logarithms: of each instrument, and those that each template has taken on."""

    setup: Setup
    gain: Floats = field(init=False)  # [instrument, band]
    given: Floats = field(init=False)  # [instrument, band]: its part of the sound, s
    said: Floats = field(init=False)  # [instrument, band]: the model of its templates without colour, s
    row_gain: Floats = field(init=False)  # [row, band]
    frames: int = 0  # number of frames in which notes were open
    next_open: int = 0

    def __post_init__(self) -> None:
        self.gain, self.given, self.said = np.zeros((3, self.setup.stems, BANDS))
        self.row_gain = np.zeros((len(self.setup.W), BANDS))
        self.bands = self._bands()

    def _bands(self) -> Floats:
        """How much of every bin belongs to a band, [bin, band]: a bin is divided among the two bands that it lies between."""
        setup, bands = self.setup, np.zeros((self.setup.bins, BANDS))
        bins = np.arange(setup.bins)
        bands[bins, setup.band], bands[bins, setup.band + 1] = 1 - setup.band_part, setup.band_part
        return bands

    def step(self, frame: Frame, opened: Open, masks: Masks) -> None:
        """Learn the gains from a frame in which notes are open."""
        self.frames += 1
        if self.setup.adapt_hold_s == 0 or not self.setup.gated or self.frames % HEARS:
            return
        ratio = frame.V / np.maximum(masks.estimated.sum(axis=0), LEAST_MODEL)
        for stem in (stem for stem in opened.playing if self.setup.combed[stem]):  # the sounds of drums share no colour
            self._note(int(self.setup.instrument[stem]), masks.estimated[stem], ratio)
        if self.frames % MOVES == 0:
            self._move()

    def _note(self, instrument: int, model: Floats, ratio: Floats) -> None:
        """Add a stem's part of the frame, model * ratio [bin], and its model without colour, to the sums of its instrument."""
        seconds = HEARS * self.setup.hop_s
        keep = math.exp(-seconds * min(model.sum(), 1) / MEMORY_S)
        given, said = (model * ratio) @ self.bands, (model @ self.bands) * np.exp(-self.gain[instrument])
        self.given[instrument] = keep * self.given[instrument] + seconds * given
        self.said[instrument] = keep * self.said[instrument] + seconds * said

    def _move(self) -> None:
        """Set the gains to given / said, both scaled to the same sum, with a prior of 1."""
        for instrument in np.flatnonzero(self.said.sum(axis=1)):
            given, said = self.given[instrument], self.said[instrument]
            gain = np.log((given + PRIOR_S / BANDS) / (said * given.sum() / said.sum() + PRIOR_S / BANDS))
            self.gain[instrument] = np.clip(gain, -MOST, MOST)

    def paint(self, opened: Open, *templates: Floats) -> None:
        """Let one open row of all `templates` [row, bin] take on its instrument's colour, if its own differs."""
        if self.setup.adapt_hold_s == 0 or opened.count == 0:
            return
        self.next_open = (self.next_open + 1) % opened.count
        row, gain = opened.row[self.next_open], self.gain[self.setup.instrument[opened.stem[self.next_open]]]
        change = gain - self.row_gain[row]
        if np.abs(change).max() < CHANGED:
            return
        self.row_gain[row] = gain
        for W in templates:
            W[row] *= np.exp(self.bands @ change)
            W[row] /= W[row].sum()
