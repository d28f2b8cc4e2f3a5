"""Stage: a voice: harmonics times a filter, and filtered noise, estimated together with the notes and the background.

The fundamental frequency of the frame (stage `voice_pitch`) gives a comb of harmonics. Overlapping bands are the filter: each
has one activation for the comb and one for noise, which stands for consonants. A harmonic is wider than the window makes it if
the pitch moves within the frame, and the more so the higher it is. The model is that of Durrieu, Richard, David & Févotte,
"Source/filter model for unsupervised main melody extraction from polyphonic audio signals", IEEE TASLP 18(3), 2010, with one
pitch per frame and Kullback-Leibler updates. The comb's activations are held near those of the last frame by a Gamma prior.

The voice is a part of what the told notes leave: until the masks are made, its model counts as the residual's. Then the
residual's mask is divided between voice and residual.

Figures: docs/measurements/voice.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rtsep.kernels.arrays import add_rows, dot_rows, fill
from rtsep.kernels.fields import Part, array, cell, number
from rtsep.kernels.marks import kernel
from rtsep.methods.estimators.multiplicative import LEAST_FLAT, divide
from rtsep.methods.estimators.prior import hold
from rtsep.stages.melody import is_told
from rtsep.stages.request import Request
from rtsep.stages.voice_bands import VOICE_BANDS, add_bands, band_sums, bands_of, sum_of_bands
from rtsep.stages.voice_comb import LINE_BINS, LINE_STEPS, draw_harmonic, line_of

HIGHEST_HARMONIC_HZ = 12000.0  # Harmonics lie below this frequency.
UPDATES = 6  # Number of updates of all activations with the voice among them.
MOVES_S = 0.0135  # A harmonic is widened by as much as it moves within this many seconds.
SPREAD = 0.004  # A harmonic is widened by this share of its frequency, whatever the window and the pitch do.
MOST_OF_A_STEP = 0.35  # The standard deviation of a harmonic is at most this share of the distance between harmonics.
SAME_NOTE = 1.09  # A pitch that changes by more than this factor from frame to frame has jumped, and not moved.
HELD = 0.5  # Weight of the last frame's activations against what is heard.
KEPT = 0.8  # The comb's activations are held near this share of their last values.
FADES = 0.7  # In an unvoiced frame these values fall to this share.
NOISE_WEIGHT = 0.5  # Sparsity weight of the noise, at least.
# The same where a melody is told and no other notes: noise explains the attacks of all other instruments as well. Found with a
# woman's singing beside three pianos.
NOISE_WEIGHT_ALONE = 4.0
BACKGROUND_WEIGHT = 0.3  # Sparsity weight of the background beside the voice, at least.
LEAST_ACTIVATION = 1e-4  # An activation of the voice starts from at least this share of the frame.
LEAST_DIVISOR = 1e-12  # A divisor is at least this share of the frame.
LEAST_SUM = 1e-6  # A band has harmonics if the comb's sum there is at least this.

PLAN = Part("voice", (
    number("line_hz", "standard deviation of a steady harmonic in the spectrum, in Hz"),
    array("line_skirt", "float32", f"{LINE_BINS * LINE_STEPS}",
          "what a steady harmonic has beyond that Gaussian, by distance"),
    number("bin_hz", "distance of bins, in Hz"),
    array("voice_first", "int64", f"{VOICE_BANDS}", "the bin from which on a band and the next one overlap"),
    array("voice_part", "float32", "stride", "place of the bin between the centres of these bands, 0 to 1"),
    number("noise_weight", "sparsity weight of the noise, at least"),
    array("noise_sum", "float32", f"{VOICE_BANDS}", "sum of each band over the bins"),
), sees=("common",))
STATE = Part("voice", (
    cell("voice_hz", "float32", "fundamental frequency of the voice in the last frame, in Hz; 0: unvoiced"),
    cell("voice_before_hz", "float32", "the same in the frame before"),
    cell("known_hz", "float32", "the pitch of the next frame where a study knows it; 0: it is tracked; -1: unvoiced"),
    cell("voice_share", "float32", "share of the last frame that the voice explains"),
    array("comb", "float32", "stride", "harmonics of the frame's pitch"),
    array("comb_sum", "float32", f"{VOICE_BANDS}", "sum of the comb in each band"),
    array("comb_h", "float32", f"{VOICE_BANDS}", "activations of the comb's bands"),
    array("noise_h", "float32", f"{VOICE_BANDS}", "activations of the noise's bands"),
    array("comb_aim", "float32", f"{VOICE_BANDS}", "values near which the comb's activations are held"),
    array("comb_level", "float32", f"{VOICE_BANDS}", "activations of the comb's bands in the last frame, in magnitudes"),
    array("voice_model", "float32", "stride", "model of the voice"),
    array("comb_gain", "float32", f"{VOICE_BANDS}", "scratch: factor of the comb in each band, or its gradient"),
    array("noise_gain", "float32", f"{VOICE_BANDS}", "scratch: level of the noise in each band, or its gradient"),
))


def design(request: Request) -> dict[str, Any]:
    """The part `voice`."""
    bin_hz = request.sample_rate / request.framing.window_size
    first, part, sums = bands_of(request.bins, request.stride, bin_hz)
    width, skirt = line_of(request.window)
    return {
        "line_hz": width * bin_hz,
        "line_skirt": skirt.astype(np.float32),
        "bin_hz": bin_hz,
        "voice_first": first,
        "voice_part": part,
        "noise_weight": NOISE_WEIGHT_ALONE if is_told(request) and not len(request.rows.W) else NOISE_WEIGHT,
        "noise_sum": sums,
    }


@kernel
def forget(own):
    """Forget the voice of the frames before."""
    own.voice_hz = own.voice_before_hz = own.voice_share = np.float32(0)
    fill(own.comb_level, np.float32(0))
    fill(own.voice_model, np.float32(0))


@kernel
def note_pitch(own, hz):
    """Take the frame's pitch: as a study knows it, else `hz`, as it was tracked."""
    own.voice_before_hz = own.voice_hz
    own.voice_hz = hz if own.known_hz == 0 else max(own.known_hz, np.float32(0))


