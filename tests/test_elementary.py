"""Exponential, logarithm, sine and cosine of the kernels: as exact as they claim."""

import numpy as np
from numba import njit

from rtsep.kernels import elementary

FLOAT = np.float32


@njit(error_model="numpy")
def elementary_functions(x, positive, angle, found):
    for i in range(len(x)):
        found[0, i], found[1, i] = elementary.exp(x[i]), elementary.log(positive[i])
        found[2, i], found[3, i] = elementary.sine_and_cosine(angle[i])


def test_elementary_functions_are_as_exact_as_they_say(rng):
    """Relative errors of exponential and logarithm stay below 3e-7 over their range, absolute errors of sine and cosine too."""
    x = np.append(rng.uniform(-87, 88, 50_000), [0, -86.99, 87.99, 1e-9, -1e-9]).astype(FLOAT)
    positive = np.append(10 ** rng.uniform(-37, 38, 40_000), rng.uniform(0.5, 2, 10_005)).astype(FLOAT)
    positive[:5] = 1, 2, 0.5, np.sqrt(0.5), np.sqrt(2)
    angle = np.append(rng.uniform(-600, 600, 50_000), [0, np.pi / 2, -np.pi / 2, np.pi, np.pi / 4]).astype(FLOAT)
    found = np.zeros((4, len(x)), FLOAT)
    elementary_functions(x, positive, angle, found)
    exact = [function(given.astype(float)) for function, given in
             ((np.exp, x), (np.log, positive), (np.sin, angle), (np.cos, angle))]
    for mine, expected in zip(found[:2], exact[:2], strict=True):
        assert np.abs(mine / np.where(expected == 0, 1, expected) - (expected != 0)).max() < 3e-7
    assert np.abs(found[2:] - exact[2:]).max() < 3e-7
