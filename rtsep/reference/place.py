"""Stage: where stems lie between two channels. See `rtsep.stages.place`.

Duong, Vincent & Gribonval, IEEE TASLP 18(7), 2010.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from rtsep.reference.passed import Complexes, Floats, Masks
from rtsep.stages.place import (
    APART,
    EXCHANGE,
    FARTHEST,
    NO_POWER,
    ONE_PLACE,
    PLACE_S,
    PRIOR_S,
    SPREAD,
)

OWN_POWER = 8  # A stem's mask to this power tells how certainly a bin belongs to it.


def part_of(share: Floats, X: Complexes) -> Complexes:
    """Spectra [channel, bin] of the share [bin, to channel, from channel] of X [channel, bin]."""
    part: Complexes = np.einsum("kcd,dk->ck", share, X)
    return part


@dataclass
class Places:
    """Spatial covariances of the stems, real and the same in all bins, learnt from bins that certainly belong to one stem."""

    hop_s: float
    stems: int
    sums: Floats = field(init=False)  # [stem, channel, channel]
    heard_s: float = 0.0  # seconds of the residual

    def __post_init__(self) -> None:
        self.sums = np.zeros((self.stems, 2, 2))

    def step(self, panning: bool, X: Complexes, masks: Masks) -> None:
        """Change the masks by the places, and fill each stem's share of X [channel, bin]."""
        channels = len(X)
        masks.shares = {stem: masks.M[stem][:, None, None] * np.eye(channels) for stem in masks.playing}
        if panning and X.any():
            self.learn(X, masks.M, masks.playing)
            masks.M, masks.shares = self.separate(X, masks.M, masks.playing) or (masks.M, masks.shares)

    def learn(self, X: Complexes, M: Floats, playing: list[int]) -> None:
        """Learn from the spectra X [channel, bin], not all 0, and masks M [stem, bin] of a frame in which these stems play."""
        keep = 1 - self.hop_s / PLACE_S
        for stem in [*playing, self.stems - 1]:
            self.sums[stem] = keep * self.sums[stem] + ((X * M[stem] ** OWN_POWER) @ X.conj().T).real
        self.heard_s = keep * self.heard_s + self.hop_s

    def covariances(self) -> Floats:
        """R [stem, channel, channel] with trace 2, held by the covariance of all sound as a prior, plus a little spread."""
        R = self.sums + PRIOR_S / self.heard_s * self.sums.sum(axis=0)
        trace = np.trace(R, axis1=1, axis2=2)[:, None, None]
        scaled: Floats = np.divide(R, trace, out=np.zeros_like(R), where=trace > NO_POWER)
        return 2 * scaled + SPREAD * np.eye(2)

    def separate(self, X: Complexes, M: Floats, playing: list[int]) -> tuple[Floats, dict[int, Floats]] | None:
        """Masks after the exchange between stems, and each stem's share [bin, to channel, from channel] of the mix.

        It is the multichannel Wiener filter  m[s] R[s] (sum of m R)^-1.  None if all stems lie at one place.
        """
        playing, R = [*playing, self.stems - 1], self.covariances()
        narrow = np.maximum(1 - np.linalg.det(R[playing]), 0)
        distance = np.outer(narrow, narrow) * ((R[playing][:, None] - R[playing]) ** 2).sum(axis=(2, 3)) / FARTHEST
        most = distance.sum(axis=1).max()
        if most <= ONE_PLACE:
            return None
        rate, m = EXCHANGE / (most + APART), M[playing]
        doubted = M.copy()
        doubted[playing] = m + rate * (distance @ m - distance.sum(axis=1)[:, None] * m)
        mean = np.einsum("sk,scd->kcd", np.maximum(doubted[playing], 0), R[playing])
        return doubted, {stem: doubted[stem][:, None, None] * (R[stem] @ np.linalg.inv(mean)) for stem in playing}
