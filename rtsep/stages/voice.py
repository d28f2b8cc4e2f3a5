"""Stage: a voice, as harmonics times a filter plus filtered noise, estimated together with the notes and the background.

The fundamental frequency of the frame (stage `voice_pitch`) gives a comb of harmonics. Overlapping bands are the filter: every
band has one activation for the comb and one for noise, for consonants. A harmonic is wider in the spectrum than the window
makes it if the pitch moves within the frame, and the more so the higher it is. The model is that of Durrieu, Richard, David &
Févotte, "Source/filter model for unsupervised main melody extraction", IEEE TASLP 18(3), 2010, with Kullback-Leibler updates
and with one pitch per frame. Activations of the comb are held near those of the last frame.

The voice is a part of what the notes leave: its model counts as the residual's until the masks are made. Then the residual's
mask is divided between voice and residual.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from rtsep.kernels.arrays import add_rows, dot_rows, fill
from rtsep.kernels.elementary import exp
from rtsep.kernels.fields import Part, array, cell, number
from rtsep.kernels.marks import kernel, numeric
from rtsep.methods.estimators.multiplicative import LEAST_FLAT
from rtsep.methods.estimators.prior import hold
from rtsep.stages.request import Request

BANDS = 28  # Number of bands of the filter.
LOWEST_HZ, HIGHEST_HZ = 60.0, 14000.0  # The centres of the lowest and of the highest band.
CORNER_HZ = 500.0  # Bands are evenly spaced below this frequency, and on a logarithmic axis above it.
HIGHEST_HARMONIC_HZ = 12000.0  # Harmonics lie below this frequency.
MOST_OF_A_STEP = 0.35  # The standard deviation of a harmonic is at most this share of the distance between harmonics.
LEAST_GAIN = 1e-4  # An activation of the voice starts from at least this share of the frame.
LEAST_DIVISOR = 1e-12  # A divisor is at least this share of the frame.
JUMP = 1.09  # If the pitch changes by more than this factor from frame to frame, another note has begun.
DEV = dict(updates=6, hold=0.3, keep=0.7, noise=0.5, bg=0.3, line=0.72, move_s=0.0135, extra=0.004, relax=1.0, left=1.0, pw=2.0, sure=0.0, fade=0.7, trust=1.0, net=1.0, geo=0.5)

PLAN = Part("voice", (
    number("line_hz", "standard deviation of a steady harmonic in the spectrum, in Hz"),
    number("bin_hz", "distance of bins, in Hz"),
    array("dev", "float32", "32", "dev"),
    array("voice_first", "int64", f"{BANDS}", "the bin from which on band and the next one overlap"),
    array("voice_part", "float32", "stride", "place of the bin between the centres of two bands, 0 to 1"),
    array("noise_sum", "float32", f"{BANDS}", "sum of each band over the bins"),
), sees=("common", "estimator"))
STATE = Part("voice", (
    cell("voice_hz", "float32", "fundamental frequency of the voice in the last frame, in Hz; 0: unvoiced"),
    cell("voice_before_hz", "float32", "the same in the frame before"),
    cell("known_hz", "float32", "the pitch of the next frame where a study knows it; 0: it is tracked; -1: unvoiced"),
    cell("voice_share", "float32", "share of the last frame that the voice explains"),
    array("comb", "float32", "stride", "the harmonics of the frame's pitch"),
    array("comb_sum", "float32", f"{BANDS}", "sum of each band of the comb over the bins"),
    array("comb_h", "float32", f"{BANDS}", "activations of the comb's bands"),
    array("noise_h", "float32", f"{BANDS}", "activations of the noise's bands"),
    array("comb_aim", "float32", f"{BANDS}", "values near which the comb's activations are held"),
    array("comb_level", "float32", f"{BANDS}", "activations of the comb's bands in the last frame, in magnitudes"),
    array("voice_model", "float32", "stride", "model of the voice"),
    array("voice_scratch", "float32", f"4, {BANDS}", "scratch: gains of the bands, and sums"),
))


def place_of(hz: Any) -> Any:
    """Place of frequencies among the bands, 0 to BANDS - 1."""
    axis = np.log1p(np.asarray([LOWEST_HZ, HIGHEST_HZ, *np.atleast_1d(hz)]) / CORNER_HZ)
    return np.clip((axis[2:] - axis[0]) / (axis[1] - axis[0]), 0, 1) * (BANDS - 1)


def line_bins(window: Any) -> float:
    """Standard deviation, in bins, of a Gaussian that falls to one half where the window's main lobe does."""
    lobe = np.abs(np.fft.rfft(window, 16 * len(window)))
    return float(np.argmax(lobe < lobe[0] / 2) / 16 / np.sqrt(2 * np.log(2)))


