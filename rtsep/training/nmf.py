"""Nonnegative matrix factorisation with constraints: V [frame, bin] ~ H [frame, row] @ W [row, bin].

This is the textbook's V ~ W H transposed, so that a spectrum is contiguous: our W is its W', our H is its H'.
An entry of W or H that is 0 at the start stays 0: that is how templates are kept harmonic and activations on their notes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rtsep.errors import RtsepError
from rtsep.kernels import load
from rtsep.training.updates import LEAST, LEAST_MODEL, TERMS, Floats, Frames, Run, Scaled, Terms, parts

kernels = load("factorise")
Progress = Callable[[int, float], None]
STRIDE = 10  # updates over which the stop rule looks: single ones may stall
NORMS: dict[str, Callable[[Floats], Any]] = {"sum": lambda W: W.sum(axis=1), "max": lambda W: W.max(axis=1)}
POWERS = {"euclid": 2, "kl": 1, "is": 0}  # how the divergence grows with V
FAINTEST = 1e-30  # a V that is nowhere louder counts as silence


@dataclass(frozen=True)
class Factors:
    """What was found: W [row, bin] (of `nmfd` [row, lag, bin]), H [frame, row], of V's type.

    losses: float64 [updates + 1], the divergence between V and H @ W before the first and after every update.
    reason: "converged", "max_iter" or "interrupted"; the last loss is the loss of this W and H.
    """

    W: Floats
    H: Floats
    losses: npt.NDArray[np.float64]
    reason: str

    @property
    def iterations(self) -> int:
        """How many updates were made."""
        return max(len(self.losses) - 1, 0)


def factorise(
    V: Frames, W: npt.ArrayLike, H: npt.ArrayLike, *, divergence: str = "kl", update: Sequence[str] = ("H", "W"),
    max_iter: int = 100, tolerance: float = 1e-4, epsilon: float | None = None, floor: float | None = None,
    normalise: str | None = "sum", progress: Progress | None = None,
) -> Factors:  # fmt: skip
    """Improve W and H by multiplicative updates, which never raise the divergence; the arrays given are not changed.

    | argument | |
    | --- | --- |
    | V | [frame, bin], >= 0: float32 or float64 (anything else becomes float64), which W and H become too. An array, a memmap, or an object with `shape`, `dtype` and `V[begin:end]`: it is only read some frames at a time, twice per update. |
    | W, H | [row, bin], [frame, row], >= 0: the start; zeros stay |
    | divergence | "euclid" (sum of squares), "kl" (generalised Kullback-Leibler), "is" (Itakura-Saito) |
    | update | what is updated, in this order, each with the newest of the other: ("H", "W"), ("W", "H"), ("H",) or ("W",) |
    | max_iter | updates; for audio a parameter of quality: beyond some tens the loss falls on and separation gets worse |
    | tolerance | converged when the loss fell by less than this share of itself over 10 updates; 0: never before max_iter |
    | epsilon | None: everything is relative to V's largest value, and any gain gives the same result. A number is added to every denominator, as textbooks do: results then depend on loudness, and may vanish where V is tiny. |
    | floor | the same choice for the least value of denominators |
    | normalise | at the end rows of W get "sum" or "max" 1 and H their scale (H @ W stays); None, or one factor fixed: never |
    | progress | called as (update, loss); may raise KeyboardInterrupt, and the best so far is returned |

    Memory: W and its two sums, H three times, some blocks of at most 2^19 values; nothing grows with frames x rows x bins.
    RtsepError: shapes that do not fit, negative or non-finite values, unknown names.
    Lee & Seung, "Algorithms for non-negative matrix factorization", NIPS 2000; Müller, "Fundamentals of Music Processing",
    section 8.3 (constraints by zeros).
    """  # noqa: E501
    check_names(divergence, normalise)
    problem = Problem(V, W, H, epsilon, floor, LEAST_MODEL.get(divergence))
    run = _Run(problem.scaled, TERMS[divergence](problem.scaled), multiply_by(divergence), problem.W, problem.H)
    found = problem.solve(run, update, max_iter, tolerance, progress, POWERS[divergence])
    return found if normalise is None or len(set(update)) < 2 else normalised(found, normalise)


def check_names(divergence: str, normalise: str | None) -> None:
    """RtsepError unless both are known."""
    if divergence not in TERMS:
        raise RtsepError(f"divergence {divergence!r}: allowed are {', '.join(TERMS)}")
    if normalise is not None and normalise not in NORMS:
        raise RtsepError(f"normalise {normalise!r}: allowed are {', '.join(NORMS)} and None")


def multiply_by(divergence: str) -> Any:
    """The kernel that multiplies by a divergence's fraction; without the root, Itakura-Saito need not descend."""
    return kernels.multiply_root if divergence == "is" else kernels.multiply


