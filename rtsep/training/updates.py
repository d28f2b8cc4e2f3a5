"""Sums the two parts of each divergence's gradient in one pass over V, in blocks of frames.

With V [frame, bin] ~ H [frame, row] @ W [row, bin], a gradient is `denominator - numerator`: multiplicative updates multiply by
numerator / denominator, and gradient descent subtracts the gradient. No array here is larger than a block of V, H or W.
Lee & Seung (NIPS 2000) for Euclid and KL; Févotte & Idier (Neural Computation 23(9), 2011), section 4, for Itakura-Saito.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from rtsep.kernels import load

kernels = load("factorise")
Floats = npt.NDArray[Any]  # float32 or float64; one of them throughout a run
Gathered = tuple[Floats, Floats, float]  # numerator, denominator, loss
BLOCK_VALUES = 2**19  # About this many values of V are processed at a time.
LEAST = {np.dtype(np.float32): (1e-25, 1e-30), np.dtype(np.float64): (1e-100, 1e-200)}  # Least denominators; least W, H.
LEAST_MODEL = {"kl": 1e-7, "is": 1e-12}  # Least values of the model: divergences are infinite where it is 0. V peaks near 1.
IS_QUIET = 1e-7  # Itakura-Saito takes V as at least this share of its largest value.
EXACT_SHARE = {np.dtype(np.float32): 0.1, np.dtype(np.float64): 1e-7}  # Below it, losses as differences of sums are inexact.


class Frames(Protocol):
    """V [frame, bin]: an array, a memmap, or an object that computes frames on request."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(frames, bins)."""

    @property
    def dtype(self) -> Any:
        """float32 or float64."""

    def __getitem__(self, frames: slice, /) -> Floats:
        """V[begin:end]."""


