"""JACK's process callback: it takes one period of samples of every port, and plays each note at its own sample.

libjack must be loaded into the process first, since its functions are found by name.
"""

import numpy as np
from numba import types

from rtsep.callbacks.arrivals import enqueue
from rtsep.callbacks.live import advance, begin, finish
from rtsep.callbacks.ring import append
from rtsep.callbacks.shared import AHEAD, DELAY_NS, FRAMES, LAST_FRAME, LOST_HEARD, POSITION, STARTED_NS
from rtsep.callbacks.views import live_at
from rtsep.kernels.arrays import fill
from rtsep.kernels.atomic import address_of, load_acquire
from rtsep.kernels.marks import kernel
from rtsep.kernels.native import flush_to_zero, pointer, restore_denormals
from rtsep.kernels.views import floats_at, octets_at

jack_port_get_buffer = types.ExternalFunction("jack_port_get_buffer", types.voidptr(types.voidptr, types.uint32))
jack_midi_get_event_count = types.ExternalFunction("jack_midi_get_event_count", types.uint32(types.voidptr))
jack_midi_event_get = types.ExternalFunction(
    "jack_midi_event_get", types.int32(types.voidptr, types.voidptr, types.uint32))

jack_last_frame_time = types.ExternalFunction("jack_last_frame_time", types.uint32(types.voidptr))

# ports [word] holds the addresses of jack_client_t and of each jack_port_t, and then room for a jack_midi_event_t: its time
# (uint32), size and address.
CLIENT, MIDI_IN, FIRST_PORT = 0, 1, 2  # Places in `ports` of the client, of the MIDI input and of the first audio port.
MOST_SKIPPED = 1 << 31  # A step of more samples than this means that JACK's clock (of 32 bits) was set back.
EVENT_TIME, EVENT_SIZE, EVENT_DATA = 0, 1, 2  # Words of the event: its time in samples, its size, the address of its data.
SYSTEM = 0xF0  # The first of MIDI's status bytes that belong to no channel.
EVENT_WORDS = 3  # The room for the event has this many words.


@kernel
def buffer_of(port, frames):
    """The address of the samples of an audio port in this period."""
    return address_of(jack_port_get_buffer(pointer(port), np.uint32(frames)))


@kernel
def skipped_frames(live, ports, frames):
    """The samples between the last block and this one that JACK's clock counts, but that no block had: an xrun.

    JACK's clock counts the last block with its own length, or with the length of this one. After a delay, JACK can call twice
    in one cycle: then the recording is ahead of the clock, and its next gap is shorter by this much.
    """
    words, frame = live.words, np.int64(jack_last_frame_time(pointer(ports[CLIENT])))
    step = (frame - words[LAST_FRAME]) & 0xFFFFFFFF
    words[LAST_FRAME] = frame
    if step == 0:
        words[AHEAD] += frames
    if step > MOST_SKIPPED:
        words[AHEAD] = 0
        return np.int64(0)
    skipped = max(step - max(frames, words[FRAMES]), np.int64(0))
    made_up = min(skipped, words[AHEAD])
    words[AHEAD] -= made_up
    return skipped - made_up


@kernel
def take_midi(live, ports, frames):
    """Queue the notes of this period at their samples plus the delay of notes, and pass them to the control thread."""
    event = ports[ports.shape[0] - EVENT_WORDS :]
    room = pointer(event.ctypes.data)
    midi = jack_port_get_buffer(pointer(ports[MIDI_IN]), np.uint32(frames))
    delay = np.int64(np.float64(load_acquire(live.control, DELAY_NS)) * 1e-9 * live.sample_rate)
    for i in range(jack_midi_get_event_count(midi)):
        if jack_midi_event_get(room, midi, np.uint32(i)) != 0 or not 2 <= event[EVENT_SIZE] <= 3:
            continue
        data = octets_at(event[EVENT_DATA], (event[EVENT_SIZE],))
        status, number = np.int64(data[0]), np.int64(data[1])
        if status >= SYSTEM:  # It belongs to no channel. Corrections come only from the control thread.
            continue
        value = np.int64(data[2]) if event[EVENT_SIZE] == 3 else np.int64(0)
        due = live.words[POSITION] + (event[EVENT_TIME] & 0xFFFFFFFF) + delay
        enqueue(live, due, live.part, status, number, value)
        told = append(live.heard_header, live.heard, live.words[STARTED_NS], live.part, status, number, value)
        live.words[LOST_HEARD] += np.int64(not told)


@kernel
def play_ports(live, ports, frames):
    """Play all samples of a period, piece by piece."""
    block, output = live.input, live.output
    done = np.int64(0)
    while done < frames:
        count = min(frames - done, live.capacity)
        for c in range(live.channels):
            samples = floats_at(buffer_of(ports[FIRST_PORT + c], frames), (frames,))
            for i in range(count):
                block[c, i] = samples[done + i]
        advance(live, count)
        for o in range(live.outputs):
            samples = floats_at(buffer_of(ports[FIRST_PORT + live.channels + o], frames), (frames,))
            for i in range(count):
                samples[done + i] = output[o, i]
        done += count


def process_callback(frames, user):
    """A JackProcessCallback whose argument is the address of a LIVE record."""
    live = live_at(address_of(user))
    word = flush_to_zero()
    count, ports = np.int64(frames), live.ports
    for o in range(live.outputs):
        fill(floats_at(buffer_of(ports[FIRST_PORT + live.channels + o], count), (count,)), np.float32(0))
    if begin(live, count, skipped_frames(live, ports, count)):
        take_midi(live, ports, count)
        play_ports(live, ports, count)
    finish(live, count)
    restore_denormals(word)
    return np.int32(0)


EXPORTS = {"jack": {"process_callback": (process_callback, types.int32(types.uint32, types.voidptr))}}