def design(request: Request) -> dict[str, Any]:
    """The part `voice`."""
    bin_hz = request.sample_rate / request.framing.window_size
    place = place_of(np.arange(request.bins) * bin_hz)
    first = np.searchsorted(place, np.arange(BANDS))
    first[0] = 1
    part = np.zeros(request.stride, np.float32)
    part[: request.bins] = place - np.minimum(place.astype(int), BANDS - 2)
    noise = np.array([np.clip(1 - np.abs(place[1 : first[-1]] - b), 0, 1).sum() for b in range(BANDS)])
    dev = dict(DEV)
    for x in os.environ.get("VP", "").split(","):
        if x:
            dev[x.split("=")[0]] = float(x.split("=")[1])
    assert len(dev) == len(DEV)
    return {
        "line_hz": line_bins(request.window) * bin_hz * dev["line"] / 0.85,
        "bin_hz": bin_hz,
        "dev": np.array([*dev.values(), *[0] * (32 - len(dev))], np.float32),
        "voice_first": first,
        "voice_part": part,
        "noise_sum": np.maximum(noise, 1e-3).astype(np.float32),
    }


@numeric
def draw_harmonic(comb, centre, width, height):
    """Write a harmonic into comb [bin], a part of a spectrum: a Gaussian around `centre`, of this width, in bins."""
    scale = np.float32(-0.5) / (width * width)
    for k in range(comb.shape[0]):
        away = np.float32(k) - centre
        comb[k] = height * exp(max(scale * away * away, np.float32(-80)))


@kernel
def draw_comb(plan, own, hz, slope):
    """Fill `comb` with the harmonics of `hz`, in Hz, which moves by `slope` Hz per second."""
    comb, step = own.comb, hz / plan.bin_hz
    fill(comb, np.float32(0))
    last = np.int64(np.float32(HIGHEST_HARMONIC_HZ) / hz)
    begin = np.int64(step / np.float32(2)) + 1
    for n in range(1, last + 1):
        end = min(np.int64((np.float32(n) + np.float32(0.5)) * step) + 1, plan.bins)
        if end <= begin:
            break
        moved, spread = np.float32(n) * slope * plan.dev[6], np.float32(n) * hz * plan.dev[7]
        width = np.sqrt(plan.line_hz * plan.line_hz + moved * moved + spread * spread)
        width = min(width, np.float32(MOST_OF_A_STEP) * hz)
        draw_harmonic(comb[begin:end], np.float32(n) * step - np.float32(begin), width / plan.bin_hz, plan.line_hz / width)
        begin = end


@numeric
def band_sums(x, part, first, low, sums):
    """Fill sums [band] with the products of x [bin] and each band; `first` [band] and `part` [bin] are the bands."""
    fill(sums, np.float32(0))
    for b in range(BANDS - 1):
        below = above = np.float32(0)
        mine, place = x[first[b] : first[b + 1]], part[first[b] : first[b + 1]]
        for k in range(mine.shape[0]):
            below += mine[k]
            above += mine[k] * place[k]
        sums[b] += below - above
        sums[b + 1] += above


@numeric
def two_band_sums(ratio, comb, part, first, tonal, noise):
    """Fill tonal [band] with the products of ratio [bin], comb [bin] and each band, and noise [band] with those without comb."""
    fill(tonal, np.float32(0))
    fill(noise, np.float32(0))
    for b in range(BANDS - 1):
        t0 = t1 = n0 = n1 = np.float32(0)
        low, high = first[b], first[b + 1]
        x, c, p = ratio[low:high], comb[low:high], part[low:high]
        for k in range(x.shape[0]):
            y = x[k] * c[k]
            t0 += y
            t1 += y * p[k]
            n0 += x[k]
            n1 += x[k] * p[k]
        tonal[b] += t0 - t1
        tonal[b + 1] += t1
        noise[b] += n0 - n1
        noise[b + 1] += n1


@numeric
def add_voice(tonal, noise, comb, part, first, model):
    """model [bin] += the voice whose bands have these gains on the comb and on noise."""
    for b in range(BANDS - 1):
        low, high = first[b], first[b + 1]
        t, dt, n, dn = tonal[b], tonal[b + 1] - tonal[b], noise[b], noise[b + 1] - noise[b]
        x, c, p = model[low:high], comb[low:high], part[low:high]
        for k in range(x.shape[0]):
            x[k] += (t + dt * p[k]) * c[k] + n + dn * p[k]


@kernel
def set_gains(plan, own):
    """Fill the gains of the bands: activations over the sums of the bands."""
    for b in range(BANDS):
        own.voice_scratch[0, b] = own.comb_h[b] / max(own.comb_sum[b], np.float32(LEAST_DIVISOR))
        own.voice_scratch[1, b] = own.noise_h[b] / plan.noise_sum[b]


@kernel
def start(plan, own, total):
    """Draw the comb, and start the voice's activations from those of the last frame."""
    hz, before = own.voice_hz, own.voice_before_hz
    slope = np.float32(0)
    if hz > 0:
        if before > 0 and hz < before * np.float32(JUMP) and before < hz * np.float32(JUMP):
            slope = abs(hz - before) / plan.hop_s
        draw_comb(plan, own, hz, slope)
        band_sums(own.comb, plan.voice_part, plan.voice_first, 0, own.comb_sum)
    for b in range(BANDS):
        own.comb_aim[b] = max(own.comb_level[b] / total, np.float32(LEAST_GAIN))
        sounds = hz > 0 and own.comb_sum[b] > np.float32(1e-6)
        own.comb_h[b] = own.comb_aim[b] if sounds else np.float32(0)
        own.noise_h[b] = np.float32(LEAST_GAIN)
    if hz <= 0:
        fill(own.comb, np.float32(0))
    own.voice_before_hz = hz


