"""Stage: does anybody play whose notes nobody tells? The residual's templates are used and learn only as far as this is evident.

A told note lies on the comb of its partials, whatever its instrument and its room. What lies between the combs of all told
notes is somebody else's, or noise. So the evidence is the energy there, over what would lie there if the sound were spread as
it was lately. It needs no templates: an instrument that its preset does not know is not taken for an accompaniment.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from rtsep.kernels.arrays import fill
from rtsep.kernels.fields import Part, array, cell, size
from rtsep.kernels.marks import kernel
from rtsep.kernels.memory import PITCHES
from rtsep.stages.common import plays_drums
from rtsep.xp import X
from rtsep.stages.request import Request

LOWEST_HZ, HIGHEST_HZ = 150.0, 4000.0  # Evidence is sought between these frequencies.
SIDE_BINS, SIDE = X("SB", 1.5), X("SIDE", 0.008)  # A partial reaches so many bins, and this part of its frequency, to each side.
STRETCH = 4e-4  # The m-th partial of a string is higher than m times the first by at most half of this times m squared.
RINGS_S = X("RING", 0.5)  # A note rings in the room for so many seconds after its gate has closed.
EVIDENCE_S = X("EVID", 1.0)  # Evidence is forgotten with this time constant, in seconds.
PRIOR_S = X("PRIOR", 0.8)  # So many seconds without evidence are assumed at the start.
STAYS_S = 20.0  # Who was heard is forgotten with this time constant, in seconds.
LITTLE, PLAIN = X("LITTLE", 0.06), X("PLAIN", 0.12)  # Up to the first evidence nobody else plays; from the second on somebody surely does.
SPREAD_S = 1.2  # The sound's spread over frequency follows with this time constant, in seconds.
SMOOTH_BINS = 20  # It is smoothed over so many bins to each side.
LEAST_ROOM = 0.08  # Combs that leave a smaller room than this share tell nothing.
MUCH_ROOM = 0.2  # From this share of room on a frame counts in full.
LOUD = 4.0
BLIND_S = X("BLIND", 10.0)
UNSEEN = X("UNSEEN", 0.7)
MOST_PARTIALS = X("PART", 25)
MOST_RATIO = 1.5  # A frame's evidence is at most this.

PLAN = Part("accompaniment", (
    size("first_bin", "where evidence is sought"),
    size("last_bin", "and until before which"),
    array("comb", "int8", f"{PITCHES}, stride", "whether a note of this pitch may have a partial in the bin"),
    array("combed", "int64", "stems", "whether the stem's notes have combs; drums have none: they may sound anywhere"),
), sees=("common",))
STATE = Part("accompaniment", (
    cell("others", "float32", "0 to 1: how surely somebody else plays"),
    cell("evidence_s", "float32", "sum of evidence, s"),
    cell("looked_s", "float32", "over so many s"),
    cell("loudest", "float32", "magnitude of the loudest frame lately"),
    cell("surely", "float32", "0 to 1"),
    cell("more", "float32", "debug"),
    cell("everywhere", "int64", "sample until which a note without comb rings"),
    array("rings_until", "int64", f"{PITCHES}", "sample until which a note of this pitch rings"),
    array("spread", "float32", "stride", "share of the energy in every bin lately"),
    array("told", "int8", "stride", "scratch: whether the bin is on a comb"),
))


def combs(sample_rate: float, window_size: int, tuning_cents: float, stride: int) -> npt.NDArray[np.int8]:
    """Where notes may have partials, int8 [pitch, bin]."""
    result = np.zeros((PITCHES, stride), np.int8)
    width = sample_rate / window_size
    for pitch in range(PITCHES):
        first = 440 * 2 ** ((pitch - 69 + tuning_cents / 100) / 12)
        m = np.arange(1, min(int(min(HIGHEST_HZ, sample_rate / 2) / first) + 2, MOST_PARTIALS + 1))
        low = m * first * (1 - SIDE) - SIDE_BINS * width
        high = m * first * (1 + SIDE + STRETCH * m**2 / 2) + SIDE_BINS * width
        for a, b in zip(low, high, strict=True):
            result[pitch, max(round(a / width), 0) : round(b / width) + 1] = 1
    return result


def design(request: Request) -> dict[str, Any]:
    """The part `accompaniment`."""
    width = request.sample_rate / request.framing.window_size
    return {
        "first_bin": round(LOWEST_HZ / width), "last_bin": min(round(HIGHEST_HZ / width), request.bins),
        "comb": combs(request.sample_rate, request.framing.window_size, request.number("tuning_cents"), request.stride),
        "combed": np.array([*(not plays_drums(preset) for preset in request.presets), 0], np.int64),
    }


@kernel
def forget(own):
    """Nobody else plays, as far as is known."""
    own.others = own.surely = own.evidence_s = own.looked_s = np.float32(0)


@kernel
def note_told(plan, own, opened, end):
    """Fill `told` [bin]; False if a note may sound anywhere."""
    ring = np.int64(np.float32(RINGS_S) / plan.sample_s)
    for g in range(opened.groups):
        first = opened.group_first[g]
        stem = opened.open_stem[first]
        if plan.combed[stem] == 0:
            own.everywhere = end + ring
    for stem in range(plan.stems - 1):
        for pitch in range(PITCHES):
            if opened.group_at[stem, pitch] >= 0 and plan.combed[stem] != 0:
                own.rings_until[pitch] = end + ring
    if end < own.everywhere:
        return False
    told = own.told
    for k in range(plan.first_bin, plan.last_bin):
        told[k] = 0
    for pitch in range(PITCHES):
        if own.rings_until[pitch] > end:
            comb = plan.comb[pitch]
            for k in range(plan.first_bin, plan.last_bin):
                told[k] |= comb[k]
    return True


@kernel
def look(plan, own, V):
    """Evidence of a frame and its weight: what lies between the combs over what would lie there."""
    first, last, spread, told = plan.first_bin, plan.last_bin, own.spread, own.told
    energy = np.float32(0)
    for k in range(first, last):
        energy += V[k] * V[k]
    if energy <= 0:
        return np.float32(0), np.float32(0)
    scale, part = np.float32(1) / energy, plan.hop_s / np.float32(SPREAD_S)
    between = np.float32(0)
    for k in range(first, last):
        share = V[k] * V[k] * scale
        spread[k] += part * (share - spread[k])
        if told[k] == 0:
            between += share
    room = whole = around = np.float32(0)
    for k in range(first, min(first + SMOOTH_BINS, last)):
        around += spread[k]
    for k in range(first, last):
        if k + SMOOTH_BINS < last:
            around += spread[k + SMOOTH_BINS]
        if k - SMOOTH_BINS - 1 >= first:
            around -= spread[k - SMOOTH_BINS - 1]
        whole += around
        if told[k] == 0:
            room += around
    if whole <= 0:
        return np.float32(0), np.float32(0)
    room /= whole
    if room < np.float32(LEAST_ROOM):
        return np.float32(0), np.float32(0)
    return min(between / room, np.float32(MOST_RATIO)), min(room / np.float32(MUCH_ROOM), np.float32(1))


@kernel
def step(plan, own, learnt, frame, opened, expected, group_h, end):
    """`others` follows the frame that ends before sample `end`."""
    if frame.total == 0 or not note_told(plan, own, opened, end):
        return
    found, weight = look(plan, own, frame.V)
    if frame.total > own.loudest:
        fainter = own.loudest / frame.total
        own.evidence_s *= fainter
        own.looked_s *= fainter
        own.surely *= fainter
        own.loudest = frame.total
    own.loudest *= np.exp(-plan.hop_s / np.float32(STAYS_S))
    level = plan.hop_s * min(np.float32(LOUD) * frame.total / own.loudest, np.float32(1))
    weight *= level
    own.evidence_s += weight * found
    own.looked_s += weight
    own.more += (weight / plan.hop_s - own.more) * plan.hop_s / np.float32(2)
    keep = np.exp(-weight / np.float32(EVIDENCE_S))
    own.evidence_s *= keep
    own.looked_s *= keep
    blind = np.exp(-plan.hop_s / np.float32(BLIND_S))
    own.evidence_s *= blind
    own.looked_s *= blind
    evidence = own.evidence_s / (own.looked_s + np.float32(PRIOR_S))
    now = min(max((evidence - np.float32(LITTLE)) / np.float32(PLAIN - LITTLE), np.float32(0)), np.float32(1))
    own.surely = max(now, own.surely * np.exp(-weight / np.float32(STAYS_S)))
    unseen = np.float32(PRIOR_S) / (own.looked_s + np.float32(PRIOR_S))
    own.others = max(own.surely, np.float32(UNSEEN) * unseen)
