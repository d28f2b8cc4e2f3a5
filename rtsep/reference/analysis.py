"""Stage: turns a frame of samples into spectra at every hop. See `rtsep.stages.analysis`."""

from __future__ import annotations

import math

import numpy as np

from rtsep.reference.passed import Complexes, Floats, Frame
from rtsep.stages.analysis import LOUDEST, SILENT
from rtsep.windows import SHORT_FALL


def windows(size: int, overlap: int, hop: int) -> tuple[Floats, Floats]:
    """Analysis window [size] and synthesis window [overlap] (Mauler & Martin, EUSIPCO 2007).

    The analysis window is the square root of a Hann window with a long rise and a short fall. The synthesis window makes the
    product of both a Hann window of `overlap` samples, scaled so that its copies at every `hop` add up to 1. With `overlap` 0
    there is none.
    """
    fall = overlap // 2 or size // SHORT_FALL
    rise = size - fall
    analysis = np.empty(size)
    for n in range(size):
        if n < rise:
            analysis[n] = math.sqrt(0.5 * (1 - math.cos(math.pi * (n + 0.5) / rise)))
        else:
            analysis[n] = math.sqrt(0.5 * (1 + math.cos(math.pi * (n - rise + 0.5) / fall)))
    synthesis = np.empty(overlap)
    for n in range(overlap):
        hann = 0.5 * (1 - math.cos(2 * math.pi * (n + 0.5) / overlap))
        synthesis[n] = 2 * hop / overlap * hann / analysis[size - overlap + n]
    return analysis, synthesis


def without_faults(sound: Floats) -> Floats:
    """`sound` with 0 in place of NaN, infinity and samples that are too loud to be sound."""
    good = np.abs(sound) <= LOUDEST
    return np.where(good, sound, 0).astype(np.float64)


def count_faults(sound: Floats) -> int:
    """The number of samples that `without_faults` replaces."""
    return int((~(np.abs(sound) <= LOUDEST)).sum())


def frame_before(sound: Floats, end: int, size: int) -> Floats:
    """The `size` samples before sample `end` of sound [channel, sample]; silence before the sound begins."""
    frame = np.zeros((len(sound), size))
    part = sound[:, max(end - size, 0) : end]
    frame[:, size - part.shape[1] :] = part
    return frame


def spectra(frame: Floats, window: Floats) -> Complexes:
    """X [channel, bin] of a frame [channel, sample]."""
    return np.fft.rfft(frame * window, axis=1)


def magnitudes(X: Complexes) -> Floats:
    """V [bin]: root mean square of |X| over the channels."""
    V: Floats = np.sqrt(np.mean(np.abs(X) ** 2, axis=0))
    return V


def step(samples: Floats, window: Floats, end: int) -> Frame:
    """The frame that ends before sample `end`, from its samples [channel, size] and the analysis window [size]."""
    X = spectra(samples, window)
    V = magnitudes(X)
    total = V.sum()
    return Frame(end, X, V, float(total), V / total if total > SILENT else np.zeros_like(V))
