"""Stage: one expectation of how loud notes are here: a linear model of the level over (1, log age, slope of the envelope).

Each stem has one: its gain, how otherwise than the preset's its notes fade, and how far its sound is ahead of its MIDI. Sums
that forget and a prior give it (ridge regression), and the variance of what it failed to foresee says how much it is trusted.
A note that has not begun to sound teaches nothing.
"""

from __future__ import annotations

import numpy as np

from rtsep.xp import X
from rtsep.kernels.arrays import fill
from rtsep.kernels.fields import Part, array
from rtsep.kernels.marks import kernel, numeric
from rtsep.kernels.memory import ENVELOPE_S

INAUDIBLE = -50.0  # Nobody hears this level, a natural logarithm: it is what is expected where no envelope is known.
TINY = 1e-6  # What is divided by, or taken the logarithm of, is at least this (seconds, or a share of the frame).
STEP_S = 0.005  # Slopes of envelopes are taken over so many seconds.
MEMORY_S = X("MEM", 4.0)  # The model forgets with this time constant, in seconds of notes.
VARIANCE_S = X("VARS", 8.0)  # The variance follows with this time constant, in seconds of notes.
SETTLED_S, FADED_S = 0.02, 1.5  # A note tells the gain and the deviation between these ages, in seconds.
YOUNG_S = 0.08  # A note tells the lag until this age, in seconds.
LEAST_SLOPE = 10.0  # Its envelope must rise by so much (natural logarithm) per second for that.
MOST_LAG_S = X("LAG", 0.05)  # The lag is at most so many seconds.
GAIN_PRIOR_S, DECAY_PRIOR_S, LAG_PRIOR = 0.01, X("DEC", 6.0), 600.0
MOST_ERROR = X("MERR", 2.0)  # A larger error of a level (natural logarithm) counts as this.
MIDDLE = 2.5  # Deviations count from this place of the axis, in doublings of ENVELOPE_S: an age of 0.19 s.
OLDEST_S = 3.0  # From this age on, in seconds, the line is flat.
LEAST_UNKNOWN = X("LU", 0.2)
LEAST_WEIGHT = 1e-3  # A note that is expected to be inaudible still tells the gain a thousandth of what a loud one tells.
SURE_SHARE = 4.0  # A note that fills a quarter of the frame, one over this, tells as much as if it filled it all.
FIRST_VARIANCE = 0.12  # The variance at first.
VARIANCE_PRIOR_S = 0.5

PLAN = Part("levels", (), sees=("common", "instruments", "expectation"))
STATE = Part("levels", (
    array("told_s", "float32", "stems, 10", "weighted sums over what was heard: of 1, x, s, xx, xs, ss, e, xe, se, ee"),
))


@kernel
def forget(own, learnt):
    """Nothing is known of how notes sound here."""
    for values in (learnt.gain, learnt.gain_heard_s, learnt.lag_s, learnt.lag_seen, learnt.slope):
        fill(values, np.float32(0))
    fill(learnt.variance, np.float32(FIRST_VARIANCE))
    for s in range(own.told_s.shape[0]):
        fill(own.told_s[s], np.float32(0))


@numeric
def log_age(age_s):
    """Place of an age on a logarithmic axis, in doublings; 0 at 0.19 s."""
    age_s = min(max(age_s, np.float32(0)), np.float32(OLDEST_S))
    return np.log2(np.float32(1) + age_s / np.float32(ENVELOPE_S)) - np.float32(MIDDLE)


@kernel
def deviation(learnt, stem, age_s):
    """What is to be added to the expected level of a stem's note."""
    return learnt.slope[stem] * log_age(age_s)


@kernel
def excess(learnt, expected, estimate, g, loudness, stem):
    """Natural logarithm of what was heard of a group over what was expected of it."""
    return np.log(estimate.group_h[g] + np.float32(TINY)) + loudness - expected.expected_level[g] - learnt.gain[stem]


