"""The hand tracker: a small network with two hidden layers tells which hand plays a note, by the notes around it.

`hand_features` makes its inputs. It is asked when a note begins, and again when later notes have come. Its answer for a note is
an input for the notes that follow. `tools/train_hands.py` trains it with performances in which both hands are known.

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

UNITS, SECOND_UNITS = 96, 32  # The two hidden layers have these numbers of units.
MOST = 20.0  # The logarithm of the odds is limited to values between minus this and this.

Net = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32]]


@cache
def hand_net() -> Net:
    """Weights, float32 [INPUTS + 1, UNITS], [UNITS + 1, SECOND_UNITS] and [SECOND_UNITS + 1]; the last rows are biases."""
    with np.load(Path(__file__).with_name("hand_net.npz")) as net:
        return net["first"].astype(np.float32), net["second"].astype(np.float32), net["output"].astype(np.float32)


@numeric
def pass_on(x, weights, units):
    """Fill units with the layer that follows x; the last row of weights [input + 1, unit] is the bias."""
    inputs = weights.shape[0] - 1
    for u in range(units.shape[0]):
        units[u] = weights[inputs, u]
    for k in range(inputs):
        if x[k] != 0:  # most inputs are 0
            value = x[k]
            for u in range(units.shape[0]):
                units[u] += value * weights[k, u]
    for u in range(units.shape[0]):
        units[u] = max(units[u], np.float32(0))


@numeric
def answer(x, first, second, output, units, second_units):
    """The probability, 0 to 1, that the right hand plays the note described by x [INPUTS]; the units are scratch."""
    pass_on(x, first, units)
    pass_on(units, second, second_units)
    odds = output[SECOND_UNITS]
    for u in range(SECOND_UNITS):
        odds += output[u] * second_units[u]
    return np.float64(1) / (np.float64(1) + np.float64(exp(-min(max(odds, np.float32(-MOST)), np.float32(MOST)))))


@kernel
def decide(plan, own, at, again):
    """The probability, 0 to 1, that the right hand plays note `at` of the first `recent_count` of NOTE `recent`.

    The notes are in order of time. All of them are looked at, also later ones. again: whether it was asked about this note
    before.
    """
    tell(own.told, own.recent, own.recent_count, at, again, own.pedal, plan.sample_s)
    return answer(own.told, plan.hand_first, plan.hand_second, plan.hand_output, own.units, own.second_units)
