"""The one entry of the engine: a C function of one address, compiled (or fetched from the cache) when this is imported."""

from numba import carray, cfunc, types

from rtsep.kernels.block import process_block
from rtsep.kernels.memory import CALL, EVENT
from rtsep.kernels.native import OPTIONS, floats, flush_to_zero, pointer, restore_denormals
from rtsep.kernels.views import plan_at, state_at


@cfunc(types.void(types.voidptr), cache=OPTIONS["cache"], error_model="numpy")
def entry(address):
    """Process the block that the `Call` record at `address` describes. Any thread; nothing allocates, locks or raises."""
    call = carray(address, 1, CALL)[0]
    plan = plan_at(call.plan)
    state = state_at(call.state, plan)
    block = floats(call.input, (plan.channels, call.capacity))
    stems = floats(call.stems, (plan.stems, plan.channels, call.capacity))
    mix = floats(call.mix, (plan.channels, call.capacity))
    events = carray(pointer(call.events), (call.event_count,), EVENT)
    targets = floats(call.targets, (2 + plan.stems,))
    word = flush_to_zero()
    process_block(plan, state, block, call.frames, events, targets, stems, mix)
    restore_denormals(word)
