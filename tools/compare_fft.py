"""Our FFT beside rocket-fft (the library before it) and scipy's: µs per transform and relative errors, taking turns.

    python tools/compare_fft.py          needs `pip install rocket-fft scipy`
"""

import ctypes
import time

import numpy as np
import scipy.fft
from numba import njit
from rocket_fft import c2r, r2c

from rtsep.compiling import machine
from rtsep.kernels.fields import zeros
from rtsep.kernels.twiddles import make_twiddles, scratch_size

SIZES = tuple(2**k for k in range(6, 15))
TURNS, REPEATS = 40, 20


@njit(error_model="numpy")
def rocket_forward(frame, spectrum, axes, times):
    for _ in range(times):
        r2c(frame, spectrum, axes, True, 1.0, 1)


@njit(error_model="numpy")
def rocket_backward(spectrum, frame, axes, times):
    for _ in range(times):
        c2r(spectrum, frame, axes, False, 1.0 / frame.shape[0], 1)


def ours(size: int, frame: np.ndarray, spectrum: np.ndarray):
    """Our two transforms of these arrays."""
    twiddles, scratch = zeros((len(make_twiddles(size)),), np.float32), zeros((scratch_size(size),), np.float32)
    twiddles[:] = make_twiddles(size)
    kept = frame, spectrum, twiddles, scratch
    f, s, w, r = (array.ctypes.data for array in kept)
    call = [ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 5)(machine.address("fft", name)) for name in ("forward", "backward")]
    return lambda: (kept, call[0](f, s, size, w, r)), lambda: (kept, call[1](s, f, size, w, r))


def error(found: np.ndarray, exact: np.ndarray) -> float:
    """Relative, in the norm."""
    return float(np.linalg.norm(found - exact) / np.linalg.norm(exact))


def best_us(run) -> float:
    """The least time of a call."""
    began = time.perf_counter()
    for _ in range(REPEATS):
        run()
    return (time.perf_counter() - began) / REPEATS * 1e6


def row(size: int) -> str:
    """A line of the table."""
    frame, spectrum = zeros((size,), np.float32), zeros((size // 2 + 1,), np.complex64)
    frame[:] = np.random.default_rng(size).standard_normal(size)
    x = frame.copy()
    forward, backward = ours(size, frame, spectrum)
    forward()
    there, exact = error(spectrum, np.fft.rfft(x.astype(float))), np.fft.irfft(spectrum.astype(complex), size)
    backward()
    back = error(frame, exact)
    axes, X = np.zeros(1, np.int64), spectrum.copy()
    ways = [forward, backward, lambda: rocket_forward(frame, X, axes, 1), lambda: rocket_backward(X, frame, axes, 1),
            lambda: scipy.fft.rfft(frame), lambda: scipy.fft.irfft(X, size)]
    for way in ways:
        way()
    best = [min(best_us(way) for _ in range(TURNS // 4)) for _ in range(4) for way in ways]  # four times in turns
    least = [min(best[i :: len(ways)]) for i in range(len(ways))]
    return f"| {size} | {there:.1e} | {back:.1e} | {' | '.join(f'{us:.1f}' for us in least)} |"


def main() -> None:
    print("| size | error there | and back | ours there µs | and back | rocket-fft there | and back | scipy there | and back |")
    print("| ---: |" + " ---: |" * 8)
    for size in SIZES:
        print(row(size), flush=True)
    print("\nEach figure has the cost of a call from Python in it, about half a µs.")


if __name__ == "__main__":
    main()
