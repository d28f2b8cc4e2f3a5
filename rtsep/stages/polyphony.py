"""One voice: a sounding note, and what it sounds while a note that was told early waits until it is heard.

A voice that waits still sounds the note before, if its pitch was struck before; `before`, `velocity_before` and `off_before`
describe that note.
"""

import numpy as np

from rtsep.kernels.marks import kernel, numeric

VOICES = 256  # This many notes can sound at once: enough for ten fingers with a pedal, and for a score that plays along.
NEVER, LATER = -(1 << 40), 1 << 40  # The onset, in samples, of a note that was not told, and of one that is not heard yet.
FREE, KEY_DOWN, HELD, RELEASED = range(4)  # status of a voice
BEGUN, NEW, WAITS = range(3)  # Whether a note has begun, or waits until it is heard: since it was told, or for longer.
VOICE = np.dtype([(name, "<i8") for name in (
    "status", "part", "channel", "pitch", "stem", "presses", "onset", "off", "captured", "velocity", "waits", "begin", "before",
    "velocity_before", "off_before")])


@kernel
def expect_attack(voice, sample, early):
    """A new note is told at `sample`, `early` samples before its attack; if this is not 0, it waits until it is heard."""
    if early > 0 and voice.waits == BEGUN:
        voice.before, voice.velocity_before = voice.begin if voice.status != FREE else np.int64(NEVER), voice.velocity
        voice.off_before = voice.off if voice.status == RELEASED else np.int64(LATER)
    elif voice.status == FREE:
        voice.before = NEVER
    voice.waits, voice.begin = NEW if early > 0 else BEGUN, sample + early


@numeric
def sounding(voice):
    """Onset, velocity and release of what a voice sounds; LATER: it does not sound yet, or is not released."""
    if voice.waits == BEGUN:
        return voice.begin, voice.velocity, voice.off if voice.status == RELEASED else np.int64(LATER)
    return voice.before if voice.before != NEVER else np.int64(LATER), voice.velocity_before, voice.off_before


@numeric
def younger(onset, other):
    """The later of two onsets; LATER only if both are."""
    return min(onset, other) if max(onset, other) == LATER else max(onset, other)
