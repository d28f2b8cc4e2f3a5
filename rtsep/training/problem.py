"""Checks V and the start of a factorisation, and scales them so that loudness does not matter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from rtsep.errors import RtsepError
from rtsep.training.updates import LEAST, Floats, Frames, Scaled, parts

FAINTEST = 1e-30  # A V without any larger value than this counts as silence.


def scaled_for(
    V: Frames, epsilon: float | None = None, floor: float | None = None, usual_floor: float | None = None
) -> Scaled:
    """V, its type and the scalars of a run. Unless `epsilon` or `floor` is given, the gain brings V's largest value near 1.

    usual_floor: the least denominator then, relative to V's largest value. RtsepError: negative or non-finite values in V.
    """
    return scaled_by(V, loudest_of(V), epsilon, floor, usual_floor)


def scaled_by(
    V: Frames, loudest: float, epsilon: float | None = None, floor: float | None = None, usual_floor: float | None = None
) -> Scaled:
    """As `scaled_for`, where the largest value of V, or of all that V is a part of, is known."""
    dtype = np.dtype(V.dtype if V.dtype in LEAST else np.float64)
    kind, (least, tiny), gain = dtype.type, LEAST[dtype], 1.0
    if epsilon is None and floor is None:
        least = usual_floor or least
        gain = float(power_below(np.float64(loudest))) ** -1 if loudest > FAINTEST else 1.0
    return Scaled(V, dtype, kind(gain), kind(epsilon or 0), kind(floor or least), kind(tiny))


class Problem:
    """V, W and H of one type, scaled by powers of two (so without rounding), unless `epsilon` or `floor` is given.

    W is [row, bin], or [row, lag, bin] with `axes` = 3. Rows of W are scaled to values near 1 unless `balanced` is False:
    gradient steps depend on this scale, and multiplicative steps do not.
    """

    def __init__(
        self, V: Frames, W: npt.ArrayLike, H: npt.ArrayLike, epsilon: float | None = None, floor: float | None = None,
        usual_floor: float | None = None, axes: int = 2, balanced: bool = True,
    ) -> None:  # fmt: skip
        self.scaled = scaled_for(V, epsilon, floor, usual_floor)
        self.given = checked("W", W, self.scaled.dtype, axes), checked("H", H, self.scaled.dtype)
        rows, bins, (frames, columns) = len(self.given[0]), self.given[0].shape[-1], self.given[1].shape
        if V.shape != (frames, bins) or columns != rows or not V.shape[0]:
            raise RtsepError(f"V {V.shape}, W {self.given[0].shape} and H {(frames, columns)} do not fit: they are "
                             f"[frame, bin], [row, {'' if axes == 2 else 'lag, '}bin] and [frame, row]")
        self.balance = np.ones(rows, self.scaled.dtype)
        if balanced and epsilon is None and floor is None:
            self.balance = power_below(flat(self.given[0]).max(axis=1, initial=0))
        self.W = self.given[0] / beside(self.balance, self.given[0])
        self.H = self.given[1] * self.balance * self.scaled.gain

    def unscaled(self, W: Floats, H: Floats, update: Sequence[str]) -> tuple[Floats, Floats]:
        """W and H for the given V; a factor that was not updated is the given one."""
        return (W * beside(self.balance, W) if "W" in update else self.given[0],
                H / self.balance / self.scaled.gain if "H" in update else self.given[1])


def flat(W: Floats) -> Floats:
    """W as [row, everything else]."""
    return W.reshape(len(W), -1)


def beside(values: Floats, W: Floats) -> Floats:
    """One value per row, with as many axes as W."""
    return values.reshape(-1, *[1] * (W.ndim - 1))


def checked(name: str, values: npt.ArrayLike, dtype: np.dtype[Any], axes: int = 2, least: float = 0.0) -> Floats:
    """`values` as a C-contiguous copy of type `dtype`. RtsepError unless all are finite and at least `least`."""
    array = np.array(values, dtype, order="C", ndmin=axes)
    if array.ndim != axes or not np.isfinite(array).all() or (array < least).any():
        raise RtsepError(f"{name}: give {axes} axes of finite numbers{' that are 0 or more' if least == 0 else ''}")
    return array


def loudest_of(V: Frames) -> float:
    """The largest value of V. RtsepError if one is negative or not finite."""
    loudest = 0.0
    for part in parts(V):
        block = np.asarray(V[part])
        least, most = float(block.min(initial=0)), float(block.max(initial=0))
        if not (least >= 0 and most < np.inf):
            raise RtsepError("V: give a matrix of finite numbers that are 0 or more")
        loudest = max(loudest, most)
    return loudest


def power_below(values: Any) -> Any:
    """The power of two in (value / 2, value]; 1 for values of 0 or hardly more."""
    exponent = np.frexp(np.where(np.asarray(values) > FAINTEST, values, 1))[1] - 1
    return np.ldexp(np.ones_like(values), exponent)
