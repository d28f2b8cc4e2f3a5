"""Recording: inputs and stems are copied into rings, and another thread moves them from there into files.

The last seconds of the input and the last events are always kept, for checks during play, and the last samples of the stems
while somebody watches them; those rings are never emptied.
"""

import numpy as np
from numba import types

from rtsep.callbacks.ring import room, waiting
from rtsep.callbacks.shared import HEAD, KEPT_EVENTS, POSITION, TAIL
from rtsep.callbacks.views import live_at
from rtsep.kernels.atomic import store_release
from rtsep.kernels.marks import kernel
from rtsep.kernels.memory import CORRECTION, STEM_TOLD
from rtsep.kernels.views import events_at, floats_at, integers_at
from rtsep.stages import hands
from rtsep.stages.polyphony import FREE, VOICES

# Columns of a piece: its first sample since the first `record_start`; its length in samples, or, below 0, the length of a time
# without sound in which the device was away; the number of the recording that it belongs to.
START, LENGTH, SESSION = range(3)


@kernel
def tap_sound(header, sound, pieces_header, pieces, session, position, block, stems, frames):
    """Append block [channel] and stems [stem, channel] to the planes of `sound` [plane, size]. False: it is full.

    A piece that does not fit is left out as a whole. The START of the next piece shows how much is missing.
    """
    size = sound.shape[1]
    if room(header, size) < frames or room(pieces_header, pieces.shape[0]) <= 0:
        return False
    head, plane = header[HEAD], 0
    for c in range(block.shape[0]):
        for i in range(frames):
            sound[plane, (head + i) & (size - 1)] = block[c, i]
        plane += 1
    for s in range(stems.shape[0]):
        for c in range(stems.shape[1]):
            for i in range(frames):
                sound[plane, (head + i) & (size - 1)] = stems[s, c, i]
            plane += 1
    piece = pieces[pieces_header[HEAD] & (pieces.shape[0] - 1)]
    piece[START], piece[LENGTH], piece[SESSION] = position, frames, session
    store_release(header, HEAD, head + frames)
    store_release(pieces_header, HEAD, pieces_header[HEAD] + 1)
    return True


@kernel
def tap_absence(pieces_header, pieces, session, position, samples):
    """Append a piece without sound: the device was away for `samples` samples before `position`. False: the ring is full."""
    if room(pieces_header, pieces.shape[0]) <= 0:
        return False
    piece = pieces[pieces_header[HEAD] & (pieces.shape[0] - 1)]
    piece[START], piece[LENGTH], piece[SESSION] = position, -samples, session
    store_release(pieces_header, HEAD, pieces_header[HEAD] + 1)
    return True


@kernel
def tap_event(header, events, position, event):
    """Append an event that was played at the absolute sample `position`. False: the ring is full."""
    if room(header, events.shape[0]) <= 0:
        return False
    copy = events[header[HEAD] & (events.shape[0] - 1)]
    copy.sample, copy.part, copy.status = position, event.part, event.status
    copy.data1, copy.data2 = event.data1, event.data2
    store_release(header, HEAD, header[HEAD] + 1)
    return True


@kernel
def tap_stem(header, events, position, note, stem):
    """Append the stem of a note that began at the absolute sample `position`. False: the ring is full."""
    if room(header, events.shape[0]) <= 0:
        return False
    tap = events[header[HEAD] & (events.shape[0] - 1)]
    tap.sample, tap.part, tap.status = position, note.part, STEM_TOLD
    tap.data1, tap.data2, tap.stem = note.pitch, note.channel, stem + 1
    store_release(header, HEAD, header[HEAD] + 1)
    return True


@kernel
def tap_parts(header, events, position, voices, begin):
    """Append the parts of the score's notes that began at the engine's sample `begin` or later. Returns how many did not fit.

    `position`: the absolute sample that is the engine's sample `begin`.
    """
    lost = np.int64(0)
    for v in range(VOICES):
        if voices[v].status != FREE and voices[v].onset >= begin:
            lost += np.int64(not tap_stem(header, events, position + voices[v].onset - begin, voices[v], voices[v].stem))
    return lost


