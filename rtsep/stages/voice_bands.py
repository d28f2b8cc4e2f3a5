"""The filter of a voice: overlapping bands, and sums over them. A part of stage `voice`.

Neighbouring bands overlap completely: every bin lies between the centres of two bands, and belongs to both in parts that sum to
1. So a loop over the bins between two centres does the work of both bands at once.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rtsep.kernels.arrays import fill
from rtsep.kernels.marks import numeric

VOICE_BANDS = 28  # Number of bands.
LOWEST_HZ, HIGHEST_HZ = 60.0, 14000.0  # The centres of the lowest and of the highest band.
CORNER_HZ = 500.0  # The bands lie evenly on a linear axis far below this frequency, and on a logarithmic one far above it.
LEAST_SUM = 1e-3  # The sum of a band over the bins counts as at least this.

Floats = npt.NDArray[np.float64]
Bands = tuple[npt.NDArray[np.int64], npt.NDArray[np.float32], npt.NDArray[np.float32]]


def place_of(hz: Floats) -> Floats:
    """Places of frequencies among the bands, 0 at the centre of the first one, VOICE_BANDS - 1 at that of the last one."""
    low, high = np.log1p(np.array([LOWEST_HZ, HIGHEST_HZ]) / CORNER_HZ)
    places: Floats = np.clip((np.log1p(hz / CORNER_HZ) - low) / (high - low), 0, 1) * (VOICE_BANDS - 1)
    return places


def bands_of(bins: int, stride: int, bin_hz: float) -> Bands:
    """Of each band, the bin from which on it and the next one overlap; each bin's place between them; the bands' sums."""
    place = place_of(np.arange(bins, dtype=np.float64) * bin_hz)
    first = np.searchsorted(place, np.arange(VOICE_BANDS)).astype(np.int64)
    first[0] = min(1, first[1])  # The first bin holds no sound.
    part = np.zeros(stride, np.float32)
    part[:bins] = place - np.minimum(place.astype(int), VOICE_BANDS - 2)
    inside = place[first[0] : first[-1]]
    sums = np.clip(1 - np.abs(inside - np.arange(VOICE_BANDS)[:, None]), 0, 1).sum(axis=1)
    return first, part, np.maximum(sums, LEAST_SUM).astype(np.float32)


@numeric
def sum_of_bands(x, first, part, sums):
    """sums [band] = the products of x [bin] and each band"""
    fill(sums, np.float32(0))
    for b in range(VOICE_BANDS - 1):
        all_of_it = above = np.float32(0)
        mine, place = x[first[b] : first[b + 1]], part[first[b] : first[b + 1]]
        for k in range(mine.shape[0]):
            all_of_it += mine[k]
            above += mine[k] * place[k]
        sums[b] += all_of_it - above
        sums[b + 1] += above


@numeric
def band_sums(ratio, comb, first, part, tonal, noise):
    """tonal [band] = the products of ratio [bin], comb [bin] and each band; noise [band] = those without the comb"""
    fill(tonal, np.float32(0))
    fill(noise, np.float32(0))
    for b in range(VOICE_BANDS - 1):
        low, high = first[b], first[b + 1]
        r, c, p = ratio[low:high], comb[low:high], part[low:high]
        both = upper = both_noise = upper_noise = np.float32(0)
        for k in range(r.shape[0]):
            x = r[k] * c[k]
            both += x
            upper += x * p[k]
            both_noise += r[k]
            upper_noise += r[k] * p[k]
        tonal[b] += both - upper
        tonal[b + 1] += upper
        noise[b] += both_noise - upper_noise
        noise[b + 1] += upper_noise


@numeric
def add_bands(tonal, noise, comb, first, part, model):
    """model [bin] += the sum over bands of the band times (tonal comb + noise)"""
    for b in range(VOICE_BANDS - 1):
        low, high = first[b], first[b + 1]
        t, more, n, more_noise = tonal[b], tonal[b + 1] - tonal[b], noise[b], noise[b + 1] - noise[b]
        x, c, p = model[low:high], comb[low:high], part[low:high]
        for k in range(x.shape[0]):
            x[k] += (t + more * p[k]) * c[k] + n + more_noise * p[k]
