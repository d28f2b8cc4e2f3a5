"""What a stem's place makes of a channel in another one: the multichannel Wiener filter of panning.py, bin by bin."""

from numba import njit

from rtsep.kernels.memory import CROSS, NARROW
from rtsep.kernels.native import INNER


@njit(**INNER)
def share_of_path(plan, state, stem, target, source, result):
    """Fill result [bin] with the real factor that channel `source` has in the stem's channel `target`.

    m R (sum of m R)^-1 as m (1 + (R - sum of m R) (sum of m R)^-1), as `synthesise_stem` has it; `sums` holds the sum and the
    inverse of its determinant.
    """
    mask, place, sums = state.M[stem], state.places[stem], state.sums
    other, cross, scale = sums[1 - source], sums[CROSS], sums[NARROW]
    own = place[target] if source == target else place[CROSS]  # of R's row `target`: column `source`, and the other one
    beside = place[CROSS] if source == target else place[target]
    mean, mean_beside = (sums[target], cross) if source == target else (cross, sums[target])
    same = 1 if source == target else 0
    for k in range(plan.bins):
        inverse, inverse_beside = other[k] * scale[k], -cross[k] * scale[k]
        result[k] = mask[k] * (same + (own - mean[k]) * inverse + (beside - mean_beside[k]) * inverse_beside)
