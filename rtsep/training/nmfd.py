"""NMF deconvolution, with templates of several frames: V [frame, bin] ~ sum over lags H [frame - lag, row] @ W [row, lag, bin].

It is computed as one product: a row of `_past` has the activations of a frame and of the frames before it, and multiplies all
lags of W at once. So the updates are those of plain NMF (`rtsep.training.nmf`), except that the two sums of an activation run
over the frames that it reaches. With templates of one lag it is plain NMF.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from rtsep.errors import RtsepError
from rtsep.training.descent import Progress, Schedule, check_order
from rtsep.training.nmf import Factors, Step, check_names, multiplicative_steps, solved
from rtsep.training.problem import Problem
from rtsep.training.updates import LEAST_MODEL, TERMS, Floats, Frames, Scaled, Terms


def nmfd(
    V: Frames, W: npt.ArrayLike, H: npt.ArrayLike, *, divergence: str = "kl", update: Sequence[str] = ("H", "W"),
    max_iter: int = 30, tolerance: float = 1e-4, normalise: str | None = "sum", progress: Progress | None = None,
) -> Factors:  # fmt: skip
    """Improve W [row, lag, bin] and H [frame, row] by multiplicative updates, which never raise the divergence.

    Arguments, losses, reasons, memory and errors are as in `factorise`. Sums over lags are taken before the quotient, and each
    factor is updated with the newest values of the other. `normalise` applies to all lags of a row together. To start from
    templates without onsets (H of ones), first update ("H",) about 30 times: otherwise templates learn the blur of spread
    activations. Smaragdis, "Non-negative matrix factor deconvolution", ICA 2004 (the model); Dittmar & Müller, "Reverse
    engineering the Amen break", IEEE/ACM TASLP 24(9), 2016 (drums, started from one-shots and onsets).
    """
    check_names(divergence, normalise)
    check_order(update, ("H", "W"))
    problem = Problem(V, W, H, usual_floor=LEAST_MODEL.get(divergence), axes=3)
    step = multiplicative_steps(divergence, problem.scaled)
    run = _LaggedRun(problem.scaled, TERMS[divergence](problem.scaled), step, problem.W, problem.H)
    return solved(problem, run, update, Schedule(max_iter, tolerance, progress=progress), divergence, normalise)


def approximation(W: Floats, H: Floats) -> Floats:
    """The model of V [frame, bin] by W [row, lag, bin] and H [frame, row]; some of the rows give a part of it."""
    rows, lags, _ = W.shape
    model: Floats = _past(_padded(H, lags), lags)[:] @ _by_age(W).reshape(lags * rows, -1)
    return model


def templates_at(V: Floats, onsets: npt.ArrayLike, lags: int) -> Floats:
    """An initial W [lag, bin] of one row: the mean of V [frame, bin] from each of the frames `onsets` on.

    V can be isolated hits, or the mix with the drum's onsets from a score. RtsepError: no onset lies inside V.
    """
    at = np.asarray(onsets, np.int64)
    at = at[(at >= 0) & (at < len(V))]
    if not len(at) or lags < 1:
        raise RtsepError(f"{len(at)} onsets within {len(V)} frames and {lags} lags: give at least one of each")
    ages = at[:, None] + np.arange(lags)
    heard = (ages < len(V)).astype(V.dtype)[:, :, None]
    mean: Floats = (V[np.minimum(ages, len(V) - 1)] * heard).sum(axis=0) / np.maximum(heard.sum(axis=0), 1)
    return mean


def activations_at(onsets: Sequence[npt.ArrayLike], frames: int, decay: float = 0.0) -> Floats:
    """An initial H [frame, row]: 1 at the frames `onsets` of each row, then falling by the factor `decay` per frame.

    With `decay` 0 a row can sound only at its onsets, since zeros stay zeros; otherwise it can sound from its first onset on.
    Onsets outside the frames are left out.
    """
    H = np.zeros((frames, len(onsets)))
    for row, at in enumerate(onsets):
        inside = np.asarray(at, np.int64)
        H[inside[(inside >= 0) & (inside < frames)], row] = 1
    for n in range(1, frames):
        np.maximum(H[n], decay * H[n - 1], out=H[n])
    return H


class _LaggedRun:
    """As `nmf.PlainRun`, with W [lag * row, bin], the oldest lag first, and H after lags - 1 silent frames."""

    def __init__(self, scaled: Scaled, terms: Terms, step: Step, W: Floats, H: Floats) -> None:
        self._shape = W.shape
        self._W, self._H = np.ascontiguousarray(_by_age(W)).reshape(-1, W.shape[2]), _padded(H, W.shape[1])
        self._scaled, self._terms, self._step = scaled, terms, step
        self._next = self._W, self._H

    @property
    def factors(self) -> tuple[Floats, Floats]:
        """W [row, lag, bin] and H [frame, row], views."""
        rows, lags, bins = self._shape
        return self._W.reshape(lags, rows, bins)[::-1].transpose(1, 0, 2), self._H[lags - 1 :]

    def measure(self) -> float:
        """The loss of the present factors."""
        past = _past(self._H, self._shape[1])
        return sum(self._terms.loss(V, np.ascontiguousarray(past[part]), self._W) for part, V in self._scaled.blocks())

    def prepare(self, name: str, measured: bool) -> float:
        """Prepare the next W or H; give the loss of the present ones if `measured`."""
        self._terms.begin(self._W)
        return self._prepare_h(measured) if name == "H" else self._prepare_w(measured)

    def _prepare_h(self, measured: bool) -> float:
        total, past = 0.0, _past(self._H, self._shape[1])
        numerator, denominator, new = (np.zeros_like(self._H) for _ in range(3))
        for part, V in self._scaled.blocks():
            above, below, loss = self._terms.for_activations(V, np.ascontiguousarray(past[part]), self._W, measured)
            self._gather(above, part, numerator)
            self._gather(below, part, denominator)
            total += loss
        self._step("H", slice(None), self._H, numerator, denominator, new)
        self._next = self._W, new
        return total

    def _gather(self, values: Floats, part: slice, total: Floats) -> None:
        """Add the `values` [frame, lag * row] of each frame of `part` to the activations that reach it."""
        rows, lags, _ = self._shape
        for age in range(lags):
            total[part.start + age : part.stop + age] += values[:, age * rows : (age + 1) * rows]

    def _prepare_w(self, measured: bool) -> float:
        past = _past(self._H, self._shape[1])
        total = sum(self._terms.add_for_templates(V, np.ascontiguousarray(past[part]), self._W, measured)
                    for part, V in self._scaled.blocks())
        new = np.empty_like(self._W)
        self._step("W", slice(None), self._W, *self._terms.finish(self._W), new)
        self._next = new, self._H
        return total

    def accept(self) -> None:
        """Accept the prepared factor."""
        self._W, self._H = self._next


def _by_age(W: Floats) -> Floats:
    """W as [lag, row, bin], the largest lag first: a view."""
    return W.transpose(1, 0, 2)[::-1]


def _padded(H: Floats, lags: int) -> Floats:
    """H after lags - 1 silent frames."""
    return np.concatenate([np.zeros((lags - 1, H.shape[1]), H.dtype), H])


def _past(padded: Floats, lags: int) -> Floats:
    """The activations of each frame and those before it, the oldest first: [frame, lag * row], a view."""
    rows = padded.shape[1]
    return np.lib.stride_tricks.sliding_window_view(padded.reshape(-1), lags * rows)[::rows]
