"""The residual among others: beside a band, what is heard of it is not what rows learn from.

What the background explains and what the notes' prediction leaves are two opinions of the residual. Their geometric mean,
from which rows learn, takes little where either is small: it keeps a foreign piano's misfit from being learnt as background.
But where others do play, it takes too little. How much more the residual's mask has to count there is told by a small network,
the same for every bin: one hidden layer, which sees the frame, both opinions of either side and the mask in the bin and its
neighbours, over which the window smears what is heard. It has no notion of pitch, level or instrument; `tools/train_rest.py`
fits it to mixes whose parts are known.
"""

import numpy as np
from numba import njit

from rtsep.kernels.learning import known_share
from rtsep.kernels.memory import CHUNK, INPUTS, OTHERS, UNITS
from rtsep.kernels.native import OPTIONS

OTHERS_S = 0.3  # time constant of the background's share
FEW, MANY = 0.03, 0.13  # shares of the background up to which nobody else plays, and from which on somebody surely does
SIDE = 2  # neighbours to each side that the network sees
BIAS, OUTPUT, OUTPUT_BIAS = INPUTS, INPUTS + 1, INPUTS + 2  # rows of the network after those of its inputs
LEAK = 0.1  # of a unit below 0
MOST = 8.0  # natural logarithm of the factor


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
def add_stems(models, result):
    """result [bin] = sum over models [stem, bin]"""
    result[:] = 0
    for s in range(models.shape[0]):
        m = models[s]
        for k in range(result.shape[0]):
            result[k] += m[k]


@njit(**OPTIONS)
def local_level(V, level):
    """level [bin]: root of the mean square of V there and SIDE bins to each side, where all of them are."""
    for k in range(SIDE, V.shape[0] - SIDE):
        total = np.float32(0)
        for j in range(-SIDE, SIDE + 1):
            total += V[k + j] * V[k + j]
        level[k] = np.sqrt(total / np.float32(2 * SIDE + 1)) + np.float32(1e-12)


@njit(**OPTIONS)
def hear(x, weights, hidden):
    """hidden [unit, bin] += weights [unit] * x [bin]"""
    for u in range(weights.shape[0]):
        w, total = weights[u], hidden[u]
        for k in range(x.shape[0]):
            total[k] += w * x[k]


@njit(**OPTIONS)
def hear_neighbours(net, source, model, level, first, x, hidden):
    """The units hear the model [bin] over the level [bin], 0 to 1, for the bins from `first` on; x is overwritten."""
    for j in range(2 * SIDE + 1):
        at = first + j - SIDE
        for k in range(x.shape[0]):
            m = model[at + k]
            x[k] = m / (m + level[first + k])
        hear(x, net[source * (2 * SIDE + 1) + j], hidden)


@njit(**OPTIONS)
def hear_mask(net, source, mask, first, count, hidden):
    """The same for the mask, which lies between 0 and 1 as it is."""
    for j in range(2 * SIDE + 1):
        at = first + j - SIDE
        hear(mask[at : at + count], net[source * (2 * SIDE + 1) + j], hidden)


@njit(**OPTIONS)
def log_factor(net, hidden, result):
    """result [bin]: the network's output, from what its units have heard."""
    result[:] = net[OUTPUT_BIAS, 0]
    for u in range(UNITS):
        bias, weight, total = net[BIAS, u], net[OUTPUT, u], hidden[u]
        for k in range(result.shape[0]):
            x = total[k] + bias
            result[k] += weight * max(x, np.float32(LEAK) * x)


@njit(**OPTIONS)
def rest_factor(plan, state, others, factor):
    """Fill factor [stride]: so many times the residual's mask counts, by the network, as far as others play (0 to 1).

    `shares` holds the models that are estimated, P those predicted; the residual's is what the prediction leaves. `sums` is
    overwritten. At the edges, where neighbours are missing, it is 1.
    """
    net, hidden, stems, bins = plan.rest_net, state.hidden, plan.stems - 1, plan.bins
    estimated, predicted, level = state.sums[0], state.sums[1], state.sums[2]
    add_stems(state.shares[:stems], estimated)
    add_stems(state.P[:stems], predicted)
    local_level(state.V[:bins], level)
    strength = others * np.float32(plan.power_halves) / np.float32(4)  # it was trained with masks of power 2
    factor[:] = 1
    for first in range(SIDE, bins - SIDE, CHUNK):
        count = min(CHUNK, bins - SIDE - first)
        x, heard, result = hidden[UNITS, :count], hidden[:UNITS, :count], factor[first : first + count]
        heard[:] = 0
        hear_neighbours(net, 0, state.V, level, first, x, heard)
        hear_neighbours(net, 1, state.P[stems], level, first, x, heard)
        hear_neighbours(net, 2, state.shares[stems], level, first, x, heard)
        hear_neighbours(net, 3, estimated, level, first, x, heard)
        hear_neighbours(net, 4, predicted, level, first, x, heard)
        hear_mask(net, 5, state.M[stems], first, count, heard)
        log_factor(net, heard, result)
        for k in range(count):
            result[k] = np.exp(strength * min(max(result[k], np.float32(-MOST)), np.float32(MOST)))
