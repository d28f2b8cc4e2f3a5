"""The inputs of the hand tracker for a note: the notes around it, by distance in pitch and time, and the hands that play them.

The time before the note and the time after it are described in the same way: a map of the keyboard around the note, the nearest
notes one by one, and the place of each hand. Then come the note itself and its earlier answer. All pitches are relative to the
note's pitch, so a piece gives the same inputs in every key; one input, the pitch itself, tells the place on the keyboard.
"""

import numpy as np

from rtsep.kernels.elementary import exp, log
from rtsep.kernels.marks import numeric
from rtsep.stages.polyphony import KEY_DOWN

F = np.float32
RECENT = 64  # The tracker sees this many notes.
# One of the last notes. status: the status of its voice; FREE once the voice has ended. fixed: whether the player or a score
# named its hand. doubtful: whether it counts as uncertain. right: the probability, 0 to 1, that the right hand plays it.
NOTE = np.dtype([*((name, "<i8") for name in (
    "sample", "part", "channel", "pitch", "velocity", "voice", "status", "hand", "fixed", "doubtful")), ("right", "<f8")])
LEFT, RIGHT = range(2)  # hands

# The map has one place per semitone up to an octave, and beyond it STEPS places of STEP semitones on each side.
NEAR, STEP, STEPS = 12, 4, 6
PLACES = 2 * (NEAR + STEPS) + 1  # Number of places in the map.
NOW_S, WHILE_S = 0.12, 1.5  # Notes fade from the map with these time constants, in seconds: one for a chord, one for a phrase.
# Values of a place in the map: notes struck now, struck recently, and held down, by each hand; and how much louder the note is.
LEFT_NOW, RIGHT_NOW, LEFT_LATELY, RIGHT_LATELY, LEFT_DOWN, RIGHT_DOWN, LOUDER = range(7)
MAP = 7 * PLACES
NEAREST, VALUES = 8, 5  # This many notes are described one by one, with this many values each.
OF_HAND = 7  # This many values tell where a hand is.
SIDE = MAP + NEAREST * VALUES + 2 * OF_HAND  # number of inputs for the time before the note, or for the time after it
OF_HELD = 4  # This many values tell what a hand holds down.
ITSELF = 4 + 2 * OF_HELD + 1
INPUTS = 2 * SIDE + ITSELF  # Number of inputs for a note.
LEFT_REST, RIGHT_REST = 48, 72  # MIDI pitches at which the hands are assumed to be until they have played: C3 and C5.
FOLLOWS = 0.13  # A hand's centre moves by this share of the way to a note that it plays.
REST_WEIGHT = 0.3  # The first place of a hand counts in its centre like this share of a note.
SHORTEST_S, LONGEST_S = 0.002, 8.0  # Times are limited to these, in seconds, before their logarithm is taken.
# A time becomes the logarithm of its ratio to this unit, in seconds, times this slope, plus this shift.
TIME_S, TIME_SLOPE, TIME_SHIFT = 0.1, 0.4, 0.8
LEAST = 0.001  # The probability of a hand counts as at least this.


@numeric
def place(interval):
    """The place in the map for a note that is `interval` semitones higher."""
    if abs(interval) <= NEAR:
        return interval + NEAR
    step = min((abs(interval) - NEAR - 1) // STEP, STEPS - 1)
    return 2 * NEAR + 1 + step + (STEPS if interval > 0 else 0)


@numeric
def told_time(seconds):
    """A time as an input: 0 for 0.1 s, 1 for about 1.2 s."""
    return F(TIME_SLOPE) * log(min(max(seconds, F(SHORTEST_S)), F(LONGEST_S)) / F(TIME_S))


@numeric
def within(value, most):
    """The value, limited to the range from -most to `most`."""
    return min(max(value, -most), most)


@numeric
def belief(right):
    """A note's earlier answer as an input: a third of the logarithm of the odds that the right hand plays it."""
    likely = min(max(F(right), F(LEAST)), F(1 - LEAST))
    return log(likely / (F(1) - likely)) / F(3)


@numeric
def add_to_map(x, interval, seconds, louder, right, down):
    """Add one note, `interval` semitones higher and `seconds` away, to the map x [MAP]."""
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
    """Fill x [SIDE] from the notes before note `at` (step -1), or after it (step 1)."""
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
    """Fill x [OF_HELD] with what the hand holds down besides note `at`: number of keys, lowest key, highest key, span."""
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
    """Fill x, float32 [INPUTS], with the inputs for note `at` of the first `count` of NOTE `recent`, in order of time.

    again: whether the tracker was asked about the note before; then its `right` is the earlier answer. pedal: is the sustain
    pedal down? sample_s: seconds from sample to sample, float32.
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
