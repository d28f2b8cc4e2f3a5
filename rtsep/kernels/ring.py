"""The notes' way from the MIDI thread to the audio thread: a ring of fixed size, one writer, one reader, no lock."""

import numpy as np
from numba import njit

from rtsep.kernels.atomic import load_acquire, store_release
from rtsep.kernels.native import OPTIONS

# In the ring's header, on cache lines of their own so that the two threads do not slow each other down
HEAD, TAIL = 0, 16  # written so far, read so far
HEADER = 32

MESSAGE = np.dtype(
    [("time_ns", "<i8"), ("part", "u1"), ("status", "u1"), ("data1", "u1"), ("data2", "u1"), ("pad", "<u4")]
)


@njit(**OPTIONS)
def room(header, size):
    """How many records the writer may write now."""
    return size - (header[HEAD] - load_acquire(header, TAIL))


@njit(**OPTIONS)
def waiting(header):
    """How many records the reader may read now."""
    return load_acquire(header, HEAD) - header[TAIL]


@njit(**OPTIONS)
def push(header, messages, time_ns, part, status, data1, data2):
    """Append a message; False if the ring is full. The size of `messages` is a power of two. Thread: the one writer."""
    if room(header, messages.shape[0]) <= 0:
        return False
    message = messages[header[HEAD] & (messages.shape[0] - 1)]
    message.time_ns, message.part, message.status = time_ns, part, status
    message.data1, message.data2 = data1, data2
    store_release(header, HEAD, header[HEAD] + 1)
    return True
