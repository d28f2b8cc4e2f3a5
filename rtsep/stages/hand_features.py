"""What the tracker of hands hears about a note: what lies around it, by distance in pitch and in time, and whose that was.

Before the note and after it, each in the same way: a map of the keyboard around the note, the nearest notes one by one, and for
each hand where it is. Then the note itself, and what was thought of it before. Everything is relative to the note's pitch, so a
piece in another key sounds alike; only the pitch itself tells where on the keyboard it is.
"""

import numpy as np

from rtsep.kernels.elementary import exp, log
from rtsep.kernels.marks import numeric
from rtsep.stages.notes import KEY_DOWN

F = np.float32
RECENT = 64  # The tracker sees so many notes.
# One of the last notes. status: of its voice, FREE once that is over. fixed: whether the player or a score said whose it is.
# doubtful: whether it counts as uncertain. right: how likely the right hand plays it, from 0 to 1.
NOTE = np.dtype([*((name, "<i8") for name in (
    "sample", "part", "channel", "pitch", "velocity", "voice", "status", "hand", "fixed", "doubtful")), ("right", "<f8")])
LEFT, RIGHT = range(2)  # hands

NEAR, STEP, STEPS = 12, 4, 6  # The map is by semitones up to an octave; beyond, so many semitones share one of so many steps.
PLACES = 2 * (NEAR + STEPS) + 1  # The map has so many places.
NOW_S, WHILE_S = 0.12, 1.5  # A note fades from the map with these time constants, in seconds: a chord's, and a phrase's.
# Rows of the map: what was struck now or lately, or is held down, by each hand, and how much louder the note is.
LEFT_NOW, RIGHT_NOW, LEFT_LATELY, RIGHT_LATELY, LEFT_DOWN, RIGHT_DOWN, LOUDER = range(7)
MAP = 7 * PLACES
NEAREST, VALUES = 8, 5  # So many notes are told one by one, by so many values each.
OF_HAND = 7  # So many values tell where a hand is.
SIDE = MAP + NEAREST * VALUES + 2 * OF_HAND  # inputs of what lies on one side of the note
OF_HELD = 4  # So many values tell what a hand holds.
ITSELF = 4 + 2 * OF_HELD + 1
INPUTS = 2 * SIDE + ITSELF  # So many numbers tell of a note.
LEFT_REST, RIGHT_REST = 48, 72  # Pitches that hands rest at until they have played: C3 and C5.
FOLLOWS = 0.13  # A hand's centre goes so much of the way to a note that it plays, a share.
REST_WEIGHT = 0.3  # A hand's place of rest counts in its centre like this share of a note.
SHORTEST_S, LONGEST_S = 0.002, 8.0  # Times are told between these, in seconds, by their logarithm.
TIME_S, TIME_SLOPE, TIME_SHIFT = 0.1, 0.4, 0.8  # Times are told in this unit, in seconds: their logarithm times and plus these.
LEAST = 0.001  # No hand is told to be less likely than this.


