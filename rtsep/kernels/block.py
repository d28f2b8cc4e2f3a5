"""A block of input and its MIDI events through the whole chain.

Per block: events and samples go in, finished samples come out, and at each hop boundary one frame is
analysed -> gate -> activations -> models of the stems -> masks -> synthesis. Between the frames rows learn, and causal
filters are designed where they take the place of the synthesis. All lies at multiples of the hop, or of its slots, counted
from the first sample after reset, so blocks of any size give the same output.
"""

import numpy as np
from numba import njit

from rtsep.kernels.learning import learn
from rtsep.kernels.linked import estimate_models, receive
from rtsep.kernels.masks import soft_masks, suppress, weigh_residual
from rtsep.kernels.memory import APART, BAD_SAMPLES, FORETOLD, FRAMES, OPEN, POSITION, STEMS
from rtsep.kernels.mix import mix_block
from rtsep.kernels.native import INNER, OPTIONS, TRUNK, copy, fill
from rtsep.kernels.panning import place_stems, synthesise_stem
from rtsep.kernels.prediction import share_out
from rtsep.kernels.rest import TURNS, others_play, rest_factor
from rtsep.kernels.wiener import design_filters, filter_stems, note_heard, total_power

LOUDEST = 1e6  # what is louder than 120 dB over full scale is no sound but a fault
FAINTEST = 2**-126  # what is fainter is a denormal number, which slows down whatever comes after us


@njit(**INNER)
def write_input(plan, state, block, low, high, position):
    """Put block[channel, low:high] into the ring at `position`; what is no number becomes 0 and is counted."""
    limit, faint = np.float32(LOUDEST), np.float32(FAINTEST)
    for c in range(block.shape[0]):
        ring = state.ring[c]
        for i in range(low, high):
            x = block[c, i]
            if not abs(x) <= limit:
                x = np.float32(0)
                state.counters[BAD_SAMPLES] += 1
            elif abs(x) < faint:
                x = np.float32(0)
            at = (position + i - low) & (plan.ring_size - 1)
            ring[at] = ring[at + plan.ring_size] = x


@njit(**OPTIONS)
def take(source, target, rest):
    """The samples of `source` go to `target`, and are taken from `rest`; `source` is 0 then."""
    for i in range(target.shape[0]):
        y = source[i]
        source[i] = 0
        target[i] = y
        rest[i] -= y


@njit(**INNER)
def read_stems(plan, state, position, low, high, stems):
    """Fill stems[stem, channel, low:high] with the finished samples; residual = delayed input - the other stems.

    At most a slot, which no ring breaks off.
    """
    size, count = plan.overlap, high - low
    slot, begin = position & (size - 1), (position - size) & (plan.ring_size - 1)
    for c in range(plan.channels):
        rest = stems[plan.stems - 1, c, low:high]
        copy(state.ring[c, begin : begin + count], rest)
        for s in range(plan.stems - 1):
            if state.sounds_until[s] > position:
                take(state.overlap_add[s, c, slot : slot + count], stems[s, c, low:high], rest)
            else:
                fill(stems[s, c, low:high], np.float32(0))


@njit(**INNER)
def share_out_and_weigh(plan, state, end):
    """Note what rows learn from, by the masks as they are; then the residual's becomes what others ask for."""
    others = others_play(plan, state)
    if others > 0:
        rest_factor(plan, state, others, end // plan.hop % TURNS, state.Q)
    share_out(plan, state)
    if others > 0:
        weigh_residual(state.M, state.playing[: state.position[STEMS]], plan.bins, state.Q)


@njit(**INNER)
def overlap_add(plan, state, end, apart):
    """Add the masked frame of every stem that plays to what will be heard; whether stems lie `apart`."""
    for i in range(state.position[STEMS] - 1):
        stem = state.playing[i]
        synthesise_stem(plan, state, stem, end, apart)
        state.sounds_until[stem] = end + plan.overlap


@njit(**TRUNK)
def process_frame(plan, state, end):
    """One frame, ending before sample `end`: models of the stems -> masks -> synthesis, or what the filters are made of."""
    state.counters[FRAMES] += 1
    heard = estimate_models(plan, state, end)
    note_heard(state.fades, state.open_stem[: state.position[OPEN] if heard else 0])
    if plan.taps > 0:
        total_power(state.M, state.playing[: state.position[STEMS]], plan.bins, state.S)
    if heard:
        soft_masks(state.M, state.playing[: state.position[STEMS]], plan.bins, plan.power_halves, state.Q)
        if state.pending[FORETOLD]:
            share_out_and_weigh(plan, state, end)
        if plan.suppression != 1:
            suppress(state.M, state.playing[: state.position[STEMS]], plan.bins, plan.suppression)
    apart = plan.panning != 0 and place_stems(plan, state)
    state.position[APART] = np.int64(apart)
    if heard and plan.taps == 0:
        overlap_add(plan, state, end, apart)


@njit(**TRUNK)
def process_slot(plan, state, end):
    """What is to be done when sample `end` is the next one to come."""
    if end % plan.hop == 0:
        process_frame(plan, state, end)
    else:
        learn(plan, state, end)
        if plan.taps > 0:
            design_filters(plan, state, end)


@njit(**TRUNK)
def process_block(call):
    """The samples and events (offsets, in order) of a CALL in; its stems and mix out."""
    plan, state, block, stems, events, count = call.plan, call.state, call.input, call.stems, call.events, call.frames
    done = e = 0
    while done < count:
        position = state.position[POSITION]
        chunk = min(count - done, plan.slot - position % plan.slot)
        write_input(plan, state, block, done, done + chunk, position)
        if plan.taps > 0:
            filter_stems(plan, state, position, done, done + chunk, stems)
        else:
            read_stems(plan, state, position, done, done + chunk, stems)
        while e < events.shape[0] and events[e].sample < done + chunk:
            message = events[e]
            receive(plan, state, position + message.sample - done, message)
            e += 1
        done += chunk
        state.position[POSITION] = position + chunk
        if (position + chunk) % plan.slot == 0:
            process_slot(plan, state, position + chunk)
    mix_block(stems, call.mix, 0, count, state.mixer, call.targets, plan.mixer_smoothing)
