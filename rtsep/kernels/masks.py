"""Soft masks from the stems' models: they sum to one in every bin."""

import numpy as np
from numba import njit

from rtsep.kernels.activations import add_rows
from rtsep.kernels.native import OPTIONS, copy, fill


@njit(**OPTIONS)
def power_of_halves(x, halves):
    """x ** (halves / 2) for x in 0..1."""
    result = np.float32(1)
    if halves & 1:
        result = np.sqrt(x)
    for _ in range(halves >> 1):
        result *= x
    return result


@njit(**OPTIONS)
def raise_models(M, stems, bins, halves, peak):
    """M <- (M / peak) ** (halves / 2), where `peak` [bin] is the largest of the bin: nothing under- or overflows."""
    for i in range(stems.shape[0]):
        m = M[stems[i]]
        if halves == 3:
            for k in range(bins):
                x = m[k] / peak[k]
                m[k] = x * np.sqrt(x)
        elif halves == 4:
            for k in range(bins):
                x = m[k] / peak[k]
                m[k] = x * x
        else:
            for k in range(bins):
                m[k] = power_of_halves(m[k] / peak[k], halves)


@njit(**OPTIONS)
def stem_models(W, rows, stem_of, h, stems, bins, M):
    """Fill M [stem, bin] with the model h W of each of `stems`.

    The residual, the last, has its rows and the flat one, h[count]: its model is greater than 0 in every bin. Rows of one stem
    are neighbours in `rows`.
    """
    count, others = rows.shape[0], stems.shape[0] - 1
    for i in range(others):
        fill(M[stems[i], :bins], np.float32(0))
    fill(M[stems[others], :bins], max(h[count], np.float32(1e-9)) / np.float32(bins))
    first = 0
    while first < count:
        last = first + 1
        while last < count and stem_of[last] == stem_of[first]:
            last += 1
        add_rows(W, rows[first:last], h[first:last], M[stem_of[first], :bins])
        first = last


@njit(**OPTIONS)
def add_stems(M, stems, bins, total):
    """total [bin] = sum of `stems` of M [stem, bin]"""
    fill(total[:bins], np.float32(0))
    for i in range(stems.shape[0]):
        m = M[stems[i]]
        for k in range(bins):
            total[k] += m[k]


@njit(**OPTIONS)
def soft_masks(M, stems, bins, halves, scratch):
    """M [stem, bin]: models in, masks out:  M[s] <- M[s]**p / sum over `stems` of M**p, p = halves / 2.

    In every bin one model at least must be greater than 0. `scratch` [stride] is overwritten.
    """
    peak = scratch
    copy(M[stems[0]], peak[:bins])
    for i in range(1, stems.shape[0]):
        m = M[stems[i]]
        for k in range(bins):
            peak[k] = max(peak[k], m[k])
    raise_models(M, stems, bins, halves, peak)
    total = scratch
    add_stems(M, stems, bins, total)
    for i in range(stems.shape[0]):
        m = M[stems[i]]
        for k in range(bins):
            m[k] /= total[k]


@njit(**OPTIONS)
def weigh_residual(M, stems, bins, weight):
    """The mask of the residual, the last of `stems`, counts weight [bin] times as much; the masks sum to one again."""
    others = stems.shape[0] - 1
    rest = M[stems[others]]
    for i in range(others):
        m = M[stems[i]]
        for k in range(bins):
            m[k] /= np.float32(1) + rest[k] * (weight[k] - np.float32(1))
    for k in range(bins):
        rest[k] *= weight[k] / (np.float32(1) + rest[k] * (weight[k] - np.float32(1)))


@njit(**OPTIONS)
def suppress(M, stems, bins, suppression):
    """M[s] <- M[s] / (M[s] + suppression (1 - M[s])) for all but the residual, which gets what that leaves.

    Wiener's masks when the error that others cause weighs `suppression` times the error in the stem itself: Spriet, Moonen &
    Wouters, "Spatially pre-processed speech distortion weighted multi-channel Wiener filtering for noise reduction", Signal
    Processing 84(12), 2004; here with one channel.
    """
    others = stems.shape[0] - 1
    rest = M[stems[others]]
    for i in range(others):
        m = M[stems[i]]
        for k in range(bins):
            weighted = m[k] / (m[k] + suppression * (np.float32(1) - m[k]))
            rest[k] += m[k] - weighted
            m[k] = weighted
