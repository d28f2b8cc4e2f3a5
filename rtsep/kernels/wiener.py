"""Causal Wiener filters: what the masks separate, separated in the time domain, without waiting for a frame's end.

The best linear filter that picks stem s, `latency` samples late, out of the mix is known by spectral factorisation: with
S = B B*, B minimum phase, it is the causal part of (M[s] B z^-latency), divided by B (Wiener 1949; Kailath, Sayed and
Hassibi, Linear Estimation, 2000, chapter 7). S [bin] is the power that the models expect, M [stem, bin] are the masks.

Nothing has to be ready at once when a frame is: the rest of its hop is cut into slots, at each of which some stems get their
filters. The filters of one frame are faded in over one slot.
"""

import numpy as np
from numba import njit

from rtsep.kernels.elementary import log, sine_and_cosine
from rtsep.kernels.linked import backward, forward
from rtsep.kernels.masks import add_stems
from rtsep.kernels.memory import APART, FADE_FIELDS, SLOTS
from rtsep.kernels.native import DISTINCT, INNER, OPTIONS, copy, fill
from rtsep.kernels.places import share_of_path

# fades [stem]: whether the last frame heard it; which of its two filters is newer, the sample from which it is faded in, and
# (two fields) what the one and the other let through: nothing, all channels alike, each channel to each
HEARD, NEWEST, SINCE, SOUNDS = range(FADE_FIELDS - 1)
SILENT, ALIKE, EACH = range(3)


@njit(**OPTIONS)
def note_heard(fades, open_stem):
    """Remember which stems have an open row, [open]; none has where nothing is heard."""
    for s in range(fades.shape[0]):
        fades[s, HEARD] = 0
    for i in range(open_stem.shape[0]):
        fades[open_stem[i], HEARD] = 1


@njit(**OPTIONS)
def any_heard(fades):
    """Whether the last frame heard any stem."""
    heard = np.int64(0)
    for s in range(fades.shape[0]):
        heard += fades[s, HEARD]
    return heard > 0


@njit(**OPTIONS)
def total_power(M, stems, bins, S):
    """S [bin] = (sum of the models M [stem, bin])**2"""
    add_stems(M, stems, bins, S)
    for k in range(bins):
        S[k] *= S[k]


@njit(**INNER)
def factorise_power(plan, state):
    """Fill B [bin], minimum phase, such that |B|**2 = S / max(S) + floor; S becomes 1 / |B|**2.

    The phase is that of the causal half of the cepstrum of |B| (Oppenheim & Schafer, Discrete-Time Signal Processing).
    """
    S, B, Y, frame = state.S, state.B, state.Y, state.frame
    peak = np.float32(0)
    for k in range(plan.bins):
        peak = max(peak, S[k])
    scale = np.float32(1) / peak
    for k in range(plan.bins):
        S[k] = S[k] * scale + plan.filter_floor
        Y[k] = np.float32(0.5) * log(S[k])
    backward(plan, state, Y, frame)
    half = plan.window_size // 2
    for i in range(1, half):
        frame[i] *= np.float32(2)
    fill(frame[half + 1 :], np.float32(0))
    forward(plan, state, frame, B)
    for k in range(plan.bins):
        magnitude = np.sqrt(S[k])
        sine, cosine = sine_and_cosine(B[k].imag)
        B[k] = complex(magnitude * cosine, magnitude * sine)
        S[k] = np.float32(1) / S[k]


@njit(**OPTIONS)
def causal_part(sound, delay, result):
    """Fill result [n] with what of the periodic sound [n], `delay` later, lies in the first half of the period."""
    size, half = sound.shape[0], sound.shape[0] // 2
    copy(sound[size - delay :], result[:delay])
    copy(sound, result[delay:half])
    fill(result[half:], np.float32(0))


@njit(**INNER)
def design_filter(plan, state, mask, taps):
    """Fill taps [n], last tap first, with the filter that picks what has the share mask [bin], by the factor B."""
    B, inverse, Y = state.B, state.S, state.Y
    for k in range(plan.bins):
        Y[k] = mask[k] * B[k]
    backward(plan, state, Y, state.frame)
    causal_part(state.frame, plan.latency, state.impulse)
    forward(plan, state, state.impulse, Y)
    for k in range(plan.bins):
        Y[k] *= np.conj(B[k]) * inverse[k]
    backward(plan, state, Y, state.frame)
    last = taps.shape[0] - 1
    for i in range(last + 1):
        taps[i] = state.frame[last - i]


