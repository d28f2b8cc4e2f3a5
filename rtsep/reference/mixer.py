"""Stage: the mixer applies gains, dry/wet and bypass, smoothed with every sample. See `rtsep.stages.mixer`."""

from __future__ import annotations

import numpy as np

from rtsep.kernels.memory import BYPASS, GAINS, WET
from rtsep.reference.passed import Floats
from rtsep.stages.mixer import NEAR


def smoothed(values: Floats, wanted: Floats, rate: float) -> Floats:
    """values [value] one sample later: nearer to `wanted` by the share `rate` of the way, or equal to it once it is near."""
    return np.where(np.abs(wanted - values) < NEAR, wanted, values + rate * (wanted - values))


def mixed(stems: Floats, values: Floats) -> Floats:
    """Mixdown [channel, sample] of stems [stem, channel, sample] with values [sample, 2 + stems].

    mix = bypass dry + (1 - bypass) (wet sum of gain stem + (1 - wet) dry)
    """
    wet, bypass, gains = values[:, WET], values[:, BYPASS], values[:, GAINS:].T
    dry = stems.sum(axis=0)
    processed = wet * (gains[:, None] * stems).sum(axis=0) + (1 - wet) * dry
    result: Floats = bypass * dry + (1 - bypass) * processed
    return result


def smoothed_path(start: Floats, targets: Floats, rate: float) -> Floats:
    """The values of every sample, [sample, value], on the way from `start` to targets [sample, value]."""
    if (targets == start).all():
        return targets
    path, values = np.empty_like(targets), start
    for i, wanted in enumerate(targets):
        path[i] = values = smoothed(values, wanted, rate)
    return path


def mix(stems: Floats, targets: Floats, rate: float) -> Floats:
    """Mixdown [channel, sample]; targets [sample, 2 + stems] are the target values of wet, bypass and the gains."""
    return mixed(stems, smoothed_path(targets[0].copy(), targets, rate))