def parts(V: Frames) -> Iterator[slice]:
    """Blocks of frames with about BLOCK_VALUES values each."""
    frames, bins = V.shape
    size = max(16, BLOCK_VALUES // max(bins, 1))
    return (slice(begin, min(begin + size, frames)) for begin in range(0, frames, size))


@dataclass(frozen=True)
class Scaled:
    """V in blocks, and the scalars of a run, all of one type: see `rtsep.kernels.factorise`."""

    V: Frames
    dtype: np.dtype[Any]
    gain: Any
    added: Any
    floor: Any
    tiny: Any

    def blocks(self) -> Iterator[tuple[slice, Floats]]:
        """Blocks of frames, C-contiguous, in the type of the run."""
        for part in parts(self.V):
            yield part, np.ascontiguousarray(self.V[part], self.dtype)

    def scratch(self) -> Floats:
        """Working memory for one block."""
        return np.empty((next(parts(self.V)).stop, self.V.shape[1]), self.dtype)


class Sum:
    """A sum of products in memory that is reused: new memory would cost as much time as a product."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.value = self._product = np.zeros((0, 0), dtype)
        self._empty = True

    def clear(self) -> None:
        """Start a new sum."""
        self._empty = True

    def add(self, A: Floats, B: Floats) -> None:
        """Add A @ B to `value`."""
        shape = len(A), B.shape[1]
        if self.value.shape != shape:
            self.value, self._product = np.empty(shape, A.dtype), np.empty(shape, A.dtype)
        np.matmul(A, B, out=self.value if self._empty else self._product)
        if not self._empty:
            self.value += self._product
        self._empty = False


class Terms(Protocol):
    """One divergence. Losses are sums over the block, 0 unless `measured`."""

    def begin(self, W: Floats) -> None:
        """Prepare a pass with these templates."""

    def for_activations(self, V: Floats, H: Floats, W: Floats, measured: bool) -> Gathered:
        """Numerator and denominator [frame, row] of a block's H, and its loss."""

    def add_for_templates(self, V: Floats, H: Floats, W: Floats, measured: bool) -> float:
        """Add a block's part to W's numerator and denominator; give its loss."""

    def finish(self, W: Floats) -> tuple[Floats, Floats]:
        """W's numerator and denominator [row, bin] after the last block."""

    def loss(self, V: Floats, H: Floats, W: Floats) -> float:
        """The loss of a block, without shortcuts."""


class Euclid:
    """Sum of (V - H W)^2. No product is as large as V: `gram` [row, row] is W W', or H' H when W is updated."""

    def __init__(self, scaled: Scaled) -> None:
        self._scaled, self._model, self._sum = scaled, scaled.scratch(), Sum(scaled.dtype)
        self.gram, self._curvature = np.zeros((0, 0), scaled.dtype), 0.0

    @property
    def curvature(self) -> float:
        """The largest slope of the gradient in the updated factor: the 2-norm of `gram`."""
        if not self._curvature:
            self._curvature = float(np.linalg.eigvalsh(self.gram)[-1])
        return self._curvature

    def begin(self, W: Floats) -> None:
        """Prepare a pass with these templates."""
        self.gram, self._curvature = np.zeros((0, 0), W.dtype), 0.0
        self._sum.clear()

    def for_activations(self, V: Floats, H: Floats, W: Floats, measured: bool) -> Gathered:
        """V W' and H (W W'); the loss as sum of V^2 - 2 H V W' + H H W W', if that is exact enough."""
        if not self.gram.size:
            self.gram = W @ W.T
        numerator, denominator, loss = V @ W.T, H @ self.gram, 0.0
        numerator *= self._scaled.gain
        if measured:
            energy = kernels.energy(V, self._scaled.gain)
            loss = energy + kernels.product_sum(H, denominator) - 2 * kernels.product_sum(H, numerator)
            if not loss > EXACT_SHARE[V.dtype] * energy:
                loss = self.loss(V, H, W)
        return numerator, denominator, loss

    def add_for_templates(self, V: Floats, H: Floats, W: Floats, measured: bool) -> float:
        """H' V and H' H."""
        self.gram = self.gram + H.T @ H if self.gram.size else H.T @ H
        self._sum.add(H.T, V)
        return self.loss(V, H, W) if measured else 0.0

    def finish(self, W: Floats) -> tuple[Floats, Floats]:
        """H' V and (H' H) W."""
        self._sum.value *= self._scaled.gain
        return self._sum.value, self.gram @ W

    def loss(self, V: Floats, H: Floats, W: Floats) -> float:
        """Sum of (V - H W)^2."""
        model = np.matmul(H, W, out=self._model[: len(V)])
        return float(kernels.squared_error(V, self._scaled.gain, model))


class KullbackLeibler:
    """Sum of V log(V / H W) - V + H W. Denominators are sums of rows and columns."""

    def __init__(self, scaled: Scaled) -> None:
        self._scaled, self._model, self._logs = scaled, scaled.scratch(), scaled.scratch()
        self._sum, self._sums, self._activity = Sum(scaled.dtype), np.zeros(0, scaled.dtype), np.zeros(0, scaled.dtype)

    def begin(self, W: Floats) -> None:
        """Prepare a pass with these templates."""
        self._sums = W.sum(axis=1)
        self._activity = np.zeros_like(self._sums)
        self._sum.clear()

    def for_activations(self, V: Floats, H: Floats, W: Floats, measured: bool) -> Gathered:
        """(V / H W) W' and the sums of W's rows."""
        ratio, loss = self._ratio(V, H, W, measured)
        return ratio @ W.T, np.full_like(H, self._sums), loss

    def add_for_templates(self, V: Floats, H: Floats, W: Floats, measured: bool) -> float:
        """H' (V / H W) and the sums of H's columns."""
        ratio, loss = self._ratio(V, H, W, measured)
        self._sum.add(H.T, ratio)
        self._activity += H.sum(axis=0)
        return loss

    def finish(self, W: Floats) -> tuple[Floats, Floats]:
        """The gathered sums."""
        return self._sum.value, np.full_like(W, self._activity[:, None])

    def loss(self, V: Floats, H: Floats, W: Floats) -> float:
        """Sum of V log(V / H W) - V + H W."""
        return self._ratio(V, H, W, True)[1]

    def _ratio(self, V: Floats, H: Floats, W: Floats, measured: bool) -> tuple[Floats, float]:
        limits = self._scaled.gain, self._scaled.added, self._scaled.floor
        ratio = np.matmul(H, W, out=self._model[: len(V)])
        if not measured:
            kernels.kl_ratio(V, *limits, ratio)
            return ratio, 0.0
        logs = self._logs[: len(V)]
        excess = kernels.kl_ratio_measured(V, *limits, self._scaled.tiny, ratio, logs)
        np.log(logs, out=logs)
        return ratio, float(excess + self._scaled.gain * kernels.product_sum(V, logs))


class ItakuraSaito:
    """Sum of V / H W - log(V / H W) - 1, where V is at least IS_QUIET of its largest value."""

    def __init__(self, scaled: Scaled) -> None:
        self._scaled, self._room = scaled, (scaled.scratch(), scaled.scratch(), scaled.scratch())
        self._numerator, self._denominator = Sum(scaled.dtype), Sum(scaled.dtype)

    def begin(self, W: Floats) -> None:
        """Prepare a pass with these templates."""
        self._numerator.clear()
        self._denominator.clear()

    def for_activations(self, V: Floats, H: Floats, W: Floats, measured: bool) -> Gathered:
        """(V / (H W)^2) W' and (1 / H W) W'."""
        inverse, weighted, loss = self._ratios(V, H, W, measured)
        return weighted @ W.T, inverse @ W.T, loss

    def add_for_templates(self, V: Floats, H: Floats, W: Floats, measured: bool) -> float:
        """H' (V / (H W)^2) and H' (1 / H W)."""
        inverse, weighted, loss = self._ratios(V, H, W, measured)
        self._numerator.add(H.T, weighted)
        self._denominator.add(H.T, inverse)
        return loss

    def finish(self, W: Floats) -> tuple[Floats, Floats]:
        """The gathered sums."""
        return self._numerator.value, self._denominator.value

    def loss(self, V: Floats, H: Floats, W: Floats) -> float:
        """Sum of V / H W - log(V / H W) - 1."""
        return self._ratios(V, H, W, True)[2]

    def _ratios(self, V: Floats, H: Floats, W: Floats, measured: bool) -> tuple[Floats, Floats, float]:
        limits, loss = self._scaled, 0.0
        inverse, ratio, weighted = (room[: len(V)] for room in self._room)
        np.matmul(H, W, out=inverse)
        quiet = limits.dtype.type(IS_QUIET)
        total = kernels.is_ratios(V, limits.gain, quiet, limits.added, limits.floor, inverse, ratio, weighted)
        if measured:
            loss = total - float(np.log(ratio, out=ratio).sum(dtype=np.float64)) - ratio.size
        return inverse, weighted, float(loss)


TERMS: dict[str, Callable[[Scaled], Terms]] = {"euclid": Euclid, "kl": KullbackLeibler, "is": ItakuraSaito}
