"""The one entry of the engine: a C function of one address, compiled (or fetched from the cache) when this is imported."""

from numba import carray, cfunc, types

from rtsep.kernels.block import process_block
from rtsep.kernels.memory import CALL
from rtsep.kernels.native import OPTIONS, flush_to_zero, restore_denormals
from rtsep.kernels.views import buffers_at, plan_at, state_at


@cfunc(types.void(types.voidptr), cache=OPTIONS["cache"], error_model="numpy")
def entry(address):
    """Process the block that the `Call` record at `address` describes. Any thread; nothing allocates, locks or raises."""
    call = carray(address, 1, CALL)[0]
    plan = plan_at(call.plan)
    state = state_at(call.state, plan)
    block, events, targets, stems, mix = buffers_at(call, plan)
    word = flush_to_zero()
    process_block(plan, state, block, call.frames, events, targets, stems, mix)
    restore_denormals(word)
