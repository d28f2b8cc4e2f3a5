"""The compiled entry of a live mosaic: a block of input in, the same remade from the source's frames out.

As block.py in all that a host sees: the record `Call`, and all work at multiples of the hop's slots, counted from the first
sample after reset, so blocks of any size give the same output.
"""

import numpy as np
from numba import njit, types

from rtsep.kernels.block import write_input
from rtsep.kernels.grains import play_frame, search
from rtsep.kernels.linked import receive
from rtsep.kernels.memory import BYPASS, FRAMES, GAINS, POSITION, WET
from rtsep.kernels.mix import smooth
from rtsep.kernels.native import INNER, OPTIONS, flush_to_zero, restore_denormals
from rtsep.kernels.stft import analyse
from rtsep.kernels.views import call_at

MOSAIC, DRY = range(2)  # stems


@njit(**INNER)
def read_grains(plan, state, position, low, high, stems):
    """Fill stems[stem, channel, low:high]: the mosaic, and the input as late as it is."""
    size = plan.overlap
    for c in range(plan.channels):
        for i in range(low, high):
            at = position + i - low
            slot = at & (size - 1)
            stems[MOSAIC, c, i] = state.overlap_add[0, c, slot]
            state.overlap_add[0, c, slot] = 0
            stems[DRY, c, i] = state.ring[c, (at - size) & (plan.ring_size - 1)]


@njit(**OPTIONS)
def crossfade(stems, mix, count, values, targets, rate):
    """mix = bypass * dry + (1 - bypass) * (wet * gain * mosaic + (1 - wet) * gain * dry)"""
    for i in range(count):
        smooth(values, targets, rate)
        bypass, wet = values[BYPASS], values[WET]
        for c in range(mix.shape[0]):
            remade, dry = values[GAINS + MOSAIC] * stems[MOSAIC, c, i], values[GAINS + DRY] * stems[DRY, c, i]
            processed = wet * remade + (np.float32(1) - wet) * dry
            mix[c, i] = bypass * stems[DRY, c, i] + (np.float32(1) - bypass) * processed


@njit(**INNER)
def play_slot(plan, state, grains, end):
    """What is to be done when sample `end` is the next one to come."""
    slot = end % plan.hop // plan.slot
    if slot == 0:
        state.counters[FRAMES] += 1
        play_frame(plan, state, grains, analyse(plan, state, end), end)
    else:
        search(plan, state, grains, end, slot)


@njit(**INNER)
def play_block(call):
    """The samples and events (offsets, in order) of a CALL in; its stems and mix out."""
    plan, state, grains = call.plan, call.state, call.grains
    block, stems, events, count = call.input, call.stems, call.events, call.frames
    done = e = 0
    while done < count:
        position = state.position[POSITION]
        chunk = min(count - done, plan.slot - position % plan.slot)
        write_input(plan, state, block, done, done + chunk, position)
        read_grains(plan, state, position, done, done + chunk, stems)
        while e < events.shape[0] and events[e].sample < done + chunk:
            message = events[e]
            receive(plan, state, position + message.sample - done, message)
            e += 1
        done += chunk
        state.position[POSITION] = position + chunk
        if (position + chunk) % plan.slot == 0:
            play_slot(plan, state, grains, position + chunk)
    crossfade(stems, call.mix, count, state.mixer, call.targets, plan.mixer_smoothing)


def play(address):
    """Process the block that the CALL record at `address` describes. Any thread; nothing allocates, locks or raises."""
    call = call_at(address)
    word = flush_to_zero()
    play_block(call)
    restore_denormals(word)


EXPORTS = {"play": (play, types.void(types.int64))}
