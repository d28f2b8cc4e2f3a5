"""The rows of the presets in use, one instrument after the other, mapped onto the bins of a framing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from rtsep.kernels.memory import PITCHES
from rtsep.presets.optional import later_ages
from rtsep.presets.preset import Preset
from rtsep.stages.encoders import FULL_UPDATES, START_UPDATES, encoder_of
from rtsep.windows import Framing, map_templates, retune_templates

# By estimator: the kind of encoder that measured best (docs/measurements/benchmarks.md).
USUAL_ENCODER = {"encoder": "signed", "encoder+kl": "nonnegative"}

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]


def each_once(presets: Sequence[Preset]) -> list[Preset]:
    """The presets of the stems in order, each once."""
    return list({id(preset): preset for preset in presets}.values())


def samples_of(seconds: npt.NDArray[np.float64], sample_rate: float) -> Integers:
    """Times in seconds as whole numbers of samples."""
    return np.round(seconds * sample_rate).astype(np.int64)


class Rows:
    """W [row, bin] of several presets, one after the other, and the place of each preset's pitches in it."""

    def __init__(self, presets: Sequence[Preset], tuning_cents: float, sample_rate: float, framing: Framing) -> None:
        pieces, pitches, ages, sources, self.first, rows = [], [], [], [], dict[int, Integers](), 0
        self._own = list[Floats | None]()
        for number, preset in enumerate(each_once(presets)):  # stems with one preset share its rows
            tuned = retune_templates(preset.W, tuning_cents)
            W = map_templates(tuned, preset.sample_rate, preset.window_size, sample_rate, framing.window_size)
            usable = W.any(axis=1)
            pieces.append(W[usable])
            encoder = preset.encoder if W is preset.W else None  # an encoder cannot be mapped onto other bins or tuned
            self._own.append(None if encoder is None else encoder[usable])
            own = np.flatnonzero(usable)
            sources.append(np.stack([np.full_like(own, number), own], axis=1))
            pitches.append(preset.row_pitch[usable].astype(np.int64))
            later_s = (framing.overlap / sample_rate - preset.overlap / preset.sample_rate) / 2
            ages.append(samples_of(later_ages(preset.row_age_s[usable], later_s), sample_rate))
            self.first[id(preset)] = rows + np.searchsorted(pitches[-1], np.arange(PITCHES + 1))
            rows += len(pieces[-1])
        self.W, self.pitch, self.age = np.concatenate(pieces), np.concatenate(pitches), np.concatenate(ages)
        self.source = np.concatenate(sources)
        self._pieces = pieces

    def first_row(self, preset: Preset) -> Integers:
        """The first row of every pitch, int64 [pitch]."""
        return self.first[id(preset)][:-1]

    def row_count(self, preset: Preset) -> Integers:
        """The number of rows of every pitch, int64 [pitch]."""
        return np.diff(self.first[id(preset)])

    def encoder(self, kind: str, estimator: str) -> Floats:
        """E [row, bin], made for every instrument separately; no rows if the estimator does not use an encoder."""
        if estimator not in USUAL_ENCODER:
            return self.W[:0]
        sign = USUAL_ENCODER[estimator] if kind == "auto" else kind
        updates = FULL_UPDATES if estimator == "encoder" else START_UPDATES
        return np.concatenate([self.W[:0]] + [encoder_of(sign, W, own if kind == "auto" else None, updates)
                               for W, own in zip(self._pieces, self._own, strict=True) if len(W)])
