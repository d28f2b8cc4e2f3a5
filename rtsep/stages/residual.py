"""Stage: the residual beside an accompaniment, of which nobody tells the notes.

What the background explains and what the notes' expectation leaves are two opinions of the residual. Their geometric mean,
from which rows learn, takes little where either is small: it keeps a foreign piano's misfit from being learnt as background.
But where others do play, it takes too little. How much more the residual's mask has to count there is told by a small network,
the same for every bin: one hidden layer. It sees six spectra in the bin and its neighbours, over which the window smears what
is heard: the frame, what is expected of the residual, what is estimated of it, both of all the stems, and the residual's mask.
It has no notion of pitch, level or instrument.
`tools/train_residual_net.py` fits it to mixes whose parts are known.

Figures: docs/measurements/experiments.md, "The residual beside others".
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rtsep.kernels.arrays import add_stems, fill
from rtsep.kernels.elementary import exp
from rtsep.kernels.fields import Part, array, cell
from rtsep.kernels.marks import distinct, kernel, numeric
from rtsep.stages.masks import weigh_residual
from rtsep.stages.request import Request

ACCOMPANIMENT_S = 0.3  # The background's share in the sound follows with this time constant, in seconds.
FEW, MANY = 0.03, 0.13  # Up to the first share of the background nobody else plays; from the second on somebody surely does.
SEEN = 5  # The network sees so many bins for one: itself and its neighbours.
SIDE = SEEN // 2  # So many of them lie to each side.
UNITS = 16  # It has so many hidden units: 8 cost 0.2 dB, 32 gain nothing.
CHUNK = 256  # It hears so many bins at a time.
TURNS = 2  # Every bin is heard anew once in so many hops.
LEAST_SUM = 1e-9  # A sum of activations that is divided by is at least this share of the frame.
LEAST_LEVEL = 1e-12  # So is the level around a bin.
LEAK = 0.1  # A unit passes on this part of what is below 0.
MOST = 8.0  # What the network says stays between minus this and this: a natural logarithm, for masks of power 2.
TRAINED_HALVES = 4.0  # The network was trained with masks of power 2, in halves.
INPUTS = 6 * SEEN  # The network has so many inputs: six spectra, each in `SEEN` bins.
BIAS, OUTPUT, OUTPUT_BIAS = INPUTS, INPUTS + 1, INPUTS + 2  # rows of the network after those of its inputs

PLAN = Part("residual", (
    array("residual_net", "float32", f"{INPUTS + 3}, {UNITS}",
          "weights of the network: a row for each input, then bias, output and the output's bias"),
), sees=("common", "masks", "expectation"))
STATE = Part("residual", (
    cell("background_share", "float32", "the background's share in the sound"),
    array("log_factor", "float32", "stride", "what the network said last, of every bin"),
    array("factor", "float32", "stride", "scratch: how many times the residual's mask counts"),
    array("hidden", "float32", f"{UNITS + SEEN}, {CHUNK}", "scratch: what the units hear, and one input at five bins"),
    array("others_estimated", "float32", "stride", "scratch: the stems' estimated models, summed"),
    array("others_expected", "float32", "stride", "scratch: the stems' expected models, summed"),
    array("local_level", "float32", "stride", "scratch: the frame's level around every bin"),
))


@cache
def residual_net() -> npt.NDArray[np.float32]:
    """Weights of the network, float32 [INPUTS + 3, UNITS]."""
    net: npt.NDArray[np.float32] = np.load(Path(__file__).with_name("residual_net.npy"))
    return net


def design(request: Request) -> dict[str, Any]:
    """The part `residual`."""
    return {"residual_net": residual_net()}


@kernel
def forget(own):
    """Nobody else plays, as far as is known."""
    own.background_share = np.float32(0)


@numeric
def known_share(h, count, all_open):
    """What the first `count` of h explain of the frame."""
    known = rest = np.float32(0)
    for i in range(count):
        known += h[i]
    for i in range(count, all_open):
        rest += h[i]
    return known / max(known + rest, np.float32(LEAST_SUM))


@kernel
def note_accompaniment(plan, own, h, count):
    """The background's share in the sound follows the frame's activations h, of which the first `count` are the notes'."""
    share = np.float32(1) - known_share(h, count, count + plan.background)
    own.background_share += (share - own.background_share) * plan.hop_s / np.float32(ACCOMPANIMENT_S)


@numeric
def accompanied(share):
    """0 to 1: how sure it is that others play, by the background's share."""
    return min(max((share - np.float32(FEW)) / np.float32(MANY - FEW), np.float32(0)), np.float32(1))


@numeric
def local_level(V, level):
    """level [bin]: root of the mean square of V there and SIDE bins to each side, where all of them are."""
    for k in range(SIDE, V.shape[0] - SIDE):
        total = np.float32(0)
        for j in range(-SIDE, SIDE + 1):
            total += V[k + j] * V[k + j]
        level[k] = np.sqrt(total / np.float32(SEEN)) + np.float32(LEAST_LEVEL)


