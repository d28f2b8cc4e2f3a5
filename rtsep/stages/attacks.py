"""Stage: attacks. A note that was told early waits until it is heard; only then it counts as begun.

Its templates are open meanwhile, but nothing is expected of it. It is heard as soon as its activations reach a part of the level
that its envelope has shortly after the onset, beside what an earlier note of its pitch still sounds. That level also tells how
old it is by then. A note that is not heard for twice the time by which notes are early counts as begun at the time that was
told.
"""

import numpy as np

from rtsep.kernels.fields import Part
from rtsep.kernels.marks import kernel
from rtsep.stages.expectation import level_at, note_level
from rtsep.stages.levels import KNOWN_S
from rtsep.stages.notes import FREE, NEVER, VOICES

RISEN_S = 0.03  # A note's level this many seconds after its onset is that of its attack.
HEARD = 0.35  # A note is heard once its level reaches this share of its attack's.
STEP_S = 0.001  # The age of an attack is sought in steps of this many seconds.

PLAN = Part("attacks", (), sees=("common", "instruments", "expectation"))


@kernel
def attack_level(plan, learnt, voice, age_s, loudness):
    """The share of a frame that a voice's new note should have at this age."""
    level = level_at(plan.envelope[voice.stem, voice.pitch], age_s, voice.velocity)
    return np.exp(level + learnt.gain[voice.stem] - loudness)


@kernel
def heard_age_s(plan, learnt, voice, share, loudness):
    """The age of an attack, in seconds, at which it has this share of the frame; -1: it is not heard."""
    if share < np.float32(HEARD) * attack_level(plan, learnt, voice, np.float32(RISEN_S), loudness):
        return np.float32(-1)
    age_s = np.float32(0)
    while age_s < np.float32(RISEN_S) and attack_level(plan, learnt, voice, age_s, loudness) < share:
        age_s += np.float32(STEP_S)
    return age_s


@kernel
def share_before(plan, learnt, voice, end, loudness):
    """The share of the frame that the earlier note of a voice should still have."""
    if voice.before == NEVER:
        return np.float32(0)
    return np.exp(note_level(plan, learnt, voice, end, np.float32(0)) + learnt.gain[voice.stem] - loudness)


@kernel
def step(plan, learnt, voices, frame, opened, group_h, end):
    """Let the notes begin that are heard in the frame before `end`, or that have waited for too long."""
    if plan.told_early == 0:
        return
    loudness = np.log(frame.total)
    for v in range(VOICES):
        voice = voices[v]
        if voice.status == FREE or voice.waits == 0:
            continue
        g = opened.group_at[voice.stem, voice.pitch]
        known = learnt.known_s[voice.stem] > np.float32(KNOWN_S) and plan.has_envelope[voice.stem, voice.pitch] != 0
        if g >= 0 and known:
            share = group_h[g] - share_before(plan, learnt, voice, end, loudness)
            age_s = heard_age_s(plan, learnt, voice, share, loudness)
            if age_s >= 0:
                voice.waits, voice.begin = 0, end - np.int64((age_s + plan.envelope_later_s) / plan.sample_s)
                for i in range(opened.group_first[g], opened.group_first[g + 1]):
                    opened.open_onset[i] = voice.begin
        if voice.waits and end - voice.onset >= (2 * plan.told_early if known else plan.told_early):
            voice.waits = 0
