"""The one entry of the engine: a C function of one address."""

from numba import types

from rtsep.kernels.block import process_block
from rtsep.kernels.native import flush_to_zero, restore_denormals
from rtsep.kernels.views import call_at


def process(address):
    """Process the block that the CALL record at `address` describes. Any thread; nothing allocates, locks or raises."""
    call = call_at(address)
    word = flush_to_zero()
    process_block(call)
    restore_denormals(word)


EXPORTS = {"process": (process, types.void(types.int64))}
