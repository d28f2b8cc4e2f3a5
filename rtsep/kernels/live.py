"""A device's block: notes out of the ring, the engine's entry, stems to outputs, meters. Runs in the audio callback.

The record LIVE (shared.py) is all that a callback is given. Nothing here allocates, locks, raises or waits.
"""

import numpy as np
from numba import carray, njit

from rtsep.kernels.arrivals import take_due, take_messages
from rtsep.kernels.atomic import call_address, load_acquire, now_ns, store_release
from rtsep.kernels.memory import CALL, EVENT, GAINS, PLAN
from rtsep.kernels.mix import smooth
from rtsep.kernels.native import OPTIONS, floats, integers, pointer
from rtsep.kernels.shared import (
    BURST,
    CLIPPED,
    CONTROLS,
    EPOCH,
    FADE,
    FADING,
    FRAMES,
    HEARTBEAT,
    HOLD,
    LATE,
    LOAD,
    LOST_EVENTS,
    LOST_PIECES,
    METERS,
    MIX,
    PLAYING,
    POSITION,
    RECORDED,
    RECORDING,
    SEEN_EPOCH,
    STARTED_NS,
    WANTED,
    WARMED,
    WORDS,
    WORST_LOAD,
)
from rtsep.kernels.taps import events_at, headers_at, tap_event, tap_sound

FADE_S = 0.02
METER_S = 0.3  # time constant of the falling meters
LOAD_SHARE = 0.05  # of the newest block in the smoothed load


@njit(**OPTIONS)
def warm_up(live, words):
    """Let this thread make its FFT plans, on a plan and state of their own that nobody hears."""
    call = carray(pointer(live.warm), 1, CALL)[0]
    plan = carray(pointer(call.plan), 1, PLAN)[0]
    call.frames = min(call.capacity, plan.hop)
    for _ in range(0, 2 * plan.hop, call.frames):  # the second is where the first frame's filters are designed
        call_address(live.entry, live.warm)
    words[WARMED] = 1


@njit(**OPTIONS)
def choose_plan(words, control, meters):
    """Take over the plan that control wants: at once if it goes on with the same state, else when all is faded out."""
    wanted = load_acquire(control, WANTED)
    if wanted == words[PLAYING]:
        return
    if control[FADING] == 0 or meters[FADE] <= 0 or words[PLAYING] == 0:
        if control[FADING] != 0:
            plan = carray(pointer(carray(pointer(wanted), 1, CALL)[0].plan), 1, PLAN)[0]
            words[HOLD], meters[FADE] = plan.latency, 0
        store_release(words, PLAYING, wanted)


@njit(**OPTIONS)
def next_fade(words, fade, step, leaving):
    """The output's level one sample later: towards 0 while another state is wanted, else towards 1."""
    if words[HOLD] > 0:
        words[HOLD] -= 1
        return np.float32(0)
    return max(fade - step, np.float32(0)) if leaving else min(fade + step, np.float32(1))


@njit(**OPTIONS)
def peak_of(samples, count):
    """Largest magnitude; what is no number counts as 0."""
    peak = np.float32(0)
    for i in range(count):
        x = abs(samples[i])
        if x > peak:
            peak = x
    return peak


@njit(**OPTIONS)
def write_outputs(live, words, control, meters, call, frames):
    """Fill output [output, sample] from mix and stems (behind their faders), all under the fade; count what clips."""
    stems = floats(call.stems, (live.stems, live.channels, call.capacity))
    mix = floats(call.mix, (live.channels, call.capacity))
    targets = floats(call.targets, (GAINS + live.stems,))
    output, sources = floats(live.output, (live.outputs, live.capacity)), integers(live.sources, (live.outputs, 2))
    levels = floats(live.levels, (live.stems,))
    rate = np.float32(carray(pointer(call.plan), 1, PLAN)[0].mixer_smoothing)
    fade, step = np.float32(meters[FADE]), np.float32(1.0 / (FADE_S * live.sample_rate))
    leaving = control[FADING] != 0 and load_acquire(control, WANTED) != words[PLAYING]
    for i in range(frames):
        smooth(levels, targets[GAINS:], rate)
        fade = next_fade(words, fade, step, leaving)
        for o in range(live.outputs):
            stem, channel = sources[o, 0], sources[o, 1]
            x = np.float32(0)
            if stem == MIX:
                x = mix[channel, i]
            elif stem >= 0:
                x = levels[stem] * stems[stem, channel, i]
            x *= fade
            if abs(x) > np.float32(1):
                words[CLIPPED] += 1
            output[o, i] = x
    meters[FADE] = fade


