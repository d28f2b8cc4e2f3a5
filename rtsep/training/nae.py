"""Nonnegative autoencoders: V [frame, bin] ~ H W, where one product gives the activations, H = max(V E', 0) * G.

E [row, bin] is the encoder. W [row, bin] is the decoder: templates as in NMF, whose zeros stay zeros. G [frame, row] are gates,
such as those of a score (structured dropout). This is NMF with activations that are a linear function of the frame. So its loss
is at best that of NMF; in return, a new frame needs no iterations. Smaragdis & Venkataramani, ICASSP 2017; Ewert & Sandler,
ICASSP 2017 (gates); Müller, "Audio Decomposition", ISMIR 2023.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rtsep.errors import RtsepError
from rtsep.training.descent import Progress, Run, Schedule, check_order, improve
from rtsep.training.nae_cached import CachedRun, pays
from rtsep.training.nmf import METHODS, NORMS, Step, gradient_steps, multiplicative_steps
from rtsep.training.problem import checked, scaled_for
from rtsep.training.updates import Euclid, Floats, Frames, Scaled, Sum

POWER_ITERATIONS = 500  # At most this many iterations find the largest eigenvalue of V'V.


@dataclass(frozen=True)
class Autoencoder:
    """The result: encoder E [row, bin], templates W [row, bin]; losses, updates and reason as in `nmf.Factors`."""

    E: Floats
    W: Floats
    losses: npt.NDArray[np.float64]
    updates: npt.NDArray[np.int64]
    reason: str


def encode(V: Floats, E: Floats, gates: npt.NDArray[np.bool_] | None = None) -> Floats:
    """H [frame, row] = max(V E', 0), and 0 where the gates are closed."""
    H: Floats = V @ E.T
    np.maximum(H, 0, out=H)
    return H if gates is None else np.multiply(H, gates, out=H)


def autoencode(
    V: Frames, E: npt.ArrayLike, W: npt.ArrayLike, gates: npt.ArrayLike | None = None, *, method: str = "multiplicative",
    signed: bool = False, rectified: bool = False, update: Sequence[str] = ("E", "W"), max_iter: int = 100,
    tolerance: float = 1e-4, measure_every: int = 1, epsilon: float | None = None, normalise: str | None = "sum",
    progress: Progress | None = None,
) -> Autoencoder:  # fmt: skip
    """Improve encoder and templates with updates that never raise the sum of (V - H W)^2; the given arrays are not changed.

    | argument | |
    | --- | --- |
    | E, W | [row, bin]: the start. W >= 0, and its zeros stay. E >= 0 unless signed; E = W and random numbers are both good starts |
    | gates | [frame, row], bool: where a row can be active; None: everywhere |
    | method | "multiplicative": both factors in turn; activations are computed anew between them, since with the old ones the loss can rise; zeros of E stay, too. "gradient": projected steps of the largest safe length |
    | signed | E can be negative, only for "gradient": start with `ridge_encoder` |
    | rectified | the decoder is max(H W, 0), as in a network. It passes no gradient where it is 0, so a bin that is 0 in all templates stays empty. The model is the same; this is slower and a little worse |
    | update | ("E", "W"), ("W", "E"), ("E",) or ("W",) |

    Without gates, nonnegative factors need only V' V [bin, bin], which is kept if that costs less than reading V every time.
        All other arguments, V, memory and errors are as in `factorise`; E takes the scale, so that rows of W sum to 1.
    """  # noqa: E501
    _check(method, signed, update, normalise)
    scaled = scaled_for(V, epsilon)
    start = checked("E", E, scaled.dtype, least=-np.inf if signed else 0), checked("W", W, scaled.dtype)
    opened = None if gates is None else np.asarray(gates, bool)
    _check_shapes(V, *start, opened)
    terms = Euclid(scaled)
    if method == "multiplicative":
        step = multiplicative_steps("euclid", scaled)
    else:
        curvature = {"E": energy_norm(scaled), "W": 1.0}
        allowed = {"W": start[1] > 0}
        step = gradient_steps(lambda name: curvature[name] * terms.curvature, allowed, ("E",) if signed else ())
    free = opened is None and not rectified and method == "multiplicative"
    run: Run
    if free and pays(V.shape[0], len(start[0]), V.shape[1], max_iter):
        run = CachedRun(scaled, terms, step, *start)
    else:
        run = _Run(scaled, terms, step, *start, opened, rectified)
    schedule = Schedule(max_iter, tolerance, measure_every, progress)
    factors, course = improve(run, update, schedule, float(scaled.gain) ** -2)
    norm = normalise if len(update) == 2 else None
    return Autoencoder(*_normalised(*factors, norm), course.losses, course.updates, course.reason)


def ridge_encoder(V: Frames, H: npt.ArrayLike, share: float = 1e-3) -> Floats:
    """The signed encoder E [row, bin] whose V E' is closest to V's activations H [frame, row] by NMF.

    E = H'V (V'V + lambda I)^-1, float64; lambda is `share` of the mean eigenvalue of V'V. The larger it is, the less E relies
    on small differences between templates, which another instrument does not have.
    """
    scaled = scaled_for(V)
    activations = checked("H", H, np.dtype(np.float64))
    bins = V.shape[1]
    square, product = np.zeros((bins, bins)), np.zeros((activations.shape[1], bins))
    for part, block in scaled.blocks():
        exact = block.astype(np.float64)
        square += exact.T @ exact
        product += activations[part].T @ exact
    square[np.diag_indices(bins)] += share * max(np.trace(square) / bins, np.finfo(float).tiny)
    result: Floats = np.linalg.solve(square, product.T).T
    return result


def energy_norm(scaled: Scaled) -> float:
    """The 2-norm of V V', V scaled, by power iteration over the blocks."""
    x, norm = np.full(scaled.V.shape[1], 1.0), 0.0
    for _ in range(POWER_ITERATIONS):
        last, y = norm, np.zeros_like(x)
        for _, block in scaled.blocks():
            y += block.T @ (block @ x.astype(scaled.dtype))
        norm = float(np.linalg.norm(y)) / float(np.linalg.norm(x))
        if norm <= last * (1 + np.finfo(scaled.dtype).eps):
            break
        x = y / np.linalg.norm(y)
    return max(norm * float(scaled.gain) ** 2, float(np.finfo(scaled.dtype).tiny))


def _check(method: str, signed: bool, update: Sequence[str], normalise: str | None) -> None:
    if method not in METHODS:
        raise RtsepError(f"method {method!r}: allowed are {', '.join(METHODS)}")
    if signed and method != "gradient":
        raise RtsepError("a signed encoder cannot have multiplicative updates: give method 'gradient'")
    if normalise is not None and normalise not in NORMS:
        raise RtsepError(f"normalise {normalise!r}: allowed are {', '.join(NORMS)} and None")
    check_order(update, ("E", "W"))


def _check_shapes(V: Frames, E: Floats, W: Floats, gates: npt.NDArray[np.bool_] | None) -> None:
    opened = (V.shape[0], len(W)) if gates is None else gates.shape
    if E.shape != W.shape or V.shape[1] != W.shape[1] or opened != (V.shape[0], len(W)) or not V.shape[0]:
        raise RtsepError(f"V {V.shape}, E {E.shape}, W {W.shape} and gates {opened} do not fit: they are [frame, bin], "
                         "[row, bin], [row, bin] and [frame, row]")


def _normalised(E: Floats, W: Floats, norm: str | None) -> tuple[Floats, Floats]:
    """W with rows of "sum" or "max" 1, and E multiplied by their scale."""
    if norm is None:
        return E, W
    scale = NORMS[norm](W)
    scale = np.where(scale > 0, scale, 1).astype(W.dtype)[:, None]
    return E * scale, W / scale


class _Run:
    """Encoder and templates during a run: see `descent.Run`. H is computed when it is needed, and never kept."""

    def __init__(
        self, scaled: Scaled, terms: Euclid, step: Step, E: Floats, W: Floats, gates: npt.NDArray[np.bool_] | None,
        rectified: bool,
    ) -> None:  # fmt: skip
        self.factors = self._next = E, W
        self._scaled, self._terms, self._step, self._gates, self._rectified = scaled, terms, step, gates, rectified
        self._numerator, self._denominator = Sum(scaled.dtype), Sum(scaled.dtype)

    def _activations(self, V: Floats, part: slice) -> Floats:
        H = encode(V, self.factors[0], None if self._gates is None else self._gates[part])
        H *= self._scaled.gain
        return H

    def _target(self, V: Floats, H: Floats) -> Floats:
        """The part of V that counts in the gradient."""
        return V * (H @ self.factors[1] > 0) if self._rectified else V

    def measure(self) -> float:
        """The loss of the present factors."""
        W = self.factors[1]
        return sum(self._terms.loss(V, self._activations(V, part), W) for part, V in self._scaled.blocks())

    def prepare(self, name: str, measured: bool) -> float:
        """Prepare the next E or W; give the loss of the present ones if `measured`."""
        self._terms.begin(self.factors[1])
        return self._prepare_e(measured) if name == "E" else self._prepare_w(measured)

    def _prepare_e(self, measured: bool) -> float:
        """Prepare E: its gradient is the gradient in H, where H is active, times V."""
        E, W = self.factors
        total, new = 0.0, np.empty_like(E)
        self._numerator.clear()
        self._denominator.clear()
        for part, V in self._scaled.blocks():
            H = self._activations(V, part)
            numerator, denominator, loss = self._terms.for_activations(self._target(V, H), H, W, measured)
            if measured and self._rectified:
                loss = self._terms.loss(V, H, W)
            active = H > 0
            self._numerator.add((numerator * active).T, V)
            self._denominator.add((denominator * active).T, V)
            total += loss
        gain = self._scaled.gain
        self._step("E", slice(None), E, self._numerator.value * gain, self._denominator.value * gain, new)
        self._next = new, W
        return total

    def _prepare_w(self, measured: bool) -> float:
        E, W = self.factors
        total, new = 0.0, np.empty_like(W)
        for part, V in self._scaled.blocks():
            H = self._activations(V, part)
            self._terms.add_for_templates(self._target(V, H), H, W, False)
            total += self._terms.loss(V, H, W) if measured else 0.0
        self._step("W", slice(None), W, *self._terms.finish(W), new)
        self._next = E, new
        return total

    def accept(self) -> None:
        """Accept the prepared factor."""
        self.factors = self._next
