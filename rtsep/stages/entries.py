"""The engine's entries: C functions that take addresses, listed by the object file into which they are compiled."""

import numpy as np
from numba import types

from rtsep.kernels.native import flush_to_zero, restore_denormals
from rtsep.kernels.views import viewer
from rtsep.stages import frame, hands, melody
from rtsep.stages.block import process_block
from rtsep.stages.call import CALL
from rtsep.stages.records import PLAN, STATE

plan_at, state_at, call_at = viewer(PLAN), viewer(STATE), viewer(CALL)


def receive(plan_address, state_address, sample, part, status, data1, data2, stem):
    """`hands.receive`, or `melody.receive` for its notes, with the PLAN and the STATE at these addresses."""
    plan, state = plan_at(plan_address), state_at(state_address)
    if melody.receive(plan.melody, state.melody, sample, part, status, data1, data2, stem):
        return
    hands.receive(plan.hands, state.hands, state.notes, state.score_follower, state.estimate.H, sample, part, status, data1,
                  data2, stem)


def hear(plan_address, state_address, end):
    """`frame.hear` for the PLAN and the STATE at these addresses: 1 or 0."""
    return np.int64(frame.hear(plan_at(plan_address), state_at(state_address), end))


def process(address):
    """Process the block that the CALL record at `address` describes. For any thread: it never allocates, locks or raises."""
    call = call_at(address)
    word = flush_to_zero()
    process_block(call)
    restore_denormals(word)


_I = types.int64
EXPORTS = {
    "notes": {"receive": (receive, types.void(*[_I] * 8))},
    "estimate": {"hear": (hear, _I(_I, _I, _I))},
    "engine": {"process": (process, types.void(_I))},
}
