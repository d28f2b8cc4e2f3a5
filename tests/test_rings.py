"""The ring of notes between two threads: none is lost, torn or out of order."""

import ctypes
import threading

import numpy as np
import pytest
from numba import njit

from rtsep.callbacks import shared
from rtsep.callbacks.ring import waiting
from rtsep.callbacks.views import live_at
from rtsep.compiling import machine
from rtsep.kernels.atomic import store_release

_push = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 6)(machine.address("live", "push"))


@njit(nogil=True)
def produce(address, count):
    for i in range(count):
        while _push(address, i, i & 31, i & 255, (i >> 3) & 127, (i >> 5) & 127) == 0:
            pass


@njit(nogil=True, _nrt=False)
def consume(address, count):
    live, wrong = live_at(address), 0
    header, messages = live.header, live.messages
    for i in range(count):
        while waiting(header) <= 0:
            pass
        m = messages[header[shared.TAIL] & (messages.shape[0] - 1)]
        wrong += not (m.time_ns == i and m.part == i & 31 and m.status == i & 255 and m.data1 == (i >> 3) & 127
                      and m.data2 == (i >> 5) & 127)
        store_release(header, shared.TAIL, header[shared.TAIL] + 1)
    return wrong


@pytest.mark.parametrize("size, count", [(1024, 200_000), (65536, 9_800_000)])
def test_ten_million_messages_between_two_threads(size, count):
    """In a small ring, in which each thread often waits for the other, and in a large ring."""
    header, messages, wrong = np.zeros(shared.HEADER, np.int64), np.zeros(size, shared.MESSAGE), []
    live = shared.LIVE.new({"header": header, "messages": messages, "messages_size": len(messages)})
    produce(live.ctypes.data, 0)
    consume(live.ctypes.data, 0)
    reader = threading.Thread(target=lambda: wrong.append(consume(live.ctypes.data, count)))
    reader.start()
    produce(live.ctypes.data, count)
    reader.join()
    assert wrong == [0] and header[shared.HEAD] == header[shared.TAIL] == count
