"""Stage: models of the stems, and from them soft masks, which sum to one in every bin.

What a stem's activations say and what is expected of it are two opinions of its sound; their geometric mean is its model.

**To add a mask**, write one function in a module of `methods/masks/` and name it in the `__init__.py` there, which has the
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

LEAST_RESIDUAL = 1e-9  # This share of the frame is the residual's at least, so that one model is greater than 0 in every bin.
LEAST_DIVISOR = 1e-12  # What is divided by is at least this share of the frame.

PLAN = Part("masks", (
    size("mask", "which of methods.masks.MASKS, counted from 0"),
    size("power_halves", "mask power in halves"),
    number("suppression", "what the others' leaking weighs in the masks against what is lost of a stem"),
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
    """models [stem, bin] += h W, each row's to its stem. Rows of one stem are neighbours in `rows`."""
    first, count = 0, rows.shape[0]
    while first < count:
        last = first + 1
        while last < count and stem_of[last] == stem_of[first]:
            last += 1
        add_rows(W, rows[first:last], h[first:last], models[stem_of[first], :bins])
        first = last


@numeric
def stem_models(W, rows, stem_of, h, stems, bins, models):
    """Fill models [stem, bin] with h W of each of `stems`.

    The residual, the last, has its rows and the flat one, h[count]: its model is greater than 0 in every bin.
    """
    count, others = rows.shape[0], stems.shape[0] - 1
    for i in range(others):
        fill(models[stems[i], :bins], np.float32(0))
    fill(models[stems[others], :bins], max(h[count], np.float32(LEAST_RESIDUAL)) / np.float32(bins))
    add_stem_models(W, rows, stem_of, h, bins, models)


@kernel
def expect_stems(plan, W, opened, expected):
    """Fill the expected models of the stems that play; the residual's is there (`expectation.subtract_expected`)."""
    for i in range(opened.playing_count - 1):
        fill(expected.expected_models[opened.playing[i], : plan.bins], np.float32(0))
    add_stem_models(W, opened.open_row[: opened.open_count], opened.open_stem, expected.expected_ahead, plan.bins,
                    expected.expected_models)


@kernel
def combine(plan, opened, expected, masks):
    """The models: the geometric mean of what is estimated and what is expected, or what is estimated alone."""
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
    """Nothing is heard of any note: the residual's model and mask are 1, those of the stems that play 0."""
    for i in range(opened.playing_count - 1):
        fill(masks.models[opened.playing[i]], np.float32(0))
        fill(masks.M[opened.playing[i]], np.float32(0))
    fill(masks.models[plan.stems - 1], np.float32(1))
    fill(masks.M[plan.stems - 1], np.float32(1))


@kernel
def note_sounding(opened, masks, heard):
    """Which stems have a part in this frame: those with an open row, if anything is heard."""
    for s in range(masks.sounds.shape[0]):
        masks.sounds[s] = 0
    for i in range(opened.open_count if heard else 0):
        masks.sounds[opened.open_stem[i]] = 1


@kernel
def share_out(plan, V, opened, masks):
    """Fill `part_ratio` [stem, bin], which rows learn from: what each stem's mask gives it of V, over its estimated model."""
    for i in range(opened.playing_count):
        stem = opened.playing[i]
        M, estimated, ratio = masks.M[stem], masks.estimated[stem], masks.part_ratio[stem]
        for k in range(plan.bins):
            ratio[k] = V[k] * M[k] / max(estimated[k], np.float32(LEAST_DIVISOR))


@numeric
def weigh_residual(M, stems, bins, weight):
    """The mask of the residual, the last of `stems`, counts weight [bin] times as much; the masks sum to one again."""
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
    """M[s] <- M[s] / (M[s] + suppression (1 - M[s])) for all but the residual, which gets what that leaves.

    Wiener's masks when the error that others cause weighs `suppression` times the error in the stem itself: Spriet, Moonen &
    Wouters, "Spatially pre-processed speech distortion weighted multi-channel Wiener filtering for noise reduction", Signal
    Processing 84(12), 2004; here with one channel.
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
