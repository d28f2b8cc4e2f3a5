"""Stage: the models of the stems, and from them soft masks that sum to one in every bin.

A stem's activations and its expectation give two estimates of its spectrum. The stem's model is their geometric mean.

**To add a mask**, write one function in a module of `methods/masks/` and name it in the `__init__.py` there, which states the
contract.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rtsep.kernels.arrays import add_rows, copy, fill
from rtsep.kernels.fields import Part, array, number, size
from rtsep.kernels.marks import choice, kernel, numeric
from rtsep.methods.masks import MASKS
from rtsep.stages.request import Request

LEAST_RESIDUAL = 1e-9  # The residual gets at least this share of the frame, so that one model is above 0 in every bin.
LEAST_DIVISOR = 1e-12  # A divisor is at least this share of the frame.

PLAN = Part("masks", (
    size("mask", "index of the mask in methods.masks.MASKS"),
    size("power_halves", "mask power, in halves"),
    number("suppression", "weight of sound that leaks into a stem, against 1 for sound that the stem loses"),
), sees=("common",))
SCRATCH = Part("mask_scratch", (
    array("mask_sum", "float32", "stride", "scratch of masks"),
))

make_masks = choice(MASKS.values())


def design(request: Request) -> dict[str, Any]:
    """The part `masks`."""
    return {
        "mask": list(MASKS).index(str(request.values["mask"])),
        "power_halves": round(2 * request.number("mask_power")),
        "suppression": request.number("suppression"),
    }


@numeric
def add_stem_models(W, rows, stem_of, h, bins, models):
    """models [stem, bin] += h W, each row in its stem. Rows of one stem are neighbours in `rows`."""
    first, count = 0, rows.shape[0]
    while first < count:
        last = first + 1
        while last < count and stem_of[last] == stem_of[first]:
            last += 1
        add_rows(W, rows[first:last], h[first:last], models[stem_of[first], :bins])
        first = last


@numeric
def stem_models(W, rows, stem_of, h, stems, bins, models):
    """Fill models [stem, bin] with h W for each of `stems`.

    The residual, the last stem, has the background's rows and the flat row, h[count]: its model is above 0 in every bin.
    """
    count, others = rows.shape[0], stems.shape[0] - 1
    for i in range(others):
        fill(models[stems[i], :bins], np.float32(0))
    fill(models[stems[others], :bins], max(h[count], np.float32(LEAST_RESIDUAL)) / np.float32(bins))
    add_stem_models(W, rows, stem_of, h, bins, models)


@kernel
def expect_stems(plan, W, opened, expected):
    """Fill the expected models of the stems that play; `expectation.subtract_expected` has filled the residual's."""
    for i in range(opened.playing_count - 1):
        fill(expected.expected_models[opened.playing[i], : plan.bins], np.float32(0))
    add_stem_models(W, opened.open_row[: opened.open_count], opened.open_stem, expected.expected_ahead, plan.bins,
                    expected.expected_models)


@kernel
def combine(plan, opened, expected, masks):
    """Fill the models: the geometric mean of estimated and expected models, or the estimated models alone."""
    for i in range(opened.playing_count):
        stem = opened.playing[i]
        estimated, told, model = masks.estimated[stem], expected.expected_models[stem], masks.models[stem]
        if expected.expects:
            for k in range(plan.bins):
                model[k] = np.sqrt(estimated[k] * told[k])
        else:
            copy(estimated, model[: plan.bins])


@kernel
def all_to_residual(plan, opened, masks):
    """No note is heard: set the residual's model and mask to 1, and those of the stems that play to 0."""
    for i in range(opened.playing_count - 1):
        fill(masks.models[opened.playing[i]], np.float32(0))
        fill(masks.M[opened.playing[i]], np.float32(0))
    fill(masks.models[plan.stems - 1], np.float32(1))
    fill(masks.M[plan.stems - 1], np.float32(1))


@kernel
def note_sounding(plan, opened, masks, heard):
    """Note which stems this frame contains: those with an open row, if anything is heard."""
    for s in range(masks.sounds.shape[0]):
        masks.sounds[s] = 0
    for i in range(opened.open_count if heard else 0):
        masks.sounds[opened.open_stem[i]] = 1
    if heard and plan.voice_stem >= 0:
        masks.sounds[plan.voice_stem] = 1


@kernel
def share_out(plan, V, opened, masks):
    """Fill `part_ratio` [stem, bin], which rows learn from: each stem's share of V by its mask, over its estimated model."""
    for i in range(opened.playing_count):
        stem = opened.playing[i]
        M, estimated, ratio = masks.M[stem], masks.estimated[stem], masks.part_ratio[stem]
        for k in range(plan.bins):
            ratio[k] = V[k] * M[k] / max(estimated[k], np.float32(LEAST_DIVISOR))


@numeric
def weigh_residual(M, stems, bins, weight):
    """Multiply the mask of the residual, the last of `stems`, by weight [bin]; scale all masks so that they sum to one."""
    others = stems.shape[0] - 1
    rest = M[stems[others]]
    for i in range(others):
        m = M[stems[i]]
        for k in range(bins):
            m[k] /= np.float32(1) + rest[k] * (weight[k] - np.float32(1))
    for k in range(bins):
        rest[k] *= weight[k] / (np.float32(1) + rest[k] * (weight[k] - np.float32(1)))


@numeric
def suppress(M, stems, bins, suppression):
    """M[s] <- M[s] / (M[s] + suppression (1 - M[s])) for all stems except the residual, which gets what is left.

    These are Wiener masks if the error that other stems cause weighs `suppression` times the error in the stem itself: Spriet,
    Moonen & Wouters, "Spatially pre-processed speech distortion weighted multi-channel Wiener filtering for noise reduction",
    Signal Processing 84(12), 2004; here for one channel.
    """
    others = stems.shape[0] - 1
    rest = M[stems[others]]
    for i in range(others):
        m = M[stems[i]]
        for k in range(bins):
            weighted = m[k] / (m[k] + suppression * (np.float32(1) - m[k]))
            rest[k] += m[k] - weighted
            m[k] = weighted


@kernel
def step(plan, scratch, opened, masks):
    """Fill M [stem, bin] of the stems that play from their models."""
    make_masks(plan.mask, plan, masks.models, opened.playing[: opened.playing_count], scratch.mask_sum, masks.M)
