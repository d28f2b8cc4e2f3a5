"""Stage: what the told notes leave of a frame. The pitch of a voice is sought in it.

A plain difference of the frame and the notes' model would hold so much of the notes' partials that their pitches would be
found. So this is the frame times a mask, made of three models: the notes', what is expected of the notes, and that of all
others: the background with the flat row, and the voice of the last frame. The latter is joined with what the frame has beyond
the expected one.

Figures: docs/measurements/pitch.md.
"""

from __future__ import annotations

import numpy as np

from rtsep.kernels.arrays import add_rows, fill
from rtsep.kernels.fields import Part, array
from rtsep.kernels.marks import kernel, numeric

CAUTION = 1.5  # What is expected of the notes counts this many times where it is subtracted from the frame.
LEAST_REST = 1e-3  # The notes leave at least this share of every bin.
LEAST_POWER = 1e-12  # The squares of models have at least this sum where it is a divisor.

PLAN = Part("voice_left", (), sees=("common",))
STATE = Part("voice_left", (
    array("left", "float32", "stride", "what the told notes leave of the last frame, as a share of it"),
    array("notes_model", "float32", "stride", "scratch: the model of the told notes"),
    array("notes_expected", "float32", "stride", "scratch: what is expected of the told notes"),
    array("others_model", "float32", "stride", "scratch: the model of all others"),
))


@numeric
def leave(V, notes, expected, others, left):
    """left [bin] = what the told notes leave of V, by the models of the notes, expected of the notes, and of all others."""
    for k in range(left.shape[0]):
        rest = max(V[k] - np.float32(CAUTION) * expected[k], np.float32(LEAST_REST) * V[k])
        other, note = others[k] * rest, max(notes[k], expected[k])
        left[k] = V[k] * other / (other + note * note + np.float32(LEAST_POWER))


@numeric
def add_last(model, flat, others):
    """others [bin] = flat, and model [bin]"""
    for k in range(model.shape[0]):
        others[k] = flat + model[k]


@kernel
def step(plan, own, V, W, opened, h, expected_h, voice_model):
    """Fill `left` from a frame V [bin]; h, expected_h: activations of the open rows, found and expected.

    voice_model [bin]: the voice in the last frame.
    """
    count, end = opened.open_count, opened.open_count + plan.background
    fill(own.notes_model, np.float32(0))
    fill(own.notes_expected, np.float32(0))
    add_last(voice_model[: plan.bins], h[end] / np.float32(plan.bins), own.others_model)
    add_rows(W, opened.open_row[:count], h, own.notes_model)
    add_rows(W, opened.open_row[:count], expected_h, own.notes_expected)
    add_rows(W, opened.open_row[count:end], h[count:end], own.others_model)
    leave(V[: plan.bins], own.notes_model, own.notes_expected, own.others_model, own.left[: plan.bins])
