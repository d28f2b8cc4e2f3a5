"""A recording that plays instead of a microphone, or with it. Another thread reads the file ahead into a ring."""

import numpy as np
from numba import types

from rtsep.callbacks.arrivals import enqueue
from rtsep.callbacks.ring import room, waiting
from rtsep.callbacks.shared import (
    FILE_ENDED,
    FILE_FADE_S,
    FILE_FROM,
    FILE_GAIN,
    FILE_LEVEL,
    FILE_ON,
    FILE_QUIET,
    HEAD,
    INPUT_GAIN,
    INPUT_LEVEL,
    MILLIONTHS,
    POSITION,
    STARVED,
    TAIL,
)
from rtsep.callbacks.views import live_at
from rtsep.kernels.atomic import load_acquire, store_release
from rtsep.kernels.marks import kernel
from rtsep.kernels.views import events_at, floats_at


@kernel
def towards(level, target, step):
    """`level`, moved to `target` by at most `step`."""
    return min(level + step, target) if level < target else max(level - step, target)


@kernel
def skip_obsolete(live):
    """Skip the sound that was read before the last jump in the file."""
    header, first = live.file_headers[0], load_acquire(live.control, FILE_FROM)
    if header[TAIL] < first:
        store_release(header, TAIL, first)


@kernel
def queue_notes(live, begin, end):
    """Queue the notes of the recording at the ring's samples from `begin` to `end`; older ones are dropped."""
    header, events = live.file_headers[1], live.file_events
    first = load_acquire(live.control, FILE_FROM)
    for _ in range(waiting(header)):
        event = events[header[TAIL] & (events.shape[0] - 1)]
        if event.sample >= end:
            break
        if event.sample >= first:
            due = live.words[POSITION] + max(event.sample - begin, np.int64(0))
            enqueue(live, due, np.int64(event.part), np.int64(event.status), np.int64(event.data1), np.int64(event.data2))
        store_release(header, TAIL, header[TAIL] + 1)


@kernel
def mix_file(live, frames):
    """Mix the recording with `input` [channel, :frames], each at its level. While it does not play, the ring stays as it is."""
    control, words, meters, block, sound = live.control, live.words, live.meters, live.input, live.file
    size = sound.shape[1]
    if size <= 1:
        return
    step = np.float32(1.0 / (FILE_FADE_S * live.sample_rate))
    heard, playing = np.float32(meters[INPUT_LEVEL]), load_acquire(control, FILE_ON) != 0
    own = np.float32(control[INPUT_GAIN] / MILLIONTHS)
    target = np.float32(control[FILE_GAIN] / MILLIONTHS) if playing else np.float32(0)
    level, taken = np.float32(meters[FILE_LEVEL]), np.int64(0)
    skip_obsolete(live)
    words[FILE_QUIET] = np.int64(not playing and level <= 0)
    if words[FILE_QUIET] == 0:
        taken = min(waiting(live.file_headers[0]), frames)
        if taken < frames and load_acquire(control, FILE_ENDED) == 0:
            words[STARVED] += frames - taken
    tail = live.file_headers[0][TAIL]
    queue_notes(live, tail, tail + taken)
    for i in range(frames):
        heard, level = towards(heard, own, step), towards(level, target, step)
        for c in range(live.channels):
            x = sound[c, (tail + i) & (size - 1)] if i < taken else np.float32(0)
            block[c, i] = heard * block[c, i] + level * x
    meters[INPUT_LEVEL], meters[FILE_LEVEL] = heard, level
    store_release(live.file_headers[0], TAIL, tail + taken)


def file_room(address):
    """How many samples `put_file` can append now. Thread: the one writer."""
    live = live_at(address)
    return room(live.file_headers[0], live.file.shape[1])


def put_file(address, sound_address, frames, events_address, count):
    """Append float32 [channel, frames] of the recording, and its EVENT [count], at samples of the ring.

    Returns how many of the events fitted. Thread: the one writer, after `file_room`.
    """
    live = live_at(address)
    header, sound, size = live.file_headers[0], live.file, live.file.shape[1]
    notes, events = live.file_headers[1], live.file_events
    given, told = floats_at(sound_address, (sound.shape[0], frames)), events_at(events_address, (count,))
    fitting = min(count, room(notes, events.shape[0]))
    for i in range(fitting):
        events[(notes[HEAD] + i) & (events.shape[0] - 1)] = told[i]
    store_release(notes, HEAD, notes[HEAD] + fitting)
    for c in range(sound.shape[0]):
        for i in range(frames):
            sound[c, (header[HEAD] + i) & (size - 1)] = given[c, i]
    store_release(header, HEAD, header[HEAD] + frames)
    return fitting


_I = types.int64
EXPORTS = {"live": {"file_room": (file_room, _I(_I)), "put_file": (put_file, _I(_I, _I, _I, _I, _I))}}
