"""Notes as a score follower tells them: opened ahead, with an error for each chord, and closed late.

The error of a follower is described by two numbers: its median and its 90 % quantile, both without sign.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace

import numpy as np

from laboratory.pieces import Piece
from laboratory.warps import GROUP_S, score_of

LARGEST_S = 0.15
"""An error is at most this many seconds."""


@dataclass(frozen=True)
class Told:
    """How notes are told. ahead_s: how early, without the error. behind_s: how late they end.

    median_s, most_s: the median and the 90 % quantile of the error of a chord, in seconds.
    """

    ahead_s: float = 0.0
    behind_s: float = 0.0
    median_s: float = 0.0
    most_s: float = 0.0


def normal(sigma_s: float, ahead_s: float, behind_s: float) -> Told:
    """Errors that are about normal, with this standard deviation."""
    return Told(ahead_s, behind_s, 0.6745 * sigma_s, 1.645 * sigma_s)


def errors_s(told: Told, count: int, rng: np.random.Generator) -> np.ndarray:
    """Random errors [count]: a Weibull distribution with these two quantiles, and a random sign."""
    if told.median_s == 0:
        return np.zeros(count)
    power = np.log(told.most_s / told.median_s) / np.log(np.log(10) / np.log(2))
    size = told.median_s * (rng.exponential(1.0, count) / np.log(2)) ** power
    return np.minimum(size, LARGEST_S) * rng.choice((-1.0, 1.0), count)


def told_as(piece: Piece, told: Told, seed: int = 1) -> Piece:
    """The piece with its notes told in this way, without pedals: these are in the notes' lengths."""
    rng = np.random.default_rng([seed, zlib.crc32(piece.name.encode())])
    notes = np.sort(piece.score.notes(), order="onset_s")
    notes = notes[notes["onset_s"] < piece.mix.shape[1] / piece.sample_rate]
    group = np.concatenate([[0], np.cumsum(np.diff(notes["onset_s"]) > GROUP_S)])
    error = errors_s(told, int(group[-1]) + 1, rng)[group]
    notes["onset_s"] = np.maximum(notes["onset_s"] + error - told.ahead_s, 0)
    notes["offset_s"] = np.maximum(notes["offset_s"] + error + told.behind_s, notes["onset_s"] + told.behind_s + 0.02)
    return replace(piece, score=score_of(notes, piece.score))
