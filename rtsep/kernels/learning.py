"""Rows that follow what is heard: the background learns what no open note explains, open notes drift towards their sound.

Online PLCA with forgetting (Smaragdis & Raj 2007; Mysore & Smaragdis, ICASSP 2011, for rows that learn beside fixed ones):
a row is the mean of what it was given of each frame, h W (V / model), over about its memory. Only the mean W and its weight
are kept: both are enough to take the next frame in, at one multiplication per bin. Rows of the preset are held by it as if
it had been heard for `adapt_hold` seconds.
"""

import numpy as np
from numba import njit

from rtsep.kernels.memory import FIRST, FORETOLD, HEARD_S, LAST, LEVEL
from rtsep.kernels.native import OPTIONS
from rtsep.kernels.wiener import SLOTS

LOUDEST = 4.0  # a frame counts for so many of mean loudness at most
LEVEL_S = 5.0  # time constant of the mean loudness
GAP = 2.0  # while no gate is open, the background learns so much faster
UNSURE = 0.3  # without a prediction gated rows learn so much less, and
SURE = 4  # gated rows learn by the share that they explain of the frame, to this power: a band is not learnt as piano
MOST = 20.0  # times its hold: what a row has heard outweighs its preset by no more


@njit(**OPTIONS)
def frame_seconds(plan, state, total):
    """What a frame of magnitude `total` counts for, in s of mean loudness; the mean follows."""
    slow = state.slow
    slow[HEARD_S] = min(slow[HEARD_S] + plan.hop_s, np.float32(LEVEL_S))
    slow[LEVEL] += (total - slow[LEVEL]) * plan.hop_s / slow[HEARD_S]
    return plan.hop_s * min(total / slow[LEVEL], np.float32(LOUDEST))


@njit(**OPTIONS)
def known_share(h, count, all_open):
    """What the first `count` of h explain of the frame."""
    known = rest = np.float32(0)
    for i in range(count):
        known += h[i]
    for i in range(count, all_open):
        rest += h[i]
    return known / max(known + rest, np.float32(1e-9))


@njit(**OPTIONS)
def product_sum(a, b):
    """Sum of a b."""
    total = np.float32(0)
    for k in range(a.shape[0]):
        total += a[k] * b[k]
    return total


@njit(**OPTIONS)
def note_evidence(plan, state, count, total, end):
    """Keep what the open rows, `count` gated ones and the background, will learn from this frame."""
    seconds = frame_seconds(plan, state, total)
    gap = np.float32(1 if count > 0 else GAP)
    if state.pending[FORETOLD]:
        for i in range(count + plan.background):
            state.evidence[i] = state.h[i] * seconds
    else:
        sure = np.float32(UNSURE) * known_share(state.before, count, count + plan.background + 1) ** SURE
        for i in range(count):
            state.evidence[i] = state.before[i] * seconds * sure
        for i in range(count, count + plan.background):
            state.evidence[i] = state.before[i] * seconds * gap
    learns = plan.background_learns != 0 or end <= plan.take
    state.pending[FIRST] = 0 if plan.adapt_hold > 0 else count
    state.pending[LAST] = count + plan.background if learns else count


@njit(**OPTIONS)
def follow(w, start, ratio, kept, heard, back):
    """w <- kept w + heard w ratio + back start"""
    if back == 0:
        for k in range(w.shape[0]):
            w[k] *= kept + heard * ratio[k]
    else:
        for k in range(w.shape[0]):
            w[k] = w[k] * (kept + heard * ratio[k]) + back * start[k]


@njit(**OPTIONS)
def learn(plan, state, end):
    """The share that the slot beginning at sample `end` has in what the last frame has to teach.

    W <- (m D W + h W V / model + (1 - m) hold W_preset) / D',  D' = m D + h gradient + (1 - m) hold,  where m is what a hop
    leaves of the past (of the background's 1 during the take, with hold 0).
    """
    slot, frame = end % plan.hop // plan.slot, end - end % plan.hop
    first, count = state.pending[FIRST], state.pending[LAST] - state.pending[FIRST]
    for i in range(first + count * (slot - 1) // (SLOTS - 1), first + count * slot // (SLOTS - 1)):
        row = state.open_row[i]
        if row < plan.rows:
            past = plan.adapt_keep * min(state.weight[row], np.float32(MOST) * plan.adapt_hold)
            back = (np.float32(1) - plan.adapt_keep) * plan.adapt_hold
        else:
            keep = np.float32(1) if frame <= plan.take else plan.background_keep
            past, back = max(keep * state.weight[row], plan.background_least), np.float32(0)
        ratio, gradient = state.ratio, state.gradient[i]
        if state.pending[FORETOLD]:
            ratio = state.shares[plan.stems - 1 if row >= plan.rows else state.open_stem[i]]
            gradient = product_sum(state.W[row], ratio)
        weight = past + back + state.evidence[i] * gradient
        follow(state.W[row], plan.W[row], ratio, past / weight, state.evidence[i] / weight, back / weight)
        state.weight[row] = weight
