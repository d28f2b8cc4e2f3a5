"""Stage: learns where stems lie between two channels, and uses these places to separate the sound in every bin.

A stem at one place has one spatial covariance R [2, 2] in all bins: the powers of both channels and their product. The
multichannel Wiener filter  m[s] R[s] (sum of m R)^-1  (Duong, Vincent & Gribonval, "Under-determined reverberant audio source
separation using a full-rank spatial covariance model", IEEE TASLP 18(7), 2010), with the masks m as powers, is the mask itself
if all stems lie at one place, and separates them further if they do not. R is real: it describes levels, not delays.

Places are learnt from bins that almost certainly belong to one stem, by masks that do not use the places: so an error cannot
confirm itself. Figures: docs/measurements/experiments.md, "Where stems lie between two channels".
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rtsep.kernels.arrays import fill
from rtsep.kernels.fields import Part, array, size
from rtsep.kernels.marks import kernel, numeric
from rtsep.stages.request import Request

PLACE_S = 5.0  # A stem's place follows with this time constant, in seconds in which it plays.
PRIOR_S = 0.05  # The place of all sound counts in every stem's place like this many seconds of that sound.
SPREAD = 1e-3  # This share of a stem's power is assumed to come from everywhere.
NO_POWER = 1e-30  # A stem with no more power than this has no place.
FARTHEST = 8.0  # Squared distance between left and right for covariances of trace 2: the unit of squared distances.
ONE_PLACE = 1e-5  # Stems lie at one place up to this squared distance; 1 is the distance between left and right.
EXCHANGE = 0.1  # At most this share of a stem's mask is exchanged between stems that lie apart: masks are often too confident.
APART = 0.05  # Half of EXCHANGE is exchanged at this squared distance.

PLAN = Part("place", (
    size("panning", "whether the places of stems between two channels are learnt"),
), sees=("common",))
STATE = Part("place", (
    array("heard_level", "float32", "stems, 2", "power of the sound that certainly belongs to the stem, in each channel"),
    array("heard_cross", "float32", "stems", "product of both channels of that sound"),
    array("heard_s", "float32", "stems", "seconds over which these were summed"),
    array("narrow", "float32", "stems",
          "1: the stem lies at a point, and its channels are scaled copies; 0: it comes from everywhere"),
    array("distance", "float32", "stems", "sum of the stem's squared distances from the others that play"),
    array("channel_power", "float32", "2, stride", "scratch: powers of the frame"),
    array("channel_product", "float32", "stride", "scratch: product of its channels"),
    array("mean_power", "float32", "2, stride", "scratch: over the stems, mask times narrow times level"),
    array("mean_cross", "float32", "stride", "scratch: over the stems, mask times narrow times the product of both channels"),
    array("mean_square", "float32", "stride",
          "scratch: over the stems, mask times narrow times the sum of the covariance's squares"),
    array("mean_narrow", "float32", "stride", "scratch: over the stems, mask times narrow"),
    array("positive", "float32", "stride", "scratch: a mask without negative values"),
))


def design(request: Request) -> dict[str, Any]:
    """The part `place`."""
    return {"panning": int(request.asks("panning") and request.channels == 2)}


@kernel
def counts(plan, masks, stem):
    """Does the last frame contain the stem?"""
    return stem == plan.stems - 1 or masks.sounds[stem] != 0


@numeric
def powers(X, left, right, cross):
    """Fill left, right [stride] with the powers of the frame X [2, bin] and cross with its channels' product."""
    x, y = X[0], X[1]
    for k in range(x.shape[0]):
        left[k] = x[k].real * x[k].real + x[k].imag * x[k].imag
        right[k] = y[k].real * y[k].real + y[k].imag * y[k].imag
        cross[k] = x[k].real * y[k].real + x[k].imag * y[k].imag


@numeric
def surely(mask, power):
    """Sum of `power` [bin], weighted by the 8th power of the stem's mask: how certainly the bin belongs to the stem."""
    total = np.float32(0)
    for k in range(mask.shape[0]):
        square = mask[k] * mask[k]
        square *= square
        total += square * square * power[k]
    return total


@numeric
def is_zero(values):
    """Are all of them 0?"""
    for k in range(values.shape[0]):  # noqa: SIM110
        if values[k] != 0:
            return False
    return True


@kernel
def learn_places(plan, own, X, masks):
    """Learn from the frame's spectra and masks; False in silence. A stem that does not play forgets nothing."""
    left, right, cross = own.channel_power[0], own.channel_power[1], own.channel_product
    powers(X, left, right, cross)
    if is_zero(left[: plan.bins]) and is_zero(right[: plan.bins]):
        return False
    keep = np.float32(1) - plan.hop_s / np.float32(PLACE_S)
    for s in range(plan.stems):
        if counts(plan, masks, s):
            mask = masks.M[s, : plan.bins]
            own.heard_level[s, 0] = keep * own.heard_level[s, 0] + surely(mask, left)
            own.heard_level[s, 1] = keep * own.heard_level[s, 1] + surely(mask, right)
            own.heard_cross[s] = keep * own.heard_cross[s] + surely(mask, cross)
            own.heard_s[s] = keep * own.heard_s[s] + plan.hop_s
    return True