def normalised(factors: Factors, norm: str = "sum") -> Factors:
    """The same product with rows of W of "sum" or "max" 1; the scale goes into H. Rows of zeros stay as they are."""
    scale = NORMS[norm](_flat(factors.W))
    scale = np.where(scale > 0, scale, 1).astype(factors.W.dtype)
    return Factors(factors.W / _beside(scale, factors.W), factors.H * scale, factors.losses, factors.reason)


class Problem:
    """V, W and H made ready: of one type; unless `epsilon` or `floor` is given scaled by powers of two, which rounds nothing.

    W is [row, bin], or [row, lag, bin] with `axes` = 3.

    usual_floor: the least denominator otherwise, of V's largest value.
    """

    def __init__(
        self, V: Frames, W: npt.ArrayLike, H: npt.ArrayLike, epsilon: float | None = None, floor: float | None = None,
        usual_floor: float | None = None, axes: int = 2,
    ) -> None:  # fmt: skip
        dtype = np.dtype(V.dtype if V.dtype in LEAST else np.float64)
        self.given = _checked("W", W, dtype, axes), _checked("H", H, dtype)
        rows, bins, (frames, columns) = len(self.given[0]), self.given[0].shape[-1], self.given[1].shape
        if V.shape != (frames, bins) or columns != rows or not V.shape[0]:
            raise RtsepError(f"V {V.shape}, W {self.given[0].shape} and H {(frames, columns)} do not fit: they are "
                             f"[frame, bin], [row, {'' if axes == 2 else 'lag, '}bin] and [frame, row]")
        kind, (least, tiny) = dtype.type, LEAST[dtype]
        self.gain, self.balance = 1.0, np.ones(rows, dtype)
        loudest = _loudest(V)
        if epsilon is None and floor is None:
            least = usual_floor or least
            self.gain = float(_power_below(np.float64(loudest))) ** -1 if loudest > FAINTEST else 1.0
            self.balance = _power_below(_flat(self.given[0]).max(axis=1, initial=0))
        self.scaled = Scaled(V, dtype, kind(self.gain), kind(epsilon or 0), kind(floor or least), kind(tiny))
        self.W = self.given[0] / _beside(self.balance, self.given[0])
        self.H = self.given[1] * self.balance * kind(self.gain)

    def solve(
        self, run: Run, update: Sequence[str], max_iter: int, tolerance: float, progress: Progress | None, power: int,
    ) -> Factors:  # fmt: skip
        """Update until a reason to stop; `power`: how the divergence grows with V."""
        if not update or len(set(update)) < len(update) or not set(update) <= {"H", "W"}:
            raise RtsepError(f"update {tuple(update)}: allowed are ('H', 'W'), ('W', 'H'), ('H',) and ('W',)")
        losses, reason = list[float](), ""
        best = run.W, run.H
        try:
            while not reason:
                last = len(losses) == max_iter
                loss = (run.measure() if last else run.prepare(update[0], True)) / self.gain**power
                best = run.W, run.H
                losses.append(max(loss, 0.0))
                if progress is not None:
                    progress(len(losses) - 1, losses[-1])
                reason = "converged" if _has_converged(losses, tolerance) else "max_iter" if last else ""
                if not reason:
                    run.accept()
                    for name in update[1:]:
                        run.prepare(name, False)
                        run.accept()
        except KeyboardInterrupt:
            reason = "interrupted"
        W, H = self._unscaled(*best, update)
        return Factors(W, H, np.array(losses), reason)

    def _unscaled(self, W: Floats, H: Floats, update: Sequence[str]) -> tuple[Floats, Floats]:
        kind = self.scaled.dtype.type
        return (W * _beside(self.balance, W) if "W" in update else self.given[0],
                H / self.balance / kind(self.gain) if "H" in update else self.given[1])