@kernel
def heard_age_s(plan, opened, g, end):
    """Age of a group's note in the frame before `end`, as the frames of the envelopes have it."""
    return np.float32(end - opened.open_onset[opened.group_first[g]]) * plan.sample_s - plan.envelope_later_s


@kernel
def note_error(own, learnt, stem, x, s, error, weight):
    """Take in what was heard of a stem's note over what was expected: of its age x and its envelope's slope s."""
    known = learnt.gain_heard_s[stem]
    foreseen = learnt.gain[stem] + learnt.slope[stem] * x + learnt.lag_s[stem] * s
    if known > np.float32(0.1):
        error = max(min(error, np.float32(MOST_ERROR)), np.float32(-MOST_ERROR))
        learnt.variance[stem] += (error * error - learnt.variance[stem]) * weight / np.float32(VARIANCE_S)
    total = error + foreseen
    t = own.told_s[stem]
    t[0] += weight
    t[1] += weight * x
    t[2] += weight * s
    t[3] += weight * x * x
    t[4] += weight * x * s
    t[5] += weight * s * s
    t[6] += weight * total
    t[7] += weight * x * total
    t[8] += weight * s * total
    keep = np.float32(MEMORY_S) / (np.float32(MEMORY_S) + weight)
    for i in range(9):
        t[i] *= keep


@kernel
def solve(own, learnt, stem):
    """Gain, slope and lag of a stem by its sums."""
    t = own.told_s[stem]
    if t[0] <= 0:
        return
    a, b, c = t[0] + np.float32(GAIN_PRIOR_S), t[1], t[2]
    d, e, f = t[3] + np.float32(DECAY_PRIOR_S), t[4], t[5] + np.float32(LAG_PRIOR)
    # symmetric 3 x 3: [[a, b, c], [b, d, e], [c, e, f]]
    A, B, C = d * f - e * e, c * e - b * f, b * e - c * d
    determinant = a * A + b * B + c * C
    lag = (C * t[6] + (b * c - a * e) * t[7] + (a * d - b * b) * t[8]) / determinant
    lag = min(max(lag, np.float32(0)), np.float32(MOST_LAG_S))
    # the others given the lag
    p, q = t[6] - lag * c, t[7] - lag * e
    determinant = a * d - b * b
    learnt.gain[stem] = (d * p - b * q) / determinant
    learnt.slope[stem] = (a * q - b * p) / determinant
    learnt.lag_s[stem] = lag
    learnt.lag_seen[stem] = t[5]
    learnt.gain_heard_s[stem] = t[0]


@kernel
def step(plan, own, learnt, frame, opened, expected, estimate, end):
    """The model of every stem follows the frame that ends before `end`, by the notes of which something is expected."""
    loudness = np.log(frame.total)
    if plan.prediction == 0 or plan.gated == 0:
        return
    for g in range(opened.groups):
        first = opened.group_first[g]
        stem, age_s = opened.open_stem[first], heard_age_s(plan, opened, g, end)
        if expected.expected_level[g] <= INAUDIBLE or expected.silent[g] or plan.row_age[opened.open_row[first], 0] != 0:
            continue
        slope = (expected.level_soon[g] - expected.expected_level[g]) / np.float32(STEP_S)
        rises = np.float32(end - opened.open_onset[first]) * plan.sample_s < np.float32(YOUNG_S) and slope > np.float32(LEAST_SLOPE)
        settled = SETTLED_S <= age_s <= FADED_S
        if not settled and not (rises and expected.expected_share[g] >= 0):
            continue
        s = slope if rises else np.float32(0)
        share = max(estimate.group_h[g], expected.expected_share[g])
        least = np.float32(LEAST_WEIGHT) if expected.expected_share[g] >= 0 else np.float32(LEAST_UNKNOWN)
        weight = max(min(np.float32(SURE_SHARE) * share, np.float32(1)), least) * plan.hop_s
        note_error(own, learnt, stem, log_age(age_s), s, excess(learnt, expected, estimate, g, loudness, stem), weight)
    for stem in range(plan.stems - 1):
        solve(own, learnt, stem)