@numeric
def place(interval):
    """The place of the map for a note that is `interval` semitones higher."""
    if abs(interval) <= NEAR:
        return interval + NEAR
    step = min((abs(interval) - NEAR - 1) // STEP, STEPS - 1)
    return 2 * NEAR + 1 + step + (STEPS if interval > 0 else 0)


@numeric
def told_time(seconds):
    """A time as an input: 0 for a tenth of a second, 1 for twelve times that."""
    return F(TIME_SLOPE) * log(min(max(seconds, F(SHORTEST_S)), F(LONGEST_S)) / F(TIME_S))


@numeric
def within(value, most):
    """The value, at least -most and at most `most`."""
    return min(max(value, -most), most)


@numeric
def belief(right):
    """What is thought of a note as an input: a third of the logarithm of the odds that the right hand plays it."""
    likely = min(max(F(right), F(LEAST)), F(1 - LEAST))
    return log(likely / (F(1) - likely)) / F(3)


@numeric
def add_to_map(x, interval, seconds, louder, right, down):
    """Add one note, `interval` higher and `seconds` away, to the map x [MAP]."""
    first = 7 * place(interval)
    now, lately = exp(-seconds / F(NOW_S)), exp(-min(seconds, F(80)) / F(WHILE_S))
    x[first + LEFT_NOW] += now * (F(1) - right)
    x[first + RIGHT_NOW] += now * right
    x[first + LEFT_LATELY] += lately * (F(1) - right)
    x[first + RIGHT_LATELY] += lately * right
    x[first + LOUDER] += now * louder
    if down:
        x[first + LEFT_DOWN] += F(1) - right
        x[first + RIGHT_DOWN] += right


@numeric
def tell_side(x, recent, count, at, step, sample_s):
    """Fill x [SIDE] with the notes before note `at` (step -1), or after it (step 1)."""
    asked = recent[at]
    weight, told = F(1), 0
    weights = F(REST_WEIGHT), F(REST_WEIGHT)
    centres = F(REST_WEIGHT * LEFT_REST), F(REST_WEIGHT * RIGHT_REST)
    last, ago = (np.int64(LEFT_REST), np.int64(RIGHT_REST)), (F(LONGEST_S), F(LONGEST_S))
    known = (False, False)
    i = at + step
    while 0 <= i < count:
        note = recent[i]
        interval, seconds = note.pitch - asked.pitch, F(abs(asked.sample - note.sample)) * sample_s
        right, louder = F(note.right), F(asked.velocity - note.velocity) / F(32)
        add_to_map(x, interval, min(seconds, F(10)), louder, right, note.status == KEY_DOWN)
        if told < NEAREST:
            values, lower = x[MAP + told * VALUES :], within(F(-interval) / F(6), F(5))
            values[0], values[1], values[2] = lower, told_time(seconds) + F(TIME_SHIFT), right - F(0.5)
            values[3], values[4] = (right - F(0.5)) * lower, louder
            told += 1
        centres = (centres[0] + weight * (F(1) - right) * F(note.pitch), centres[1] + weight * right * F(note.pitch))
        weights = (weights[0] + weight * (F(1) - right), weights[1] + weight * right)
        if right <= F(0.5) and not known[0]:
            last, ago, known = (note.pitch, last[1]), (seconds, ago[1]), (True, known[1])
        elif right > F(0.5) and not known[1]:
            last, ago, known = (last[0], note.pitch), (ago[0], seconds), (known[0], True)
        weight *= F(1 - FOLLOWS)
        i += step
    for hand in range(2):
        values = x[MAP + NEAREST * VALUES + hand * OF_HAND :]
        values[0] = within((F(asked.pitch) - centres[hand] / weights[hand]) / F(12), F(3))
        values[1] = abs(values[0])
        values[2] = within(F(asked.pitch - last[hand]) / F(6), F(5))
        values[3] = abs(values[2])
        values[4] = told_time(ago[hand])
        values[5] = F(known[hand])
        values[6] = F(weights[hand] > F(1))


@numeric
def tell_held(x, recent, count, at, hand):
    """Fill x [OF_HELD] with what the hand holds down beside note `at`: how many keys, the lowest, the highest, the span."""
    keys, lowest, highest = 0, np.int64(0), np.int64(0)
    for i in range(count):
        note = recent[i]
        if i != at and note.status == KEY_DOWN and (note.right > 0.5) == (hand == RIGHT):
            interval = note.pitch - recent[at].pitch
            lowest, highest = (interval, interval) if keys == 0 else (min(lowest, interval), max(highest, interval))
            keys += 1
    if keys > 0:
        x[0] = F(keys) / F(3)
        x[1], x[2] = within(F(lowest) / F(12), F(3)), within(F(highest) / F(12), F(3))
        x[3] = min(F(max(highest, 0) - min(lowest, 0)) / F(12), F(3))


@numeric
def tell(x, recent, count, at, again, pedal, sample_s):
    """Fill x, float32 [INPUTS], with what is known of note `at` of the first `count` of NOTE `recent`, in order of time.

    again: whether the note was asked about before; then its `right` is what was thought. pedal: is the sustain pedal down?
    sample_s: seconds of a sample, float32.
    """
    for k in range(INPUTS):
        x[k] = F(0)
    tell_side(x[:SIDE], recent, count, at, -1, sample_s)
    if at + 1 < count:
        tell_side(x[SIDE : 2 * SIDE], recent, count, at, 1, sample_s)
    itself, asked = x[2 * SIDE :], recent[at]
    itself[0], itself[1] = F(asked.pitch - 60) / F(24), F(asked.velocity) / F(64) - F(1)
    itself[2] = F(pedal)
    itself[3] = F(asked.status == KEY_DOWN)
    for hand in range(2):
        tell_held(itself[4 + hand * OF_HELD : 4 + (hand + 1) * OF_HELD], recent, count, at, hand)
    if again:
        itself[4 + 2 * OF_HELD] = belief(asked.right)
