"""Temporary: textbook FFT."""
import numpy as np
from numba import njit, types
from rtsep.kernels.views import floats_at, spectra_at
from rtsep.kernels.native import OPTIONS


def fft_sizes(n):
    return n, 2 * n


def make_twiddles(n):
    w = np.exp(-2j * np.pi * np.arange(n // 2) / n)
    return np.stack([w.real, w.imag]).astype(np.float32).ravel()


@njit(**OPTIONS)
def complex_fft(re, im, n, tw, sign):
    """in place, radix 2."""
    j = 0
    for i in range(1, n):
        bit = n >> 1
        while j & bit:
            j ^= bit
            bit >>= 1
        j |= bit
        if i < j:
            re[i], re[j] = re[j], re[i]
            im[i], im[j] = im[j], im[i]
    size = 2
    while size <= n:
        half, step = size // 2, n // size
        for begin in range(0, n, size):
            for k in range(half):
                c, s = tw[k * step], sign * tw[n // 2 + k * step]
                a, b = begin + k, begin + k + half
                x, y = re[b] * c - im[b] * s, re[b] * s + im[b] * c
                re[b], im[b] = re[a] - x, im[a] - y
                re[a], im[a] = re[a] + x, im[a] + y
        size *= 2


@njit(**OPTIONS)
def forward(frame, spectrum, twiddles, scratch):
    n = frame.shape[0]
    re, im = scratch[:n], scratch[n : 2 * n]
    for i in range(n):
        re[i], im[i] = frame[i], np.float32(0)
    complex_fft(re, im, n, twiddles, np.float32(1))
    for k in range(n // 2 + 1):
        spectrum[k] = complex(re[k], im[k])


@njit(**OPTIONS)
def backward(spectrum, frame, twiddles, scratch):
    n = frame.shape[0]
    re, im = scratch[:n], scratch[n : 2 * n]
    for k in range(n // 2 + 1):
        re[k], im[k] = spectrum[k].real, spectrum[k].imag
    im[0] = im[n // 2] = np.float32(0)
    for k in range(1, n // 2):
        re[n - k], im[n - k] = re[k], -im[k]
    complex_fft(re, im, n, twiddles, np.float32(-1))
    scale = np.float32(1) / np.float32(n)
    for i in range(n):
        frame[i] = re[i] * scale


def forward_at(frame, spectrum, size, twiddles, scratch):
    """`forward` on what lies at these addresses."""
    forward(floats_at(frame, (size,)), spectra_at(spectrum, (size // 2 + 1,)), floats_at(twiddles, (size,)), floats_at(scratch, (2 * size,)))


def backward_at(spectrum, frame, size, twiddles, scratch):
    backward(spectra_at(spectrum, (size // 2 + 1,)), floats_at(frame, (size,)), floats_at(twiddles, (size,)), floats_at(scratch, (2 * size,)))


_I = types.int64
EXPORTS = {"forward": (forward_at, types.void(_I, _I, _I, _I, _I)), "backward": (backward_at, types.void(_I, _I, _I, _I, _I))}
