"""Loops over arrays that several stages share: copies, products, and products with a few rows of a matrix."""

import numpy as np

from rtsep.kernels.marks import numeric

# Loops run from 0 over slices: if the compiler cannot prove that an index is positive, it makes no SIMD code.
# The loops also replace slice assignments, since Numba compiles a message about unequal shapes into each of those.


@numeric
def copy(source, target):
    """target [n] = source [n or more]"""
    for i in range(target.shape[0]):
        target[i] = source[i]


@numeric
def fill(target, value):
    """target [n] = value"""
    for i in range(target.shape[0]):
        target[i] = value


@numeric
def multiply(a, b, result):
    """result = a * b"""
    for i in range(result.shape[0]):
        result[i] = a[i] * b[i]


@numeric
def add_product(a, b, result):
    """result += a * b"""
    for i in range(result.shape[0]):
        result[i] += a[i] * b[i]


@numeric
def subtract(a, result):
    """result -= a"""
    for i in range(result.shape[0]):
        result[i] -= a[i]


@numeric
def product_sum(a, b):
    """Sum of a b."""
    total = np.float32(0)
    for k in range(a.shape[0]):
        total += a[k] * b[k]
    return total


@numeric
def add_rows(W, rows, h, model):
    """model[:] += h @ W[rows], four rows at a time; `model` [n] can be shorter than the rows of W."""
    n, count = model.shape[0], rows.shape[0]
    i = 0
    while i + 4 <= count:
        w0, w1, w2, w3 = W[rows[i], :n], W[rows[i + 1], :n], W[rows[i + 2], :n], W[rows[i + 3], :n]
        h0, h1, h2, h3 = h[i], h[i + 1], h[i + 2], h[i + 3]
        for k in range(n):
            model[k] += h0 * w0[k] + h1 * w1[k] + h2 * w2[k] + h3 * w3[k]
        i += 4
    while i < count:
        w0, h0 = W[rows[i], :n], h[i]
        for k in range(n):
            model[k] += h0 * w0[k]
        i += 1


@numeric
def dot_rows(W, rows, Q, products):
    """products[:count] = W[rows] @ Q, four rows at a time."""
    n, count = Q.shape[0], rows.shape[0]
    i = 0
    while i + 4 <= count:
        w0, w1, w2, w3 = W[rows[i], :n], W[rows[i + 1], :n], W[rows[i + 2], :n], W[rows[i + 3], :n]
        s0 = s1 = s2 = s3 = np.float32(0)
        for k in range(n):
            q = Q[k]
            s0 += w0[k] * q
            s1 += w1[k] * q
            s2 += w2[k] * q
            s3 += w3[k] * q
        products[i], products[i + 1], products[i + 2], products[i + 3] = s0, s1, s2, s3
        i += 4
    while i < count:
        w0 = W[rows[i], :n]
        s0 = np.float32(0)
        for k in range(n):
            s0 += w0[k] * Q[k]
        products[i] = s0
        i += 1


@numeric
def add_stems(models, stems, bins, total):
    """total [bin] = sum of `stems` of models [stem, bin]"""
    fill(total[:bins], np.float32(0))
    for i in range(stems.shape[0]):
        model = models[stems[i]]
        for k in range(bins):
            total[k] += model[k]
