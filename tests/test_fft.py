"""The kernels' FFT: exact at each size and for each input; nothing outside its arrays is touched."""

import ctypes

import numpy as np
import pytest

from rtsep.compiling import machine
from rtsep.kernels.twiddles import make_twiddles, scratch_size

SIZES = [2**k for k in range(5, 15)]
GUARD = 16  # so many numbers on either side of an array must stay as they are


def guarded(size: int, kind: type) -> tuple[np.ndarray, np.ndarray]:
    """NaNs [size] between guards, and the whole array with the guards."""
    whole = np.full(size + 2 * GUARD, np.nan, kind)
    return whole[GUARD : GUARD + size], whole


def transform(name: str, given: np.ndarray, size: int, result: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Pass `given` through the compiled function into `result`; checks that `given` and the guards stay as they are."""
    twiddles, (scratch, room) = make_twiddles(size), guarded(scratch_size(size), np.float32)
    function = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 5)(machine.address("fft", name))
    before = given.copy()
    function(given.ctypes.data, result.ctypes.data, size, twiddles.ctypes.data, scratch.ctypes.data)
    assert np.array_equal(given, before)
    for one in (whole, room):
        assert np.isnan(one[:GUARD]).all() and np.isnan(one[-GUARD:]).all()
    return result


def forward(x: np.ndarray) -> np.ndarray:
    return transform("forward", np.ascontiguousarray(x, np.float32), len(x), *guarded(len(x) // 2 + 1, np.complex64))


def backward(X: np.ndarray) -> np.ndarray:
    size = 2 * len(X) - 2
    return transform("backward", np.ascontiguousarray(X, np.complex64), size, *guarded(size, np.float32))


def error(found: np.ndarray, exact: np.ndarray) -> float:
    return np.linalg.norm(found - exact) / np.linalg.norm(exact)


@pytest.mark.parametrize("size", SIZES)
def test_noise_there_and_back(rng, size):
    x = rng.standard_normal(size).astype(np.float32)
    X = forward(x)
    assert error(X, np.fft.rfft(x.astype(float))) < 2.5e-7
    assert X[0].imag == 0 and X[-1].imag == 0
    Y = (rng.standard_normal(size // 2 + 1) + 1j * rng.standard_normal(size // 2 + 1)).astype(np.complex64)
    assert error(backward(Y), np.fft.irfft(Y.astype(complex), size)) < 2.5e-7, "imaginary parts at the ends count as 0"
    assert error(backward(X), x) < 3e-7


@pytest.mark.parametrize("size", SIZES)
def test_impulses(size):
    for at in {0, 1, 2, 7, 8, 9, size // 2 - 1, size // 2, size // 2 + 1, size - 1}:
        x = np.zeros(size, np.float32)
        x[at] = 1
        X = forward(x)
        assert np.abs(X - np.exp(-2j * np.pi * np.arange(size // 2 + 1) * at / size)).max() < 5e-7
        assert np.abs(backward(X) - x).max() < 3e-7


@pytest.mark.parametrize("size", [32, 64, 128, 256, 512])
def test_every_bin_alone(size):
    for k in range(size // 2 + 1):
        X = np.zeros(size // 2 + 1, np.complex64)
        X[k] = 1 if k in (0, size // 2) else 0.6 - 0.8j
        x = backward(X)
        assert np.abs(x - np.fft.irfft(X.astype(complex), size)).max() < 2e-7
        assert np.abs(forward(x) - X).max() < 1e-6


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_faint_and_loud(rng, scale):
    x = (scale * rng.standard_normal(4096)).astype(np.float32)
    assert error(forward(x), np.fft.rfft(x.astype(float))) < 2.5e-7