class _Run:
    """The factors on their way. A step is prepared beside them and then accepted: what was measured is never lost."""

    def __init__(self, scaled: Scaled, terms: Terms, multiply: Any, W: Floats, H: Floats) -> None:
        self.W, self.H = W, H
        self._scaled, self._terms, self._multiply = scaled, terms, multiply
        self._limits = scaled.added, scaled.floor, scaled.tiny
        self._next = W, H

    def measure(self) -> float:
        """The loss."""
        return sum(self._terms.loss(V, self.H[part], self.W) for part, V in self._scaled.blocks())

    def prepare(self, name: str, measured: bool) -> float:
        """Make the next W or H; the loss of the present ones if it is to be measured."""
        self._terms.begin(self.W)
        return self._prepare_h(measured) if name == "H" else self._prepare_w(measured)

    def _prepare_h(self, measured: bool) -> float:
        total, new = 0.0, np.empty_like(self.H)
        for part, V in self._scaled.blocks():
            H = self.H[part]
            numerator, denominator, loss = self._terms.for_activations(V, H, self.W, measured)
            self._multiply(H, numerator, denominator, *self._limits, new[part])
            total += loss
        self._next = self.W, new
        return total

    def _prepare_w(self, measured: bool) -> float:
        total = sum(self._terms.add_for_templates(V, self.H[part], self.W, measured)
                    for part, V in self._scaled.blocks())
        new = np.empty_like(self.W)
        self._multiply(self.W, *self._terms.finish(self.W), *self._limits, new)
        self._next = new, self.H
        return total

    def accept(self) -> None:
        """Take what was prepared."""
        self.W, self.H = self._next


def _has_converged(losses: Sequence[float], tolerance: float) -> bool:
    """Whether the loss fell by less than `tolerance` of itself over the last STRIDE updates."""
    if tolerance <= 0 or len(losses) <= STRIDE:
        return False
    return losses[-1 - STRIDE] - losses[-1] <= tolerance * losses[-1 - STRIDE]


def _flat(W: Floats) -> Floats:
    """[row, everything else]."""
    return W.reshape(len(W), -1)


def _beside(values: Floats, W: Floats) -> Floats:
    """One value per row, in the number of axes of W."""
    return values.reshape(-1, *[1] * (W.ndim - 1))


def _checked(name: str, values: npt.ArrayLike, dtype: np.dtype[Any], axes: int = 2) -> Floats:
    array = np.array(values, dtype, order="C", ndmin=axes)
    if array.ndim != axes or not np.isfinite(array).all() or (array < 0).any():
        raise RtsepError(f"{name}: give {axes} axes of finite numbers that are 0 or more")
    return array


def _loudest(V: Frames) -> float:
    """The largest value of V. RtsepError if one is negative or not finite."""
    loudest = 0.0
    for part in parts(V):
        block = np.asarray(V[part])
        least, most = float(block.min(initial=0)), float(block.max(initial=0))
        if not (least >= 0 and most < np.inf):
            raise RtsepError("V: give a matrix of finite numbers that are 0 or more")
        loudest = max(loudest, most)
    return loudest


def _power_below(values: Any) -> Any:
    """The power of two in (value / 2, value]; 1 where the value is 0 or hardly more."""
    exponent = np.frexp(np.where(np.asarray(values) > FAINTEST, values, 1))[1] - 1
    return np.ldexp(np.ones_like(values), exponent)
