"""Activations of the open templates: V ~ h W with W fixed, Kullback-Leibler multiplicative updates."""

import numpy as np
from numba import njit

from rtsep.kernels.native import OPTIONS

TILE = 512  # bins worked on at a time: the open rows' tiles stay in the first cache


@njit(**OPTIONS)
def add_rows(W, rows, h, count, low, high, model):
    """model[low:high] += h[:count] @ W[rows[:count], low:high], four rows at a time."""
    i = 0
    while i + 4 <= count:
        w0, w1, w2, w3 = W[rows[i]], W[rows[i + 1]], W[rows[i + 2]], W[rows[i + 3]]
        h0, h1, h2, h3 = h[i], h[i + 1], h[i + 2], h[i + 3]
        for k in range(low, high):
            model[k] += h0 * w0[k] + h1 * w1[k] + h2 * w2[k] + h3 * w3[k]
        i += 4
    while i < count:
        w0, h0 = W[rows[i]], h[i]
        for k in range(low, high):
            model[k] += h0 * w0[k]
        i += 1


@njit(**OPTIONS)
def add_products(W, rows, count, low, high, Q, gradient):
    """gradient[:count] += W[rows[:count], low:high] @ Q[low:high], four rows at a time."""
    i = 0
    while i + 4 <= count:
        w0, w1, w2, w3 = W[rows[i]], W[rows[i + 1]], W[rows[i + 2]], W[rows[i + 3]]
        s0 = s1 = s2 = s3 = np.float32(0)
        for k in range(low, high):
            q = Q[k]
            s0 += w0[k] * q
            s1 += w1[k] * q
            s2 += w2[k] * q
            s3 += w3[k] * q
        gradient[i] += s0
        gradient[i + 1] += s1
        gradient[i + 2] += s2
        gradient[i + 3] += s3
        i += 4
    while i < count:
        w0 = W[rows[i]]
        s0 = np.float32(0)
        for k in range(low, high):
            s0 += w0[k] * Q[k]
        gradient[i] += s0
        i += 1


@njit(**OPTIONS)
def update_activations(V, W, rows, count, bins, iterations, h, gradient, Q):
    """`iterations` times  h <- h * (W @ (V / (h W)))  for the open rows of W and one flat row, all summing to 1.

    | argument | shape | |
    | --- | --- | --- |
    | V | [stride] | magnitudes, sum 1; zero beyond `bins` |
    | W | [row, stride] | templates |
    | rows | [count] | which of them are open |
    | h | [count + 1] | *filled*: start on entry, activations on return; the last is the flat row's |
    | gradient, Q | [count + 1], [stride] | scratch |

    Any thread. No errors. Lee & Seung (NIPS 2000), equation 5, with W fixed; the flat row is W = 1 / bins.
    """
    flat = np.float32(1) / np.float32(bins)
    stride = V.shape[0]
    for _ in range(iterations):
        for i in range(count + 1):
            gradient[i] = 0
        floor = max(h[count], np.float32(1e-9)) * flat
        for low in range(0, stride, TILE):
            high = min(low + TILE, stride)
            for k in range(low, high):
                Q[k] = floor
            add_rows(W, rows, h, count, low, high, Q)
            mean = np.float32(0)
            for k in range(low, high):
                Q[k] = V[k] / Q[k]
                mean += Q[k]
            gradient[count] += mean * flat
            add_products(W, rows, count, low, high, Q, gradient)
        for i in range(count + 1):
            h[i] *= gradient[i]
