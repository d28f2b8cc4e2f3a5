"""Notes and pedals: MIDI messages -> voices.

A voice is one sounding note: it is held by its key or by a pedal, then it is released and rings on for a while.
"""

import numpy as np
from numba import njit, types

from rtsep.kernels.memory import (
    CAPTURED,
    CHANNEL,
    FREE,
    HELD,
    KEY_DOWN,
    OFF,
    ONSET,
    PART,
    PITCH,
    PITCHES,
    PRESSES,
    RELEASED,
    SOSTENUTO,
    STATUS,
    STEM,
    STOLEN_VOICES,
    SUSTAIN,
    UNMATCHED_NOTES,
    VELOCITY,
    VOICES,
)
from rtsep.kernels.native import INNER, OPTIONS
from rtsep.kernels.views import plan_at, state_at


@njit(**OPTIONS)
def find_voice(voices, part, channel, pitch):
    """The voice of this note, or -1."""
    for v in range(VOICES):
        voice = voices[v]
        if voice[STATUS] != FREE and voice[PITCH] == pitch and voice[CHANNEL] == channel and voice[PART] == part:
            return v
    return -1


@njit(**OPTIONS)
def free_voice(voices, counters):
    """A free voice; if all are taken, the one that is nearest its end (counted)."""
    oldest, best = np.int64(0), np.int64(-1)
    for v in range(VOICES):
        status = voices[v, STATUS]
        if status == FREE:
            return v
        rank = status * (np.int64(1) << 60) - voices[v, OFF if status == RELEASED else ONSET]
        if v == 0 or rank > best:
            oldest, best = v, rank
    counters[STOLEN_VOICES] += 1
    return oldest


@njit(**INNER)
def take_over(plan, voices, stem, pitch, struck):
    """What only rings of this pitch, in other stems of the same instrument, is over: the string is struck again.

    Else the new note would be divided between both hands of a piano while the old one is remembered (up to 0.7 dB).
    """
    for v in range(VOICES):
        voice = voices[v]
        rings = voice[STATUS] in (HELD, RELEASED) and voice[PITCH] == pitch and voice[STEM] != stem  # keys down: unisons
        if v != struck and rings and plan.first_row[voice[STEM], pitch] == plan.first_row[stem, pitch]:
            voice[STATUS] = FREE


@njit(**INNER)
def choke_others(plan, voices, sample, struck):
    """End the notes that the one `struck` chokes, as a closing hi-hat does: only the window remembers them."""
    group = plan.choke[struck[STEM]]
    for v in range(VOICES):
        voice, pitch = voices[v], voices[v, PITCH]
        rival = voice[STEM] == struck[STEM] and pitch != struck[PITCH] and group[pitch] == group[struck[PITCH]]
        if rival and voice[STATUS] != FREE:
            off = min(sample - plan.release[voice[STEM], pitch], voice[OFF] if voice[STATUS] == RELEASED else sample)
            voice[STATUS], voice[PRESSES], voice[CAPTURED], voice[OFF] = RELEASED, 0, 0, off


@njit(**INNER)
def note_on(plan, state, sample, part, channel, pitch, velocity, own):
    """Open a voice, or press its key once more: for the stem that it is routed to, or for `own` - 1 if that is not 0."""
    stem = np.int64(plan.route[part, channel, pitch]) if own == 0 else own - 1
    if stem < 0 or stem >= plan.stems - 1:
        return
    if plan.row_count[stem, pitch] == 0:
        state.counters[UNMATCHED_NOTES] += 1
        return
    v = find_voice(state.voices, part, channel, pitch)
    take_over(plan, state.voices, stem, pitch, v)
    if v < 0:
        v = free_voice(state.voices, state.counters)
        state.voices[v, PRESSES], state.voices[v, CAPTURED] = 0, 0
    voice = state.voices[v]
    voice[STATUS], voice[PART], voice[CHANNEL], voice[PITCH] = KEY_DOWN, part, channel, pitch
    voice[STEM], voice[ONSET], voice[VELOCITY] = stem, sample, velocity
    voice[PRESSES] += 1
    if plan.choke[stem, pitch]:
        choke_others(plan, state.voices, sample, voice)


