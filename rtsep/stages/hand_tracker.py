"""Which hand plays a note, told by the notes around it (`hand_features`): a small network, two hidden layers.

It is asked when a note begins, and again when more has come. What it says of a note is part of what it hears of the next ones.
`tools/train_hands.py` fits it to performances in which both hands are known.

Figures: docs/measurements/hands.md.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rtsep.kernels.elementary import exp
from rtsep.kernels.marks import kernel, numeric
from rtsep.stages.hand_features import tell

UNITS, SECOND_UNITS = 96, 32  # The network has so many hidden units in its two layers.
MOST = 20.0  # The logarithm of the odds stays between minus this and this.

Net = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32]]


@cache
def hand_net() -> Net:
    """Weights, float32 [INPUTS + 1, UNITS], [UNITS + 1, SECOND_UNITS] and [SECOND_UNITS + 1]; the last rows are biases."""
    with np.load(Path(__file__).with_name("hand_net.npz")) as net:
        return net["first"].astype(np.float32), net["second"].astype(np.float32), net["output"].astype(np.float32)


@numeric
def pass_on(x, weights, units):
    """Fill units with the next layer of x; of weights [input, unit] the row behind the inputs' is the bias."""
    inputs = weights.shape[0] - 1
    for u in range(units.shape[0]):
        units[u] = weights[inputs, u]
    for k in range(inputs):
        if x[k] != 0:  # most are 0
            value = x[k]
            for u in range(units.shape[0]):
                units[u] += value * weights[k, u]
    for u in range(units.shape[0]):
        units[u] = max(units[u], np.float32(0))


@numeric
def answer(x, first, second, output, units, second_units):
    """How likely, from 0 to 1, the right hand plays a note of which x [INPUTS] tells; units are scratch."""
    pass_on(x, first, units)
    pass_on(units, second, second_units)
    odds = output[SECOND_UNITS]
    for u in range(SECOND_UNITS):
        odds += output[u] * second_units[u]
    return np.float64(1) / (np.float64(1) + np.float64(exp(-min(max(odds, np.float32(-MOST)), np.float32(MOST)))))


@kernel
def decide(plan, own, at, again):
    """How likely, from 0 to 1, the right hand plays note `at` of the first `recent_count` of NOTE `recent`.

    They are in the order of time. All others tell, also those that came after it. again: whether it was asked about before.
    """
    tell(own.told, own.recent, own.recent_count, at, again, own.pedal, plan.sample_s)
    return answer(own.told, plan.hand_first, plan.hand_second, plan.hand_output, own.units, own.second_units)