@njit(**INNER)
def design_stem(plan, state, stem, filters):
    """Fill filters [path, tap] of a stem: the first for all channels, or, where stems lie apart, from each to each."""
    if state.position[APART] == 0:
        design_filter(plan, state, state.M[stem], filters[0])
        return
    for path in range(4):
        share_of_path(plan, state, stem, path // 2, path % 2, state.Q)
        design_filter(plan, state, state.Q, filters[path])


@njit(**INNER)
def design_filters(plan, state, end):
    """The work of the slot that begins at sample `end`: new filters for its share of the stems that the last frame heard.

    The others fall silent.
    """
    number = end % plan.hop // plan.slot
    if number == 1 and any_heard(state.fades):
        factorise_power(plan, state)
    for stem in range(number - 1, plan.stems - 1, SLOTS - 1):
        fade = state.fades[stem]
        newest = np.int64(1) - fade[NEWEST]
        if fade[HEARD] == 0 and fade[SOUNDS + fade[NEWEST]] == SILENT:
            continue
        fade[NEWEST], fade[SINCE] = newest, end
        fade[SOUNDS + newest] = SILENT if fade[HEARD] == 0 else (ALIKE if state.position[APART] == 0 else EACH)
        if fade[HEARD]:
            design_stem(plan, state, stem, state.filters[stem, newest])


# Every sample is the sum over the taps in one order, whatever the block: sums that LLVM may reorder, as for SIMD along the
# taps, would come out otherwise in blocks of another size.
STRICT = {**DISTINCT, "fastmath": {"contract"}}


@njit(**STRICT)
def add_filtered(x, taps, y):
    """y[j] += sum of taps[t] x[j + t] over the taps [n], last tap first; x [n - 1 + samples of y, or more]

    Eight taps at a time, in pairs, which need not wait for each other. Unsigned indices are not looked at for being negative.
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


@njit(**STRICT)
def fade_over(y, older, age, length):
    """y goes over from `older` to itself; `age`: of its first sample, of `length` samples that it takes."""
    for j in range(y.shape[0]):
        share = np.float32(age + j) / np.float32(length)
        y[j] = share * y[j] + (np.float32(1) - share) * older[j]


@njit(**INNER)
def add_stem(state, filters, kind, channel, first, x, y):
    """Add to y [n] what the filters [path, tap] make of the channel's samples x, or of both channels' from `first` on."""
    if kind == ALIKE:
        add_filtered(x, filters[0], y)
    elif kind == EACH:
        for source in range(2):
            add_filtered(state.ring[source, first : first + x.shape[0]], filters[2 * channel + source], y)


@njit(**INNER)
def filter_stem(plan, state, stem, channel, first, position, y):
    """Fill y [n] with the stem's samples from `position` on, faded to the newest filter; the ring's samples from `first`."""
    fade, filters, older = state.fades[stem], state.filters[stem], state.fading[: y.shape[0]]
    newest, age = fade[NEWEST], position + 1 - fade[SINCE]
    before = np.int64(1) - newest
    x = state.ring[channel, first : first + plan.taps + y.shape[0]]
    fill(y, np.float32(0))
    add_stem(state, filters[newest], fade[SOUNDS + newest], channel, first, x, y)
    if age < plan.slot:
        fill(older, np.float32(0))
        add_stem(state, filters[before], fade[SOUNDS + before], channel, first, x, older)
        fade_over(y, older, age, plan.slot)


@njit(**OPTIONS)
def subtract(y, rest):
    """rest -= y"""
    for i in range(rest.shape[0]):
        rest[i] -= y[i]


@njit(**INNER)
def filter_stems(plan, state, position, low, high, stems):
    """Fill stems[stem, channel, low:high] when the samples from `position` have come in; residual = what is left.

    At most a slot, over the whole of which filters are faded, or not at all.
    """
    count = high - low
    first, delayed = (position + 1 - plan.taps) & (plan.ring_size - 1), (position - plan.latency) & (plan.ring_size - 1)
    for c in range(plan.channels):
        ring, rest = state.ring[c], stems[plan.stems - 1, c, low:high]
        copy(ring[delayed : delayed + count], rest)
        for s in range(plan.stems - 1):
            y, fade = stems[s, c, low:high], state.fades[s]
            if fade[SOUNDS] == SILENT and fade[SOUNDS + 1] == SILENT:
                fill(y, np.float32(0))
            else:
                filter_stem(plan, state, s, c, first, position, y)
                subtract(y, rest)
