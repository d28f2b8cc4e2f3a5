"""Stage: the residual beside an accompaniment, whose notes are not told. See `rtsep.stages.residual`."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from rtsep.reference.passed import Estimate, Floats, Frame, Masks, Open, nothing
from rtsep.reference.setup import Setup
from rtsep.stages.residual import (
    ACCOMPANIMENT_S,
    BIAS,
    CHUNK,
    FEW,
    INPUTS,
    LEAK,
    LEAST_LEVEL,
    LEAST_SUM,
    MANY,
    MOST,
    OUTPUT,
    OUTPUT_BIAS,
    SEEN,
    SIDE,
    TRAINED_HALVES,
    TURNS,
)


def neighbours(x: Floats) -> Floats:
    """[bin - 2 SIDE, SEEN]: every bin of x [bin] that has SIDE neighbours on each side, with these neighbours."""
    windows: Floats = np.lib.stride_tricks.sliding_window_view(x, SEEN)
    return windows


@dataclass
class Residual:
    """The background's share, and the network's last output."""

    setup: Setup
    background_share: float = 0.0  # the background's share in the sound
    said: Floats = field(default_factory=nothing)  # [bin - 2 SIDE]

    def forget(self) -> None:
        """Assume that nobody else plays."""
        self.background_share = 0.0

    def note_accompaniment(self, opened: Open, estimate: Estimate, voice_share: float = 0.0) -> None:
        """Update the share in the sound of what no note explains from a frame's activations, and from the voice's share."""
        h = estimate.h
        part = 1 - h[: opened.count].sum() / max(h[:-1].sum() + voice_share, LEAST_SUM)
        self.background_share += float(part - self.background_share) * self.setup.hop_s / ACCOMPANIMENT_S

    def factor(self, frame: Frame, masks: Masks, told: Floats) -> Floats | None:
        """The factor of the residual's mask, [bin]; None: 1. told: the expected models [stem, bin].

        A network with one hidden layer, the same for every bin, gives it. Every frame updates every other CHUNK of bins.
        """
        setup = self.setup
        surely = min(max((self.background_share - FEW) / (MANY - FEW), 0), 1) * min(setup.prediction, 1)
        if surely == 0:
            return None
        V, estimated = frame.V, masks.estimated
        level = np.sqrt((neighbours(V) ** 2).mean(axis=1, keepdims=True)) + LEAST_LEVEL
        models = (V, told[-1], estimated[-1], estimated[:-1].sum(axis=0), told[:-1].sum(axis=0))
        inputs = [*(neighbours(x) / (neighbours(x) + level) for x in models), neighbours(masks.M[-1])]
        self._listen(np.hstack(inputs), frame.end // setup.hop)
        strength = surely * 2 * setup.power / TRAINED_HALVES
        return np.pad(np.exp(strength * np.clip(self.said, -MOST, MOST)), SIDE, constant_values=1)

    def _listen(self, inputs: Floats, frame: int) -> None:
        """Update the logarithm of the factor with the network, from inputs [bin, INPUTS]."""
        net = self.setup.residual_net
        heard = inputs @ net[:INPUTS] + net[BIAS]
        anew = np.arange(len(heard)) // CHUNK % TURNS == frame % TURNS
        said = np.maximum(heard, LEAK * heard) @ net[OUTPUT] + net[OUTPUT_BIAS, 0]
        self.said = np.where(anew, said, self.said if self.said.size else 0)