@kernel
def find_places(plan, own, places):
    """Fill every stem's place, a covariance of trace 2 and a little more. A stem that is new lies where all sound lies."""
    heard, heard_cross = own.heard_level, own.heard_cross
    left = right = cross = np.float32(0)
    for s in range(plan.stems):
        left, right, cross = left + heard[s, 0], right + heard[s, 1], cross + heard_cross[s]
    prior = np.float32(PRIOR_S) / own.heard_s[plan.stems - 1]
    for s in range(plan.stems):
        a, d = heard[s, 0] + prior * left, heard[s, 1] + prior * right
        scale = np.float32(2) / (a + d) if a + d > np.float32(NO_POWER) else np.float32(0)
        a, d = a * scale + np.float32(SPREAD), d * scale + np.float32(SPREAD)
        b = (heard_cross[s] + prior * cross) * scale
        places.place_level[s, 0], places.place_level[s, 1], places.place_cross[s] = a, d, b
        own.narrow[s] = max(np.float32(1) - a * d + b * b, np.float32(0))


@kernel
def measure_distances(plan, own, masks, places):
    """Fill every stem's distance; give the largest. A distance counts as far as both stems are narrow."""
    most, level, cross = np.float32(0), places.place_level, places.place_cross
    for s in range(plan.stems):
        total = np.float32(0)
        for other in range(plan.stems):
            if counts(plan, masks, other):
                a, d, b = level[s, 0] - level[other, 0], level[s, 1] - level[other, 1], cross[s] - cross[other]
                total += own.narrow[other] * (a * a + d * d + np.float32(2) * b * b) / np.float32(FARTHEST)
        total *= own.narrow[s]
        own.distance[s] = total
        if counts(plan, masks, s):
            most = max(most, total)
    return most


@numeric
def size_of(left, right, cross):
    """Sum of the squares of a covariance's entries."""
    return left * left + right * right + np.float32(2) * cross * cross


@numeric
def add_scaled(mask, scale, result):
    """result [bin] += scale * mask"""
    for k in range(mask.shape[0]):
        result[k] += scale * mask[k]


@kernel
def add_mean(plan, own, masks, places):
    """Fill the means over the stems: of mask times narrow, and of that times the covariance and the sum of its squares."""
    for values in (own.mean_power[0], own.mean_power[1], own.mean_cross, own.mean_square, own.mean_narrow):
        fill(values, np.float32(0))
    for s in range(plan.stems):
        if counts(plan, masks, s):
            mask, narrow = masks.M[s, : plan.bins], own.narrow[s]
            left, right, cross = places.place_level[s, 0], places.place_level[s, 1], places.place_cross[s]
            add_scaled(mask, narrow * left, own.mean_power[0])
            add_scaled(mask, narrow * right, own.mean_power[1])
            add_scaled(mask, narrow * cross, own.mean_cross)
            add_scaled(mask, narrow * size_of(left, right, cross), own.mean_square)
            add_scaled(mask, narrow, own.mean_narrow)


@kernel
def exchange(plan, own, masks, places, rate):
    """Stems exchange mask by their squared distances d: M[s] += rate sum of d[s, j] (M[j] - M[s]). The sum stays one.

    A mask near 0 or 1 leaves no room for what the channels tell. The masks of stems at one place stay: channels cannot tell
    these apart.
    """
    left, right, cross = own.mean_power[0], own.mean_power[1], own.mean_cross
    squares, narrow = own.mean_square, own.mean_narrow
    for s in range(plan.stems):
        if counts(plan, masks, s):
            mask, a, d = masks.M[s, : plan.bins], places.place_level[s, 0], places.place_level[s, 1]
            kept, part = np.float32(1) - rate * own.distance[s], rate * own.narrow[s] / np.float32(FARTHEST)
            b, size = np.float32(2) * places.place_cross[s], size_of(a, d, places.place_cross[s])
            for k in range(mask.shape[0]):
                along = a * left[k] + d * right[k] + b * cross[k]
                mask[k] = kept * mask[k] + part * (size * narrow[k] + squares[k] - np.float32(2) * along)


@kernel
def whiten(plan, own, X, masks, places):
    """Fill the mix's covariance of every bin, and Z [2, bin] with its inverse times X."""
    left, right, cross, scale = places.mix_level[0], places.mix_level[1], places.mix_cross, places.inverse
    for values in (left, right, cross):
        fill(values, np.float32(0))
    positive = own.positive[: plan.bins]
    for s in range(plan.stems):
        if counts(plan, masks, s):
            mask = masks.M[s]
            for k in range(plan.bins):
                positive[k] = max(mask[k], np.float32(0))  # with little suppression the residual's mask can be negative
            add_scaled(positive, places.place_level[s, 0], left)
            add_scaled(positive, places.place_level[s, 1], right)
            add_scaled(positive, places.place_cross[s], cross)
    for k in range(plan.bins):
        scale[k] = np.float32(1) / (left[k] * right[k] - cross[k] * cross[k])
    x, y, own_channel, other = X[0], X[1], places.Z[0], places.Z[1]
    for k in range(plan.bins):
        own_channel[k] = (right[k] * x[k] - cross[k] * y[k]) * scale[k]
        other[k] = (left[k] * y[k] - cross[k] * x[k]) * scale[k]


@kernel
def step(plan, own, X, masks, places):
    """Learn where the stems of the last frame lie; fill the part `places`. Its `apart` says whether they lie apart.

    If they do, stems exchange some of their masks M, which still sum to one (`exchange`).
    """
    places.apart = 0
    if plan.panning == 0 or not learn_places(plan, own, X, masks):
        return
    find_places(plan, own, places)
    most = measure_distances(plan, own, masks, places)
    if most <= np.float32(ONE_PLACE):
        return
    add_mean(plan, own, masks, places)
    exchange(plan, own, masks, places, np.float32(EXCHANGE) / (most + np.float32(APART)))
    whiten(plan, own, X, masks, places)
    places.apart = 1
