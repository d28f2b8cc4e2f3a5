"""One product with an encoder, alone or as the start of updates. It has only the notes' rows; the background is updated."""

import numpy as np

from rtsep.kernels.arrays import copy, dot_rows
from rtsep.kernels.marks import kernel
from rtsep.methods.estimators.multiplicative import update
from rtsep.methods.estimators.prior import hold

# This share of the product is added to an equal share if updates follow (docs/measurements/benchmarks.md, "Estimators").
PART = 0.3


@kernel
def encode(plan, V, W, rows, notes, sparsity, first, expected_share, least_share, trust, estimate):
    """h = max(E V, 0) for the notes, and one update of the background."""
    h, before = estimate.h, estimate.before
    dot_rows(plan.E, rows[:notes], V, estimate.gradient)
    for i in range(notes):
        h[i] = max(estimate.gradient[i], np.float32(0))
    update(plan, V, W, rows, notes, sparsity, first, expected_share, least_share, trust, estimate)
    copy(before, h[:notes])
    hold(h, first, expected_share, least_share, trust, estimate.group_h)


@kernel
def encode_and_update(plan, V, W, rows, notes, sparsity, first, expected_share, least_share, trust, estimate):
    """Updates that start from an equal share plus a part of max(E V, 0)."""
    dot_rows(plan.E, rows[:notes], V, estimate.gradient)
    for i in range(notes):
        estimate.h[i] += np.float32(PART) * max(estimate.gradient[i], np.float32(0))
    update(plan, V, W, rows, notes, sparsity, first, expected_share, least_share, trust, estimate)
