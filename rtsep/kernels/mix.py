"""The mixer: stems at their gains, dry/wet and bypass, all aligned by the latency and smoothed sample by sample."""

import numpy as np
from numba import njit

from rtsep.kernels.memory import BYPASS, GAINS, WET
from rtsep.kernels.native import OPTIONS


@njit(**OPTIONS)
def smooth(values, targets, rate):
    """values += rate * (targets - values), landing exactly once it is inaudibly near."""
    for i in range(values.shape[0]):
        step = targets[i] - values[i]
        values[i] = targets[i] if abs(step) < np.float32(1e-5) else values[i] + rate * step


@njit(**OPTIONS)
def mix_block(stems, mix, low, high, values, targets, rate):
    """Fill mix[channel, low:high] from stems [stem, channel, sample]; their plain sum is the delayed input.

    mix = bypass * dry + (1 - bypass) * (wet * sum(gain * stem) + (1 - wet) * dry)
    """
    count = stems.shape[0]
    for i in range(low, high):
        smooth(values, targets, rate)
        bypass, wet = values[BYPASS], values[WET]
        for c in range(mix.shape[0]):
            dry = separated = np.float32(0)
            for s in range(count):
                dry += stems[s, c, i]
                separated += values[GAINS + s] * stems[s, c, i]
            processed = wet * separated + (np.float32(1) - wet) * dry
            mix[c, i] = bypass * dry + (np.float32(1) - bypass) * processed
