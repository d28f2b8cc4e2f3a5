"""Stage: the melody that is told for the voice's stem, as notes. It limits the pitch that is sought in every frame.

Notes that are routed to the voice's stem are the melody. The last key that went down is its note; when that key goes up, the
melody rests. A frame gets the range of all notes that sound in the melody shortly before and after the middle of its window: a
singer is never quite in time, and glides from note to note.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rtsep.kernels.elementary import exp
from rtsep.kernels.fields import Part, array, cell, size
from rtsep.kernels.marks import kernel, numeric
from rtsep.kernels.memory import PITCHES
from rtsep.stages.lookahead import samples_of_lookahead
from rtsep.stages.request import Request

CHANGES = 64  # Number of changes of the melody's note that are kept.
LOOSE_S = 0.12  # Notes that sound in the melody up to this many seconds from the middle of the window count.
NEVER = 1 << 62  # A sample after all others.
REST = -1  # In place of a pitch: the melody rests.

PLAN = Part("melody", (
    size("melody_told", "whether notes are routed to the voice's stem"),
    size("melody_middle", "samples from the middle of a frame to its end, and the lookahead"),
    size("melody_loose", "samples before and after the middle of a frame in which notes of the melody count"),
), sees=("common", "instruments"))
STATE = Part("melody", (
    cell("melody_changes", "int64", "changes of the melody's note since reset"),
    array("melody_at", "int64", f"{CHANGES}", "the sample of each of the last changes, by its number"),
    array("melody_pitch", "int64", f"{CHANGES}", "the pitch from then on; -1: a rest"),
    cell("told_low_hz", "float32", "lowest frequency of the melody in this frame, in Hz; 0: it is not told; -1: a rest"),
    cell("told_high_hz", "float32", "highest frequency of the melody in this frame, in Hz"),
))


def middle_of(window: Any) -> int:
    """Samples from the middle of a frame, the centre of its window's power, to its end."""
    return round(len(window) - float(np.average(np.arange(len(window)), weights=np.square(window))))


def is_told(request: Request) -> bool:
    """Are notes routed to the voice's stem?"""
    voice = request.routing.voice
    return voice is not None and bool((request.routing.table == voice).any())


def design(request: Request) -> dict[str, Any]:
    """The part `melody`."""
    return {
        "melody_told": int(is_told(request)),
        "melody_middle": middle_of(request.window)
        + samples_of_lookahead(request.number("lookahead_ms"), request.sample_rate),
        "melody_loose": request.samples(LOOSE_S),
    }


@numeric
def hertz(pitch):
    """The frequency of a MIDI pitch in Hz, with A4 = 440 Hz."""
    return np.float32(440) * exp(np.float32(pitch - 69) * np.float32(np.log(2) / 12))


@kernel
def change(own, sample, pitch):
    """The melody has this pitch from `sample` on."""
    at = own.melody_changes % CHANGES
    own.melody_at[at], own.melody_pitch[at] = sample, pitch
    own.melody_changes += 1


@kernel
def receive(plan, own, sample, part, status, data1, data2, stem_wanted):
    """Take a message if it is a note of the melody; False if it is not."""
    kind = status & 0xF0
    if plan.melody_told == 0 or stem_wanted != 0 or kind not in (0x80, 0x90):
        return False
    if part >= plan.route.shape[0] or data1 >= PITCHES or plan.route[part, status & 0x0F, data1] != plan.voice_stem:
        return False
    if kind == 0x90 and data2 > 0:
        change(own, sample, data1)
    elif own.melody_changes > 0 and own.melody_pitch[(own.melody_changes - 1) % CHANGES] == data1:
        change(own, sample, np.int64(REST))
    return True


@kernel
def step(plan, own, end):
    """Fill the range of the melody in the frame that ends before sample `end`; if no melody is told, it stays as it is."""
    if plan.melody_told == 0:
        return
    middle = end - plan.melody_middle
    begin, until = middle - plan.melody_loose, np.int64(NEVER)
    low, high = np.int64(PITCHES), np.int64(REST)
    for n in range(own.melody_changes - 1, max(own.melody_changes - CHANGES, 0) - 1, -1):
        pitch, since = own.melody_pitch[n % CHANGES], own.melody_at[n % CHANGES]
        if until <= begin:
            break
        if since <= middle + plan.melody_loose and pitch != REST:
            low, high = min(low, pitch), max(high, pitch)
        until = since
    rests = high == REST
    own.told_low_hz = np.float32(REST) if rests else hertz(low)
    own.told_high_hz = np.float32(REST) if rests else hertz(high)
