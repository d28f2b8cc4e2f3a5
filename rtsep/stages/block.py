"""Processes one block of input and its MIDI events, of any size, with all stages.

Events and samples go in, and finished samples come out. One frame is processed at each hop boundary (`frame`). All work is done
at multiples of the hop, or of its slots, counted from the first sample after reset. So blocks of any size give the same output.
"""

from rtsep.kernels.linked import receive
from rtsep.kernels.marks import kernel, trunk
from rtsep.stages import analysis, filters, frame, lookahead, mixer, overlap_add


@kernel
def receive_events(plan, state, events, first, low, high):
    """Receive the events from number `first` on with offsets below `high`; give the number of the first event that is left.

    `low` is the offset of the next sample.
    """
    position = state.sound.position
    while first < events.shape[0] and events[first].sample < high:
        message = events[first]
        receive(plan, state, position + message.sample - low, message)
        first += 1
    return first


@trunk
def process_block(call):
    """Take in the samples and events (at offsets, in order) of a CALL; fill its stems and its mix."""
    plan, state, stems, events, count = call.plan, call.state, call.stems, call.events, call.frames
    sound = state.sound
    lookahead.delay(plan.lookahead, state.lookahead, call.input, count)
    done = e = 0
    while done < count:
        chunk = min(count - done, plan.slot - sound.position % plan.slot)
        analysis.write_input(plan.analysis, state.analysis, sound, call.input, done, done + chunk)
        if plan.taps > 0:
            filters.filter_stems(plan.filters, state.filters, sound, done, done + chunk, stems)
        else:
            overlap_add.read_stems(plan.overlap_add, state.overlap_add, sound, done, done + chunk, stems)
        e = receive_events(plan, state, events, e, done, done + chunk)
        done += chunk
        sound.position += chunk
        if sound.position % plan.hop == 0:
            frame.process(plan, state, sound.position)
        elif sound.position % plan.slot == 0:
            frame.between(plan, state, sound.position)
    mixer.mix_block(stems, call.mix, 0, count, state.mixer.mixer_values, call.targets, plan.mixer_smoothing)
