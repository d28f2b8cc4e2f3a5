"""Kernels that are compiled by themselves, and called by their names: so several are compiled at once, and each only once."""

import numpy as np
from numba import njit, types

from rtsep.kernels.atomic import address_of
from rtsep.kernels.native import INNER
from rtsep.kernels.views import data_of

_I = types.int64
_forward = types.ExternalFunction("rtsep_forward", types.void(_I, _I, _I, _I, _I))
_backward = types.ExternalFunction("rtsep_backward", types.void(_I, _I, _I, _I, _I))
_receive = types.ExternalFunction("rtsep_receive", types.void(_I, _I, _I, _I, _I, _I, _I, _I))
_estimate_models = types.ExternalFunction("rtsep_estimate_models", _I(_I, _I, _I))


@njit(**INNER)
def forward(plan, state, frame, spectrum):
    """spectrum [bin] = FFT of frame [window_size]"""
    _forward(data_of(frame), data_of(spectrum), plan.window_size, data_of(plan.twiddles), data_of(state.scratch))


@njit(**INNER)
def backward(plan, state, spectrum, frame):
    """frame [window_size] = inverse FFT of spectrum [bin]"""
    _backward(data_of(spectrum), data_of(frame), plan.window_size, data_of(plan.twiddles), data_of(state.scratch))


@njit(**INNER)
def receive(plan, state, sample, message):
    """A message, an EVENT, at `sample`: see voices.py."""
    _receive(address_of(plan), address_of(state), sample, np.int64(message.part), np.int64(message.status),
             np.int64(message.data1), np.int64(message.data2), np.int64(message.stem))


@njit(**INNER)
def estimate_models(plan, state, end):
    """The first half of the frame that ends before sample `end`: see estimate.py."""
    return _estimate_models(address_of(plan), address_of(state), end) != 0
