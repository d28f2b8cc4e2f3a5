"""What is expected of the notes, as a prior of their activations."""

import numpy as np

from rtsep.kernels.marks import numeric

LEAST_SUM = 1e-9  # A sum of activations that is divided by is at least this share of the frame.


@numeric
def hold(h, first, expected_share, least_share, trust, group_h):
    """Draw the sum of each group's h towards what is expected of it, h <- h (s + trust * expected) / (s + trust * s).

    A group whose sum is below its least share is left as it is: its note has not begun to sound.
    A Gamma prior on the sum s alone, which is kept in `group_h`: how it is divided among the rows is left to what they hear.
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
