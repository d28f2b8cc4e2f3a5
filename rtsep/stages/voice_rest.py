"""Stage: does the voice rest? Then a frame without a pitch is separated as without a voice.

Consonants and breath have no pitch, and lie near sounds that have one. Long after the last of those, what has no pitch is an
attack of a told note, or its room: the voice's noise would take it from the notes. So the estimate without a voice is kept, and
brought back where the voice rests. Without told notes, and where a study knows the pitch, there is no rest.

Figures: docs/measurements/voice.md.
"""

from __future__ import annotations

import numpy as np

from rtsep.kernels.arrays import copy
from rtsep.kernels.fields import Part, array, cell
from rtsep.kernels.marks import kernel

SINGS_S = 0.1  # Whether somebody sings is averaged with this time constant, in seconds.
# If that mean is less, the voice rests: 0.4 s after it sang. 0.02 to 0.3 do equally well with a woman's singing beside pianos.
RESTS = 0.02

PLAN = Part("voice_rest", (), sees=("common",))
STATE = Part("voice_rest", (
    cell("rests", "int64", "whether the frame is separated as without a voice"),
    cell("sings", "float32", "whether somebody sang in the last frames, 0 to 1"),
    array("notes_h", "float32", "open_limit + background + 1", "h of the estimate without a voice", bound=True),
    array("notes_before", "float32", "open_limit + background + 1", "before of that estimate", bound=True),
    array("notes_gradient", "float32", "open_limit + background + 1", "gradient of that estimate", bound=True),
    array("notes_group_h", "float32", "open_limit + background", "group_h of that estimate", bound=True),
    array("notes_ratio", "float32", "stride", "ratio of that estimate"),
))


@kernel
def forget(own):
    """Assume that nobody sang."""
    own.rests, own.sings = 0, np.float32(0)


@kernel
def follow(plan, own, groups, hz, known):
    """Take a frame's pitch (0: unvoiced), and fill `rests`; groups: of open notes; known: whether a study knows the pitch."""
    part = min(plan.hop_s / np.float32(SINGS_S), np.float32(1))
    own.rests = 1 if hz <= 0 and own.sings < np.float32(RESTS) and groups > 0 and not known else 0
    own.sings += part if hz > 0 else -part * own.sings
    own.sings = min(own.sings, np.float32(1))


@kernel
def keep(own, estimated):
    """Keep the estimate without a voice, the part `estimate`."""
    copy(estimated.h, own.notes_h)
    copy(estimated.before, own.notes_before)
    copy(estimated.gradient, own.notes_gradient)
    copy(estimated.group_h, own.notes_group_h)
    copy(estimated.ratio, own.notes_ratio)


@kernel
def bring_back(own, estimated):
    """Bring back the estimate that was kept."""
    copy(own.notes_h, estimated.h)
    copy(own.notes_before, estimated.before)
    copy(own.notes_gradient, estimated.gradient)
    copy(own.notes_group_h, estimated.group_h)
    copy(own.notes_ratio, estimated.ratio)
