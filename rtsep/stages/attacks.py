"""Stage: attacks. A note that was told early waits until it is heard; only then it counts as begun.

Its templates are open meanwhile, but nothing is expected of it. It is heard as soon as its level rises, above the lowest level
since it was told, by a part of the level that its envelope has shortly after the onset. So the sound of other notes, whose
partials it shares, does not count as its attack. The rise also tells how old the attack is by then. A note whose rise is not
heard counts as begun at the time at which it was expected: if it sounds by then, or after it has waited twice as long.

Figures: docs/measurements/early.md.
"""

import numpy as np

from rtsep.kernels.fields import Part, array
from rtsep.kernels.marks import kernel
from rtsep.stages.expectation import level_at
from rtsep.stages.levels import KNOWN_S
from rtsep.stages.polyphony import BEGUN, FREE, NEW, VOICES, WAITS

RISEN_S = 0.03  # A note's level this many seconds after its onset is that of its attack.
HEARD = 0.12  # A note is heard once its level has risen by this share of its attack's: 18 dB less.
STEP_S = 0.001  # The age of an attack is sought in steps of this many seconds.

PLAN = Part("attacks", (), sees=("common", "instruments", "expectation"))
STATE = Part("attacks", (
    array("floor", "float32", f"{VOICES}", "of each voice whose note waits: its lowest magnitude since the note was told"),
))


@kernel
def attack_level(plan, learnt, voice, age_s):
    """The magnitude that the new note of a voice should have at this age."""
    return np.exp(level_at(plan.envelope[voice.stem, voice.pitch], age_s, voice.velocity) + learnt.gain[voice.stem])


@kernel
def age_at(plan, learnt, voice, level):
    """The age of an attack, in seconds, at which it has this magnitude; at most RISEN_S."""
    age_s = np.float32(0)
    while age_s < np.float32(RISEN_S) and attack_level(plan, learnt, voice, age_s) < level:
        age_s += np.float32(STEP_S)
    return age_s


@kernel
def listen(plan, own, learnt, v, voice, level, end):
    """Let the note of voice `v`, which waits and has this magnitude, begin if it is heard or due in the frame before `end`."""
    if voice.waits == NEW:
        own.floor[v], voice.waits = level, WAITS
    own.floor[v] = min(own.floor[v], level)
    heard = np.float32(HEARD) * attack_level(plan, learnt, voice, np.float32(RISEN_S))
    rise, waited = level - own.floor[v], end - voice.onset
    if rise >= heard:
        age_s = age_at(plan, learnt, voice, rise) + plan.envelope_later_s
        voice.waits, voice.begin = BEGUN, end - np.int64(age_s / plan.sample_s)
    elif waited >= 2 * plan.told_early or (waited >= plan.told_early and level >= heard):
        voice.waits = BEGUN


@kernel
def step(plan, own, learnt, voices, frame, opened, group_h, end):
    """Let the notes begin that are heard in the frame before `end`, or due; without known levels, those that are due."""
    for v in range(VOICES):
        voice = voices[v]
        if voice.status == FREE or voice.waits == BEGUN:
            continue
        g = opened.group_at[voice.stem, voice.pitch]
        if g >= 0 and learnt.known_s[voice.stem] > np.float32(KNOWN_S) and plan.has_envelope[voice.stem, voice.pitch] != 0:
            listen(plan, own, learnt, v, voice, group_h[g] * frame.total, end)
        elif end - voice.onset >= plan.told_early:
            voice.waits = BEGUN
        if voice.waits == BEGUN and g >= 0:
            for i in range(opened.group_first[g], opened.group_first[g + 1]):
                opened.open_onset[i] = voice.begin
