"""Kullback-Leibler multiplicative updates of the open rows' activations."""

import numpy as np

from rtsep.kernels.arrays import add_rows, dot_rows
from rtsep.kernels.marks import kernel, numeric
from rtsep.methods.estimators.prior import hold

LEAST_FLAT = 1e-9  # The flat row gets at least this share of the frame, so that the model is above 0 in every bin.


@numeric
def divide(V, ratio):
    """ratio [bin] = V [bin] / ratio; returns the sum."""
    total = np.float32(0)
    for k in range(ratio.shape[0]):
        ratio[k] = V[k] / ratio[k]
        total += ratio[k]
    return total


@numeric
def update_activations(V, W, rows, notes, bins, iterations, relaxation, sparsity, first, expected_share, least_share, trust, h,
                       before, gradient, group_h, ratio):
    """`iterations` times  h <- h * (W @ (V / (h W))) ** relaxation  for the open rows of W and a flat row; all sum to 1.

    The last update has no exponent, so that h sums to 1 again. An exponent between 1 and 2 makes each update go further in its
    direction; the result converges to that of plain updates: six updates with 1.8 reach about as far as ten plain ones.

    The gradient of the background, the rows after the first `notes`, is multiplied by `sparsity`. This is a sparsity prior: it
    leaves to the background what the notes' rows cannot explain. The notes' groups are bound to what is expected of them.

    The arguments are those of the contract in `estimators`, with the fields of `estimate` one by one. Any thread can call it;
    it raises no errors. Lee & Seung (NIPS 2000), equation 5, with W fixed. Over-relaxed: Salakhutdinov & Roweis, "Adaptive
    overrelaxed bound optimization methods", ICML 2003, with a constant exponent.
    """
    count = rows.shape[0]
    flat = np.float32(1) / np.float32(bins)
    for n in range(iterations):
        power = relaxation if n + 1 < iterations else np.float32(1)
        floor = max(h[count], np.float32(LEAST_FLAT)) * flat
        for k in range(ratio.shape[0]):
            ratio[k] = floor
        add_rows(W, rows, h, ratio)
        gradient[count] = divide(V, ratio) * flat
        dot_rows(W, rows, ratio, gradient)
        for i in range(count + 1):
            before[i] = h[i]
            h[i] *= gradient[i] ** power
        factor = sparsity**power
        for i in range(notes, count):
            h[i] *= factor
        hold(h, first, expected_share, least_share, trust, group_h)


@kernel
def update(plan, V, W, rows, notes, sparsity, first, expected_share, least_share, trust, estimate):
    """Over-relaxed updates from `estimate.h`."""
    update_activations(V, W, rows, notes, plan.bins, plan.iterations, plan.relaxation, sparsity, first, expected_share,
                       least_share, trust, estimate.h, estimate.before, estimate.gradient, estimate.group_h, estimate.ratio)
