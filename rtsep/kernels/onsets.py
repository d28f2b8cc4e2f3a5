"""Strokes of drums that nobody tells, or too late: found in the very frame that is separated.

Without gates, a stem's onsets are found in how the sum of its activations rises: by more than THRESHOLD of the largest rise
lately, over LAG_S. With gates, triggers come some ms late: where the spectrum jumps, something was struck. Half-wave rectified
differences both, and a decaying maximum, as in Bello et al., "A tutorial on onset detection in music signals" (IEEE TSAP
2005), the first with templates as the bands.
"""

import numpy as np
from numba import njit

from rtsep.kernels.memory import LEVELS, STRUCK
from rtsep.kernels.native import INNER

LAG_S = 0.0116  # over which a rise is taken
THRESHOLD = 0.12  # of the largest rise, which is
PEAK_S = 4.0  # forgotten with this time constant
DEAD_S = 0.05  # after an onset there is none
NEVER = -(1 << 40)  # the onset of a stem that has none
JUMP = 0.15  # of a frame's magnitude: with so much that the frame before had not, something was struck


@njit(**INNER)
def stem_level(state, stem, count, total):
    """Sum of the activations that the frame's `count` open rows of a stem have, in magnitudes."""
    level = np.float32(0)
    for i in range(count):
        if state.open_stem[i] == stem:
            level += state.h[i]
    return level * total


@njit(**INNER)
def find_onset(plan, state, end, stem, level):
    """Has the stem an onset in the frame that ends before `end`? If so, its sample is kept in `found`."""
    now, lag = end // plan.hop % LEVELS, min(max(np.int64(np.float32(LAG_S) / plan.hop_s + np.float32(0.5)), 1), LEVELS - 1)
    levels = state.levels[stem]
    rise = level - levels[(now - lag) % LEVELS]
    levels[now] = level
    state.peak[stem] = max(rise, state.peak[stem] * np.exp(-plan.hop_s / np.float32(PEAK_S)))
    over = state.found[stem] == 0 or np.float32(end - state.found[stem]) * plan.sample_s > np.float32(DEAD_S)
    if over and rise > np.float32(THRESHOLD) * state.peak[stem]:
        state.found[stem] = end - plan.hop // 2


@njit(**INNER)
def find_onsets(plan, state, end, count, total):
    """Look for onsets of the drums in a frame of magnitude `total` whose activations are h; its rows begin with the last."""
    for stem in range(plan.stems - 1):
        if plan.drums[stem] != 0:
            find_onset(plan, state, end, stem, stem_level(state, stem, count, total))
    for i in range(count):
        found = state.found[state.open_stem[i]]
        state.open_onset[i] = found if found > 0 else NEVER


@njit(**INNER)
def notice_stroke(plan, state, end, total):
    """Was something struck that the frame of magnitude `total` before `end` hears, and the one before it did not?"""
    new = np.float32(0)
    for k in range(plan.bins):
        magnitude = state.V[k] * total
        new += max(magnitude - state.previous[k], np.float32(0))
        state.previous[k] = magnitude
    if new > np.float32(JUMP) * total:
        state.position[STRUCK] = end