@njit(**OPTIONS)
def measure(live, call, frames):
    """Peaks of inputs, outputs and stems (behind their faders), falling slowly."""
    stems = floats(call.stems, (live.stems, live.channels, call.capacity))
    block, output = floats(live.input, (live.channels, live.capacity)), floats(live.output, (live.outputs, live.capacity))
    levels, peaks = floats(live.levels, (live.stems,)), floats(live.peaks, (live.channels + live.outputs + live.stems,))
    falling = np.float32(np.exp(-frames / (METER_S * live.sample_rate)))
    for i in range(peaks.shape[0]):
        peaks[i] *= falling
    for c in range(live.channels):
        peaks[c] = max(peaks[c], peak_of(block[c], frames))
    for o in range(live.outputs):
        peaks[live.channels + o] = max(peaks[live.channels + o], peak_of(output[o], frames))
    for s in range(live.stems):
        at = live.channels + live.outputs + s
        for c in range(live.channels):
            peaks[at] = max(peaks[at], levels[s] * peak_of(stems[s, c], frames))


@njit(**OPTIONS)
def record(live, words, call, count, frames):
    """Copy this piece and its events for the recorder."""
    headers, planes = headers_at(live.tap_headers), live.channels * (1 + live.stems)
    block = floats(live.input, (live.channels, live.capacity))
    stems = floats(call.stems, (live.stems, live.channels, call.capacity))
    kept = tap_sound(headers[0], floats(live.sound, (planes, live.sound_size)), headers[1],
                     integers(live.pieces, (live.pieces_size, 2)), words[RECORDED], block, stems, frames)
    words[LOST_PIECES] += np.int64(not kept)
    burst = carray(pointer(live.burst), (BURST,), EVENT)
    for i in range(count):
        kept = tap_event(headers[2], events_at(live.events, live.events_size), words[RECORDED] + burst[i].sample, burst[i])
        words[LOST_EVENTS] += np.int64(not kept)
    words[RECORDED] += frames


@njit(**OPTIONS)
def begin(live, frames):
    """A device's call begins; False if there is nothing to play yet and all stays silent."""
    words, control = integers(live.words, (WORDS,)), integers(live.control, (CONTROLS,))
    words[STARTED_NS] = now_ns()
    words[FRAMES] = frames
    if words[WARMED] == 0:
        warm_up(live, words)
        return False
    take_messages(live, words, control, words[STARTED_NS])
    return load_acquire(control, WANTED) != 0


@njit(**OPTIONS)
def advance(live, frames):
    """The samples input [channel, :frames] through the engine to output [output, :frames]; frames <= capacity."""
    words, control = integers(live.words, (WORDS,)), integers(live.control, (CONTROLS,))
    meters = floats(live.meters, (METERS,))
    choose_plan(words, control, meters)
    call = carray(pointer(words[PLAYING]), 1, CALL)[0]
    block, given = floats(live.input, (live.channels, live.capacity)), floats(call.input, (live.channels, call.capacity))
    for c in range(live.channels):
        for i in range(frames):
            given[c, i] = block[c, i]
    count = take_due(live, words, frames)
    call.frames, call.events, call.event_count = frames, live.burst, count
    call_address(live.entry, words[PLAYING])
    write_outputs(live, words, control, meters, call, frames)
    measure(live, call, frames)
    if load_acquire(control, RECORDING) != 0:
        record(live, words, call, count, frames)
    words[POSITION] += frames


@njit(**OPTIONS)
def finish(live, frames):
    """A device's call ends: its load, and whether it came too late."""
    words, control = integers(live.words, (WORDS,)), integers(live.control, (CONTROLS,))
    meters = floats(live.meters, (METERS,))
    share = np.float32(np.float64(now_ns() - words[STARTED_NS]) * 1e-9 * live.sample_rate / max(frames, 1))
    epoch = load_acquire(control, EPOCH)
    meters[LOAD] += np.float32(LOAD_SHARE) * (share - meters[LOAD])
    meters[WORST_LOAD] = share if epoch != words[SEEN_EPOCH] else max(meters[WORST_LOAD], share)
    words[SEEN_EPOCH] = epoch
    words[LATE] += np.int64(share > np.float32(1))
    store_release(words, HEARTBEAT, words[HEARTBEAT] + 1)