@njit(**OPTIONS)
def lift(voice, pedals, sample):
    """The keys of `voice` are up: it is held by a pedal, or it is released."""
    voice[PRESSES] = 0
    if pedals[voice[PART], voice[CHANNEL], SUSTAIN] or voice[CAPTURED]:
        voice[STATUS] = HELD
    else:
        voice[STATUS], voice[OFF] = RELEASED, sample


@njit(**INNER)
def note_off(state, sample, part, channel, pitch):
    """One key of the note is up; overlapping presses of one pitch count."""
    v = find_voice(state.voices, part, channel, pitch)
    if v < 0 or state.voices[v, STATUS] != KEY_DOWN:
        return
    state.voices[v, PRESSES] -= 1
    if state.voices[v, PRESSES] <= 0:
        lift(state.voices[v], state.pedals, sample)


@njit(**INNER)
def release_held(state, sample, part, channel):
    """Release what no pedal of this part and channel holds any more."""
    for v in range(VOICES):
        voice = state.voices[v]
        if voice[STATUS] == HELD and voice[CHANNEL] == channel and voice[PART] == part:
            lift(voice, state.pedals, sample)


@njit(**INNER)
def set_pedal(state, sample, part, channel, pedal, down):
    """Sustain keeps every note whose key goes up; sostenuto keeps those whose keys are down when it is pressed."""
    was_down = state.pedals[part, channel, pedal]
    state.pedals[part, channel, pedal] = down
    if pedal == SOSTENUTO and down != was_down:
        for v in range(VOICES):
            voice = state.voices[v]
            if voice[CHANNEL] == channel and voice[PART] == part:
                voice[CAPTURED] = down and voice[STATUS] == KEY_DOWN
    if not down:
        release_held(state, sample, part, channel)


@njit(**INNER)
def all_off(state, sample, part, channel, respect_pedals):
    """Every key of this part and channel up (controller 123), or every sound off whatever the pedals (120)."""
    for v in range(VOICES):
        voice = state.voices[v]
        if voice[CHANNEL] != channel or voice[PART] != part:
            continue
        if voice[STATUS] == KEY_DOWN and respect_pedals:
            lift(voice, state.pedals, sample)
        elif voice[STATUS] in (KEY_DOWN, HELD) and not respect_pedals:
            voice[STATUS], voice[PRESSES], voice[CAPTURED], voice[OFF] = RELEASED, 0, 0, sample


@njit(**INNER)
def control(state, sample, part, channel, number, value):
    """A controller: pedals (64, 66), all sound off (120), reset controllers (121), all notes off (123 to 127)."""
    if number == 64:
        set_pedal(state, sample, part, channel, SUSTAIN, np.int64(value >= 64))
    elif number == 66:
        set_pedal(state, sample, part, channel, SOSTENUTO, np.int64(value >= 64))
    elif number == 120:
        all_off(state, sample, part, channel, False)
    elif number == 121:
        set_pedal(state, sample, part, channel, SUSTAIN, np.int64(0))
        set_pedal(state, sample, part, channel, SOSTENUTO, np.int64(0))
    elif number >= 123:
        all_off(state, sample, part, channel, True)


@njit(**INNER)
def receive(plan, state, sample, part, status, data1, data2, own):
    """One MIDI message at `sample`; what is no note and no pedal is ignored. `own`: EVENT's field `stem`."""
    kind, channel = status & 0xF0, status & 0x0F
    if part >= plan.route.shape[0] or data1 >= PITCHES:
        return
    if kind == 0x90 and data2 > 0:
        note_on(plan, state, sample, part, channel, data1, data2, own)
    elif kind in (0x80, 0x90):
        note_off(state, sample, part, channel, data1)
    elif kind == 0xB0:
        control(state, sample, part, channel, data1, data2)


def receive_at(plan_address, state_address, sample, part, status, data1, data2, own):
    """`receive` for the PLAN and the STATE at these addresses."""
    receive(plan_at(plan_address), state_at(state_address), sample, part, status, data1, data2, own)


_I = types.int64
EXPORTS = {"receive": (receive_at, types.void(_I, _I, _I, _I, _I, _I, _I, _I))}
