"""Stage: the residual beside an accompaniment, whose notes are not told.

The background's model and what the notes' expectation leaves are two estimates of the residual. Rows learn from their geometric
mean, which is small if either of them is small: so the misfit of another piano is not learnt as background. But while others
play, the mean is too small. A small network with one hidden layer, the same for every bin, tells how much more the residual's
mask has to count. It sees six spectra in the bin and in its neighbours, over which the window spreads the sound: the frame, the
residual's expected and estimated models, the same two of all stems, and the residual's mask. It sees neither pitch nor level
nor instrument. `tools/train_residual_net.py` trains it with mixes whose parts are known.

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

ACCOMPANIMENT_S = 0.3  # The background's share in the sound is averaged with this time constant, in seconds.
# Up to the first share of the background nobody else plays; from the second share on others certainly play.
FEW, MANY = 0.03, 0.13
SEEN = 5  # For one bin the network sees this many bins: itself and its neighbours.
SIDE = SEEN // 2  # This many neighbours lie on each side.
UNITS = 16  # The network has this many hidden units: 8 cost 0.2 dB, and 32 gain nothing.
CHUNK = 256  # The network processes this many bins at a time.
TURNS = 2  # The network processes each bin once in this many hops.
LEAST_SUM = 1e-9  # A sum of activations counts as at least this share of the frame where it is a divisor.
LEAST_LEVEL = 1e-12  # This share of the frame is added to the level around a bin, which is a divisor.
LEAK = 0.1  # A unit passes on this share of a value below 0.
MOST = 8.0  # The network's output, a natural logarithm for masks of power 2, is limited to values between minus this and this.
TRAINED_HALVES = 4.0  # The network was trained with masks of this power in halves: 2.
INPUTS = 6 * SEEN  # The network has this many inputs: six spectra, each in SEEN bins.
BIAS, OUTPUT, OUTPUT_BIAS = INPUTS, INPUTS + 1, INPUTS + 2  # the rows of the network after the rows of its inputs

PLAN = Part("residual", (
    array("residual_net", "float32", f"{INPUTS + 3}, {UNITS}",
          "weights of the network: a row for each input, then bias, output and the output's bias"),
), sees=("common", "masks", "expectation"))
STATE = Part("residual", (
    cell("background_share", "float32", "the background's share in the sound"),
    array("log_factor", "float32", "stride", "the network's last output for every bin"),
    array("factor", "float32", "stride", "scratch: factor of the residual's mask"),
    array("hidden", "float32", f"{UNITS + SEEN}, {CHUNK}", "scratch: sums of the hidden units, and one input in five bins"),
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
    """Assume that nobody else plays."""
    own.background_share = np.float32(0)


@numeric
def known_share(h, count, all_open, more):
    """The share of the frame that the first `count` of h explain; `more`: what is not in h."""
    known, rest = np.float32(0), more
    for i in range(count):
        known += h[i]
    for i in range(count, all_open):
        rest += h[i]
    return known / max(known + rest, np.float32(LEAST_SUM))


@kernel
def note_accompaniment(plan, own, h, count, voice_share):
    """Update the background's share in the sound from the frame's activations h; the first `count` belong to notes."""
    share = np.float32(1) - known_share(h, count, count + plan.background, voice_share)
    own.background_share += (share - own.background_share) * plan.hop_s / np.float32(ACCOMPANIMENT_S)


@numeric
def accompanied(share):
    """The certainty, 0 to 1, that others play, by the background's share."""
    return min(max((share - np.float32(FEW)) / np.float32(MANY - FEW), np.float32(0)), np.float32(1))


@numeric
def local_level(V, level):
    """Fill level [bin], except at the edges, with the root mean square of V in the bin and SIDE bins on each side."""
    for k in range(SIDE, V.shape[0] - SIDE):
        total = np.float32(0)
        for j in range(-SIDE, SIDE + 1):
            total += V[k + j] * V[k + j]
        level[k] = np.sqrt(total / np.float32(SEEN)) + np.float32(LEAST_LEVEL)


@distinct
def hear_four(a, b, c, d, e, w, one, two, three, four):
    """Four units [bin] += their weights w [neighbour, 4] times the input in the five neighbours."""
    for k in range(one.shape[0]):
        x0, x1, x2, x3, x4 = a[k], b[k], c[k], d[k], e[k]
        one[k] += w[0, 0] * x0 + w[1, 0] * x1 + w[2, 0] * x2 + w[3, 0] * x3 + w[4, 0] * x4
        two[k] += w[0, 1] * x0 + w[1, 1] * x1 + w[2, 1] * x2 + w[3, 1] * x3 + w[4, 1] * x4
        three[k] += w[0, 2] * x0 + w[1, 2] * x1 + w[2, 2] * x2 + w[3, 2] * x3 + w[4, 2] * x4
        four[k] += w[0, 3] * x0 + w[1, 3] * x1 + w[2, 3] * x2 + w[3, 3] * x3 + w[4, 3] * x4


@kernel
def hear(a, b, c, d, e, weights, count, hidden):
    """hidden [unit, bin] += weights [neighbour, unit] times the input in the five neighbours, for `count` bins."""
    for u in range(0, UNITS, 4):  # four at a time: so the input is read a quarter as often
        hear_four(a, b, c, d, e, weights[:, u : u + 4], hidden[u, :count], hidden[u + 1, :count], hidden[u + 2, :count],
                  hidden[u + 3, :count])


@numeric
def hear_model(model, level, weights, first, count, hidden):
    """Add model / (model + level), 0 to 1, of `count` bins from `first` on and their neighbours to the hidden units."""
    here = level[first : first + count]
    for j in range(SEEN):
        x, near = hidden[UNITS + j], model[first + j - SIDE : first + j - SIDE + count]
        for k in range(count):
            x[k] = near[k] / (near[k] + here[k])
    hear(hidden[UNITS], hidden[UNITS + 1], hidden[UNITS + 2], hidden[UNITS + 3], hidden[UNITS + 4], weights, count, hidden)


@numeric
def hear_mask(mask, weights, first, count, hidden):
    """Add a mask, which lies between 0 and 1, to the hidden units in the same way."""
    hear(mask[first - 2 :], mask[first - 1 :], mask[first:], mask[first + 1 :], mask[first + 2 :], weights, count, hidden)


@numeric
def log_factor(net, hidden, count, result):
    """Fill result [bin] with the network's output for `count` bins, from the sums of its hidden units."""
    for k in range(count):
        result[k] = net[OUTPUT_BIAS, 0]
    for u in range(UNITS):
        bias, weight, total = net[BIAS, u], net[OUTPUT, u], hidden[u]
        for k in range(count):
            x = total[k] + bias
            result[k] += weight * max(x, np.float32(LEAK) * x)


@kernel
def find_factor(plan, own, V, opened, expected, masks, others, turn):
    """Fill factor [stride], by which the network multiplies the residual's mask, as far as others play (0 to 1).

    At the edges, where neighbours are missing, it is 1. In every frame the network processes one part of the bins, whose `turn`
    it is; the other bins keep the output of the last hop.
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
    """Fill the factor, and give True, if others play and the expectation, which tells what is theirs, is trusted."""
    others = accompanied(own.background_share) * min(plan.prediction, np.float32(1))
    if others > 0:
        find_factor(plan, own, V, opened, expected, masks, others, end // plan.hop % TURNS)
    return others > 0


@kernel
def weigh(plan, own, opened, masks):
    """Multiply the residual's mask by the factor."""
    weigh_residual(masks.M, opened.playing[: opened.playing_count], plan.bins, own.factor)
