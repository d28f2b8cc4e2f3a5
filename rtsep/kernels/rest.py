"""The residual among others: beside a band, what is heard of it is more than what rows learn from.

What the background explains and what the notes' prediction leaves are two opinions of the residual. Their geometric mean,
from which rows learn, takes little where either is small: it keeps a foreign piano's misfit from being learnt as background.
But where others do play, it takes too little: there the weighted sum of both is nearer to their true magnitudes.
"""

import numpy as np
from numba import njit

from rtsep.kernels.learning import known_share
from rtsep.kernels.masks import power_of_halves
from rtsep.kernels.memory import KNOWN, OTHERS
from rtsep.kernels.native import OPTIONS

OTHERS_S = 0.3  # time constant of the background's share
FEW, MANY = 0.03, 0.13  # shares of the background up to which nobody else plays, and from which on somebody surely does
OPEN, SURE = 0.5, 0.75  # weight of what the prediction leaves, and the same where the preset knows the instrument


@njit(**OPTIONS)
def note_others(plan, state, count):
    """The background's share in the sound follows the frame's activations h, of which the first `count` are gated."""
    share = np.float32(1) - known_share(state.h, count, count + plan.background)
    state.fit[OTHERS] += (share - state.fit[OTHERS]) * plan.hop_s / np.float32(OTHERS_S)


@njit(**OPTIONS)
def others_play(plan, state):
    """0 to 1: how sure it is that others play, as far as the prediction, which tells what is theirs, is trusted."""
    surely = (state.fit[OTHERS] - np.float32(FEW)) / np.float32(MANY - FEW)
    return min(max(surely, np.float32(0)), np.float32(1)) * min(plan.prediction, np.float32(1))


@njit(**OPTIONS)
def rest_over_mean(plan, state, others, ratio):
    """Fill ratio [stride]: the residual's model where others play (0 to 1), over the geometric mean, to the power of the masks.

    P holds what the prediction leaves, `shares` what the background explains.
    """
    left, explained = state.P[plan.stems - 1], state.shares[plan.stems - 1]
    weight = np.float32(OPEN) + np.float32(SURE - OPEN) * state.fit[KNOWN]
    for k in range(plan.bins):
        mean = np.sqrt(left[k] * explained[k])
        whole = weight * left[k] + (np.float32(1) - weight) * explained[k]
        ratio[k] = power_of_halves(np.float32(1) - others + others * whole / mean, plan.power_halves)
