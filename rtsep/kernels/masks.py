"""Soft masks from the stems' models: they sum to one in every bin."""

import numpy as np
from numba import njit

from rtsep.kernels.activations import add_rows
from rtsep.kernels.native import OPTIONS


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
    for s in range(stems):
        m = M[s]
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
def soft_masks(W, rows, stem_of, h, stems, bins, halves, M, scratch):
    """Fill the masks M [stem, bin] from each stem's model h W; the residual (last stem) is the flat row h[count].

    M[s] = model[s]**p / sum over stems of model**p, p = halves / 2. Rows of one stem are neighbours in `rows`.
    `scratch` [stride] is overwritten.
    """
    count = rows.shape[0]
    flat = max(h[count], np.float32(1e-9)) / np.float32(bins)
    for s in range(stems):
        M[s, :bins] = 0
    M[stems - 1, :bins] = flat
    first = 0
    while first < count:
        last = first + 1
        while last < count and stem_of[last] == stem_of[first]:
            last += 1
        add_rows(W, rows[first:last], h[first:last], M[stem_of[first], :bins])
        first = last
    peak = scratch
    for k in range(bins):
        peak[k] = flat
    for s in range(stems - 1):
        m = M[s]
        for k in range(bins):
            peak[k] = max(peak[k], m[k])
    raise_models(M, stems, bins, halves, peak)
    total = scratch
    for k in range(bins):
        total[k] = 0
    for s in range(stems):
        m = M[s]
        for k in range(bins):
            total[k] += m[k]
    for s in range(stems):
        m = M[s]
        for k in range(bins):
            m[k] /= total[k]
