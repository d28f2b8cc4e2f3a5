"""PortAudio's stream callback: it takes one block of interleaved samples from the device, and gives one back."""

import numpy as np
from numba import types

from rtsep.callbacks.live import advance, begin, finish
from rtsep.callbacks.shared import OVERFLOWS, UNDERFLOWS
from rtsep.callbacks.views import live_at
from rtsep.kernels.atomic import address_of
from rtsep.kernels.marks import kernel
from rtsep.kernels.native import flush_to_zero, restore_denormals
from rtsep.kernels.views import floats_at

CONTINUE = 0  # The stream goes on: paContinue in portaudio.h.
# Bits of PaStreamCallbackFlags in portaudio.h.
INPUT_UNDERFLOW, INPUT_OVERFLOW, OUTPUT_UNDERFLOW, OUTPUT_OVERFLOW = 1, 2, 4, 8


@kernel
def count_flags(live, flags):
    """Count the underflows and overflows that the device reports."""
    live.words[UNDERFLOWS] += np.int64(flags & (INPUT_UNDERFLOW | OUTPUT_UNDERFLOW) != 0)
    live.words[OVERFLOWS] += np.int64(flags & (INPUT_OVERFLOW | OUTPUT_OVERFLOW) != 0)


@kernel
def play_interleaved(live, source, target, frames):
    """Play a block. `source` [frame, channel] and `target` [frame, output] are addresses; 0: the device lacks this side."""
    block, output = live.input, live.output
    done = np.int64(0)
    while done < frames:
        count = min(frames - done, live.capacity)
        for c in range(live.channels):
            for i in range(count):
                block[c, i] = 0
        if source != 0:
            samples = floats_at(source, (frames, live.channels))
            for c in range(live.channels):
                for i in range(count):
                    block[c, i] = samples[done + i, c]
        advance(live, count)
        if target != 0:
            samples = floats_at(target, (frames, live.outputs))
            for o in range(live.outputs):
                for i in range(count):
                    samples[done + i, o] = output[o, i]
        done += count


def portaudio_callback(source, target, frames, _times, flags, user):
    """A PaStreamCallback whose user data is the address of a LIVE record."""
    live = live_at(address_of(user))
    word = flush_to_zero()
    count = np.int64(frames & np.uint64(0xFFFFFFFF))  # It is an `unsigned long`: on Windows only the lower half is given.
    if address_of(target) != 0:
        samples = floats_at(address_of(target), (count * live.outputs,))
        for i in range(count * live.outputs):
            samples[i] = 0
    count_flags(live, np.int64(flags & np.uint64(0xFFFFFFFF)))
    if begin(live, count, np.int64(0)):
        play_interleaved(live, address_of(source), address_of(target), count)
    finish(live, count)
    restore_denormals(word)
    return np.int32(CONTINUE)


EXPORTS = {"live": {"portaudio_callback": (portaudio_callback, types.int32(
    types.voidptr, types.voidptr, types.uint64, types.voidptr, types.uint64, types.voidptr))}}
