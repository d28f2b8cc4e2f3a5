"""Stage: turns masked spectra back into sound, with a short synthesis window at the frame's end.

The windows are those of Mauler & Martin (EUSIPCO 2007).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rtsep.kernels.arrays import add_product, copy, fill
from rtsep.kernels.fields import Part, array, size
from rtsep.kernels.linked import backward
from rtsep.kernels.marks import kernel, numeric
from rtsep.stages.request import Request
from rtsep.stages.stereo import stem_spectrum

PLAN = Part("overlap_add", (
    size("overlap", "samples of the synthesis window; 0: causal filters"),
    array("synthesis_window", "float32", "overlap", "window that multiplies the end of a masked frame"),
), sees=("common",))
STATE = Part("overlap_add", (
    array("rings", "float32", "stems - 1, channels, overlap", "rings of output that is being added up"),
    array("sounds_until", "int64", "stems", "sample up to which the stem's rings contain sound"),
    array("stem_spectrum", "complex64", "bins", "scratch: a masked spectrum"),
    array("stem_frame", "float32", "window_size", "scratch: the frame of that spectrum"),
))


def design(request: Request) -> dict[str, Any]:
    """The part `overlap_add`."""
    return {"overlap": request.framing.overlap, "synthesis_window": request.synthesis.astype(np.float32)}


@numeric
def move_out(source, target, rest):
    """Move the samples of `source` to `target`, and subtract them from `rest`; `source` becomes 0."""
    for i in range(target.shape[0]):
        y = source[i]
        source[i] = 0
        target[i] = y
        rest[i] -= y


@kernel
def read_stems(plan, own, sound, low, high, stems):
    """Fill stems[stem, channel, low:high] with the finished samples; residual = delayed input - the other stems.

    At most one slot, which never crosses the end of a ring.
    """
    size, count, position = plan.overlap, high - low, sound.position
    slot, begin = position & (size - 1), (position - size) & (plan.ring_size - 1)
    for c in range(plan.channels):
        rest = stems[plan.stems - 1, c, low:high]
        copy(sound.ring[c, begin : begin + count], rest)
        for s in range(plan.stems - 1):
            if own.sounds_until[s] > position:
                move_out(own.rings[s, c, slot : slot + count], stems[s, c, low:high], rest)
            else:
                fill(stems[s, c, low:high], np.float32(0))


@kernel
def add_tail(plan, own, fft_plan, fft, stem, channel, end):
    """Add the masked spectrum to a channel of `stem`'s ring: the last `overlap` samples before `end`."""
    size, window = plan.overlap, plan.synthesis_window
    backward(fft_plan, fft, own.stem_spectrum, own.stem_frame)
    tail = own.stem_frame[plan.window_size - size :]
    begin = end & (size - 1)
    first = size - begin
    out = own.rings[stem, channel]
    add_product(tail[:first], window[:first], out[begin:])
    add_product(tail[first:], window[first:], out[:begin])


@kernel
def step(plan, own, fft_plan, fft, frame, opened, M, places, end):
    """Add the masked frame of every stem that plays to its output ring."""
    for i in range(opened.playing_count - 1):
        stem = opened.playing[i]
        for c in range(plan.channels):
            stem_spectrum(plan, frame, M, places, stem, c, own.stem_spectrum)
            add_tail(plan, own, fft_plan, fft, stem, c, end)
        own.sounds_until[stem] = end + plan.overlap
