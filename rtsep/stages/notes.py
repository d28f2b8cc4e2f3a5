"""Stage: notes and pedals. It turns MIDI messages into voices.

A voice is one sounding note. Its key or a pedal holds it; then it is released and rings on for a while.
"""

import numpy as np

from rtsep.kernels.fields import Part, array, cell
from rtsep.kernels.marks import kernel, numeric
from rtsep.kernels.memory import CHANNELS, PARTS, PITCHES
from rtsep.stages.polyphony import FREE, HELD, KEY_DOWN, RELEASED, VOICE, VOICES, expect_attack

PLAN = Part("notes", (), sees=("common", "instruments"))
STATE = Part("notes", (
    cell("unmatched_notes", "int64", "notes since reset for which the preset has no template"),
    cell("stolen_voices", "int64", "voices since reset that a new note replaced because all were taken"),
    array("voices", VOICE, f"{VOICES}", "notes that sound"),
    array("sustain", "int64", f"{PARTS}, {CHANNELS}", "is the pedal down?"),
    array("sostenuto", "int64", f"{PARTS}, {CHANNELS}", "is the pedal down?"),
))


@numeric
def find_voice(voices, part, channel, pitch):
    """The voice of this note, or -1."""
    for v in range(VOICES):
        voice = voices[v]
        if voice.status != FREE and voice.pitch == pitch and voice.channel == channel and voice.part == part:
            return v
    return -1


@kernel
def free_voice(own):
    """A free voice; if all are taken, the one that is nearest to its end, which is counted."""
    voices, oldest, best = own.voices, np.int64(0), np.int64(-1)
    for v in range(VOICES):
        status = voices[v].status
        if status == FREE:
            return v
        since = voices[v].off if status == RELEASED else voices[v].onset
        rank = status * (np.int64(1) << 60) - since
        if v == 0 or rank > best:
            oldest, best = v, rank
    own.stolen_voices += 1
    return oldest


@kernel
def same_string(plan, stem, other, pitch):
    """Do both stems play the pitch on one instrument, with the same templates?"""
    return plan.row_count[stem, pitch] > 0 and plan.first_row[stem, pitch] == plan.first_row[other, pitch]


@kernel
def take_over(plan, voices, stem, pitch, struck):
    """End notes of this pitch in other stems of the same instrument that only ring on: the new note strikes the same string.

    Otherwise the new note would be divided between both hands of a piano while the old note is still in the window. That costs
    up to 0.7 dB.
    """
    for v in range(VOICES):
        voice = voices[v]
        rings = voice.status in (HELD, RELEASED) and voice.pitch == pitch and voice.stem != stem  # keys down: unisons
        if v != struck and rings and plan.first_row[voice.stem, pitch] == plan.first_row[stem, pitch]:
            voice.status = FREE


@kernel
def move_voice(plan, own, H, v, stem):
    """Move voice `v` to another stem of its instrument; False if that is not possible: then it stays.

    All else that stages keep about a note is kept by template, or begins anew with every frame. The last frame's activations,
    H [stem, row], move too, unless another note of the same pitch sounds on in the stem that the voice leaves.
    """
    voices, left, pitch = own.voices, own.voices[v].stem, own.voices[v].pitch
    if voices[v].status == FREE or stem == left or not same_string(plan, stem, left, pitch):
        return False
    voices[v].stem = stem
    for other in range(VOICES):
        if voices[other].status != FREE and voices[other].stem == left and voices[other].pitch == pitch:
            return True
    for row in range(plan.first_row[stem, pitch], plan.first_row[stem, pitch] + plan.row_count[stem, pitch]):
        H[stem, row] += H[left, row]
        H[left, row] = 0
    return True


@kernel
def exchange_voices(plan, own, H, stem, other):
    """Exchange all notes of two stems of one instrument."""
    for pitch in range(PITCHES):
        if same_string(plan, stem, other, pitch):
            for row in range(plan.first_row[stem, pitch], plan.first_row[stem, pitch] + plan.row_count[stem, pitch]):
                H[stem, row], H[other, row] = H[other, row], H[stem, row]
    for v in range(VOICES):
        voice = own.voices[v]
        if voice.status != FREE and voice.stem in (stem, other) and same_string(plan, stem, other, voice.pitch):
            voice.stem = stem + other - voice.stem


@kernel
def choke_others(plan, voices, sample, struck):
    """End the notes that the note `struck` chokes, as a closing hi-hat does; only the window still contains them."""
    group = plan.choke[struck.stem]
    for v in range(VOICES):
        voice, pitch = voices[v], voices[v].pitch
        rival = voice.stem == struck.stem and pitch != struck.pitch and group[pitch] == group[struck.pitch]
        if rival and voice.status != FREE:
            off = min(sample - plan.release[voice.stem, pitch], voice.off if voice.status == RELEASED else sample)
            voice.status, voice.presses, voice.captured, voice.off = RELEASED, 0, 0, off


