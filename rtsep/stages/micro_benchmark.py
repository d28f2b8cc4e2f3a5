"""Compiled code that only `rtsep bench` runs: the cost of a frame's FFTs alone, and of the activation step alone."""

import numpy as np
from numba import types

from rtsep.kernels.arrays import fill
from rtsep.kernels.linked import backward, forward
from rtsep.kernels.native import flush_to_zero, restore_denormals
from rtsep.kernels.views import floats_at, integers_at, viewer
from rtsep.methods.estimators.multiplicative import update_activations
from rtsep.stages.records import PLAN, STATE

plan_at, state_at = viewer(PLAN), viewer(STATE)


def transform_frames(plan_address, state_address, stems, times):
    """Compute only the FFTs of one frame, `times` times: the least cost of any separator of this kind.

    A frame is transformed once per channel, and back once per channel and stem, in the buffers of a PLAN and a STATE.
    """
    plan, state = plan_at(plan_address), state_at(state_address)
    word = flush_to_zero()
    for _ in range(times):
        for c in range(plan.channels):
            forward(plan.transform, state.transform, state.windowed, state.X[c])
        for _ in range(stems):
            for c in range(plan.channels):
                backward(plan.transform, state.transform, state.X[c], state.impulse)
    restore_denormals(word)


def estimate_frames(V_address, W_address, stride, count, bins, iterations, scratch_address, rows_address, times):
    """Run the plain updates of one frame's activations `times` times, each time from an equal share.

    The addresses point to: V float32 [stride], W float32 [count, stride], scratch float32 [3, stride + count + 1], rows int64
    [count].
    """
    V, W = floats_at(V_address, (stride,)), floats_at(W_address, (count, stride))
    scratch, rows = floats_at(scratch_address, (3, stride + count + 1)), integers_at(rows_address, (count,))
    h, before, gradient = scratch[0, : count + 1], scratch[1, : count + 1], scratch[2, : count + 1]
    word = flush_to_zero()
    one = np.float32(1)
    for _ in range(times):
        fill(h, one / np.float32(count + 1))
        update_activations(V, W, rows, count, bins, iterations, one, one, rows[:1], h[:0], h[:0], one, h, before, gradient,
                           h[:0], scratch[0, count + 1 :])
    restore_denormals(word)


_I = types.int64
EXPORTS = {"bench": {"transform_frames": (transform_frames, types.void(_I, _I, _I, _I)),
                     "estimate_frames": (estimate_frames, types.void(*[_I] * 9))}}
