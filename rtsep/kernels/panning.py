"""Where stems lie between two channels, learnt while playing, and what that tells of the sound in every bin.

A stem at one place has one spatial covariance R [2, 2] in all bins: the levels of both channels and how alike they are. The
multichannel Wiener filter  m[s] R[s] (sum of m R)^-1  (Duong, Vincent & Gribonval, "Under-determined reverberant audio source
separation using a full-rank spatial covariance model", IEEE TASLP 18(7), 2010), with the masks m as powers, is the mask itself
where all stems lie at one place, and takes them apart where they do not. R is real: levels, no delays.

Places are learnt from bins that surely belong to one stem, by the masks of the spectra alone: what was learnt of places
cannot confirm itself.
"""

import numpy as np
from numba import njit

from rtsep.kernels.memory import ALONG, CROSS, DISTANCE, LEFT, NARROW, PLACE, RIGHT
from rtsep.kernels.native import INNER, OPTIONS, fill
from rtsep.kernels.stft import add_tail, synthesise
from rtsep.kernels.wiener import HEARD

MEMORY_S = 5.0
PRIOR_S = 0.05  # of all sound, which every stem's place is held by at first
SPREAD = 1e-3  # of a stem's power comes from everywhere
ONE_PLACE = 1e-5  # up to this squared distance of places (1: left and right) stems lie at one
EXCHANGE = 0.1  # of their share in a bin is doubted between stems that lie apart: masks are often too sure
APART = 0.05  # squared distance from which on half of that


@njit(**INNER)
def counts(plan, state, stem):
    """Has the stem a part in the last frame?"""
    return stem == plan.stems - 1 or state.fades[stem, HEARD] != 0


@njit(**OPTIONS)
def powers(X, left, right, cross):
    """Fill left, right [stride] with the powers of the frame X [2, bin] and cross with its channels' product."""
    x, y = X[0], X[1]
    for k in range(x.shape[0]):
        left[k] = x[k].real * x[k].real + x[k].imag * x[k].imag
        right[k] = y[k].real * y[k].real + y[k].imag * y[k].imag
        cross[k] = x[k].real * y[k].real + x[k].imag * y[k].imag


@njit(**OPTIONS)
def surely(mask, power):
    """Sum of `power` [bin] by how surely a bin is a stem's own: its mask to the 8th power."""
    total = np.float32(0)
    for k in range(mask.shape[0]):
        square = mask[k] * mask[k]
        square *= square
        total += square * square * power[k]
    return total


@njit(**OPTIONS)
def is_zero(values):
    """Are all of them 0?"""
    for k in range(values.shape[0]):  # noqa: SIM110
        if values[k] != 0:
            return False
    return True


@njit(**INNER)
def learn_places(plan, state):
    """From the frame's spectra and masks; False in silence. A stem that does not play forgets nothing."""
    sums = state.sums
    powers(state.X, sums[LEFT], sums[RIGHT], sums[CROSS])
    if is_zero(sums[LEFT, : plan.bins]) and is_zero(sums[RIGHT, : plan.bins]):
        return False
    keep = np.float32(1) - plan.hop_s / np.float32(MEMORY_S)
    for s in range(plan.stems):
        if counts(plan, state, s):
            place, mask = state.heard_places[s], state.M[s, : plan.bins]
            place[LEFT] = keep * place[LEFT] + surely(mask, sums[LEFT])
            place[RIGHT] = keep * place[RIGHT] + surely(mask, sums[RIGHT])
            place[CROSS] = keep * place[CROSS] + surely(mask, sums[CROSS])
            place[ALONG] = keep * place[ALONG] + plan.hop_s
    return True


@njit(**INNER)
def find_places(plan, state):
    """Fill places [stem], covariances of trace 2 and a little more; what little is known of is where all sound is.

    NARROW is 1 for a point, whose channels are scaled copies, and 0 for what comes from everywhere.
    """
    heard = state.heard_places
    left = right = cross = np.float32(0)
    for s in range(plan.stems):
        left, right, cross = left + heard[s, LEFT], right + heard[s, RIGHT], cross + heard[s, CROSS]
    prior = np.float32(PRIOR_S) / heard[plan.stems - 1, ALONG]
    for s in range(plan.stems):
        a, d = heard[s, LEFT] + prior * left, heard[s, RIGHT] + prior * right
        scale = np.float32(2) / (a + d) if a + d > np.float32(1e-30) else np.float32(0)
        place = state.places[s]
        place[LEFT], place[RIGHT] = a * scale + np.float32(SPREAD), d * scale + np.float32(SPREAD)
        place[CROSS] = (heard[s, CROSS] + prior * cross) * scale
        place[NARROW] = max(np.float32(1) - place[LEFT] * place[RIGHT] + place[CROSS] * place[CROSS], np.float32(0))


@njit(**INNER)
def measure_distances(plan, state):
    """Fill every stem's DISTANCE, the sum of its squared distances from the others that play; give the largest.

    Each counts as far as both are NARROW.
    """
    most = np.float32(0)
    for s in range(plan.stems):
        place, total = state.places[s], np.float32(0)
        for other in range(plan.stems):
            if counts(plan, state, other):
                to = state.places[other]
                a, d, b = place[LEFT] - to[LEFT], place[RIGHT] - to[RIGHT], place[CROSS] - to[CROSS]
                total += to[NARROW] * (a * a + d * d + np.float32(2) * b * b) / np.float32(8)
        total *= place[NARROW]
        place[DISTANCE] = total
        if counts(plan, state, s):
            most = max(most, total)
    return most