@kernel
def update_voice(plan, own, ratio):
    """One update of the voice's activations from ratio [bin]."""
    tonal, noise = own.voice_scratch[2], own.voice_scratch[3]
    two_band_sums(ratio, own.comb, plan.voice_part, plan.voice_first, tonal, noise)
    keep = plan.dev[1] * plan.dev[2]
    for b in range(BANDS):
        if own.comb_h[b] > 0:
            found = own.comb_h[b] * tonal[b] / max(own.comb_sum[b], np.float32(LEAST_DIVISOR))
            own.comb_h[b] = (found + keep * own.comb_aim[b]) / (np.float32(1) + plan.dev[1])
        own.noise_h[b] *= noise[b] / (plan.noise_sum[b] * (np.float32(1) + plan.dev[3]))


@kernel
def step(plan, own, frame, W, opened, expected, prediction, estimated):
    """Update all activations with the voice among them: `estimate`'s h, before, ratio, gradient and group_h, and the voice."""
    V, h, ratio, gradient = frame.V, estimated.h, estimated.ratio, estimated.gradient
    rows = opened.open_row[: opened.open_count + plan.background]
    count, notes = rows.shape[0], opened.open_count
    flat = np.float32(1) / np.float32(plan.bins)
    start(plan, own, frame.total)
    updates = np.int64(plan.dev[0])
    for n in range(updates):
        power = plan.dev[8] if n + 1 < updates else np.float32(1)
        fill(ratio, max(h[count], np.float32(LEAST_FLAT)) * flat)
        add_rows(W, rows, h, ratio)
        set_gains(plan, own)
        add_voice(own.voice_scratch[0], own.voice_scratch[1], own.comb, plan.voice_part, plan.voice_first, ratio)
        total = np.float32(0)
        for k in range(ratio.shape[0]):
            ratio[k] = V[k] / ratio[k]
            total += ratio[k]
        gradient[count] = total * flat
        dot_rows(W, rows, ratio, gradient)
        for i in range(count + 1):
            estimated.before[i] = h[i]
            h[i] *= gradient[i] ** power
        factor = (np.float32(1) / (np.float32(1) + plan.dev[4])) ** power
        for i in range(notes, count):
            h[i] *= factor
        hold(h, opened.group_first, expected.expected_share[: opened.groups], expected.least_share, prediction * plan.dev[13],
             estimated.group_h)
        update_voice(plan, own, ratio)
    finish(plan, own, frame.total)


@kernel
def finish(plan, own, total):
    """Fill the voice's model, its share and its levels for the next frame."""
    set_gains(plan, own)
    fill(own.voice_model, np.float32(0))
    add_voice(own.voice_scratch[0], own.voice_scratch[1], own.comb, plan.voice_part, plan.voice_first, own.voice_model)
    own.voice_share = np.float32(0)
    for b in range(BANDS):
        own.voice_share += own.comb_h[b] + own.noise_h[b]
        own.comb_level[b] = own.comb_h[b] * total if own.voice_hz > 0 else own.comb_level[b] * plan.dev[12]


@kernel
def add_model(plan, own, model):
    """Add the voice's model to `model` [bin], the residual's."""
    for k in range(plan.bins):
        model[k] += own.voice_model[k]


@kernel
def split(plan, own, estimated, M):
    """Divide the residual's mask, the last of M [stem, bin], between voice and residual; `estimated`: the residual's model."""
    voice, residual, pw = M[plan.voice_stem], M[plan.stems - 1], plan.dev[10]
    for k in range(plan.bins):
        a = own.voice_model[k]
        b = max(estimated[k] - a, np.float32(LEAST_DIVISOR))
        if pw == 2:
            share = a * a / (a * a + b * b)
        else:
            share = a ** pw / (a ** pw + b ** pw)
        voice[k] = residual[k] * share
        residual[k] -= voice[k]


@kernel
def calm(plan, own):
    """The rate at which notes' templates adapt while the voice explains this share of the frame, 0 to 1."""
    return max(np.float32(1) - own.voice_share, np.float32(0)) ** plan.dev[11] if plan.voice_stem >= 0 else np.float32(1)


@kernel
def forget(own):
    """Forget the voice of the frames before."""
    own.voice_hz = own.voice_before_hz = own.voice_share = np.float32(0)
    fill(own.comb_level, np.float32(0))


@kernel
def combine(plan, own, estimated, expected, model):
    for k in range(plan.bins):
        model[k] = estimated[k] ** plan.dev[15] * expected[k] ** (np.float32(1) - plan.dev[15])


@kernel
def weighs(plan, own):
    return own.voice_hz <= 0 or plan.dev[14] != 0


@kernel
def known_or(own, hz):
    """The frame's pitch: as it is known, else `hz`, in which it was tracked."""
    return hz if own.known_hz == 0 else max(own.known_hz, np.float32(0))
