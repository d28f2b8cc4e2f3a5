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
from rtsep.kernels.memory import FADE_FIELDS, SLOTS
from rtsep.kernels.native import INNER, OPTIONS, copy, fill

# fades [stem]: whether the last frame heard it; which of its two filters is newer, the sample from which it is faded in, and
# (two fields) whether the one and the other let anything through
HEARD, NEWEST, SINCE, SOUNDS = range(FADE_FIELDS - 1)


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
def design_filter(plan, state, stem, taps):
    """Fill taps [n], last tap first, with the filter that picks `stem`, by its mask and the factor B."""
    mask, B, inverse, Y = state.M[stem], state.B, state.S, state.Y
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
        if fade[HEARD] == 0 and fade[SOUNDS + fade[NEWEST]] == 0:
            continue
        fade[NEWEST], fade[SINCE], fade[SOUNDS + newest] = newest, end, fade[HEARD]
        if fade[HEARD]:
            design_filter(plan, state, stem, state.filters[stem, newest])


@njit(**OPTIONS)
def dot(a, b):
    """Sum of a * b."""
    total = np.float32(0)
    for i in range(a.shape[0]):
        total += a[i] * b[i]
    return total


@njit(**OPTIONS)
def filtered(ring, ring_size, at, taps):
    """One sample: taps [n], last tap first, on the n samples of the ring up to and with sample `at`."""
    size = taps.shape[0]
    begin = (at + 1 - size) & (ring_size - 1)
    first = min(size, ring_size - begin)
    return dot(ring[begin : begin + first], taps[:first]) + dot(ring[: size - first], taps[first:])


@njit(**INNER)
def filter_stem(plan, state, stem, ring, at):
    """The stem's sample when sample `at` has come in, faded from its older to its newest filter."""
    fade, filters = state.fades[stem], state.filters[stem]
    newest = fade[NEWEST]
    age = at + 1 - fade[SINCE]
    y = np.float32(0)
    if fade[SOUNDS + newest] != 0:
        y = filtered(ring, plan.ring_size, at, filters[newest])
    if age < plan.slot:
        share = np.float32(age) / np.float32(plan.slot)
        y *= share
        older = np.int64(1) - newest
        if fade[SOUNDS + older] != 0:
            y += (np.float32(1) - share) * filtered(ring, plan.ring_size, at, filters[older])
    return y


@njit(**INNER)
def filter_stems(plan, state, position, low, high, stems):
    """Fill stems[stem, channel, low:high] when the samples from `position` have come in; residual = what is left."""
    residual = plan.stems - 1
    for c in range(plan.channels):
        ring = state.ring[c]
        for i in range(low, high):
            at = position + i - low
            rest = ring[(at - plan.latency) & (plan.ring_size - 1)]
            for s in range(residual):
                y = filter_stem(plan, state, s, ring, at)
                stems[s, c, i] = y
                rest -= y
            stems[residual, c, i] = rest
