"""Activations of the open templates: V ~ h W with W fixed, Kullback-Leibler multiplicative updates."""

import numpy as np
from numba import njit

from rtsep.kernels.native import OPTIONS

# Loops run from 0 over slices: an index that the compiler cannot prove to be positive costs the SIMD.


@njit(**OPTIONS)
def add_rows(W, rows, h, model):
    """model[:] += h @ W[rows], four rows at a time; `model` [n] may be shorter than the rows of W."""
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


@njit(**OPTIONS)
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


@njit(**OPTIONS)
def hold_to(h, first, foreseen, trust, heard):
    """Draw the sum of each group's h towards what is foreseen, h <- h (s + trust * foreseen) / (s + trust * s).

    A Gamma prior on the sum s alone, which is kept in `heard`: how it is divided among the rows is left to what they hear.
    """
    for g in range(foreseen.shape[0]):
        total = np.float32(0)
        for i in range(first[g], first[g + 1]):
            total += h[i]
        heard[g] = total
        if foreseen[g] >= 0:
            scale = (np.float32(1) + trust * foreseen[g] / max(total, np.float32(1e-9))) / (np.float32(1) + trust)
            for i in range(first[g], first[g + 1]):
                h[i] *= scale


@njit(**OPTIONS)
def update_activations(V, W, rows, gated, bins, iterations, relaxation, handicap, first, foreseen, trust, h, before,
                       gradient, heard, Q):
    """`iterations` times  h <- h * (W @ (V / (h W))) ** relaxation  for the open rows of W and one flat row, all summing to 1.

    The last time without the exponent, which makes h sum to 1 again. Between 1 and 2 it makes updates go further the way that
    they go, and arrive where plain ones do: six with 1.8 about as far as ten.

    What comes behind the first `gated` rows, the background, has W @ Q multiplied by `handicap`: a sparseness prior, which
    leaves it what the gated rows cannot explain. The gated rows' groups are held to what is foreseen of them.

    | argument | shape | |
    | --- | --- | --- |
    | V | [stride] | magnitudes, sum 1; zero beyond `bins` |
    | W | [row, stride] | templates |
    | rows | [count] | which of them are open |
    | first | [groups + 1] | where the gated rows of each group begin; the last: where they end |
    | foreseen | [groups] | sum of h that is expected of a group; less than 0: nothing is |
    | h | [count + 1] | *filled*: start on entry, activations on return; the last is the flat row's |
    | before | [count + 1] | *filled*: h before the last update |
    | gradient | [count + 1] | *filled*: W @ Q of the last update |
    | heard | [groups] | *filled*: sum of h of each group before it was held |
    | Q | [stride] | *filled*: V over its model at the last update |

    Any thread. No errors. Lee & Seung (NIPS 2000), equation 5, with W fixed; the flat row is W = 1 / bins. Over-relaxed:
    Salakhutdinov & Roweis, "Adaptive overrelaxed bound optimization methods", ICML 2003, with an exponent that stays.
    """
    count = rows.shape[0]
    flat = np.float32(1) / np.float32(bins)
    for n in range(iterations):
        power = relaxation if n + 1 < iterations else np.float32(1)
        floor = max(h[count], np.float32(1e-9)) * flat
        for k in range(Q.shape[0]):
            Q[k] = floor
        add_rows(W, rows, h, Q)
        total = np.float32(0)
        for k in range(Q.shape[0]):
            Q[k] = V[k] / Q[k]
            total += Q[k]
        gradient[count] = total * flat
        dot_rows(W, rows, Q, gradient)
        for i in range(count + 1):
            before[i] = h[i]
            h[i] *= gradient[i] ** power
        factor = handicap**power
        for i in range(gated, count):
            h[i] *= factor
        hold_to(h, first, foreseen, trust, heard)