@njit(**OPTIONS)
def size_of(place):
    """Sum of the squares of a covariance."""
    return place[LEFT] * place[LEFT] + place[RIGHT] * place[RIGHT] + np.float32(2) * place[CROSS] * place[CROSS]


@njit(**OPTIONS)
def add_scaled(mask, scale, result):
    """result [bin] += scale * mask"""
    for k in range(mask.shape[0]):
        result[k] += scale * mask[k]


@njit(**OPTIONS)
def add_covariances(mask, place, weight, sums):
    """Add weight * mask [bin] * the covariance of `place` to the sums."""
    add_scaled(mask, weight * place[LEFT], sums[LEFT])
    add_scaled(mask, weight * place[RIGHT], sums[RIGHT])
    add_scaled(mask, weight * place[CROSS], sums[CROSS])


@njit(**INNER)
def add_mean(plan, state):
    """Fill sums [PLACE, bin]: over the stems, mask times NARROW, and that times covariance and the sum of its squares."""
    sums = state.sums
    for i in range(PLACE):
        fill(sums[i], np.float32(0))
    for s in range(plan.stems):
        if counts(plan, state, s):
            place, mask = state.places[s], state.M[s, : plan.bins]
            add_covariances(mask, place, place[NARROW], sums)
            add_scaled(mask, place[NARROW] * size_of(place), sums[DISTANCE])
            add_scaled(mask, place[NARROW], sums[NARROW])


@njit(**INNER)
def doubt_masks(plan, state, rate):
    """Stems exchange mask by their squared distances d, M[s] += rate sum of d[s, j] (M[j] - M[s]); they sum to one as before.

    A sure mask leaves no room for what the channels tell. Those of stems at one place, which channels cannot tell apart, stay.
    """
    left, right, cross = state.sums[LEFT], state.sums[RIGHT], state.sums[CROSS]
    squares, narrow = state.sums[DISTANCE], state.sums[NARROW]
    for s in range(plan.stems):
        if counts(plan, state, s):
            place, mask = state.places[s], state.M[s, : plan.bins]
            kept, part = np.float32(1) - rate * place[DISTANCE], rate * place[NARROW] / np.float32(8)
            a, d, b, size = place[LEFT], place[RIGHT], np.float32(2) * place[CROSS], size_of(place)
            for k in range(mask.shape[0]):
                along = a * left[k] + d * right[k] + b * cross[k]
                mask[k] = kept * mask[k] + part * (size * narrow[k] + squares[k] - np.float32(2) * along)


@njit(**INNER)
def whiten(plan, state):
    """Fill sums with the mix's covariance of every bin and Z [2, bin] with its inverse times X."""
    sums, power = state.sums, state.sums[DISTANCE, : plan.bins]
    for i in range(PLACE):
        fill(sums[i], np.float32(0))
    for s in range(plan.stems):
        if counts(plan, state, s):
            mask = state.M[s]
            for k in range(plan.bins):
                power[k] = max(mask[k], np.float32(0))  # with little suppression the residual's may be less
            add_covariances(power, state.places[s], np.float32(1), sums)
    left, right, cross, scale = sums[LEFT], sums[RIGHT], sums[CROSS], sums[NARROW]
    for k in range(plan.bins):
        scale[k] = np.float32(1) / (left[k] * right[k] - cross[k] * cross[k])
    x, y, own, other = state.X[0], state.X[1], state.Z[0], state.Z[1]
    for k in range(plan.bins):
        own[k] = (right[k] * x[k] - cross[k] * y[k]) * scale[k]
        other[k] = (left[k] * y[k] - cross[k] * x[k]) * scale[k]


@njit(**INNER)
def place_stems(plan, state):
    """Learn where the stems of the last frame lie. True, and all is ready for `synthesise_stem`, if they lie apart."""
    if not learn_places(plan, state):
        return False
    find_places(plan, state)
    most = measure_distances(plan, state)
    if most <= np.float32(ONE_PLACE):
        return False
    add_mean(plan, state)
    doubt_masks(plan, state, np.float32(EXCHANGE) / (most + np.float32(APART)))
    whiten(plan, state)
    return True


@njit(**INNER)
def synthesise_stem(plan, state, stem, end, placed):
    """Add `stem`'s part of the spectra to its overlap-add ring: m X, or, where stems are placed apart, m R (sum of m R)^-1 X,
    as m (X + (R - sum of m R) Z): exact where they nearly are at one place."""
    if not placed:
        synthesise(plan, state, stem, end)
        return
    mask, place, Y, mean = state.M[stem], state.places[stem], state.Y, state.sums[CROSS]
    for c in range(2):
        X, own, other, level = state.X[c], state.Z[c], state.Z[1 - c], state.sums[c]
        for k in range(plan.bins):
            Y[k] = (X[k] + (place[c] - level[k]) * own[k] + (place[CROSS] - mean[k]) * other[k]) * mask[k]
        add_tail(plan, state, stem, c, end)