@distinct
def hear_four(a, b, c, d, e, w, one, two, three, four):
    """Four units [bin] += their weights w [neighbour, 4] times what is seen of the five neighbours."""
    for k in range(one.shape[0]):
        x0, x1, x2, x3, x4 = a[k], b[k], c[k], d[k], e[k]
        one[k] += w[0, 0] * x0 + w[1, 0] * x1 + w[2, 0] * x2 + w[3, 0] * x3 + w[4, 0] * x4
        two[k] += w[0, 1] * x0 + w[1, 1] * x1 + w[2, 1] * x2 + w[3, 1] * x3 + w[4, 1] * x4
        three[k] += w[0, 2] * x0 + w[1, 2] * x1 + w[2, 2] * x2 + w[3, 2] * x3 + w[4, 2] * x4
        four[k] += w[0, 3] * x0 + w[1, 3] * x1 + w[2, 3] * x2 + w[3, 3] * x3 + w[4, 3] * x4


@kernel
def hear(a, b, c, d, e, weights, count, hidden):
    """hidden [unit, bin] += weights [neighbour, unit] * what is seen of the five neighbours, for `count` bins."""
    for u in range(0, UNITS, 4):  # four at a time: what is seen is read a quarter as often
        hear_four(a, b, c, d, e, weights[:, u : u + 4], hidden[u, :count], hidden[u + 1, :count], hidden[u + 2, :count],
                  hidden[u + 3, :count])


@numeric
def hear_model(model, level, weights, first, count, hidden):
    """The units hear the model [bin] over the level [bin], 0 to 1, of `count` bins from `first` on and their neighbours."""
    here = level[first : first + count]
    for j in range(SEEN):
        x, near = hidden[UNITS + j], model[first + j - SIDE : first + j - SIDE + count]
        for k in range(count):
            x[k] = near[k] / (near[k] + here[k])
    hear(hidden[UNITS], hidden[UNITS + 1], hidden[UNITS + 2], hidden[UNITS + 3], hidden[UNITS + 4], weights, count, hidden)


@numeric
def hear_mask(mask, weights, first, count, hidden):
    """The same for a mask, which lies between 0 and 1 as it is."""
    hear(mask[first - 2 :], mask[first - 1 :], mask[first:], mask[first + 1 :], mask[first + 2 :], weights, count, hidden)


@numeric
def log_factor(net, hidden, count, result):
    """result [bin]: the network's output for `count` bins, from what its units have heard."""
    for k in range(count):
        result[k] = net[OUTPUT_BIAS, 0]
    for u in range(UNITS):
        bias, weight, total = net[BIAS, u], net[OUTPUT, u], hidden[u]
        for k in range(count):
            x = total[k] + bias
            result[k] += weight * max(x, np.float32(LEAK) * x)


@kernel
def find_factor(plan, own, V, opened, expected, masks, others, turn):
    """Fill factor [stride]: so many times the residual's mask counts, by the network, as far as others play (0 to 1).

    At the edges, where neighbours are missing, it is 1. Every frame hears a part of the bins anew, whose `turn` it is; the
    others keep what they were told a hop ago.
    """
    net, hidden, residual, bins = plan.residual_net, own.hidden, plan.stems - 1, plan.bins
    estimated, predicted, level, factor = own.others_estimated, own.others_expected, own.local_level, own.factor
    told = opened.playing[: opened.playing_count - 1]
    add_stems(masks.estimated, told, bins, estimated)
    add_stems(expected.expected_models, told, bins, predicted)
    local_level(V[:bins], level)
    strength = others * np.float32(plan.power_halves) / np.float32(TRAINED_HALVES)
    fill(factor, np.float32(1))
    log_factors = own.log_factor
    for first in range(SIDE + turn * CHUNK, bins - SIDE, TURNS * CHUNK):
        count = min(CHUNK, bins - SIDE - first)
        for u in range(UNITS):
            fill(hidden[u], np.float32(0))
        hear_model(V, level, net[:SEEN], first, count, hidden)
        hear_model(expected.expected_models[residual], level, net[SEEN : 2 * SEEN], first, count, hidden)
        hear_model(masks.estimated[residual], level, net[2 * SEEN : 3 * SEEN], first, count, hidden)
        hear_model(estimated, level, net[3 * SEEN : 4 * SEEN], first, count, hidden)
        hear_model(predicted, level, net[4 * SEEN : 5 * SEEN], first, count, hidden)
        hear_mask(masks.M[residual], net[5 * SEEN : INPUTS], first, count, hidden)
        log_factor(net, hidden, count, log_factors[first : first + count])
    for k in range(SIDE, bins - SIDE):
        factor[k] = exp(strength * min(max(log_factors[k], np.float32(-MOST)), np.float32(MOST)))


@kernel
def listen(plan, own, V, opened, expected, masks, end):
    """True, and the factor is filled, if others play, as far as the expectation, which tells what is theirs, is trusted."""
    others = accompanied(own.background_share) * min(plan.prediction, np.float32(1))
    if others > 0:
        find_factor(plan, own, V, opened, expected, masks, others, end // plan.hop % TURNS)
    return others > 0


@kernel
def weigh(plan, own, opened, masks):
    """The residual's mask counts as often as the factor says."""
    weigh_residual(masks.M, opened.playing[: opened.playing_count], plan.bins, own.factor)
