"""Stage: causal Wiener filters separate in the time domain what the masks describe, without waiting for a frame's end.

Spectral factorisation gives the best linear filter that takes stem s, `latency` samples late, out of the mix: with
S = B B*, B minimum phase, the filter is the causal part of (M[s] B z^-latency), divided by B (Wiener 1949; Kailath, Sayed and
Hassibi, Linear Estimation, 2000, chapter 7). S [bin] is the power that the models expect; M [stem, bin] are the masks.

The work is spread over time: the rest of the frame's hop is cut into slots, and in each slot some stems get their filters. The
filters of one frame are faded in over one slot.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rtsep.kernels.arrays import add_stems, copy, fill, subtract
from rtsep.kernels.elementary import log, sine_and_cosine
from rtsep.kernels.fields import Part, array, number, size
from rtsep.kernels.linked import backward, forward
from rtsep.kernels.marks import exact, kernel, numeric
from rtsep.kernels.memory import SLOTS
from rtsep.stages.request import Request
from rtsep.stages.stereo import share_of_path

NOTHING, ALIKE, EACH = range(3)  # what a filter passes: nothing, all channels alike, or each channel to each channel

PLAN = Part("filters", (
    size("taps", "taps of the causal filters; 0: overlap-add"),
    size("paths", "filters of a stem: 4 if stems can lie at different places, else 1"),
    number("filter_floor", "least power of a bin, where the loudest bin has 1"),
), sees=("common",))
STATE = Part("filters", (
    array("S", "float32", "stride", "the power that the models expect"),
    array("inverse_power", "float32", "stride", "1 over the squared magnitude of B"),
    array("B", "complex64", "bins", "minimum-phase factor of the power"),
    array("share", "float32", "stride", "scratch: a stem's share of a path from channel to channel"),
    array("filter_spectrum", "complex64", "bins", "scratch: a spectrum in the design of a filter"),
    array("filter_frame", "float32", "window_size", "scratch: the time signal of that spectrum"),
    array("impulse", "float32", "window_size", "scratch: a filter before it is cut"),
    array("responses", "float32", "stems - 1, 2, paths, taps",
          "two filters of every stem, last tap first; a path from each channel to each if stems lie apart, else the first "
          "serves all"),
    array("fading", "float32", "slot", "scratch: output of the filter that is faded out"),
    array("newest", "int64", "stems", "index of the newer one of the stem's two filters"),
    array("since", "int64", "stems", "the sample at which the newer filter begins to fade in"),
    array("lets", "int64", "stems, 2", "what each of the two filters passes: NOTHING, ALIKE or EACH"),
))


def design(request: Request) -> dict[str, Any]:
    """The part `filters`."""
    taps = request.framing.taps
    panning = request.asks("panning") and request.channels == 2
    return {"taps": taps, "paths": 4 if panning and taps else 1,
            "filter_floor": 10 ** (request.number("filter_floor_db") / 10)}


@numeric
def any_sounds(sounds):
    """Whether the last frame contains any stem."""
    heard = np.int64(0)
    for s in range(sounds.shape[0]):
        heard += sounds[s]
    return heard > 0


@numeric
def total_power(models, stems, bins, S):
    """S [bin] = (sum of the models [stem, bin])**2"""
    add_stems(models, stems, bins, S)
    for k in range(bins):
        S[k] *= S[k]


@kernel
def note_power(plan, own, opened, models):
    """Keep the power that a frame's models expect, for the filters that are designed after it."""
    total_power(models, opened.playing[: opened.playing_count], plan.bins, own.S)


@kernel
def factorise_power(plan, own, fft_plan, fft):
    """Fill B [bin], minimum phase, such that |B|**2 = S / max(S) + floor, and 1 / |B|**2.

    The phase is that of the causal half of the cepstrum of |B| (Oppenheim & Schafer, Discrete-Time Signal Processing).
    """
    S, inverse, B, Y, frame = own.S, own.inverse_power, own.B, own.filter_spectrum, own.filter_frame
    peak = np.float32(0)
    for k in range(plan.bins):
        peak = max(peak, S[k])
    scale = np.float32(1) / peak
    for k in range(plan.bins):
        inverse[k] = S[k] * scale + plan.filter_floor
        Y[k] = np.float32(0.5) * log(inverse[k])
    backward(fft_plan, fft, Y, frame)
    half = plan.window_size // 2
    for i in range(1, half):
        frame[i] *= np.float32(2)
    fill(frame[half + 1 :], np.float32(0))
    forward(fft_plan, fft, frame, B)
    for k in range(plan.bins):
        magnitude = np.sqrt(inverse[k])
        sine, cosine = sine_and_cosine(B[k].imag)
        B[k] = complex(magnitude * cosine, magnitude * sine)
        inverse[k] = np.float32(1) / inverse[k]


@numeric
def causal_part(sound, delay, result):
    """Fill result [n] with the first half of the period of sound [n], which is periodic, delayed by `delay`; the rest is 0."""
    size, half = sound.shape[0], sound.shape[0] // 2
    copy(sound[size - delay :], result[:delay])
    copy(sound, result[delay:half])
    fill(result[half:], np.float32(0))


