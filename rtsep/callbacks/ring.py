"""Messages travel between threads in rings of fixed size: one writer, one reader, no lock.

One ring takes notes from the MIDI thread to the audio thread. The other takes messages from the device's own MIDI port from the
audio thread to the control thread, for knobs and for the keys on the screen.
"""

import numpy as np
from numba import types

from rtsep.callbacks.shared import HEAD, TAIL
from rtsep.callbacks.views import live_at
from rtsep.kernels.atomic import load_acquire, store_release
from rtsep.kernels.marks import kernel
from rtsep.kernels.views import integers_at


@kernel
def room(header, size):
    """The number of records that the writer can write now."""
    return size - (header[HEAD] - load_acquire(header, TAIL))


@kernel
def waiting(header):
    """The number of records that the reader can read now."""
    return load_acquire(header, HEAD) - header[TAIL]


@kernel
def append(header, messages, time_ns, part, status, data1, data2):
    """Append a message. False: the ring is full."""
    if room(header, messages.shape[0]) <= 0:
        return False
    message = messages[header[HEAD] & (messages.shape[0] - 1)]
    message.time_ns, message.part, message.status = time_ns, part, status
    message.data1, message.data2 = data1, data2
    store_release(header, HEAD, header[HEAD] + 1)
    return True


def push(address, time_ns, part, status, data1, data2):
    """Append a message to the ring of the LIVE record at `address`. Returns 0 if it is full, else 1. Thread: the one writer."""
    live = live_at(address)
    return np.int64(append(live.header, live.messages, time_ns, part, status, data1, data2))


def read_heard(address, found_address, most):
    """Move the messages from the device's MIDI port into int64 [most, 5]: time in ns, part, and three bytes.

    Returns their number. Thread: the one reader.
    """
    live = live_at(address)
    header, heard = live.heard_header, live.heard
    found = integers_at(found_address, (most, 5))
    count = min(waiting(header), most)
    for i in range(count):
        message = heard[(header[TAIL] + i) & (heard.shape[0] - 1)]
        found[i, 0], found[i, 1], found[i, 2] = message.time_ns, message.part, message.status
        found[i, 3], found[i, 4] = message.data1, message.data2
    store_release(header, TAIL, header[TAIL] + count)
    return count


_I = types.int64
EXPORTS = {"live": {"push": (push, _I(_I, _I, _I, _I, _I, _I)), "read_heard": (read_heard, _I(_I, _I, _I))}}
