"""The compiled entry of a live mosaic: it rebuilds a block of input from the source's frames.

For a host it is like rtsep/stages/block.py: it takes the record `Call`, and works at multiples of the hop's slots, counted
from the first sample after reset. So blocks of any size give the same output.
"""

import numpy as np
from numba import types

from rtsep.grains.kernels import play_frame, search
from rtsep.grains.memory import GRAINS
from rtsep.kernels.marks import kernel, numeric
from rtsep.kernels.memory import BYPASS, GAINS, WET
from rtsep.kernels.native import flush_to_zero, restore_denormals
from rtsep.kernels.views import viewer
from rtsep.stages import analysis, lookahead
from rtsep.stages.block import receive_events
from rtsep.stages.call import CALL
from rtsep.stages.mixer import smooth

call_at, grains_at = viewer(CALL), viewer(GRAINS)
MOSAIC, DRY = range(2)  # Indices of the stems.


@kernel
def read_grains(plan, state, position, low, high, stems):
    """Fill stems[stem, channel, low:high] with the mosaic, and with the input, delayed by the same latency."""
    size = plan.overlap
    for c in range(plan.channels):
        for i in range(low, high):
            at = position + i - low
            slot = at & (size - 1)
            stems[MOSAIC, c, i] = state.rings[0, c, slot]
            state.rings[0, c, slot] = 0
            stems[DRY, c, i] = state.ring[c, (at - size) & (plan.ring_size - 1)]


@numeric
def crossfade(stems, mix, count, values, targets, rate):
    """mix = bypass * dry + (1 - bypass) * (wet * gain * mosaic + (1 - wet) * gain * dry)"""
    for i in range(count):
        smooth(values, targets, rate)
        bypass, wet = values[BYPASS], values[WET]
        for c in range(mix.shape[0]):
            remade, dry = values[GAINS + MOSAIC] * stems[MOSAIC, c, i], values[GAINS + DRY] * stems[DRY, c, i]
            processed = wet * remade + (np.float32(1) - wet) * dry
            mix[c, i] = bypass * stems[DRY, c, i] + (np.float32(1) - bypass) * processed


@kernel
def play_slot(plan, state, grains, end):
    """Do the work that is due before sample `end`: the frame in the first slot of a hop, the search in the others."""
    slot = end % plan.hop // plan.slot
    if slot == 0:
        analysis.step(plan.analysis, state.analysis, plan.transform, state.transform, state.sound, state.frame, end)
        play_frame(plan, state, grains, state.total, end)
    else:
        search(plan, state, grains, end, slot)


@kernel
def play_block(call, grains):
    """Process the samples and events (at offsets, in order) of a CALL; fill its stems and its mix."""
    plan, state, stems, events, count = call.plan, call.state, call.stems, call.events, call.frames
    lookahead.delay(plan.lookahead, state.lookahead, call.input, count)
    done = e = 0
    while done < count:
        position = state.position
        chunk = min(count - done, plan.slot - position % plan.slot)
        analysis.write_input(plan.analysis, state.analysis, state.sound, call.input, done, done + chunk)
        read_grains(plan, state, position, done, done + chunk, stems)
        e = receive_events(plan, state, events, e, done, done + chunk)
        done += chunk
        state.position = position + chunk
        if (position + chunk) % plan.slot == 0:
            play_slot(plan, state, grains, position + chunk)
    crossfade(stems, call.mix, count, state.mixer_values, call.targets, plan.mixer_smoothing)


def play(address):
    """Process the block that the CALL record at `address` describes. For any thread: it never allocates, locks or raises."""
    call = call_at(address)
    word = flush_to_zero()
    play_block(call, grains_at(call.grains))
    restore_denormals(word)


EXPORTS = {"mosaic": {"play": (play, types.void(types.int64))}}
