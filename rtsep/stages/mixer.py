"""Stage: the mixer applies gains, dry/wet and bypass. All signals have one latency; values change smoothly, every sample."""

from __future__ import annotations

from typing import Any

import numpy as np

from rtsep.kernels.fields import Part, array, number
from rtsep.kernels.marks import numeric
from rtsep.kernels.memory import BYPASS, GAINS, WET
from rtsep.stages.request import Request

SMOOTHING_S = 0.005  # A change has this time constant, in seconds: it is complete after 20 ms, without a click.
NEAR = 1e-5  # A value reaches its target once it is this near: 100 dB below full scale.

PLAN = Part("mixer", (
    number("mixer_smoothing", "share of the remaining way to its target that a value moves with every sample"),
))
STATE = Part("mixer", (
    array("mixer_values", "float32", "stems + 2", "smoothed values: wet, bypass, a gain per stem"),
))


def design(request: Request) -> dict[str, Any]:
    """The part `mixer`."""
    return {"mixer_smoothing": 1 - np.exp(-1 / (SMOOTHING_S * request.sample_rate))}


@numeric
def smooth(values, targets, rate):
    """values += rate * (targets - values); a value takes its target exactly once it is inaudibly near."""
    for i in range(values.shape[0]):
        step = targets[i] - values[i]
        values[i] = targets[i] if abs(step) < np.float32(NEAR) else values[i] + rate * step


@numeric
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
