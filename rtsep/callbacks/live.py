"""One block of a device: take notes from the ring, call the engine, route stems to outputs, update meters.

It runs in the audio callback, which gets only the record LIVE (shared.py). Nothing here allocates, locks, raises or waits.
"""

import numpy as np

from rtsep.callbacks.arrivals import take_due, take_messages
from rtsep.callbacks.playback import mix_file
from rtsep.callbacks.shared import (
    AHEAD,
    AWAY,
    BACK,
    CLIPPED,
    DUE_NS,
    EPOCH,
    FADE,
    FADING,
    FRAMES,
    HEARTBEAT,
    HOLD,
    LATE,
    LATE_BY_WORK,
    LATENCY,
    LOAD,
    LOST_EVENTS,
    LOST_PIECES,
    MIX,
    PLAYING,
    POSITION,
    PRE_FADER,
    RECORDED,
    RECORDING,
    SEEN_EPOCH,
    STARTED_NS,
    STARTED_WORK_NS,
    WANTED,
    WARMED,
    WATCHED,
    WORST_LOAD,
    WORST_WORK,
)
from rtsep.callbacks.taps import is_corrected, keep_last, keep_stems, tap_absence, tap_event, tap_sound, tap_stems
from rtsep.callbacks.views import call_at
from rtsep.kernels.atomic import address_of, call_address, load_acquire, now_ns, store_release, thread_ns
from rtsep.kernels.marks import kernel, numeric
from rtsep.kernels.memory import GAINS
from rtsep.stages.mixer import smooth

FADE_S = 0.02  # The fade-out of one state, and the fade-in of the next, last this many seconds.
METER_S = 0.3  # The meters fall with this time constant, in seconds.
AWAY_NS = 2_000_000_000  # A device that asks for a block this many nanoseconds too late was away, even without a report.
CREDIBLE = 2  # A report of skipped samples is credible up to this many times the samples that the block is late by.
LOAD_SHARE = 0.05  # The newest block has this share in the smoothed load.


@kernel
def warm_up(live):
    """Run the engine on a separate plan and state, which are not heard, so that code and memory are in this thread's caches."""
    call, left = live.warm, 2 * live.warm.plan.hop  # The first frame's filters are designed in the second hop.
    call.frames = min(call.capacity, call.plan.hop)
    while left > 0:
        call_address(live.entry, address_of(call))
        left -= call.frames
    live.words[WARMED] = 1


@numeric
def latency_of(plan):
    """Samples from input to output, with the lookahead."""
    return plan.latency + plan.ahead


@kernel
def choose_plan(live):
    """Switch to the plan that the control thread wants: at once if its state is the same, else after the fade-out."""
    words, control, meters = live.words, live.control, live.meters
    wanted = load_acquire(control, WANTED)
    if wanted == words[PLAYING]:
        return
    if control[FADING] == 0 or meters[FADE] <= 0 or words[PLAYING] == 0:
        if control[FADING] != 0:
            words[HOLD], meters[FADE] = latency_of(call_at(wanted).plan), 0
        words[LATENCY] = latency_of(call_at(wanted).plan)
        store_release(words, PLAYING, wanted)


@kernel
def next_fade(words, fade, step, leaving):
    """The level of the output one sample later: it moves to 0 while another state is wanted, else to 1."""
    if words[HOLD] > 0:
        words[HOLD] -= 1
        return np.float32(0)
    return max(fade - step, np.float32(0)) if leaving else min(fade + step, np.float32(1))


@kernel
def peak_of(samples, count):
    """The largest magnitude; NaN counts as 0."""
    peak = np.float32(0)
    for i in range(count):
        x = abs(samples[i])
        if x > peak:
            peak = x
    return peak


@kernel
def write_outputs(live, call, frames):
    """Fill output [output, sample] with mix and stems, apply the fade, and count clipped samples.

    Stems are taken after their faders, or before them with PRE_FADER.
    """
    words, control, meters, output, sources, levels = (
        live.words, live.control, live.meters, live.output, live.sources, live.levels)
    stems, mix, targets, rate = call.stems, call.mix, call.targets, call.plan.mixer_smoothing
    fade, step = np.float32(meters[FADE]), np.float32(1.0 / (FADE_S * live.sample_rate))
    pre_fader = load_acquire(control, PRE_FADER) != 0
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
                x = stems[stem, channel, i] if pre_fader else levels[stem] * stems[stem, channel, i]
            x *= fade
            if abs(x) > np.float32(1):
                words[CLIPPED] += 1
            output[o, i] = x
    meters[FADE] = fade


@kernel
def measure(live, call, frames):
    """Update the slowly falling peaks of inputs, outputs and stems (after their faders)."""
    stems, block, output, levels, peaks = call.stems, live.input, live.output, live.levels, live.peaks
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


