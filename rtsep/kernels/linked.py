"""Kernels that are compiled separately and called by name: they compile at the same time, and each only once."""

import numpy as np

from rtsep.kernels.marks import Mark, kernel, later

address_of = later("rtsep.kernels.atomic", "address_of")
data_of = later("rtsep.kernels.views", "data_of")


def _outside(name, arguments, result="void"):
    """The function of this name in another object file; it takes `arguments` numbers of type int64."""

    def make():
        from numba import types

        return types.ExternalFunction(f"rtsep_{name}", getattr(types, result)(*[types.int64] * arguments))

    return Mark(make)


_forward, _backward = _outside("forward", 5), _outside("backward", 5)
_receive, _hear = _outside("receive", 8), _outside("hear", 3, "int64")


@kernel
def forward(plan, own, frame, spectrum):
    """spectrum [bin] = FFT of frame [window_size], by the `transform` parts of a plan and a state."""
    _forward(data_of(frame), data_of(spectrum), plan.window_size, data_of(plan.twiddles), data_of(own.transform_scratch))


@kernel
def backward(plan, own, spectrum, frame):
    """frame [window_size] = inverse FFT of spectrum [bin], by the `transform` parts of a plan and a state."""
    _backward(data_of(spectrum), data_of(frame), plan.window_size, data_of(plan.twiddles), data_of(own.transform_scratch))


@kernel
def receive(plan, state, sample, message):
    """Give a message, an EVENT, at `sample` to `hands.receive`."""
    _receive(address_of(plan), address_of(state), sample, np.int64(message.part), np.int64(message.status),
             np.int64(message.data1), np.int64(message.data2), np.int64(message.stem))


@kernel
def hear(plan, state, end):
    """Call `frame.hear`: the first half of the frame that ends before sample `end`."""
    return _hear(address_of(plan), address_of(state), end) != 0
