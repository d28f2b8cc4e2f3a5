"""Voices open and close templates: which rows a frame hears.

The rows of a voice stay open while the key or a pedal holds it, then for the frame's memory (the window still contains the
note) plus the release time of the pitch on the stem's instrument; or for an age of its note.
"""

import numpy as np
from numba import njit

from rtsep.kernels.memory import (
    CLOSED_ROWS,
    FREE,
    GROUPS,
    HELD,
    OFF,
    ONSET,
    PITCH,
    PITCHES,
    RELEASED,
    STATUS,
    STEM,
    STRUCK,
    VOICES,
)
from rtsep.kernels.native import INNER
from rtsep.kernels.onsets import NEVER


@njit(**INNER)
def close_voices(plan, state, end):
    """Free the voices that the frame ending before sample `end` cannot hear any more."""
    for v in range(VOICES):
        voice = state.voices[v]
        stem, pitch = voice[STEM], voice[PITCH]
        released = voice[STATUS] == RELEASED and end >= voice[OFF] + plan.window_size + plan.release[stem, pitch]
        decayed = voice[STATUS] == HELD and end >= voice[ONSET] + plan.window_size + plan.decay[stem, pitch]
        if released or decayed:
            voice[STATUS] = FREE


@njit(**INNER)
def last_level(plan, state, stem, pitch):
    """Sum of the last frame's activations of a stem's pitch."""
    level = np.float32(0)
    for row in range(plan.first_row[stem, pitch], plan.first_row[stem, pitch] + plan.row_count[stem, pitch]):
        level += state.H[stem, row]
    return level


@njit(**INNER)
def quietest_voice(plan, state, stamp, end):
    """The marked voice to close first: the quietest of the last frame, among equals the oldest.

    A note that is younger than a window has no level yet and counts as loud.
    """
    quietest, level, oldest = -1, np.float32(0), np.int64(0)
    for v in range(VOICES):
        voice = state.voices[v]
        stem, pitch = voice[STEM], voice[PITCH]
        if voice[STATUS] == FREE or state.marks[stem, pitch] != stamp:
            continue
        onset = state.youngest[stem, pitch]
        loudness = last_level(plan, state, stem, pitch) if end - onset >= plan.window_size else np.float32(np.inf)
        if quietest < 0 or loudness < level or (loudness == level and onset < oldest):
            quietest, level, oldest = v, loudness, onset
    return quietest


@njit(**INNER)
def open_pitches(plan, state, stamp, end):
    """Mark [stem, pitch] of every voice with `stamp`, keeping to `open_limit` rows; give the rows marked.

    Beyond the limit the quietest pitches close first; each closing is counted once.
    """
    opened = 0
    for v in range(VOICES):
        voice = state.voices[v]
        stem, pitch = voice[STEM], voice[PITCH]
        if voice[STATUS] == FREE:
            continue
        if state.marks[stem, pitch] != stamp:
            state.marks[stem, pitch] = stamp
            state.youngest[stem, pitch] = voice[ONSET]
            opened += plan.row_count[stem, pitch]
        state.youngest[stem, pitch] = max(state.youngest[stem, pitch], voice[ONSET])
    while opened > plan.open_limit:
        v = quietest_voice(plan, state, stamp, end)
        stem, pitch = state.voices[v, STEM], state.voices[v, PITCH]
        state.marks[stem, pitch] = stamp - 1
        opened -= plan.row_count[stem, pitch]
        struck_now = end - state.youngest[stem, pitch] <= plan.hop
        if struck_now or last_level(plan, state, stem, pitch) > 0:  # it closes now: later frames count it no more
            state.counters[CLOSED_ROWS] += plan.row_count[stem, pitch]
    return opened


@njit(**INNER)
def add_told(plan, state, stem, pitch, end, count):
    """Open the rows of a stem's pitch that its youngest note's age asks for, without gates all; give the new count."""
    onset, first = state.youngest[stem, pitch], plan.first_row[stem, pitch]
    for row in range(first, first + plan.row_count[stem, pitch]):
        if not plan.gated or plan.row_age[row, 0] <= end - onset < plan.row_age[row, 1]:
            state.open_row[count], state.open_stem[count], state.open_onset[count] = row, stem, onset
            count += 1
    return count


@njit(**INNER)
def add_early(plan, state, stem, pitch, end, count, room):
    """Open the first rows of a drum that was struck before, if its trigger may be late; at most `room`. The new count.

    Those that are open already, since the last stroke is young, are not opened twice.
    """
    if plan.drums[stem] == 0 or state.youngest[stem, pitch] == 0 or end - state.position[STRUCK] >= plan.early:
        return count
    first, most = plan.first_row[stem, pitch], count + room
    age = end - state.youngest[stem, pitch] if state.marks[stem, pitch] == end + 1 else np.int64(NEVER)
    for row in range(first, first + plan.row_count[stem, pitch]):
        told = plan.row_age[row, 0] <= age < plan.row_age[row, 1]
        if count < most and not told and plan.row_age[row, 0] < plan.early:
            state.open_row[count], state.open_stem[count], state.open_onset[count] = row, stem, NEVER
            count += 1
    return count


@njit(**INNER)
def open_rows(plan, state, end):
    """Fill `open_row`, `open_stem`, `open_onset`, stem by stem, for the frame that ends before `end`; give their count.

    The open rows of a stem's pitch are a group: `group_first`, `group_at`, and their number in `position`. Those that are open
    early are a group of their own, which no voice finds.
    """
    room = np.int64(0)
    if plan.gated:
        close_voices(plan, state, end)
        room = plan.open_limit - open_pitches(plan, state, end + 1, end)
    count = groups = 0
    for stem in range(plan.stems - 1):
        for pitch in range(PITCHES):
            begin = count
            state.group_at[stem, pitch] = -1
            if state.marks[stem, pitch] == end + 1 if plan.gated else plan.reach[stem, pitch] != 0:
                count = add_told(plan, state, stem, pitch, end, count)
            if count > begin:
                state.group_at[stem, pitch], state.group_first[groups] = groups, begin
                groups += 1
            begin = count
            count = add_early(plan, state, stem, pitch, end, count, room)
            room -= count - begin
            if count > begin:
                state.group_first[groups] = begin
                groups += 1
    state.group_first[groups], state.position[GROUPS] = count, groups
    return count