@kernel
def slope_of(plan, own):
    """How fast the pitch moves, in Hz per second; 0 if it has just begun or jumped."""
    hz, before = own.voice_hz, own.voice_before_hz
    if before <= 0 or hz > before * np.float32(SAME_NOTE) or before > hz * np.float32(SAME_NOTE):
        return np.float32(0)
    return abs(hz - before) / plan.hop_s


@kernel
def draw_comb(plan, own):
    """Fill `comb` with the harmonics of the frame's pitch; each reaches half way to its neighbours."""
    hz, comb, step, slope = own.voice_hz, own.comb, own.voice_hz / plan.bin_hz, slope_of(plan, own)
    fill(comb, np.float32(0))
    begin = np.int64(1)
    for n in range(1, np.int64(np.float32(HIGHEST_HARMONIC_HZ) / hz) + 1):
        end = min(np.int64((np.float32(n) + np.float32(0.5)) * step) + 1, plan.bins)
        if end <= begin:
            break
        moved, spread = np.float32(n) * slope * np.float32(MOVES_S), np.float32(n) * hz * np.float32(SPREAD)
        width = np.sqrt(plan.line_hz * plan.line_hz + moved * moved + spread * spread)
        width = min(width, np.float32(MOST_OF_A_STEP) * hz)
        centre = np.float32(n) * step - np.float32(begin)
        draw_harmonic(comb[begin:end], plan.line_skirt, centre, width / plan.bin_hz, plan.line_hz / width)
        begin = end


@kernel
def start(plan, own, total):
    """Draw the comb, and start the voice from its activations in the last frame; `total`: the frame's magnitude."""
    if own.voice_hz > 0:
        draw_comb(plan, own)
    else:
        fill(own.comb, np.float32(0))
    sum_of_bands(own.comb, plan.voice_first, plan.voice_part, own.comb_sum)
    for b in range(VOICE_BANDS):
        own.comb_aim[b] = max(own.comb_level[b] / total, np.float32(LEAST_ACTIVATION))
        own.comb_h[b] = own.comb_aim[b] if own.comb_sum[b] >= np.float32(LEAST_SUM) else np.float32(0)
        own.noise_h[b] = np.float32(LEAST_ACTIVATION)


