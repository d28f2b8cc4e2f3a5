"""The harmonics of a voice in a spectrum. A part of stage `voice`.

A harmonic has the line of the window: a Gaussian, and a skirt, the envelope of the side lobes. Live modes have
windows with high side lobes: without the skirt, notes and background would explain what lies between the harmonics.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rtsep.kernels.elementary import exp
from rtsep.kernels.marks import kernel

LINE_BINS, LINE_STEPS = 24, 16  # A line is known up to this many bins from its middle, in this many steps in a bin.
LINE = 0.85  # The Gaussian of a harmonic is as narrow as this share of the window's main lobe, at half height.
LEAST_EXPONENT = -80.0  # The exponential of less than this counts as that of this.


def line_of(window: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
    """A steady harmonic in the spectrum: its Gaussian's standard deviation in bins, and what lies beyond it, [step].

    The Gaussian is as wide as LINE of the main lobe at half height. The rest is the envelope of the side lobes.
    """
    lobe = np.abs(np.fft.rfft(window, LINE_STEPS * len(window)))[: LINE_STEPS * (LINE_BINS + 1)]
    width = LINE * np.argmax(lobe < lobe[0] / 2) / LINE_STEPS / np.sqrt(2 * np.log(2))
    power = np.pad((lobe / lobe[0]) ** 2, LINE_STEPS // 2, "edge")
    around = np.sqrt(np.convolve(power, np.ones(LINE_STEPS) / LINE_STEPS, "valid"))
    distance = np.arange(LINE_STEPS * LINE_BINS) / LINE_STEPS
    return float(width), np.maximum(around[: len(distance)] - np.exp(-0.5 * (distance / width) ** 2), 0)


@kernel
def draw_harmonic(comb, skirt, centre, width, height):
    """Write a harmonic into comb [bin], a part of a spectrum: a Gaussian around bin `centre`, `width` in bins, and a skirt."""
    scale, last = np.float32(-0.5) / (width * width), np.int64(skirt.shape[0] - 1)
    for k in range(comb.shape[0]):
        away = abs(np.float32(k) - centre)
        comb[k] = height * exp(max(scale * away * away, np.float32(LEAST_EXPONENT)))
        comb[k] += skirt[min(np.int64(away * np.float32(LINE_STEPS)), last)]
