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

from rtsep.kernels.elementary import exp
from rtsep.kernels.learning import known_share
from rtsep.kernels.masks import add_stems
from rtsep.kernels.memory import CHUNK, INPUTS, OTHERS, SEEN, STEMS, UNITS
from rtsep.kernels.native import DISTINCT, INNER, OPTIONS, fill

OTHERS_S = 0.3  # time constant of the background's share
FEW, MANY = 0.03, 0.13  # shares of the background up to which nobody else plays, and from which on somebody surely does
SIDE = SEEN // 2  # neighbours to each side of a bin that the network sees
BIAS, OUTPUT, OUTPUT_BIAS = INPUTS, INPUTS + 1, INPUTS + 2  # rows of the network after those of its inputs
LEAK = 0.1  # of a unit below 0
TURNS = 2  # hops until every bin is heard anew
MOST = 8.0  # natural logarithm of the factor


@njit(**INNER)
def note_others(plan, state, count):
    """The background's share in the sound follows the frame's activations h, of which the first `count` are gated."""
    share = np.float32(1) - known_share(state.h, count, count + plan.background)
    state.fit[OTHERS] += (share - state.fit[OTHERS]) * plan.hop_s / np.float32(OTHERS_S)


@njit(**OPTIONS)
def others_told_by(share):
    """0 to 1: how sure it is that others play, by the background's share."""
    return min(max((share - np.float32(FEW)) / np.float32(MANY - FEW), np.float32(0)), np.float32(1))


@njit(**INNER)
def others_play(plan, state):
    """The same of this moment, as far as the prediction, which tells what is theirs, is trusted."""
    return others_told_by(state.fit[OTHERS]) * min(plan.prediction, np.float32(1))


@njit(**OPTIONS)
def local_level(V, level):
    """level [bin]: root of the mean square of V there and SIDE bins to each side, where all of them are."""
    for k in range(SIDE, V.shape[0] - SIDE):
        total = np.float32(0)
        for j in range(-SIDE, SIDE + 1):
            total += V[k + j] * V[k + j]
        level[k] = np.sqrt(total / np.float32(SEEN)) + np.float32(1e-12)


@njit(**DISTINCT)
def hear_four(a, b, c, d, e, w, one, two, three, four):
    """Four units [bin] += their weights w [neighbour, 4] times what is seen of the five neighbours."""
    for k in range(one.shape[0]):
        x0, x1, x2, x3, x4 = a[k], b[k], c[k], d[k], e[k]
        one[k] += w[0, 0] * x0 + w[1, 0] * x1 + w[2, 0] * x2 + w[3, 0] * x3 + w[4, 0] * x4
        two[k] += w[0, 1] * x0 + w[1, 1] * x1 + w[2, 1] * x2 + w[3, 1] * x3 + w[4, 1] * x4
        three[k] += w[0, 2] * x0 + w[1, 2] * x1 + w[2, 2] * x2 + w[3, 2] * x3 + w[4, 2] * x4
        four[k] += w[0, 3] * x0 + w[1, 3] * x1 + w[2, 3] * x2 + w[3, 3] * x3 + w[4, 3] * x4


@njit(**INNER)
def hear(a, b, c, d, e, weights, count, hidden):
    """hidden [unit, bin] += weights [neighbour, unit] * what is seen of the five neighbours, for `count` bins."""
    for u in range(0, UNITS, 4):  # four at a time: what is seen is read a quarter as often
        hear_four(a, b, c, d, e, weights[:, u : u + 4], hidden[u, :count], hidden[u + 1, :count], hidden[u + 2, :count],
                  hidden[u + 3, :count])


@njit(**OPTIONS)
def hear_model(model, level, weights, first, count, hidden):
    """The units hear the model [bin] over the level [bin], 0 to 1, of `count` bins from `first` on and their neighbours."""
    here = level[first : first + count]
    for j in range(SEEN):
        x, near = hidden[UNITS + j], model[first + j - SIDE : first + j - SIDE + count]
        for k in range(count):
            x[k] = near[k] / (near[k] + here[k])
    hear(hidden[UNITS], hidden[UNITS + 1], hidden[UNITS + 2], hidden[UNITS + 3], hidden[UNITS + 4], weights, count, hidden)


@njit(**OPTIONS)
def hear_mask(mask, weights, first, count, hidden):
    """The same for a mask, which lies between 0 and 1 as it is."""
    hear(mask[first - 2 :], mask[first - 1 :], mask[first:], mask[first + 1 :], mask[first + 2 :], weights, count, hidden)


@njit(**OPTIONS)
def log_factor(net, hidden, count, result):
    """result [bin]: the network's output for `count` bins, from what its units have heard."""
    for k in range(count):
        result[k] = net[OUTPUT_BIAS, 0]
    for u in range(UNITS):
        bias, weight, total = net[BIAS, u], net[OUTPUT, u], hidden[u]
        for k in range(count):
            x = total[k] + bias
            result[k] += weight * max(x, np.float32(LEAK) * x)


@njit(**INNER)
def rest_factor(plan, state, others, turn, factor):
    """Fill factor [stride]: so many times the residual's mask counts, by the network, as far as others play (0 to 1).

    `shares` holds the models that are estimated, P those predicted; the residual's is what the prediction leaves. `sums` is
    overwritten. At the edges, where neighbours are missing, it is 1. Every frame hears a part of the bins anew, whose `turn` it
    is; the others keep what they were told a hop ago.
    """
    net, hidden, stems, bins = plan.rest_net, state.hidden, plan.stems - 1, plan.bins
    estimated, predicted, level = state.sums[0], state.sums[1], state.sums[2]
    told = state.playing[: state.position[STEMS] - 1]
    add_stems(state.shares, told, bins, estimated)
    add_stems(state.P, told, bins, predicted)
    local_level(state.V[:bins], level)
    strength = others * np.float32(plan.power_halves) / np.float32(4)  # it was trained with masks of power 2
    fill(factor, np.float32(1))
    log_factors = state.log_factor
    for first in range(SIDE + turn * CHUNK, bins - SIDE, TURNS * CHUNK):
        count = min(CHUNK, bins - SIDE - first)
        for u in range(UNITS):
            fill(hidden[u], np.float32(0))
        hear_model(state.V, level, net[:SEEN], first, count, hidden)
        hear_model(state.P[stems], level, net[SEEN : 2 * SEEN], first, count, hidden)
        hear_model(state.shares[stems], level, net[2 * SEEN : 3 * SEEN], first, count, hidden)
        hear_model(estimated, level, net[3 * SEEN : 4 * SEEN], first, count, hidden)
        hear_model(predicted, level, net[4 * SEEN : 5 * SEEN], first, count, hidden)
        hear_mask(state.M[stems], net[5 * SEEN : INPUTS], first, count, hidden)
        log_factor(net, hidden, count, log_factors[first : first + count])
    for k in range(SIDE, bins - SIDE):
        factor[k] = exp(strength * min(max(log_factors[k], np.float32(-MOST)), np.float32(MOST)))
