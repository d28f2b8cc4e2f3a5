"""Stage: the models of the stems, and from them soft masks that sum to one in every bin. See `rtsep.stages.masks`.

**To try your own mask**, write a function `mask(models, power)` that gives M:

| | shape | |
| --- | --- | --- |
| models | [stem, bin] | models of the stems that play, nonnegative; the last one, the residual's, is above 0 in every bin |
| power | | the parameter `mask_power` |
| M | [stem, bin] | *result*: each stem's share of every bin, 0 to 1; they sum to 1 |

The later steps (the residual beside an accompaniment, suppression, places in stereo) keep the sum.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rtsep.reference.passed import Estimate, Expected, Floats, Frame, Integers, Masks, Open
from rtsep.reference.setup import Setup
from rtsep.stages.masks import LEAST_DIVISOR, LEAST_RESIDUAL

Mask = Callable[[Floats, float], Floats]


def stem_models(W: Floats, stem_of: Integers, h: Floats, stems: int) -> Floats:
    """Models [stem, bin] of the open rows W [row, bin], whose stems are `stem_of` [row]; the last model is the residual's.

    h [row + 1]: the last activation is the flat row's, and counts as at least LEAST_RESIDUAL.
    """
    models = np.zeros((stems, W.shape[1]))
    for i, stem in enumerate(stem_of):
        models[stem] += h[i] * W[i]
    models[-1] += max(h[-1], LEAST_RESIDUAL) / W.shape[1]
    return models


def power_mask(models: Floats, power: float) -> Floats:
    """M [stem, bin]: each stem's model raised to `power`, divided by the sum over the stems."""
    raised = (models / models.max(axis=0)) ** power
    M: Floats = raised / raised.sum(axis=0)
    return M


def suppressed(M: Floats, suppression: float) -> Floats:
    """M [stem, bin] with `suppression` as the weight of sound that leaks in; the residual gets what the others leave.

    Spriet, Moonen & Wouters, Signal Processing 84(12), 2004, for one channel.
    """
    others = M[:-1] / (M[:-1] + suppression * (1 - M[:-1]))
    return np.vstack([others, 1 - others.sum(axis=0)])


def weigh_residual(M: Floats, factor: Floats) -> Floats:
    """M [stem, bin] with the residual's mask, the last, multiplied by factor [bin], and all masks scaled to sum to one."""
    weighed: Floats = np.vstack([M[:-1], M[-1] * factor])
    weighed /= weighed.sum(axis=0)
    return weighed


def expected_models(setup: Setup, opened: Open, expected: Expected, estimate: Estimate) -> Floats:
    """The expected models of all stems, [stem, bin]; the residual's is what the others leave."""
    models = np.array([(expected.h * (opened.stem == stem)) @ estimate.W[: opened.count] for stem in range(setup.stems)])
    models[-1] = expected.left
    return models


def all_to_residual(setup: Setup) -> Masks:
    """Masks for a frame in which no note is heard."""
    M = np.zeros((setup.stems, setup.bins))
    M[-1] = 1
    return Masks(M, np.zeros_like(M), M.copy(), np.zeros_like(M))


def step(setup: Setup, mask: Mask, frame: Frame, opened: Open, expected: Expected, estimate: Estimate,
         voice: Floats | None = None) -> tuple[Masks, Floats]:
    """The masks of a frame's stems from their models, and the expected models [stem, bin] (all 0 if nothing is expected).

    voice [bin]: the voice's model, which the residual's contains here.

    A stem's model is the geometric mean of its estimated and its expected model, or its estimated model alone.
    """
    stem_of = np.concatenate([opened.stem, np.full(len(setup.background), setup.stems - 1)])
    estimated = stem_models(estimate.W, stem_of, estimate.h, setup.stems)
    if voice is not None:
        estimated[-1] += voice
    told = expected_models(setup, opened, expected, estimate) if expected.expects else np.zeros_like(estimated)
    models = np.sqrt(estimated * told) if expected.expects else estimated
    M, playing = np.zeros_like(models), [*opened.playing, setup.stems - 1]
    M[playing] = mask(models[playing], setup.power)
    part_ratio = frame.V * M / np.maximum(estimated, LEAST_DIVISOR)
    return Masks(M, estimated, models, part_ratio, opened.playing), told
