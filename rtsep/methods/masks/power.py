"""Each stem's model raised to a power, over the sum of all: with power 2 the Wiener filter, since models are magnitudes."""

import numpy as np

from rtsep.kernels.arrays import add_stems, copy
from rtsep.kernels.marks import kernel, numeric


@numeric
def power_of_halves(x, halves):
    """x ** (halves / 2) for x from 0 to 1."""
    result = np.float32(1)
    if halves & 1:
        result = np.sqrt(x)
    for _ in range(halves >> 1):
        result *= x
    return result


@numeric
def raise_models(models, stems, bins, halves, peak, M):
    """M = (models / peak) ** (halves / 2), where `peak` [bin] is the bin's largest model: nothing under- or overflows."""
    for i in range(stems.shape[0]):
        model, m = models[stems[i]], M[stems[i]]
        if halves == 3:
            for k in range(bins):
                x = model[k] / peak[k]
                m[k] = x * np.sqrt(x)
        elif halves == 4:
            for k in range(bins):
                x = model[k] / peak[k]
                m[k] = x * x
        else:
            for k in range(bins):
                m[k] = power_of_halves(model[k] / peak[k], halves)


@numeric
def soft_masks(models, stems, bins, halves, total, M):
    """M[s] = models[s]**p / sum over `stems` of models**p, p = halves / 2. `total` [stride] is scratch.

    In every bin at least one model must be above 0.
    """
    peak = total
    copy(models[stems[0]], peak[:bins])
    for i in range(1, stems.shape[0]):
        model = models[stems[i]]
        for k in range(bins):
            peak[k] = max(peak[k], model[k])
    raise_models(models, stems, bins, halves, peak, M)
    add_stems(M, stems, bins, total)
    for i in range(stems.shape[0]):
        m = M[stems[i]]
        for k in range(bins):
            m[k] /= total[k]


@kernel
def power_mask(plan, models, stems, scratch, M):
    """M[s] = models[s]**p / sum of models**p, p = `power_halves` / 2."""
    soft_masks(models, stems, plan.bins, plan.power_halves, scratch, M)
