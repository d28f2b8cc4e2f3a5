"""A frame of the input into spectra, and masked spectra back into sound: windows, FFTs, overlap-add.

The windows are Mauler & Martin's (EUSIPCO 2007): a long analysis window and a short synthesis window at its end.
"""

import numpy as np
from numba import njit

from rtsep.kernels.linked import backward, forward
from rtsep.kernels.native import INNER, OPTIONS


@njit(**OPTIONS)
def multiply(a, b, result):
    """result = a * b"""
    for i in range(result.shape[0]):
        result[i] = a[i] * b[i]


@njit(**OPTIONS)
def add_product(a, b, result):
    """result += a * b"""
    for i in range(result.shape[0]):
        result[i] += a[i] * b[i]


@njit(**OPTIONS)
def window_frame(ring, ring_size, end, window, frame):
    """Fill `frame` [window_size] with the samples before `end` of the `ring` [2 ring_size], times `window`."""
    begin = (end - frame.shape[0]) & (ring_size - 1)
    multiply(ring[begin : begin + frame.shape[0]], window, frame)


@njit(**INNER)
def analyse(plan, state, end):
    """Fill `X` [channel, bin] from the frame that ends before sample `end`, and `V` [bin]; give the sum of V.

    V is the root mean square of |X| over the channels, scaled to sum to 1 (all zero in silence).
    """
    V = state.V
    power = state.Q
    for k in range(plan.bins):
        power[k] = 0
    for c in range(plan.channels):
        window_frame(state.ring[c], plan.ring_size, end, plan.analysis_window, state.frame)
        X = state.X[c]
        forward(plan, state, state.frame, X)
        for k in range(plan.bins):
            z = X[k]
            power[k] += z.real * z.real + z.imag * z.imag
    share = np.float32(1) / np.float32(plan.channels)
    total = np.float32(0)
    for k in range(plan.bins):
        V[k] = np.sqrt(power[k] * share)
        total += V[k]
    if total > np.float32(1e-20):
        scale = np.float32(1) / total
        for k in range(plan.bins):
            V[k] *= scale
        return total
    return np.float32(0)


@njit(**INNER)
def add_tail(plan, state, stem, channel, end):
    """Add the spectrum Y to a channel of `stem`'s overlap-add ring: the last `overlap` samples before `end`."""
    size, window = plan.overlap, plan.synthesis_window
    backward(plan, state, state.Y, state.frame)
    tail = state.frame[plan.window_size - size :]
    begin = end & (size - 1)
    first = size - begin
    out = state.overlap_add[stem, channel]
    add_product(tail[:first], window[:first], out[begin:])
    add_product(tail[first:], window[first:], out[:begin])


@njit(**INNER)
def synthesise(plan, state, stem, end):
    """Add `stem`'s masked spectra to its overlap-add ring."""
    mask, Y = state.M[stem], state.Y
    for c in range(plan.channels):
        X = state.X[c]
        for k in range(plan.bins):
            Y[k] = X[k] * mask[k]
        add_tail(plan, state, stem, c, end)
