"""Nonnegative matrix factorisation with constraints: V [frame, bin] ~ H [frame, row] @ W [row, bin].

This is the textbook's V ~ W H, transposed, so that spectra are contiguous: W here is W' there, and H here is H' there.
Entries of W or H that are 0 at the start stay 0. This keeps templates harmonic and activations on their notes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from rtsep.errors import RtsepError
from rtsep.kernels import load
from rtsep.training.descent import Progress, Run, Schedule, check_order, improve
from rtsep.training.problem import Problem, beside, flat
from rtsep.training.updates import LEAST_MODEL, TERMS, Euclid, Floats, Frames, Gathered, Scaled, Terms

kernels = load("factorise")
NORMS: dict[str, Callable[[Floats], Any]] = {"sum": lambda W: W.sum(axis=1), "max": lambda W: W.max(axis=1)}
POWERS = {"euclid": 2, "kl": 1, "is": 0}  # The divergence is proportional to this power of V's scale.
METHODS = ("multiplicative", "gradient")
Step = Callable[[str, slice, Floats, Floats, Floats, Floats], None]  # name, part of F, F, numerator, denominator, new F


@dataclass(frozen=True)
class Factors:
    """The result: W [row, bin] (of `nmfd` [row, lag, bin]), H [frame, row], of V's type.

    losses: float64 [measured], the divergence between V and H @ W; the last one belongs to this W and H.
    updates: int64 [measured], the number of updates before each loss was measured, from 0 on.
    reason: "converged", "max_iter" or "interrupted".
    """

    W: Floats
    H: Floats
    losses: npt.NDArray[np.float64]
    updates: npt.NDArray[np.int64]
    reason: str

    @property
    def iterations(self) -> int:
        """The number of updates made."""
        return int(self.updates[-1]) if len(self.updates) else 0


def factorise(
    V: Frames, W: npt.ArrayLike, H: npt.ArrayLike, *, divergence: str = "kl", update: Sequence[str] = ("H", "W"),
    method: str = "multiplicative", max_iter: int = 100, tolerance: float = 1e-4, measure_every: int = 1,
    epsilon: float | None = None, floor: float | None = None, normalise: str | None = "sum", progress: Progress | None = None,
) -> Factors:  # fmt: skip
    """Improve W and H with updates that never raise the divergence; the given arrays are not changed.

    | argument | |
    | --- | --- |
    | V | [frame, bin], >= 0: float32 or float64 (other types become float64); W and H get the same type. An array, a memmap, or an object with `shape`, `dtype` and `V[begin:end]`: some frames are read at a time, twice per update. |
    | W, H | [row, bin], [frame, row], >= 0: the start; zeros stay zeros |
    | divergence | "euclid" (sum of squares), "kl" (generalised Kullback-Leibler), "is" (Itakura-Saito) |
    | update | the factors to update, in this order, each with the newest values of the other: ("H", "W"), ("W", "H"), ("H",) or ("W",) |
    | method | "multiplicative"; or "gradient", only for "euclid": projected gradient steps of the largest safe length (the inverse of the 2-norm of W W', or of H' H), which need more updates |
    | max_iter | number of updates. It affects the quality: after some tens of updates of audio the loss still falls, but the separation gets worse |
    | tolerance | the run has converged if the loss fell by less than this share of itself over 10 updates; 0: it always runs to max_iter |
    | measure_every | the loss is measured, and the stop rule applied, once in this many updates and after the last one; 10 saves time |
    | epsilon | None: everything is relative to V's largest value, so any gain gives the same result. A number: it is added to every denominator, as in textbooks; results then depend on loudness, and can vanish where V is tiny. |
    | floor | the same choice for the least value of denominators; gradient descent has no denominators |
    | normalise | at the end, rows of W are scaled to "sum" or "max" 1, and H takes the scale (H @ W stays); None, or one factor fixed: no scaling |
    | progress | called as (update, loss) after each measurement; if it raises KeyboardInterrupt, you get the best result so far |

    Memory: W and its two sums, three times H, some blocks of at most 2^19 values; nothing grows with frames x rows x bins.
    RtsepError: shapes that do not fit, negative or non-finite values, unknown names.
    Lee & Seung, "Algorithms for non-negative matrix factorization", NIPS 2000; Müller, "Fundamentals of Music Processing",
    section 8.3 (constraints by zeros).
    """  # noqa: E501
    check_names(divergence, normalise, method)
    check_order(update, ("H", "W"))
    problem = Problem(V, W, H, epsilon, floor, LEAST_MODEL.get(divergence), balanced=method == "multiplicative")
    terms = TERMS[divergence](problem.scaled)
    step = multiplicative_steps(divergence, problem.scaled)
    if method == "gradient" and isinstance(terms, Euclid):
        steep = terms
        step = gradient_steps(lambda name: steep.curvature, {"W": problem.W > 0, "H": problem.H > 0})
    run = PlainRun(problem.scaled, terms, step, problem.W, problem.H)
    return solved(problem, run, update, Schedule(max_iter, tolerance, measure_every, progress), divergence, normalise)


def solved(
    problem: Problem, run: Run, update: Sequence[str], schedule: Schedule, divergence: str, normalise: str | None
) -> Factors:
    """The result of `run` on the problem."""
    (W, H), course = improve(run, update, schedule, float(problem.scaled.gain) ** -POWERS[divergence])
    found = Factors(*problem.unscaled(W, H, update), course.losses, course.updates, course.reason)
    return found if normalise is None or len(update) < 2 else normalised(found, normalise)


def check_names(divergence: str, normalise: str | None, method: str = "multiplicative") -> None:
    """Raise RtsepError unless the names are known and go together."""
    if divergence not in TERMS:
        raise RtsepError(f"divergence {divergence!r}: allowed are {', '.join(TERMS)}")
    if normalise is not None and normalise not in NORMS:
        raise RtsepError(f"normalise {normalise!r}: allowed are {', '.join(NORMS)} and None")
    if method not in METHODS:
        raise RtsepError(f"method {method!r}: allowed are {', '.join(METHODS)}")
    if method == "gradient" and divergence != "euclid":
        raise RtsepError(f"method 'gradient' with divergence {divergence!r}: only 'euclid' has steps that are known to descend")


def normalised(factors: Factors, norm: str = "sum") -> Factors:
    """Factors with the same product and rows of W with "sum" or "max" 1; H takes the scale. Rows of zeros stay zeros."""
    scale = NORMS[norm](flat(factors.W))
    scale = np.where(scale > 0, scale, 1).astype(factors.W.dtype)
    return replace(factors, W=factors.W / beside(scale, factors.W), H=factors.H * scale)


def multiplicative_steps(divergence: str, scaled: Scaled) -> Step:
    """Steps F * numerator / denominator; Itakura-Saito takes the root of the fraction, since the loss could rise without it."""
    multiply = kernels.multiply_root if divergence == "is" else kernels.multiply
    limits = scaled.added, scaled.floor, scaled.tiny

    def step(name: str, part: slice, F: Floats, numerator: Floats, denominator: Floats, new: Floats) -> None:
        multiply(F, numerator, denominator, *limits, new)

    return step


def gradient_steps(
    curvature: Callable[[str], float], allowed: Mapping[str, npt.NDArray[np.bool_]], signed: Sequence[str] = ()
) -> Step:
    """F - (denominator - numerator) / curvature, at least 0 unless its name is in `signed`, and 0 where it is not `allowed`."""

    def step(name: str, part: slice, F: Floats, numerator: Floats, denominator: Floats, new: Floats) -> None:
        np.subtract(numerator, denominator, out=new)
        new *= F.dtype.type(1 / max(curvature(name), np.finfo(F.dtype).tiny))
        new += F
        if name not in signed:
            np.maximum(new, 0, out=new)
        if name in allowed:
            new *= allowed[name][part]

    return step


class PlainRun:
    """V ~ H W during a run: see `descent.Run`."""

    def __init__(self, scaled: Scaled, terms: Terms, step: Step, W: Floats, H: Floats) -> None:
        self.factors = self._next = W, H
        self._scaled, self._terms, self._step = scaled, terms, step

    def measure(self) -> float:
        """The loss of the present factors."""
        W, H = self.factors
        return sum(self._terms.loss(V, H[part], W) for part, V in self._scaled.blocks())

    def prepare(self, name: str, measured: bool) -> float:
        """Prepare the next W or H; give the loss of the present ones if `measured`."""
        return self._prepare_h(measured) if name == "H" else self._prepare_w(measured)

    def _prepare_h(self, measured: bool) -> float:
        W, H = self.factors
        self._terms.begin(W)
        total, new = 0.0, np.empty_like(H)
        for part, V in self._scaled.blocks():
            numerator, denominator, loss = self._terms.for_activations(V, H[part], W, measured)
            self._step("H", part, H[part], numerator, denominator, new[part])
            total += loss
        self._next = W, new
        return total

    def _prepare_w(self, measured: bool) -> float:
        W, H = self.factors
        numerator, denominator, total = self.gather(measured)
        new = np.empty_like(W)
        self._step("W", slice(None), W, numerator, denominator, new)
        self._next = new, H
        return total

    def gather(self, measured: bool) -> Gathered:
        """Numerator and denominator of W, which add up over parts of V, and the loss if `measured`."""
        W, H = self.factors
        self._terms.begin(W)
        total = sum(self._terms.add_for_templates(V, H[part], W, measured) for part, V in self._scaled.blocks())
        return *self._terms.finish(W), total

    def accept(self) -> None:
        """Accept the prepared factor."""
        self.factors = self._next
