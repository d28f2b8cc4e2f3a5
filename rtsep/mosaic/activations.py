"""Activations of source frames in target frames: V [target frame, bin] ~ H @ W, with the source's frames as fixed templates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from rtsep.kernels import load
from rtsep.mosaic.constraints import Constraints
from rtsep.training.updates import LEAST, LEAST_MODEL, TERMS, Floats, Scaled

kernels = load("factorise")
BLOCK_VALUES = 2**23  # About this many values of H, 32 MB, are processed at a time; several arrays of this size exist.
Reader = Callable[[int, int], Floats]


def activations(
    V: Floats, W: Floats, constraints: Constraints, loudest: float, H: Floats | None = None, divergence: str = "kl"
) -> Floats:
    """H [target frame, source frame] of V [target frame, bin], from the start H (None: all equal).

    W [source frame, bin]: rows sum to 1, or are 0. loudest: the largest value of the whole target; V can be a part of it.
    Updates are those of `rtsep.training.nmf.factorise` with W fixed ("kl" or "euclid"); `constraints` are applied before each.
    """
    dtype = V.dtype
    H = np.full((len(V), len(W)), loudest / max(len(W), 1), dtype) if H is None else H
    floor = dtype.type(max(LEAST_MODEL.get(divergence, 0) * loudest, LEAST[dtype][0]))
    scaled = Scaled(V, dtype, dtype.type(1), dtype.type(0), floor, dtype.type(LEAST[dtype][1]))
    terms, energy = TERMS[divergence](scaled), np.square(W).sum(axis=1)
    terms.begin(W)
    for update in range(constraints.iterations):
        start = constraints.apply(H, energy, update)
        H = np.empty_like(start)
        for part, block in scaled.blocks():
            numerator, denominator, _ = terms.for_activations(block, start[part], W, False)
            kernels.multiply(start[part], numerator, denominator, scaled.added, floor, scaled.tiny, H[part])
    return H


@dataclass(frozen=True)
class Part:
    """The frames begin to end of a sound, computed together with the frames around them, low to high."""

    begin: int
    end: int
    low: int
    high: int

    @property
    def own(self) -> slice:
        """The frames begin to end, counted from low."""
        return slice(self.begin - self.low, self.end - self.low)


def parts(frames: int, size: int, margin: int) -> Iterator[Part]:
    """Divide `frames` into parts of `size`, each with up to `margin` frames on each side."""
    for begin in range(0, frames, size):
        end = min(begin + size, frames)
        yield Part(begin, end, max(begin - margin, 0), min(end + margin, frames))


def in_parts(read: Reader, frames: int, W: Floats, constraints: Constraints, loudest: float) -> Iterator[tuple[Part, Floats]]:
    """`activations` for any number of frames, part by part: the same result in bounded memory.

    read(begin, end) gives V of these frames. Constraints link neighbouring frames, so each part is computed together with all
    frames around it that can have an effect.
    """
    margin = constraints.reach
    size = max(BLOCK_VALUES // len(W) - 2 * margin, margin, 64)
    for part in parts(frames, size, margin):
        yield part, activations(read(part.low, part.high), W, constraints, loudest)[part.own]
