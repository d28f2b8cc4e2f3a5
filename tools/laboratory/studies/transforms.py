"""The FFT of rtsep, compared with those of rocket-fft and scipy."""

import ctypes
import time

import numpy as np

from laboratory.report import table
from laboratory.study import Given, Table, need_module, study

SIZES = tuple(2**k for k in range(6, 15))
TURNS, REPEATS = 40, 20


def rocket(x: np.ndarray, X: np.ndarray) -> tuple:
    """rocket-fft's forward and backward transforms of a frame and a spectrum, each `times` times."""
    need_module("rocket_fft", "pip install rocket-fft")
    from numba import njit
    from rocket_fft import c2r, r2c

    @njit(error_model="numpy")
    def forward(frame, spectrum, axes, times):
        for _ in range(times):
            r2c(frame, spectrum, axes, True, 1.0, 1)

    @njit(error_model="numpy")
    def backward(spectrum, frame, axes, times):
        for _ in range(times):
            c2r(spectrum, frame, axes, False, 1.0 / frame.shape[0], 1)

    axes = np.zeros(1, np.int64)
    return lambda times=1: forward(x, X, axes, times), lambda times=1: backward(X, x, axes, times)


def ours(size: int) -> tuple:
    """A frame and a spectrum, aligned for rtsep's FFT, and its two transforms of them. Only this study uses kernels."""
    from rtsep.compiling import machine
    from rtsep.kernels.fields import zeros
    from rtsep.kernels.twiddles import make_twiddles, scratch_size

    frame, spectrum = zeros((size,), np.float32), zeros((size // 2 + 1,), np.complex64)
    twiddles, scratch = zeros((len(make_twiddles(size)),), np.float32), zeros((scratch_size(size),), np.float32)
    twiddles[:] = make_twiddles(size)
    kept = frame, spectrum, twiddles, scratch
    f, s, w, r = (array.ctypes.data for array in kept)
    call = [ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 5)(machine.address("fft", name)) for name in ("forward", "backward")]
    return frame, spectrum, lambda: (kept, call[0](f, s, size, w, r)), lambda: (kept, call[1](s, f, size, w, r))


def error(found: np.ndarray, exact: np.ndarray) -> float:
    """The relative error, by norms."""
    return float(np.linalg.norm(found - exact) / np.linalg.norm(exact))


def best_us(run) -> float:
    """The mean time of a call, in µs."""
    began = time.perf_counter()
    for _ in range(REPEATS):
        run()
    return (time.perf_counter() - began) / REPEATS * 1e6


def line(size: int) -> list[str]:
    """A line of the table."""
    import scipy.fft

    frame, spectrum, forward, backward = ours(size)
    frame[:] = np.random.default_rng(size).standard_normal(size)
    x = frame.copy()
    forward()
    there, exact = error(spectrum, np.fft.rfft(x.astype(float))), np.fft.irfft(spectrum.astype(complex), size)
    backward()
    back = error(frame, exact)
    X = spectrum.copy()
    ways = [forward, backward, *rocket(frame, X), lambda: scipy.fft.rfft(frame), lambda: scipy.fft.irfft(X, size)]
    for way in ways:
        way()
    best = [min(best_us(way) for _ in range(TURNS // 4)) for _ in range(4) for way in ways]  # four times in turns
    return [str(size), f"{there:.1e}", f"{back:.1e}", *(f"{min(best[i :: len(ways)]):.1f}" for i in range(len(ways)))]


@study("fft", page="docs/measurements/cost.md", takes=())
def fft(given: Given) -> list[Table]:
    """The FFT of rtsep, compared with those of rocket-fft and scipy: µs per transform and relative errors, in turns.

    Each figure includes the cost of a call from Python, about half a µs. It needs rocket-fft and scipy.
    """
    need_module("scipy", "pip install scipy")
    need_module("rocket_fft", "pip install rocket-fft")
    head = ["size", *(cell for there in ("error there", "ours there µs", "rocket-fft there", "scipy there")
                      for cell in (there, "and back"))]
    return [Table("fft", table(head, map(line, SIZES), 0))]
