"""Stage: is a pitch that was found a voice, or a told note that its template does not explain?

A pitch contour is a pitch that moves only little from frame to frame (Salamon & Gómez, IEEE TASLP 20(6), 2012). Of a piano
that is out of tune, or rings longer than its preset, some partials are left over, and a contour is found there. It keeps its
pitch and only decays. A voice wavers in pitch and swells in level, mostly within a fifth of a second. So a contour is doubted
while it is faint, or at the pitch of a told note or an octave from it, until it has moved or swelled. From then on it is a
voice until it ends. A frame without a pitch, some time after the last voice, is doubted as well: its noise is no consonant.
Without told notes, and where a melody is told, there is no doubt.

A doubted frame is separated as without a voice. The voice's model follows it all the same, so that nothing is lost where
the doubt ends.

Figures: docs/measurements/voice.md.
"""

from __future__ import annotations

import numpy as np

from rtsep.kernels.arrays import copy
from rtsep.kernels.elementary import log
from rtsep.kernels.fields import Part, array, cell
from rtsep.kernels.marks import kernel
from rtsep.kernels.memory import PITCHES

# Found with ten excerpts of piano music by four pianos, and a woman's singing at three speeds beside three pianos.
JUMP = 0.8  # A contour ends where the pitch changes by more than this many semitones from frame to frame.
NEAR = 0.35  # A contour this many semitones or less from a told note can be the note.
OCTAVE_NEAR = 0.2  # The same for a contour near the octave above or below a told note,
OCTAVE_MOVED = 0.1  # as long as it has moved no more than this many semitones.
FAINT = 0.8  # A contour with a lower sureness (stage voice_pitch) is doubted at any pitch.
MOVED = 0.25  # A contour that moves this many semitones from where it began is a voice.
BEGUN_S = 0.05  # A contour has begun after this many seconds: the first pitches are not yet exact.
SWELL_DB = 2.0  # A contour that gets this much louder than it has been is a voice,
ATTACK_S = 0.05  # but not before the window and this many seconds have passed: the attack of a note swells as well.
LEVEL_S = 0.02  # The level is averaged with this time constant, in seconds.
SINGS_S = 0.1  # Whether somebody sings is averaged with this time constant, in seconds.
RESTS = 0.02  # If that mean is less, an unvoiced frame is not taken for a consonant: nobody sings.
LEAST_LEVEL = 1e-9  # A magnitude counts as at least this.
UNKNOWN_DB = 1000.0  # In place of a level that is not known yet.

PLAN = Part("voice_doubt", (), sees=("common",))
STATE = Part("voice_doubt", (
    cell("doubted", "int64", "whether the frame is separated as without a voice"),
    cell("is_voice", "int64", "whether the present contour has moved or swelled"),
    cell("sings", "float32", "whether somebody sang in the last frames, 0 to 1"),
    cell("contour_s", "float32", "age of the present contour, in s"),
    cell("contour_place", "float32", "its last pitch, in MIDI pitches; 0: the last frame was unvoiced"),
    cell("contour_begin", "float32", "its first pitch, in MIDI pitches"),
    cell("contour_moved", "float32", "how far it has moved from there, in semitones"),
    cell("contour_db", "float32", "its averaged level"),
    cell("contour_low_db", "float32", "the lowest averaged level after its attack"),
    array("notes_h", "float32", "open_limit + background + 1", "h of the estimate without a voice", bound=True),
    array("notes_before", "float32", "open_limit + background + 1", "before of that estimate", bound=True),
    array("notes_gradient", "float32", "open_limit + background + 1", "gradient of that estimate", bound=True),
    array("notes_group_h", "float32", "open_limit + background", "group_h of that estimate", bound=True),
    array("notes_ratio", "float32", "stride", "ratio of that estimate"),
))


@kernel
def forget(own):
    """Forget the contour."""
    own.doubted, own.contour_place, own.sings = 0, np.float32(0), np.float32(0)