@kernel
def design_filter(plan, own, fft_plan, fft, mask, taps):
    """Fill taps [n], last tap first, with the filter that takes out the share mask [bin], by means of the factor B."""
    B, inverse, Y = own.B, own.inverse_power, own.filter_spectrum
    for k in range(plan.bins):
        Y[k] = mask[k] * B[k]
    backward(fft_plan, fft, Y, own.filter_frame)
    causal_part(own.filter_frame, plan.latency, own.impulse)
    forward(fft_plan, fft, own.impulse, Y)
    for k in range(plan.bins):
        Y[k] *= np.conj(B[k]) * inverse[k]
    backward(fft_plan, fft, Y, own.filter_frame)
    last = taps.shape[0] - 1
    for i in range(last + 1):
        taps[i] = own.filter_frame[last - i]


@kernel
def design_stem(plan, own, fft_plan, fft, M, places, stem, filters):
    """Fill filters [path, tap] of a stem: the first for all channels, or, if stems lie apart, one from each channel to each."""
    if places.apart == 0:
        design_filter(plan, own, fft_plan, fft, M[stem], filters[0])
        return
    for path in range(4):
        share_of_path(plan, M, places, stem, path // 2, path % 2, own.share)
        design_filter(plan, own, fft_plan, fft, own.share, filters[path])


@kernel
def step(plan, own, fft_plan, fft, masks, places, end):
    """Do the work of the slot that begins at sample `end`: new filters for its share of the stems in the last frame.

    Stems that the last frame does not contain fall silent.
    """
    number = end % plan.hop // plan.slot
    if number == 1 and any_sounds(masks.sounds):
        factorise_power(plan, own, fft_plan, fft)
    for stem in range(number - 1, plan.stems - 1, SLOTS - 1):
        sounds, newest = masks.sounds[stem], np.int64(1) - own.newest[stem]
        if sounds == 0 and own.lets[stem, own.newest[stem]] == NOTHING:
            continue
        own.newest[stem], own.since[stem] = newest, end
        own.lets[stem, newest] = NOTHING if sounds == 0 else (ALIKE if places.apart == 0 else EACH)
        if sounds:
            design_stem(plan, own, fft_plan, fft, masks.M, places, stem, own.responses[stem, newest])


# Every sample is the sum over the taps in one fixed order, whatever the block size. If LLVM reordered the sums, as for SIMD
# along the taps, blocks of another size would give other results.
@exact
def add_filtered(x, taps, y):
    """y[j] += sum of taps[t] x[j + t] over the taps [n], last tap first; x [n - 1 + samples of y, or more]

    Eight taps at a time, in pairs that do not wait for each other. Unsigned indices need no check for negative values.
    """
    count, samples, t = np.uint64(taps.shape[0]), np.uint64(y.shape[0]), np.uint64(0)
    one, two, three, four = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(4)
    five, six, seven, eight = np.uint64(5), np.uint64(6), np.uint64(7), np.uint64(8)
    while t + eight <= count:
        a, b, c, d = taps[t], taps[t + one], taps[t + two], taps[t + three]
        e, f, g, h = taps[t + four], taps[t + five], taps[t + six], taps[t + seven]
        for j in range(samples):
            at = t + j
            y[j] += (((a * x[at] + b * x[at + one]) + (c * x[at + two] + d * x[at + three]))
                     + ((e * x[at + four] + f * x[at + five]) + (g * x[at + six] + h * x[at + seven])))
        t += eight
    while t < count:
        for j in range(samples):
            y[j] = y[j] + taps[t] * x[t + j]
        t += one


@exact
def fade_over(y, older, age, length):
    """Crossfade from `older` to y, in place; the fade takes `length` samples, and y begins at sample `age` of it."""
    for j in range(y.shape[0]):
        share = np.float32(age + j) / np.float32(length)
        y[j] = share * y[j] + (np.float32(1) - share) * older[j]


@kernel
def add_stem(sound, filters, kind, channel, first, x, y):
    """Add to y [n] the output of filters [path, tap] for the channel's samples x, or for both channels' from `first` on."""
    if kind == ALIKE:
        add_filtered(x, filters[0], y)
    elif kind == EACH:
        for source in range(2):
            add_filtered(sound.ring[source, first : first + x.shape[0]], filters[2 * channel + source], y)


@kernel
def filter_stem(plan, own, sound, stem, channel, first, y):
    """Fill y [n] with the stem's next samples, crossfaded to the newest filter; `first`: index of the input in the ring."""
    filters, older = own.responses[stem], own.fading[: y.shape[0]]
    newest, age = own.newest[stem], sound.position + 1 - own.since[stem]
    before = np.int64(1) - newest
    x = sound.ring[channel, first : first + plan.taps + y.shape[0]]
    fill(y, np.float32(0))
    add_stem(sound, filters[newest], own.lets[stem, newest], channel, first, x, y)
    if age < plan.slot:
        fill(older, np.float32(0))
        add_stem(sound, filters[before], own.lets[stem, before], channel, first, x, older)
        fade_over(y, older, age, plan.slot)


@kernel
def filter_stems(plan, own, sound, low, high, stems):
    """Fill stems[stem, channel, low:high] when the samples from `position` on have come in; the residual is what is left.

    At most one slot: within it filters are either crossfaded throughout, or not at all.
    """
    count, position = high - low, sound.position
    first, delayed = (position + 1 - plan.taps) & (plan.ring_size - 1), (position - plan.latency) & (plan.ring_size - 1)
    for c in range(plan.channels):
        ring, rest = sound.ring[c], stems[plan.stems - 1, c, low:high]
        copy(ring[delayed : delayed + count], rest)
        for s in range(plan.stems - 1):
            y = stems[s, c, low:high]
            if own.lets[s, 0] == NOTHING and own.lets[s, 1] == NOTHING:
                fill(y, np.float32(0))
            else:
                filter_stem(plan, own, sound, s, c, first, y)
                subtract(y, rest)
