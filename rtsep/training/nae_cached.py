"""An autoencoder without gates: with nonnegative factors all activations are E V', so updates need only V' V [bin, bin].

One pass over V computes this product. After that no update reads V, however many frames it has.
"""

from __future__ import annotations

import numpy as np

from rtsep.training.nmf import Step
from rtsep.training.updates import EXACT_SHARE, Euclid, Floats, Scaled


def pays(frames: int, rows: int, bins: int, updates: int) -> bool:
    """Whether V' V, and two products with it per update, cost less than six products with V per update."""
    return frames * bins + 2 * updates * rows * bins < 6 * updates * rows * frames


class CachedRun:
    """Encoder and templates during a multiplicative run: see `descent.Run`."""

    def __init__(self, scaled: Scaled, terms: Euclid, step: Step, E: Floats, W: Floats) -> None:
        self.factors = self._next = E, W
        self._scaled, self._terms, self._step = scaled, terms, step
        self._square = np.zeros((W.shape[1], W.shape[1]), scaled.dtype)
        for _, V in scaled.blocks():
            self._square += V.T @ V
        self._square *= scaled.gain**2
        self._energy = float(np.trace(self._square, dtype=np.float64))
        self._carried = E @ self._square  # H' V
        self._next_carried = self._carried

    def measure(self) -> float:
        """The loss as V V' - 2 H W V' + H W W' H', if that is exact enough."""
        E, W = self.factors
        fitted = np.vdot(self._carried, W)
        loss = self._energy - 2 * float(fitted) + float(np.vdot(self._carried @ E.T, W @ W.T))
        return loss if loss > EXACT_SHARE[W.dtype] * self._energy else self._exactly()

    def _exactly(self) -> float:
        E, W = self.factors
        gain = self._scaled.gain
        return sum(self._terms.loss(V, gain * (V @ E.T), W) for _, V in self._scaled.blocks())

    def prepare(self, name: str, measured: bool) -> float:
        """Prepare the next E or W; give the loss of the present ones if `measured`."""
        E, W = self.factors
        loss = self.measure() if measured else 0.0
        if name == "E":
            new = np.empty_like(E)
            self._step("E", slice(None), E, W @ self._square, W @ W.T @ self._carried, new)
            self._next, self._next_carried = (new, W), new @ self._square
        else:
            new = np.empty_like(W)
            self._step("W", slice(None), W, self._carried, self._carried @ E.T @ W, new)
            self._next = E, new
        return loss

    def accept(self) -> None:
        """Accept the prepared factor."""
        self.factors, self._carried = self._next, self._next_carried
