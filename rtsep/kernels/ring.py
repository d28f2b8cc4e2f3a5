"""The notes' way from the MIDI thread to the audio thread: a ring of fixed size, one writer, one reader, no lock."""

from numba import njit, types

from rtsep.kernels.atomic import load_acquire, store_release
from rtsep.kernels.native import INNER
from rtsep.kernels.shared import HEAD, TAIL
from rtsep.kernels.views import live_at


@njit(**INNER)
def room(header, size):
    """How many records the writer may write now."""
    return size - (header[HEAD] - load_acquire(header, TAIL))


@njit(**INNER)
def waiting(header):
    """How many records the reader may read now."""
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
EXPORTS = {"push": (push, _I(_I, _I, _I, _I, _I, _I))}
