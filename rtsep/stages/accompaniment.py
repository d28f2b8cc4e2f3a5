"""Stage: does anybody play whose notes nobody tells? The background is used only as far as that is evident.

A told note lies on the comb of its partials, whatever its instrument and its room. What lies between the combs of all told
notes is somebody else's. So the evidence is the energy there, over what would lie there if the sound were spread over frequency
as it was lately. It needs no templates: an instrument that its preset does not know is not taken for an accompaniment. Where
combs leave no room between them nothing can be seen; for how long that was so, the more an accompaniment is thought possible.

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
SIDE_BINS, SIDE = 1.5, 0.008  # A partial reaches so many bins, and this part of its frequency, to each side.
STRETCH = 4e-4  # The m-th partial of a string is higher than m times the first by at most half of this times m squared.
MOST_PARTIALS = 25  # A note has so many partials at most that are heard beside others.
RINGS_S = 0.5  # A note rings in its room for so many seconds after its gate has closed.
EVIDENCE_S = 1.0  # Evidence is forgotten with this time constant, in seconds of sight.
PRIOR_S = 0.8  # So many seconds of sight without evidence are assumed at the start.
BLIND_S = 10.0  # What was seen is forgotten with this time constant, in seconds.
STAYS_S = 20.0  # Who was seen is forgotten with this time constant, in seconds of sight.
LITTLE, PLAIN = 0.06, 0.12  # Up to the first evidence nobody else plays; from the second on somebody surely does.
UNSEEN = 0.7  # So surely somebody else is thought to play, from 0 to 1, while nothing can be seen.
SPREAD_S = 1.2  # The sound's spread over frequency follows with this time constant, in seconds.
SMOOTH_BINS = 20  # It is smoothed over so many bins to each side.
LEAST_ENERGY = 1e-20  # An energy that is divided by is at least this.
# Combs that leave a smaller share of room than the first show nothing; from the second on a frame counts in full.
LEAST_ROOM, MUCH_ROOM = 0.08, 0.2
MOST_EVIDENCE = 1.5  # The evidence of a frame is at most this.
HARMONIC = 0.7  # Notes have combs if half of their templates have this share of their energy there, or more.
CLEAR = range(40, 91)  # That is asked of these pitches: combs of lower ones leave no room, higher ones lie too high.
FAINT = 4.0  # A frame counts in full from one over this of the loudest frame lately on.

PLAN = Part("accompaniment", (
    number("unseen", "how surely, from 0 to 1, somebody else plays while nothing can be seen"),
    size("first_bin", "where evidence is sought"),
    size("last_bin", "and until before which"),
    array("comb", "int8", f"{PITCHES}, stride", "whether a note of this pitch may have a partial in the bin"),
    array("combed", "int64", "stems", "whether the stem's notes have combs: drums sound anywhere"),
), sees=("common",))
STATE = Part("accompaniment", (
    cell("others", "float32", "0 to 1: how surely somebody else plays", start=lambda plan: plan["unseen"]),
    cell("seen", "float32", "the same, of what was seen alone"),
    cell("evidence_s", "float32", "sum of evidence, s"),
    cell("sight_s", "float32", "over so many s of sight"),
    cell("loudest", "float32", "magnitude of the loudest frame lately"),
    cell("strikes_until", "int64", "sample until which a note without comb rings"),
    array("rings_until", "int64", f"{PITCHES}", "sample until which a note of this pitch rings"),
    array("spread", "float32", "stride", "share of the energy in every bin lately"),
    array("combs", "int8", "stride", "scratch: whether the bin lies on a comb of what is told"),
))


def combs(sample_rate: float, window_size: int, tuning_cents: float, stride: int) -> npt.NDArray[np.int8]:
    """Where notes may have partials, int8 [pitch, bin]; `tuning_cents`: how much higher than 440 Hz A4 is."""
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
    """Do the preset's notes lie on the combs of their pitches? Drums do not, whatever their preset says they are."""
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
    known = {id(preset): has_combs(preset) for preset in each_once(request.presets)}
    combed = [known[id(preset)] for preset in request.presets]
    return {
        # Without gates nothing is told, and drums sound anywhere: nothing is ever seen.
        "unseen": UNSEEN if request.asks("gate") and all(combed) else 1.0,
        "first_bin": min(round(LOWEST_HZ * size / rate), request.bins),
        "last_bin": min(round(HIGHEST_HZ * size / rate), request.bins),
        "comb": combs(rate, size, request.number("tuning_cents"), request.stride),
        "combed": np.array([*combed, 0], np.int64),
    }


@kernel
def find_combs(plan, own, opened, end):
    """Fill `combs` [bin] with where told notes may sound before sample `end`; False if that is anywhere."""
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
    """The share of a frame's energy that lies between the combs; the spread follows the frame. Less than 0: it has none."""
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
    """The share of the spread, smoothed, that lies between the combs."""
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
    """How much a frame of magnitude `total` counts, 0 to 1. What was seen in much fainter sound tells nothing any more."""
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
    """`others` follows what a frame shows: `evidence`, seen as well as `sight_s` seconds of full sight."""
    keep = np.exp(-sight_s / np.float32(EVIDENCE_S) - plan.hop_s / np.float32(BLIND_S))
    own.evidence_s = keep * (own.evidence_s + sight_s * evidence)
    own.sight_s = keep * (own.sight_s + sight_s)
    known = own.sight_s + np.float32(PRIOR_S)
    now = (own.evidence_s / known - np.float32(LITTLE)) / np.float32(PLAIN - LITTLE)
    own.seen = max(min(max(now, np.float32(0)), np.float32(1)), own.seen * np.exp(-sight_s / np.float32(STAYS_S)))
    own.others = max(own.seen, plan.unseen * np.float32(PRIOR_S) / known)


@kernel
def step(plan, own, frame, opened, end):
    """`others` follows the frame that ends before sample `end`, if it holds something."""
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
