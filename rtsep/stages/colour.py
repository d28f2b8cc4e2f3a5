"""Stage: the colour of each instrument: a smooth spectral gain that all its templates share.

Another maker's instrument, another microphone and another room differ from the preset mostly by such a gain. It has so few
numbers that a band cannot be learnt as the instrument, and every note teaches it for all pitches. Expectation maximisation for
the Kullback-Leibler divergence: in every band, what the stem is given of the sound over what its uncoloured templates say.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rtsep.kernels.arrays import fill
from rtsep.kernels.elementary import exp
from rtsep.kernels.fields import Part, array, cell, size
from rtsep.kernels.marks import kernel
from rtsep.stages.request import Request
from rtsep.xp import X

LOWEST_HZ, HIGHEST_HZ = 80.0, 12000.0  # The bands lie between these frequencies, evenly on a logarithmic axis.
BANDS = X("BANDS", 24)  # So many bands.
MEMORY_S = X("COLMEM", 20.0)  # The colour forgets with this time constant, in seconds of the stem's sound.
PRIOR_S = X("COLPRI", 0.1)  # So many seconds without colour hold it at 0.
MOST = 3.0  # The gain of a band is at most this natural logarithm, and at least minus this.
EVERY = 16  # The colour moves once in so many hops.
CHANGED = 0.1  # A template takes on its instrument's colour once a band differs by this natural logarithm.
POW = X("POW", 0)
USED = X("COLOUR", 1)

PLAN = Part("colour", (
    array("band", "int64", "stride", "the lower of the two bands that a bin lies between"),
    array("band_part", "float32", "stride", "how far it lies from it towards the next, 0 to 1"),
), sees=("common", "instruments"))
STATE = Part("colour", (
    cell("hops", "int64", "since the colour moved"),
    array("tint", "float32", f"stems, {BANDS}", "of each instrument: natural logarithm of the gain in each band"),
    array("given", "float32", f"stems, {BANDS}", "what the instrument was given, in every band, s"),
    array("uncoloured", "float32", f"stems, {BANDS}", "and what its templates say without colour, s"),
    array("row_colour", "float32", f"rows, {BANDS}", "the colour that a template has taken on"),
    array("colour_ratio", "float32", "stride", "scratch: the frame over all models"),
    array("colour_gain", "float32", "stride", "scratch: the gain of every bin"),
    cell("next_row", "int64", "which open template is looked at next"),
))


def design(request: Request) -> dict[str, Any]:
    """The part `colour`."""
    hz = np.arange(request.bins) * request.sample_rate / request.framing.window_size
    place = np.clip(np.interp(np.log(np.maximum(hz, 1)), np.log([LOWEST_HZ, HIGHEST_HZ]), [0, BANDS - 1]), 0, BANDS - 1 - 1e-6)
    band, part = np.zeros(request.stride, np.int64), np.zeros(request.stride, np.float32)
    band[: request.bins], part[: request.bins] = place.astype(np.int64), place - place.astype(np.int64)
    return {"band": band, "band_part": part}


@kernel
def gather(plan, values, ratio, sums, weight):
    """sums [band] += weight * values * ratio [bin]."""
    for k in range(plan.bins):
        x, part, b = weight * values[k] * ratio[k], plan.band_part[k], plan.band[k]
        sums[b] += x * (np.float32(1) - part)
        sums[b + 1] += x * part


@kernel
def step(plan, own, V, opened, estimated):
    """The colours of the instruments that play follow a frame, of which `estimated` are the models."""
    if USED == 0:
        return
    ratio, gain = own.colour_ratio, own.colour_gain
    fill(ratio, np.float32(0))
    for i in range(opened.playing_count):
        model = estimated[opened.playing[i]]
        for k in range(plan.bins):
            ratio[k] += model[k]
    for k in range(plan.bins):
        ratio[k] = V[k] / max(ratio[k], np.float32(1e-12))
    for i in range(opened.playing_count - 1):
        stem = opened.playing[i]
        instrument, model = plan.instrument[stem], estimated[stem]
        whole = np.float32(0)
        for k in range(plan.bins):
            whole += model[k]
        weight = plan.hop_s * min(whole, np.float32(1)) ** POW
        keep = np.exp(-weight * min(whole, np.float32(1)) / np.float32(MEMORY_S))
        given, uncoloured, colour = own.given[instrument], own.uncoloured[instrument], own.tint[instrument]
        for b in range(BANDS):
            given[b] *= keep
            uncoloured[b] *= keep
            gain[b] = np.exp(-colour[b])
        gather(plan, model, ratio, given, weight)
        for k in range(plan.bins):
            x, part, b = weight * model[k], plan.band_part[k], plan.band[k]
            uncoloured[b] += x * (np.float32(1) - part) * gain[b]
            uncoloured[b + 1] += x * part * gain[b + 1]
    own.hops += 1
    if own.hops < EVERY:
        return
    own.hops = 0
    prior = np.float32(PRIOR_S) / np.float32(BANDS)
    for instrument in range(plan.stems - 1):
        given, uncoloured, colour = own.given[instrument], own.uncoloured[instrument], own.tint[instrument]
        all_given = all_said = np.float32(0)
        for b in range(BANDS):
            all_given += given[b]
            all_said += uncoloured[b]
        if all_said <= 0:
            continue
        scale = all_given / all_said
        for b in range(BANDS):
            found = np.log((given[b] + prior) / (uncoloured[b] * scale + prior))
            colour[b] = min(max(found, np.float32(-MOST)), np.float32(MOST))


@kernel
def paint(plan, own, opened, count, W, prior_W):
    """One open template takes on its instrument's colour, if it has another."""
    if count == 0 or USED == 0:
        return
    own.next_row += 1
    i = own.next_row % count
    row = opened.open_row[i]
    colour, mine = own.tint[plan.instrument[opened.open_stem[i]]], own.row_colour[row]
    most = np.float32(0)
    for b in range(BANDS):
        most = max(most, abs(colour[b] - mine[b]))
    if most < np.float32(CHANGED):
        return
    gain = own.colour_gain
    for k in range(plan.bins):
        b, part = plan.band[k], plan.band_part[k]
        low, high = colour[b] - mine[b], colour[b + 1] - mine[b + 1]
        gain[k] = low + part * (high - low)
    for k in range(plan.bins):
        gain[k] = exp(gain[k])
    for b in range(BANDS):
        mine[b] = colour[b]
    for w in (W[row], prior_W[row]):
        total = np.float32(0)
        for k in range(plan.bins):
            w[k] *= gain[k]
            total += w[k]
        if total > 0:
            scale = np.float32(1) / total
            for k in range(plan.bins):
                w[k] *= scale
