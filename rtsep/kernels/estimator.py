"""Activations of a frame's open rows: Kullback-Leibler updates, an encoder's one product, or updates that begin with it.

The encoder knows the gated rows alone. The background, which learns while it plays, is always updated.
"""

import numpy as np
from numba import njit

from rtsep.kernels.activations import dot_rows, hold_to, update_activations
from rtsep.kernels.memory import ENCODER, UPDATES
from rtsep.kernels.native import INNER, copy
from rtsep.kernels.prediction import handicap, trust

PART = 0.3  # of the product that is added to an equal share for updates to begin with


@njit(**INNER)
def encode(plan, state, count):
    """Add a part of max(E V, 0) to the start of the gated rows, the first `count`; all of it alone without updates."""
    dot_rows(plan.E, state.open_row[:count], state.V, state.gradient)
    for i in range(count):
        product = max(state.gradient[i], np.float32(0))
        state.h[i] = product if plan.estimator == ENCODER else state.h[i] + np.float32(PART) * product


@njit(**INNER)
def estimate(plan, state, count, groups):
    """Fill h from its start, and before, gradient and ratio, for `count` gated rows, the background and the flat row.

    The rows' `groups` are held to what is foreseen of them.
    """
    rows, held = state.open_row[: count + plan.background], trust(plan, state)
    if plan.estimator != UPDATES:
        encode(plan, state, count)
    update_activations(state.V, state.W, rows, count, plan.bins, plan.iterations, plan.relaxation, handicap(plan, state),
                       state.group_first, state.foreseen[:groups], held, state.h, state.before, state.gradient,
                       state.heard, state.ratio)
    if plan.estimator == ENCODER:  # one update, for the background alone
        copy(state.before, state.h[:count])
        hold_to(state.h, state.group_first, state.foreseen[:groups], held, state.heard)
