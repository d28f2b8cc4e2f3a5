"""Compiled code that only `rtsep bench` runs: what a frame's FFTs cost alone, and the activation step alone."""

import numpy as np
from numba import njit
from rocket_fft import c2r, r2c

from rtsep.kernels.activations import update_activations
from rtsep.kernels.native import OPTIONS, flush_to_zero, restore_denormals


@njit(**OPTIONS)
def transform_frames(frame, X, sound, axes, stems, times):
    """`times` times the FFTs of one frame and nothing else: the floor under the cost of any separator of this kind.

    | argument | shape | |
    | --- | --- | --- |
    | frame | [window_size] | what is analysed, once per channel |
    | X | [channel, bin] | *filled*: spectra |
    | sound | [window_size] | *filled*: what comes back, once per channel and stem |
    | axes | int64 [1] | what the FFT wants |
    """
    word = flush_to_zero()
    scale = 1.0 / frame.shape[0]
    for _ in range(times):
        for c in range(X.shape[0]):
            r2c(frame, X[c], axes, True, 1.0, 1)
        for _ in range(stems):
            for c in range(X.shape[0]):
                c2r(X[c], sound, axes, False, scale, 1)
    restore_denormals(word)


@njit(**OPTIONS)
def estimate_frames(V, W, rows, bins, iterations, h, before, gradient, Q, times):
    """`times` times plain updates of one frame's activations, each from an equal share; arguments of `update_activations`."""
    word = flush_to_zero()
    one = np.float32(1)
    share = one / np.float32(h.shape[0])
    for _ in range(times):
        h[:] = share
        update_activations(V, W, rows, rows.shape[0], bins, iterations, one, one, rows[:1], h[:0], one, h, before, gradient,
                           h[:0], Q)
    restore_denormals(word)