@kernel
def note_on(plan, own, sample, part, channel, pitch, velocity, stem_wanted):
    """Open a voice, or press its key once more, in the stem of its route; if `stem_wanted` > 0, in stem `stem_wanted` - 1."""
    stem = np.int64(plan.route[part, channel, pitch]) if stem_wanted == 0 else stem_wanted - 1
    if stem < 0 or stem >= plan.stems - 1:
        return
    if plan.row_count[stem, pitch] == 0:
        own.unmatched_notes += 1
        return
    v = find_voice(own.voices, part, channel, pitch)
    take_over(plan, own.voices, stem, pitch, v)
    if v < 0:
        v = free_voice(own)
        own.voices[v].status, own.voices[v].presses, own.voices[v].captured = FREE, 0, 0
    voice = own.voices[v]
    expect_attack(voice, sample, plan.told_early)
    voice.status, voice.part, voice.channel, voice.pitch = KEY_DOWN, part, channel, pitch
    voice.stem, voice.onset, voice.velocity = stem, sample, velocity
    voice.presses += 1
    if plan.choke[stem, pitch]:
        choke_others(plan, own.voices, sample, voice)


@numeric
def lift(voice, sustain, sample):
    """All keys of `voice` are up: a pedal holds it, or it is released."""
    voice.presses = 0
    if sustain[voice.part, voice.channel] or voice.captured:
        voice.status = HELD
    else:
        voice.status, voice.off = RELEASED, sample


@kernel
def note_off(own, sample, part, channel, pitch):
    """One key of the note goes up; presses of one pitch that overlap are counted."""
    v = find_voice(own.voices, part, channel, pitch)
    if v < 0 or own.voices[v].status != KEY_DOWN:
        return
    own.voices[v].presses -= 1
    if own.voices[v].presses <= 0:
        lift(own.voices[v], own.sustain, sample)


@kernel
def release_held(own, sample, part, channel):
    """Release the notes that no pedal of this part and channel holds any longer."""
    for v in range(VOICES):
        voice = own.voices[v]
        if voice.status == HELD and voice.channel == channel and voice.part == part:
            lift(voice, own.sustain, sample)


@kernel
def set_sustain(own, sample, part, channel, down):
    """The sustain pedal, while down, holds every note whose key goes up."""
    own.sustain[part, channel] = down
    if not down:
        release_held(own, sample, part, channel)


@kernel
def set_sostenuto(own, sample, part, channel, down):
    """The sostenuto pedal holds the notes whose keys are down when it is pressed."""
    was_down = own.sostenuto[part, channel]
    own.sostenuto[part, channel] = down
    if down != was_down:
        for v in range(VOICES):
            voice = own.voices[v]
            if voice.channel == channel and voice.part == part:
                voice.captured = down and voice.status == KEY_DOWN
    if not down:
        release_held(own, sample, part, channel)


@kernel
def all_off(own, sample, part, channel, respect_pedals):
    """Lift every key of this part and channel (controller 123), or end every sound whatever the pedals do (controller 120)."""
    for v in range(VOICES):
        voice = own.voices[v]
        if voice.channel != channel or voice.part != part:
            continue
        if voice.status == KEY_DOWN and respect_pedals:
            lift(voice, own.sustain, sample)
        elif voice.status in (KEY_DOWN, HELD) and not respect_pedals:
            voice.status, voice.presses, voice.captured, voice.off = RELEASED, 0, 0, sample


@kernel
def control(own, sample, part, channel, number, value):
    """A controller: pedals (64, 66), all sound off (120), reset controllers (121), all notes off (123 to 127)."""
    if number == 64:
        set_sustain(own, sample, part, channel, np.int64(value >= 64))
    elif number == 66:
        set_sostenuto(own, sample, part, channel, np.int64(value >= 64))
    elif number == 120:
        all_off(own, sample, part, channel, False)
    elif number == 121:
        set_sustain(own, sample, part, channel, np.int64(0))
        set_sostenuto(own, sample, part, channel, np.int64(0))
    elif number >= 123:
        all_off(own, sample, part, channel, True)


@kernel
def routed_stem(plan, part, status, pitch, velocity, stem_wanted):
    """The stem of a note-on by its route; -1 if there is none, if it names its own stem, or if the message is no note-on."""
    if status & 0xF0 != 0x90 or velocity == 0 or stem_wanted != 0 or part >= plan.route.shape[0] or pitch >= PITCHES:
        return np.int64(-1)
    return np.int64(plan.route[part, status & 0x0F, pitch])


@kernel
def receive(plan, own, sample, part, status, data1, data2, stem_wanted):
    """Take one MIDI message at `sample`; all but notes and controllers are ignored. `stem_wanted`: EVENT's field `stem`."""
    kind, channel = status & 0xF0, status & 0x0F
    if part >= plan.route.shape[0] or data1 >= PITCHES:
        return
    if kind == 0x90 and data2 > 0:
        note_on(plan, own, sample, part, channel, data1, data2, stem_wanted)
    elif kind in (0x80, 0x90):
        note_off(own, sample, part, channel, data1)
    elif kind == 0xB0:
        control(own, sample, part, channel, data1, data2)
