"""Stage: do others play, whose notes are not told? The background is used only as far as there is evidence for them.

The energy of a told note lies on the comb of its partials, whatever its instrument and its room. Energy between the combs of
all told notes belongs to others. So the evidence is the energy there, divided by the energy that would lie there if the sound
were spread over frequency as it was recently. This needs no templates: an instrument that differs from its preset does not
count as an accompaniment. If the combs leave no room between them, nothing can be seen. The longer that lasts, the more likely
an accompaniment is assumed to be.

Figures: docs/measurements/unheard.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from rtsep.kernels.arrays import fill
from rtsep.kernels.fields import Part, array, cell, number, size
from rtsep.kernels.marks import kernel
from rtsep.kernels.memory import PITCHES
from rtsep.presets.preset import Preset
from rtsep.stages.common import plays_drums
from rtsep.stages.request import Request
from rtsep.stages.rows import each_once

LOWEST_HZ, HIGHEST_HZ = 150.0, 4000.0  # Evidence is sought between these frequencies.
SIDE_BINS, SIDE = 1.5, 0.008  # A partial extends this many bins, and this share of its frequency, to each side.
# The m-th partial of a string lies above m times the first one by at most this share: half of this number times m squared.
STRETCH = 4e-4
MOST_PARTIALS = 25  # At most this many partials of a note are counted: higher ones are not heard beside others.
RINGS_S = 0.5  # A note rings on in its room for this many seconds after its gate has closed.
EVIDENCE_S = 1.0  # Evidence is forgotten with this time constant, in seconds in which evidence can be seen.
PRIOR_S = 0.8  # At the start, this many seconds without evidence are assumed.
BLIND_S = 10.0  # What was seen is forgotten with this time constant, in seconds of any sound.
STAYS_S = 20.0  # An accompaniment that was seen is forgotten with this time constant, in seconds in which evidence can be seen.
# Up to the first value of the evidence nobody else plays; from the second value on others certainly play.
LITTLE, PLAIN = 0.06, 0.12
UNSEEN = 0.7  # The certainty that others play, from 0 to 1, while nothing can be seen.
SPREAD_S = 1.2  # The sound's spread over frequency is averaged with this time constant, in seconds.
SMOOTH_BINS = 20  # The spread is smoothed over this many bins to each side.
LEAST_ENERGY = 1e-20  # An energy counts as at least this where it is a divisor.
# If combs leave less than the first share of the spread free, nothing can be seen; from the second share on a frame counts in
# full.
LEAST_ROOM, MUCH_ROOM = 0.08, 0.2
MOST_EVIDENCE = 1.5  # The evidence of a frame is at most this.
HARMONIC = 0.7  # A preset's notes have combs if at least half of its templates have this share of their energy there, or more.
# HARMONIC is tested for these MIDI pitches: combs of lower ones leave no room, and higher ones lie too high.
CLEAR = range(40, 91)
FAINT = 4.0  # A frame counts in full if it is at least one over this number as loud as the loudest recent frame.

PLAN = Part("accompaniment", (
    number("unseen", "certainty, 0 to 1, that others play while nothing can be seen"),
    size("first_bin", "first bin in which evidence is sought"),
    size("last_bin", "bin after the last one in which evidence is sought"),
    array("comb", "int8", f"{PITCHES}, stride", "whether a note of this pitch can have a partial in the bin"),
    array("combed", "int64", "stems", "whether the stem's notes have combs; drums have none"),
), sees=("common",))
STATE = Part("accompaniment", (
    cell("others", "float32", "certainty, 0 to 1, that others play", start=lambda plan: plan["unseen"]),
    cell("seen", "float32", "that certainty from what was seen alone"),
    cell("evidence_s", "float32", "sum of evidence, s"),
    cell("sight_s", "float32", "seconds in which evidence could be seen"),
    cell("loudest", "float32", "magnitude of the loudest recent frame"),
    cell("strikes_until", "int64", "sample until which a note without comb rings"),
    array("rings_until", "int64", f"{PITCHES}", "sample until which a note of this pitch rings"),
    array("spread", "float32", "stride", "recent share of the energy in every bin"),
    array("combs", "int8", "stride", "scratch: whether the bin lies on a comb of a told note"),
))


def combs(sample_rate: float, window_size: int, tuning_cents: float, stride: int) -> npt.NDArray[np.int8]:
    """The bins in which notes can have partials, int8 [pitch, bin]; `tuning_cents`: how much higher than 440 Hz A4 is."""
    result = np.zeros((PITCHES, stride), np.int8)
    width = sample_rate / window_size
    for pitch in range(PITCHES):
        first = 440 * 2 ** ((pitch - 69 + tuning_cents / 100) / 12)
        m = np.arange(1, MOST_PARTIALS + 1)
        low = np.round((m * first * (1 - SIDE)) / width - SIDE_BINS).astype(int)
        high = np.round((m * first * (1 + SIDE + STRETCH * m**2 / 2)) / width + SIDE_BINS).astype(int)
        for a, b in zip(low, high, strict=True):
            result[pitch, max(a, 0) : b + 1] = 1
    return result


def has_combs(preset: Preset) -> bool:
    """Do the preset's notes lie on the combs of their pitches? Drums never do."""
    if plays_drums(preset):
        return False
    bins = preset.W.shape[1]
    comb = combs(preset.sample_rate, preset.window_size, 0.0, bins)[preset.row_pitch]
    first, last = (round(hz * preset.window_size / preset.sample_rate) for hz in (LOWEST_HZ, HIGHEST_HZ))
    energy = np.square(preset.W[:, first:last], dtype=np.float64)
    share = (energy * comb[:, first:last]).sum(axis=1) / np.maximum(energy.sum(axis=1), LEAST_ENERGY)
    clear = np.isin(preset.row_pitch, CLEAR)
    return bool(clear.any()) and bool(np.median(share[clear]) >= HARMONIC)


