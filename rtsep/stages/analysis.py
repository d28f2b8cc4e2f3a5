"""Stage: takes samples in, and turns a frame of them into spectra at every hop.

The window is that of Mauler & Martin (EUSIPCO 2007): a long rise, and a short fall at the end, where the synthesis window lies.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rtsep.kernels.arrays import multiply
from rtsep.kernels.fields import Part, array, cell
from rtsep.kernels.linked import forward
from rtsep.kernels.marks import kernel, numeric
from rtsep.stages.request import Request

LOUDEST = 1e6  # A sample more than 120 dB above full scale is a fault, not sound.
FAINTEST = 2**-126  # A fainter sample is a denormal number, which slows down all later arithmetic.
SILENT = 1e-20  # A frame whose magnitudes have no larger sum than this counts as silent: nothing is divided by that sum.

PLAN = Part("analysis", (
    array("analysis_window", "float32", "window_size", "what a frame is multiplied with"),
), sees=("common",))
STATE = Part("analysis", (
    cell("bad_samples", "int64", "samples since reset that were not numbers, or too loud to be sound"),
    array("windowed", "float32", "window_size", "scratch: samples of a frame, windowed"),
    array("power", "float32", "stride", "scratch: power of the frame over the channels"),
))


def design(request: Request) -> dict[str, Any]:
    """The part `analysis`."""
    return {"analysis_window": request.window.astype(np.float32)}


@kernel
def write_input(plan, own, sound, block, low, high):
    """Put block[channel, low:high] into the ring at `position`; a bad sample (NaN, or too loud) becomes 0 and is counted."""
    limit, faint = np.float32(LOUDEST), np.float32(FAINTEST)
    position = sound.position
    for c in range(block.shape[0]):
        ring = sound.ring[c]
        for i in range(low, high):
            x = block[c, i]
            if not abs(x) <= limit:
                x = np.float32(0)
                own.bad_samples += 1
            elif abs(x) < faint:
                x = np.float32(0)
            at = (position + i - low) & (plan.ring_size - 1)
            ring[at] = ring[at + plan.ring_size] = x


@numeric
def window_frame(ring, ring_size, end, window, frame):
    """Fill `frame` [window_size] with the samples before `end` of the `ring` [2 ring_size], times `window`."""
    begin = (end - frame.shape[0]) & (ring_size - 1)
    multiply(ring[begin : begin + frame.shape[0]], window, frame)


@kernel
def step(plan, own, fft_plan, fft, sound, frame, end):
    """Fill the frame that ends before sample `end`: X [channel, bin], V [bin] and total.

    V is the root mean square of |X| over the channels, scaled so that it sums to 1. In silence `total` is 0.
    """
    V, power = frame.V, own.power
    for k in range(plan.bins):
        power[k] = 0
    for c in range(plan.channels):
        window_frame(sound.ring[c], plan.ring_size, end, plan.analysis_window, own.windowed)
        X = frame.X[c]
        forward(fft_plan, fft, own.windowed, X)
        for k in range(plan.bins):
            z = X[k]
            power[k] += z.real * z.real + z.imag * z.imag
    share = np.float32(1) / np.float32(plan.channels)
    total = np.float32(0)
    for k in range(plan.bins):
        V[k] = np.sqrt(power[k] * share)
        total += V[k]
    frame.frames += 1
    frame.total = np.float32(0)
    if total > np.float32(SILENT):
        scale = np.float32(1) / total
        for k in range(plan.bins):
            V[k] *= scale
        frame.total = total
