"""Calls the native callback block by block, as a device does, but without a device."""

from __future__ import annotations

import contextlib
import ctypes

import numpy as np

from rtsep.callbacks import shared
from rtsep.compiling import machine
from rtsep.hosts.lanes import MIX, Lanes

RATE = 44100.0
_SIGNATURE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_void_p,
                              ctypes.c_ulong, ctypes.c_void_p)
callback = _SIGNATURE(machine.address("live", "portaudio_callback"))


def call(lanes, block, flags=0, around=None):
    """Pass one block [channel, n] through the callback, within `around`; returns [output, n]."""
    source = np.ascontiguousarray(block.T, np.float32)
    target = np.full((block.shape[1], lanes.outputs), np.nan, np.float32)
    addresses = source.ctypes.data, target.ctypes.data
    with around or contextlib.nullcontext():
        assert callback(*addresses, block.shape[1], None, flags, lanes.address) == 0
    return target.T


def warmed(separator, sources, rate=RATE, **options):
    """Lanes whose callback is warm and fully faded in, while the engine is still at sample 0."""
    lanes = Lanes(separator, rate, sources, **options)
    assert not call(lanes, np.zeros((lanes.channels, 8), np.float32)).any()
    lanes._arrays["meters"][shared.FADE], lanes._arrays["words"][shared.PLAYING] = 1, lanes._arrays["control"][shared.WANTED]
    return lanes


def stem_sources(separator):
    """Routes each channel of each stem to its own output, after those of the mix."""
    plan = separator.prepared.plan
    return [(MIX, c) for c in range(plan.channels)] + [(s, c) for s in range(plan.stems) for c in range(plan.channels)]