@kernel
def add_model(plan, own, model):
    """Add the voice, by its present activations, to model [stride]."""
    for b in range(VOICE_BANDS):
        own.comb_gain[b] = own.comb_h[b] / max(own.comb_sum[b], np.float32(LEAST_SUM))
        own.noise_gain[b] = own.noise_h[b] / plan.noise_sum[b]
    add_bands(own.comb_gain, own.noise_gain, own.comb, plan.voice_first, plan.voice_part, model)


@kernel
def update_voice(plan, own, ratio, sparsity):
    """One update of the voice's activations from ratio [stride], with the priors of both; `sparsity`: see `update_rows`."""
    band_sums(ratio, own.comb, plan.voice_first, plan.voice_part, own.comb_gain, own.noise_gain)
    noise = min(sparsity, np.float32(1) / (np.float32(1) + plan.noise_weight))
    for b in range(VOICE_BANDS):
        if own.comb_h[b] > 0:
            heard = own.comb_h[b] * own.comb_gain[b] / own.comb_sum[b]
            own.comb_h[b] = (heard + np.float32(HELD * KEPT) * own.comb_aim[b]) / np.float32(1 + HELD)
        own.noise_h[b] *= noise * own.noise_gain[b] / plan.noise_sum[b]


@kernel
def update_rows(W, rows, opened, expected, trust, sparsity, estimated):
    """One update of the activations of the open `rows` and of the flat row, from `estimate.ratio`.

    sparsity: the factor of the background's activations without a voice, which depends on whether others play.
    """
    h, gradient, count = estimated.h, estimated.gradient, rows.shape[0]
    dot_rows(W, rows, estimated.ratio, gradient)
    for i in range(count + 1):
        estimated.before[i] = h[i]
        h[i] *= gradient[i]
    background = min(sparsity, np.float32(1 / (1 + BACKGROUND_WEIGHT)))
    for i in range(opened.open_count, count):
        h[i] *= background
    hold(h, opened.group_first, expected.expected_share[: opened.groups], expected.least_share, trust, estimated.group_h)


@kernel
def step(plan, own, frame, W, opened, expected, trust, sparsity, estimated):
    """Update all activations, with the voice among them: those of the part `estimate`, and the voice's, and its model.

    trust: weight of what is expected. sparsity: see `update_rows`.
    """
    V, h, ratio = frame.V, estimated.h, estimated.ratio
    rows = opened.open_row[: opened.open_count + plan.background]
    count, flat = rows.shape[0], np.float32(1) / np.float32(plan.bins)
    start(plan, own, frame.total)
    for _ in range(UPDATES):
        fill(ratio, max(h[count], np.float32(LEAST_FLAT)) * flat)
        add_rows(W, rows, h, ratio)
        add_model(plan, own, ratio)
        estimated.gradient[count] = divide(V, ratio) * flat
        update_rows(W, rows, opened, expected, trust, sparsity, estimated)
        update_voice(plan, own, ratio, sparsity)
    finish(plan, own, frame.total)


@kernel
def finish(plan, own, total):
    """Fill the voice's model, its share of the frame, and its levels, which the next frame starts from."""
    fill(own.voice_model, np.float32(0))
    add_model(plan, own, own.voice_model)
    own.voice_share = np.float32(0)
    for b in range(VOICE_BANDS):
        own.voice_share += own.comb_h[b] + own.noise_h[b]
        own.comb_level[b] = own.comb_h[b] * total if own.voice_hz > 0 else own.comb_level[b] * np.float32(FADES)


@kernel
def join(plan, own, model):
    """Add the voice to the residual's model [bin]."""
    for k in range(plan.bins):
        model[k] += own.voice_model[k]


@kernel
def split(plan, own, model, M):
    """Divide the residual's mask between voice and residual, by the power of both in the residual's `model` [bin].

    M [stem, bin]: the masks, the residual's the last.
    """
    sung, rest = M[plan.voice_stem], M[plan.stems - 1]
    for k in range(plan.bins):
        mine, others = own.voice_model[k], max(model[k] - own.voice_model[k], np.float32(LEAST_DIVISOR))
        sung[k] = rest[k] * mine * mine / (mine * mine + others * others)
        rest[k] -= sung[k]
