"""Notes travel from the MIDI thread to the audio thread in a ring of fixed size: one writer, one reader, no lock."""

from numba import types

from rtsep.callbacks.shared import HEAD, TAIL
from rtsep.callbacks.views import live_at
from rtsep.kernels.atomic import load_acquire, store_release
from rtsep.kernels.marks import kernel


@kernel
def room(header, size):
    """The number of records that the writer may write now."""
    return size - (header[HEAD] - load_acquire(header, TAIL))


@kernel
def waiting(header):
    """The number of records that the reader may read now."""
    return load_acquire(header, HEAD) - header[TAIL]


def push(address, time_ns, part, status, data1, data2):
    """Append a message to the ring of the LIVE record at `address`; 0 if it is full. Thread: the one writer."""
    live = live_at(address)
    header, messages = live.header, live.messages
    if room(header, messages.shape[0]) <= 0:
        return 0
    message = messages[header[HEAD] & (messages.shape[0] - 1)]
    message.time_ns, message.part, message.status = time_ns, part, status
    message.data1, message.data2 = data1, data2
    store_release(header, HEAD, header[HEAD] + 1)
    return 1


_I = types.int64
EXPORTS = {"live": {"push": (push, _I(_I, _I, _I, _I, _I, _I))}}