@kernel
def tap_hands(header, events, position, plan, state, begin, corrected):
    """The same for hands. Also for notes that can no longer change hands since this block; after a correction, for all notes.

    If a note changes hands less than REVISE_S before the end of the recording, only its first hand is recorded.
    """
    own, end, lost = state.hands, state.sound.position, np.int64(0)
    settling = np.int64(np.float32(hands.REVISE_S) / plan.sample_s) + 2
    hands.follow_voices(own, state.notes.voices)
    for i in range(own.recent_count):
        note = own.recent[i]
        is_new = begin <= note.sample or begin <= note.sample + settling < end
        if is_new or (corrected and note.status != FREE):
            stem = hands.stem_of(plan, note.hand)
            lost += np.int64(not tap_stem(header, events, position + note.sample - begin, note, stem))
    return lost


@kernel
def tap_stems(header, events, position, call, frames, corrected):
    """Append the stems of the notes of a block that begins at the absolute sample `position`, if they are found during play.

    Returns how many did not fit.
    """
    plan, state = call.plan, call.state
    begin = state.sound.position - frames
    if plan.by_hands != 0:
        return tap_hands(header, events, position, plan, state, begin, corrected)
    if plan.score_chords > 0:
        return tap_parts(header, events, position, state.notes.voices, begin)
    return np.int64(0)


@kernel
def is_corrected(burst, count):
    """Whether one of these events is a correction of the hands by the player."""
    found = False
    for i in range(count):
        found = found or burst[i].status == CORRECTION
    return found


@kernel
def keep_last(live, count, frames):
    """Keep this piece of the input and its `count` events; they replace the oldest ones."""
    words, ear, events = live.words, live.ear, live.ear_events
    for c in range(live.channels):
        for i in range(frames):
            ear[c, (words[POSITION] + i) & (ear.shape[1] - 1)] = live.input[c, i]
    for i in range(count):
        tap = events[(words[KEPT_EVENTS] + i) & (events.shape[0] - 1)]
        tap.sample, tap.part, tap.status = words[POSITION] + live.burst[i].sample, live.burst[i].part, live.burst[i].status
        tap.data1, tap.data2 = live.burst[i].data1, live.burst[i].data2
    store_release(words, KEPT_EVENTS, words[KEPT_EVENTS] + count)


@kernel
def keep_stems(live, stems, frames):
    """Keep this piece of `stems` [stem, channel], all channels in one, over the oldest that is kept."""
    ear, position, channels = live.stem_ear, live.words[POSITION], stems.shape[1]
    for s in range(live.stems):
        for i in range(frames):
            total = np.float32(0)
            for c in range(channels):
                total += stems[s, c, i]
            ear[s, (position + i) & (ear.shape[1] - 1)] = total / np.float32(channels)


def read_piece(address, block_address, capacity, told_address):
    """Move the oldest piece of the LIVE record at `address` into float32 [plane, capacity].

    Its first sample and the number of its recording go to int64 [2]. Returns its length; 0 if there is no piece; or minus the
    number of samples for which the device was away. Thread: the one reader.
    """
    live = live_at(address)
    header, pieces_header, sound, pieces = live.tap_headers[0], live.tap_headers[1], live.sound, live.pieces
    if waiting(pieces_header) <= 0:
        return 0
    piece = pieces[pieces_header[TAIL] & (pieces.shape[0] - 1)]
    start, length = piece[START], piece[LENGTH]
    block = floats_at(block_address, (sound.shape[0], capacity))
    told = integers_at(told_address, (2,))
    told[0], told[1] = start, piece[SESSION]
    if length < 0:
        store_release(pieces_header, TAIL, pieces_header[TAIL] + 1)
        return length
    tail, size = header[TAIL], sound.shape[1]
    for plane in range(sound.shape[0]):
        for i in range(length):
            block[plane, i] = sound[plane, (tail + i) & (size - 1)]
    store_release(header, TAIL, tail + length)
    store_release(pieces_header, TAIL, pieces_header[TAIL] + 1)
    return length


def read_events(address, found_address, most):
    """Move the waiting events of the LIVE record at `address` into EVENT [most]; gives their number. Thread: the one reader."""
    live = live_at(address)
    header, events = live.tap_headers[2], live.events
    found = events_at(found_address, (most,))
    count = min(waiting(header), most)
    for i in range(count):
        found[i] = events[(header[TAIL] + i) & (events.shape[0] - 1)]
    store_release(header, TAIL, header[TAIL] + count)
    return count


_I = types.int64
EXPORTS = {"live": {"read_piece": (read_piece, _I(_I, _I, _I, _I)), "read_events": (read_events, _I(_I, _I, _I))}}
