"""Stage: the colour of each instrument, a smooth spectral gain that all its templates share.

Another maker's instrument, another microphone or another room differs from the preset mostly by such a gain. The gain has so
few numbers that a band cannot be learnt as the instrument. Every note helps to learn it for all pitches. The method is
expectation maximisation for the Kullback-Leibler divergence (Lee & Seung, NIPS 2000, equation 5, with templates that are a gain
times fixed ones). The gain of a band is the instrument's part of the sound there, divided by the model of its templates without
colour.

Open templates take on the colour, one template in every slot. Templates have no colour if they do not adapt, or without gates.

Figures: docs/measurements/unheard.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rtsep.kernels.arrays import add_stems
from rtsep.kernels.elementary import exp
from rtsep.kernels.fields import Part, array, cell
from rtsep.kernels.marks import kernel
from rtsep.stages.request import Request

LOWEST_HZ, HIGHEST_HZ = 80.0, 12000.0  # The bands lie between these frequencies, evenly on a logarithmic axis.
BANDS = 24  # Number of bands: about three in an octave.
MEMORY_S = 20.0  # The colour is forgotten with this time constant, in seconds of the instrument's sound.
PRIOR_S = 0.1  # The gains are held at 1 as if this many seconds of the instrument's sound without colour had been heard.
MOST = 3.0  # The gain of a band, a natural logarithm, lies between minus this and this.
HEARS = 4  # The colour learns from one frame in this many: it changes slowly.
MOVES = 16  # The gains are updated once in this many frames.
CHANGED = 0.1  # A template takes on its instrument's colour if the two differ by this natural logarithm in a band.
LEAST_MODEL = 1e-12  # A model counts as at least this share of the frame where it is a divisor.

PLAN = Part("colour", (
    array("band", "int64", "stride", "the lower of the two bands that a bin lies between"),
    array("band_part", "float32", "stride", "place of the bin between that band and the next, 0 to 1"),
), sees=("common", "instruments", "adaptation", "accompaniment"))
STATE = Part("colour", (
    cell("colour_frames", "int64", "number of frames in which notes were open"),
    cell("next_open", "int64", "index of the open template that was looked at last"),
    cell("open_now", "int64", "open templates of the last frame under this plan", bound=True),
    array("band_gain", "float32", f"stems, {BANDS}", "of each instrument: natural logarithm of its gain in every band",
          bound=True),
    array("given_s", "float32", f"stems, {BANDS}", "the instrument's part of the sound in the band, in s of sound", bound=True),
    array("said_s", "float32", f"stems, {BANDS}", "the model of its templates without colour, in s of sound",
          bound=True),
    array("row_gain", "float32", f"rows, {BANDS}", "the gain that a template has taken on", bound=True),
    array("all_models", "float32", "stride", "scratch: the frame divided by the models of all stems"),
    array("bin_gain", "float32", "stride", "scratch: a gain in every bin, or in every band"),
))


def design(request: Request) -> dict[str, Any]:
    """The part `colour`."""
    hz = np.arange(request.bins) * request.sample_rate / request.framing.window_size
    place = np.interp(np.log(np.maximum(hz, 1)), np.log([LOWEST_HZ, HIGHEST_HZ]), [0, BANDS - 1])
    band, part = np.zeros(request.stride, np.int64), np.zeros(request.stride, np.float32)
    band[: request.bins] = np.minimum(place.astype(np.int64), BANDS - 2)
    part[: request.bins] = place - band[: request.bins]
    return {"band": band, "band_part": part}


@kernel
def note_instrument(plan, own, instrument, model):
    """Add an instrument's part of the frame, and its model [bin] without colour, to the sums of its bands."""
    given, said, gain = own.given_s[instrument], own.said_s[instrument], own.band_gain[instrument]
    whole, seconds = np.float32(0), np.float32(HEARS) * plan.hop_s
    for k in range(plan.bins):
        whole += model[k]
    keep = np.exp(-seconds * min(whole, np.float32(1)) / np.float32(MEMORY_S))
    for b in range(BANDS):
        given[b] *= keep
        said[b] *= keep
    for b in range(BANDS):
        own.bin_gain[b] = np.exp(-gain[b]) * seconds  # here: a value for each band, not for each bin
    for k in range(plan.bins):
        b, part = plan.band[k], plan.band_part[k]
        above, below = model[k] * part, model[k] * (np.float32(1) - part)
        given[b] += below * own.all_models[k] * seconds
        given[b + 1] += above * own.all_models[k] * seconds
        said[b] += below * own.bin_gain[b]
        said[b + 1] += above * own.bin_gain[b + 1]


@kernel
def move(given, said, gain):
    """Update the gain of every band from the sums `given` and `said`; the overall level does not matter."""
    all_given = all_said = np.float32(0)
    for b in range(BANDS):
        all_given += given[b]
        all_said += said[b]
    if all_said <= 0:
        return
    scale, prior = all_given / all_said, np.float32(PRIOR_S / BANDS)
    for b in range(BANDS):
        found = np.log((given[b] + prior) / (said[b] * scale + prior))
        gain[b] = min(max(found, np.float32(-MOST)), np.float32(MOST))


@kernel
def step(plan, own, V, opened, estimated):
    """Learn the colours of the instruments that play from a frame V [bin] and the models `estimated` [stem, bin]."""
    own.colour_frames += 1
    if plan.adapt_hold == 0 or plan.gated == 0 or own.colour_frames % HEARS != 0:
        return
    playing, ratio = opened.playing[: opened.playing_count], own.all_models
    add_stems(estimated, playing, plan.bins, ratio)
    for k in range(plan.bins):
        ratio[k] = V[k] / max(ratio[k], np.float32(LEAST_MODEL))
    for i in range(playing.shape[0] - 1):
        if plan.combed[playing[i]] != 0:  # the sounds of drums share no colour
            note_instrument(plan, own, plan.instrument[playing[i]], estimated[playing[i]])
    if own.colour_frames % MOVES == 0:
        for instrument in range(plan.stems - 1):
            move(own.given_s[instrument], own.said_s[instrument], own.band_gain[instrument])


@kernel
def differs(gain, other):
    """Do two gains [band] differ by CHANGED or more in some band?"""
    most = np.float32(0)
    for b in range(BANDS):
        most = max(most, abs(gain[b] - other[b]))
    return most >= np.float32(CHANGED)


@kernel
def multiply(w, gain, bins):
    """Multiply w [bin] by gain [bin], and scale it to sum to 1."""
    total = np.float32(0)
    for k in range(bins):
        w[k] *= gain[k]
        total += w[k]
    if total > 0:
        scale = np.float32(1) / total
        for k in range(bins):
            w[k] *= scale


@kernel
def paint(plan, own, opened, W, W_return):
    """Let one open template, in W [row, bin] and in W_return, take on its instrument's colour if its own differs."""
    if own.open_now == 0 or plan.adapt_hold == 0:
        return
    own.next_open = (own.next_open + 1) % own.open_now
    row, stem = opened.open_row[own.next_open], opened.open_stem[own.next_open]
    gain, mine, change = own.band_gain[plan.instrument[stem]], own.row_gain[row], own.bin_gain
    if not differs(gain, mine):
        return
    for k in range(plan.bins):
        b, part = plan.band[k], plan.band_part[k]
        low, high = gain[b] - mine[b], gain[b + 1] - mine[b + 1]
        change[k] = exp(low + part * (high - low))
    for b in range(BANDS):
        mine[b] = gain[b]
    multiply(W[row], change, plan.bins)
    multiply(W_return[row], change, plan.bins)
