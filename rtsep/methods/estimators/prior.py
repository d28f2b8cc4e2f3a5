"""The expected shares of the notes as a prior of their activations."""

import numpy as np

from rtsep.kernels.marks import numeric

LEAST_SUM = 1e-9  # A sum of activations counts as at least this share of the frame where it is a divisor.


@numeric
def hold(h, first, expected_share, least_share, trust, group_h):
    """Move the sum s of each group's h towards what is expected: h <- h (s + trust * expected) / (s + trust * s).

    A group whose sum is below its least share stays as it is: its note has not begun to sound.
    It is a Gamma prior on the sum alone; the shares of the group's rows in it do not change. `group_h` keeps the sum from
    before.
    """
    for g in range(expected_share.shape[0]):
        total = np.float32(0)
        for i in range(first[g], first[g + 1]):
            total += h[i]
        group_h[g] = total
        if expected_share[g] >= 0 and total >= least_share[g]:
            scale = (np.float32(1) + trust * expected_share[g] / max(total, np.float32(LEAST_SUM))) / (np.float32(1) + trust)
            for i in range(first[g], first[g + 1]):
                h[i] *= scale