@kernel
def record(live, call, session, count, frames):
    """Copy this piece and its events for the recording with the number `session`."""
    headers, words, burst, events = live.tap_headers, live.words, live.burst, live.events
    if words[AWAY] > 0 and tap_absence(headers[1], live.pieces, session, words[RECORDED], words[AWAY]):
        words[AWAY] = 0
    for i in range(count):  # Events come first, so that a reader of a piece finds its events.
        kept = tap_event(headers[2], events, words[RECORDED] + burst[i].sample, burst[i])
        words[LOST_EVENTS] += np.int64(not kept)
    words[LOST_EVENTS] += tap_stems(headers[2], events, words[RECORDED], call, frames, is_corrected(burst, count))
    kept = tap_sound(
        headers[0], live.sound, headers[1], live.pieces, session, words[RECORDED], live.input, call.stems, frames)
    words[LOST_PIECES] += np.int64(not kept)
    words[RECORDED] += frames


@kernel
def notice_absence(live, frames, skipped):
    """Count how long the device was away before this block, for the recording.

    The device itself reports `skipped` samples. This is used unless it is much more than the block is late by: after an xrun of
    the driver, some versions of JACK count microseconds there.
    """
    words = live.words
    late_ns = words[STARTED_NS] - words[DUE_NS]
    late = np.int64(1e-9 * late_ns * live.sample_rate)
    if words[DUE_NS] > 0 and late_ns > (0 if words[BACK] != 0 else AWAY_NS):
        words[AWAY] += late
    elif words[DUE_NS] > 0 and words[BACK] == 0:
        credible = skipped <= CREDIBLE * (late + 4 * frames)  # Perhaps the block before was late, too.
        words[AWAY] += skipped if credible else max(late, 0)
    words[BACK], words[DUE_NS] = 0, words[STARTED_NS] + np.int64(1e9 * frames / live.sample_rate)


@kernel
def begin(live, frames, skipped):
    """Begin a call of the device. False: there is nothing to play yet, and the block stays silent.

    `skipped`: the samples before the block that the device says it has left out.
    """
    words = live.words
    words[FRAMES] = frames
    warm = words[WARMED] != 0
    if not warm:
        warm_up(live)  # Before the clock starts, so that it counts neither as load nor as a late block.
    words[STARTED_NS], words[STARTED_WORK_NS] = now_ns(), thread_ns()
    if not warm:
        words[BACK] = 1
        return False
    notice_absence(live, frames, skipped)
    take_messages(live, words[STARTED_NS])
    return load_acquire(live.control, WANTED) != 0


@kernel
def advance(live, frames):
    """Send input [channel, :frames] through the engine into output [output, :frames]; frames <= capacity."""
    choose_plan(live)
    call = call_at(live.words[PLAYING])
    block, given = live.input, call.input
    mix_file(live, frames)
    for c in range(live.channels):
        for i in range(frames):
            given[c, i] = block[c, i]
    count = take_due(live, frames)
    call.frames, call.events, call.event_count = frames, live.burst, count
    call_address(live.entry, live.words[PLAYING])
    write_outputs(live, call, frames)
    measure(live, call, frames)
    keep_last(live, count, frames)
    if load_acquire(live.control, WATCHED) != 0:
        keep_stems(live, call.stems, frames)
    session = load_acquire(live.control, RECORDING)
    if session != 0:
        record(live, call, session, count, frames)
    else:
        live.words[AWAY], live.words[AHEAD] = 0, 0
    live.words[POSITION] += frames


@kernel
def finish(live, frames):
    """End a call of the device: note its load, and whether it was late, in all or by its own work."""
    words, meters = live.words, live.meters
    block_ns = 1e9 * max(frames, 1) / live.sample_rate
    work = np.float32((thread_ns() - words[STARTED_WORK_NS]) / block_ns)  # Read first, so that it never exceeds the share.
    share = np.float32((now_ns() - words[STARTED_NS]) / block_ns)
    epoch = load_acquire(live.control, EPOCH)
    new = epoch != words[SEEN_EPOCH]
    meters[LOAD] += np.float32(LOAD_SHARE) * (share - meters[LOAD])
    meters[WORST_LOAD] = share if new else max(meters[WORST_LOAD], share)
    meters[WORST_WORK] = work if new else max(meters[WORST_WORK], work)
    words[SEEN_EPOCH] = epoch
    words[LATE] += np.int64(share > np.float32(1))
    words[LATE_BY_WORK] += np.int64(work > np.float32(1))
    store_release(words, HEARTBEAT, words[HEARTBEAT] + 1)