def design(request: Request) -> dict[str, Any]:
    """The part `accompaniment`."""
    size, rate = request.framing.window_size, request.sample_rate
    known = {id(preset): has_combs(preset) or not len(preset.W) for preset in each_once(request.presets)}
    combed = [known[id(preset)] for preset in request.presets]
    return {
        # Without gates no note is told, and drums sound at all frequencies: then nothing can be seen.
        "unseen": UNSEEN if request.asks("gate") and all(combed) else 1.0,
        "first_bin": min(round(LOWEST_HZ * size / rate), request.bins),
        "last_bin": min(round(HIGHEST_HZ * size / rate), request.bins),
        "comb": combs(rate, size, request.number("tuning_cents"), request.stride),
        "combed": np.array([*combed, 0], np.int64),
    }


@kernel
def find_combs(plan, own, opened, end):
    """Fill `combs` [bin]: where told notes can sound before sample `end`; False if they can sound at all frequencies."""
    until = end + np.int64(np.float32(RINGS_S) / plan.sample_s)
    for stem in range(plan.stems - 1 if opened.open_count > 0 else 0):
        for pitch in range(PITCHES):
            if opened.group_at[stem, pitch] >= 0:
                if plan.combed[stem] == 0:
                    own.strikes_until = until
                own.rings_until[pitch] = until
    fill(own.combs[plan.first_bin : plan.last_bin], np.int8(0))
    for pitch in range(PITCHES):
        if own.rings_until[pitch] > end:
            comb = plan.comb[pitch]
            for k in range(plan.first_bin, plan.last_bin):
                own.combs[k] |= comb[k]
    return own.strikes_until <= end


@kernel
def energy_between(plan, own, V):
    """The share of a frame's energy between the combs; less than 0 if the frame has no energy. The spread is updated."""
    energy = between = np.float32(0)
    for k in range(plan.first_bin, plan.last_bin):
        energy += V[k] * V[k]
    if energy <= 0:
        return np.float32(-1)
    scale, part = np.float32(1) / energy, plan.hop_s / np.float32(SPREAD_S)
    for k in range(plan.first_bin, plan.last_bin):
        share = V[k] * V[k] * scale
        own.spread[k] += part * (share - own.spread[k])
        if own.combs[k] == 0:
            between += share
    return between


@kernel
def room_between(plan, own):
    """The share of the smoothed spread that lies between the combs."""
    first, last, spread = plan.first_bin, plan.last_bin, own.spread
    room = whole = around = np.float32(0)
    for k in range(first, min(first + SMOOTH_BINS, last)):
        around += spread[k]
    for k in range(first, last):
        if k + SMOOTH_BINS < last:
            around += spread[k + SMOOTH_BINS]
        if k - SMOOTH_BINS - 1 >= first:
            around -= spread[k - SMOOTH_BINS - 1]
        whole += around
        if own.combs[k] == 0:
            room += around
    return room / whole if whole > 0 else np.float32(0)


@kernel
def note_loudness(plan, own, total):
    """The weight of a frame of magnitude `total`, 0 to 1. What was seen in much fainter sound loses its weight."""
    if total > own.loudest:
        fainter = own.loudest / total
        own.evidence_s *= fainter
        own.sight_s *= fainter
        own.seen *= fainter
        own.loudest = total
    own.loudest *= np.float32(1) - plan.hop_s / np.float32(STAYS_S)
    return min(np.float32(FAINT) * total / own.loudest, np.float32(1))


@kernel
def decide(plan, own, evidence, sight_s):
    """Update `others` from a frame that shows `evidence` and counts like `sight_s` seconds of full sight."""
    keep = np.exp(-sight_s / np.float32(EVIDENCE_S) - plan.hop_s / np.float32(BLIND_S))
    own.evidence_s = keep * (own.evidence_s + sight_s * evidence)
    own.sight_s = keep * (own.sight_s + sight_s)
    known = own.sight_s + np.float32(PRIOR_S)
    now = (own.evidence_s / known - np.float32(LITTLE)) / np.float32(PLAIN - LITTLE)
    own.seen = max(min(max(now, np.float32(0)), np.float32(1)), own.seen * np.exp(-sight_s / np.float32(STAYS_S)))
    own.others = max(own.seen, plan.unseen * np.float32(PRIOR_S) / known)


@kernel
def step(plan, own, frame, opened, end):
    """Update `others` from the frame that ends before sample `end`, which is not silent."""
    if plan.gated == 0:
        return
    between = energy_between(plan, own, frame.V) if find_combs(plan, own, opened, end) else np.float32(-1)
    weight = plan.hop_s * note_loudness(plan, own, frame.total)
    room = room_between(plan, own) if between >= 0 else np.float32(0)
    if room < np.float32(LEAST_ROOM):
        decide(plan, own, np.float32(0), np.float32(0))
    else:
        weight *= min(room / np.float32(MUCH_ROOM), np.float32(1))
        decide(plan, own, min(between / room, np.float32(MOST_EVIDENCE)), weight)
