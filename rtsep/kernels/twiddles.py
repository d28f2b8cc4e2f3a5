"""Temporary."""
import numpy as np


def make_twiddles(n):
    w = np.exp(-2j * np.pi * np.arange(n // 2) / n)
    return np.stack([w.real, w.imag]).astype(np.float32).ravel()


def scratch_size(n):
    return 2 * n