@kernel
def explained(plan, own, opened):
    """Is the contour near a told note that is open, or an octave from it?"""
    for stem in range(plan.stems - 1):
        for pitch in range(PITCHES):
            if stem != plan.voice_stem and opened.group_at[stem, pitch] >= 0:
                away = abs(own.contour_place - np.float32(pitch))
                octave = abs(away - np.float32(12)) <= np.float32(OCTAVE_NEAR)
                if away <= np.float32(NEAR) or (octave and own.contour_moved <= np.float32(OCTAVE_MOVED)):
                    return True
    return False


@kernel
def begin(own, place):
    """Begin a contour at this MIDI pitch."""
    own.is_voice, own.contour_begin, own.contour_s, own.contour_moved = 0, place, np.float32(0), np.float32(0)
    own.contour_db = own.contour_low_db = np.float32(UNKNOWN_DB)


@kernel
def continue_contour(plan, own, hz):
    """Continue the contour with a pitch, or begin another one."""
    place = np.float32(69) + np.float32(12 / np.log(2)) * log(hz / np.float32(440))
    if own.contour_place <= 0 or abs(place - own.contour_place) > np.float32(JUMP):
        begin(own, place)
    own.contour_place = place
    own.contour_s += plan.hop_s
    if own.contour_s < np.float32(BEGUN_S):
        own.contour_begin = place
    own.contour_moved = max(own.contour_moved, abs(place - own.contour_begin))
    if own.contour_moved > np.float32(MOVED):
        own.is_voice = 1


@kernel
def follow(plan, own, opened, hz, sureness, certain):
    """Take a frame's pitch (0: unvoiced), and fill `doubted`; `certain`: the pitch is told or known."""
    told, doubt = opened.groups > 0 and not certain, own.sings < np.float32(RESTS)
    if hz > 0:
        continue_contour(plan, own, hz)
        doubt = own.is_voice == 0 and told and (sureness < np.float32(FAINT) or explained(plan, own, opened))
    else:
        own.contour_place = np.float32(0)
    own.doubted = 1 if told and doubt else 0
    part = min(plan.hop_s / np.float32(SINGS_S), np.float32(1))
    if hz > 0 and own.doubted == 0:
        own.sings = min(own.sings + part, np.float32(1))
    else:
        own.sings -= part * own.sings


@kernel
def note_level(plan, own, magnitude):
    """Note the voice's magnitude in the frame, from which `follow` learns whether the contour swells."""
    if own.contour_place <= 0:
        return
    level = np.float32(20 / np.log(10)) * log(max(magnitude, np.float32(LEAST_LEVEL)))
    if own.contour_db == np.float32(UNKNOWN_DB):
        own.contour_db = level
    own.contour_db += (level - own.contour_db) * min(plan.hop_s / np.float32(LEVEL_S), np.float32(1))
    if own.contour_s > np.float32(ATTACK_S) + np.float32(plan.window_size) * plan.sample_s:
        own.contour_low_db = min(own.contour_low_db, own.contour_db)
        if own.contour_db > own.contour_low_db + np.float32(SWELL_DB):
            own.is_voice = 1


@kernel
def keep(own, estimated):
    """Keep the estimate without a voice, the part `estimate`."""
    copy(estimated.h, own.notes_h)
    copy(estimated.before, own.notes_before)
    copy(estimated.gradient, own.notes_gradient)
    copy(estimated.group_h, own.notes_group_h)
    copy(estimated.ratio, own.notes_ratio)


@kernel
def bring_back(own, estimated):
    """Bring back the estimate that was kept."""
    copy(own.notes_h, estimated.h)
    copy(own.notes_before, estimated.before)
    copy(own.notes_gradient, estimated.gradient)
    copy(own.notes_group_h, estimated.group_h)
    copy(own.notes_ratio, estimated.ratio)
