"""Applies a stem's mask and place to the spectra of both channels: the multichannel Wiener filter of stage `place`.

It is computed as m (1 + (R - sum of m R) (sum of m R)^-1), which stays accurate in float32 if the covariances are nearly equal.
"""

from rtsep.kernels.marks import kernel


@kernel
def stem_spectrum(plan, frame, M, places, stem, c, Y):
    """Fill Y [bin] with a stem's part of the spectrum of channel `c`: m X, or, if stems lie apart, m R (sum of m R)^-1 X."""
    mask, X = M[stem], frame.X[c]
    if not places.apart:
        for k in range(plan.bins):
            Y[k] = X[k] * mask[k]
        return
    own, other, level, mean = places.Z[c], places.Z[1 - c], places.mix_level[c], places.mix_cross
    here, cross = places.place_level[stem, c], places.place_cross[stem]
    for k in range(plan.bins):
        Y[k] = (X[k] + (here - level[k]) * own[k] + (cross - mean[k]) * other[k]) * mask[k]


@kernel
def share_of_path(plan, M, places, stem, target, source, result):
    """Fill result [bin] with the real factor by which channel `source` enters the stem's channel `target`.

    It is an entry of m R (sum of m R)^-1; `mix_level` and `mix_cross` have the sum, `inverse` 1 over its determinant.
    """
    mask, cross, scale, mix_cross = M[stem], places.place_cross[stem], places.inverse, places.mix_cross
    other, here = places.mix_level[1 - source], places.place_level[stem, target]
    own = here if source == target else cross  # entries of R in row `target`: column `source`, and the other column
    beside = cross if source == target else here
    mean, mean_beside = (places.mix_level[target], mix_cross) if source == target else (mix_cross, places.mix_level[target])
    same = 1 if source == target else 0
    for k in range(plan.bins):
        inverse, inverse_beside = other[k] * scale[k], -mix_cross[k] * scale[k]
        result[k] = mask[k] * (same + (own - mean[k]) * inverse + (beside - mean_beside[k]) * inverse_beside)
