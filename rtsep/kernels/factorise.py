"""Offline factorisation V ~ H W: all parts of the updates except the matrix products.

Arrays are [frame, bin], [frame, row] or [row, bin]. All arrays of a call are C-contiguous, and all arrays and scalars have one
type, float32 or float64. Sums are float64. `gain` scales V, `added` is added to denominators, and `floor` is their least value.
Any thread can call these functions; they raise no errors.
"""

import numpy as np

from rtsep.kernels.marks import numeric


@numeric
def multiply(F, numerator, denominator, added, floor, tiny, out):
    """out = F * numerator / max(denominator + added, floor); values below `tiny` become 0, and 0 stays 0."""
    zero = F.dtype.type(0)
    for i in range(F.shape[0]):
        f, n, d, o = F[i], numerator[i], denominator[i], out[i]
        for k in range(f.shape[0]):
            x = f[k] * n[k] / max(d[k] + added, floor)
            o[k] = x if x >= tiny else zero


@numeric
def multiply_root(F, numerator, denominator, added, floor, tiny, out):
    """As `multiply`, with the square root of the fraction: with this exponent the loss for beta = 0 never rises."""
    zero = F.dtype.type(0)
    for i in range(F.shape[0]):
        f, n, d, o = F[i], numerator[i], denominator[i], out[i]
        for k in range(f.shape[0]):
            x = f[k] * np.sqrt(n[k] / max(d[k] + added, floor))
            o[k] = x if x >= tiny else zero


@numeric
def kl_ratio(V, gain, added, floor, model):
    """model = gain * V / max(model + added, floor)."""
    for i in range(V.shape[0]):
        v, m = V[i], model[i]
        for k in range(v.shape[0]):
            m[k] = gain * v[k] / max(m[k] + added, floor)


@numeric
def kl_ratio_measured(V, gain, added, floor, tiny, model, ratio):
    """As `kl_ratio`; ratio = the new model, and at least `tiny`. It gives the sum of (denominator - gain * V)."""
    total = 0.0
    for i in range(V.shape[0]):
        v, m, r = V[i], model[i], ratio[i]
        row = V.dtype.type(0)
        for k in range(v.shape[0]):
            x, y = max(m[k] + added, floor), gain * v[k]
            row += x - y
            m[k] = y / x
            r[k] = max(m[k], tiny)
        total += row
    return total


@numeric
def is_ratios(V, gain, quiet, added, floor, model, ratio, weighted):
    """With v = max(gain * V, quiet), m = max(model + added, floor): model = 1 / m, ratio = v / m, weighted = v / m^2.

    It gives the sum of v / m.
    """
    one, total = V.dtype.type(1), 0.0
    for i in range(V.shape[0]):
        v, m, r, w = V[i], model[i], ratio[i], weighted[i]
        row = V.dtype.type(0)
        for k in range(v.shape[0]):
            inverse = one / max(m[k] + added, floor)
            x = max(gain * v[k], quiet) * inverse
            row += x
            m[k], r[k], w[k] = inverse, x, x * inverse
        total += row
    return total


@numeric
def product_sum(A, B):
    """Sum of A * B."""
    total = 0.0
    for i in range(A.shape[0]):
        a, b = A[i], B[i]
        row = A.dtype.type(0)
        for k in range(a.shape[0]):
            row += a[k] * b[k]
        total += row
    return total


@numeric
def energy(V, gain):
    """Sum of (gain * V)^2."""
    total = 0.0
    for i in range(V.shape[0]):
        v = V[i]
        row = V.dtype.type(0)
        for k in range(v.shape[0]):
            x = gain * v[k]
            row += x * x
        total += row
    return total


@numeric
def squared_error(V, gain, model):
    """Sum of (gain * V - model)^2."""
    total = 0.0
    for i in range(V.shape[0]):
        v, m = V[i], model[i]
        row = V.dtype.type(0)
        for k in range(v.shape[0]):
            x = gain * v[k] - m[k]
            row += x * x
        total += row
    return total
