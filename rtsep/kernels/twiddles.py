"""The constants and the scratch memory of the FFT (fft.py)."""

import numpy as np


def roots(turns):
    """exp(-2 pi i turns), as an array [..., real and imaginary part]."""
    w = np.exp(-2j * np.pi * turns)
    return np.stack([w.real, w.imag], -1)


def make_twiddles(size):
    """Constants of an FFT of `size`, float32 [n]: for `combine` [lane 1 to 7, part, bin], `untangle` [bin, part] and every
    `radix4` [k, 1 to 3, part]."""
    M = size // 16
    k = np.arange(M + 1)
    parts = [roots(np.outer(np.arange(1, 8), k) / size).transpose(0, 2, 1), roots(k / (2 * M)) / 2]
    L = 1 if M.bit_length() % 2 else 2
    while L < M:
        parts.append(roots(np.outer(np.arange(L), np.arange(1, 4)) / (4 * L)))
        L *= 4
    return np.concatenate([part.ravel() for part in parts]).astype(np.float32)


def scratch_size(size):
    """Number of float32 of scratch memory for an FFT of `size`."""
    return 2 * size + 16
