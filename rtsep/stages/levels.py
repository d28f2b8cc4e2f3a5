"""Stage: what levels teach that are not as expected: gain, decay deviation, and how far sound is ahead of its MIDI.

Gain: how loud this recording is against the preset's, of each instrument. Lag: of each instrument too. Decay deviation: how a
stem's notes fade otherwise than the preset's, as a bowed string does that is played by a piano's envelopes. It is a straight
line over the logarithm of the age, through what was heard of a stem over what was expected, in natural logarithms. Sums that
forget and a prior of 0 give it (ridge regression). A line that explains little is left to chance: recordings of the preset's
kind of instrument keep its envelopes as they are. So do wrong notes, whose levels scatter about any line.

Figures: docs/experiments.md, "The notes' own prediction".
"""

from __future__ import annotations

import numpy as np

from rtsep.kernels.arrays import fill
from rtsep.kernels.fields import Part, array
from rtsep.kernels.marks import kernel, numeric
from rtsep.kernels.memory import ENVELOPE_S

INAUDIBLE = -50.0  # Nobody hears this level, a natural logarithm: it is what is expected where no envelope is known.
TINY = 1e-6  # What is divided by, or taken the logarithm of, is at least this (seconds, or a share of the frame).
STEP_S = 0.005  # Slopes of envelopes are taken over so many seconds.
GAIN_S = 0.6  # The gain follows with this time constant, in seconds of notes.
SETTLED_S, FADED_S = 0.02, 1.5  # A note tells the gain and the deviation between these ages, in seconds.
YOUNG_S = 0.08  # A note tells the lag until this age, in seconds.
LEAST_SLOPE = 10.0  # Its envelope must rise by so much (natural logarithm) per second for that.
LAG_PRIOR = 600.0  # A lag of 0 is worth so much (sum of squared slopes times seconds), as some 2 notes have.
LAG_MEMORY = 6000.0  # The lag remembers so much (in the same unit), some 20 notes.
MOST_LAG_ERROR = 1.0  # A larger error of a level (natural logarithm) counts as this when the lag is learnt.
MOST_LAG_S = 0.05  # The lag is at most so many seconds.
MOST_GAIN_ERROR = 2.0  # A larger error of a level (natural logarithm) counts as this when the gain is learnt.
MIDDLE = 2.5  # Deviations count from this place of the axis, in doublings of ENVELOPE_S: an age of 0.19 s.
OLDEST_S = 3.0  # From this age on, in seconds, the line is flat.
DEVIATION_S = 4.0  # The sums that give the line forget with this time constant, in seconds of notes.
# So many seconds of notes without any error hold the line's offset and its slope at 0.
OFFSET_PRIOR_S, SLOPE_PRIOR_S = 0.4, 0.3
MOST_ERROR = 2.5  # A larger error of a level (natural logarithm) counts as this when the line is drawn.
# The line is not used below the first root mean square (natural logarithm), and used in full above the second.
CHANCE, SURELY = 0.3, 0.5
# The line is used where it leaves a root mean square below the first; above the second the notes are wrong.
SCATTER, WRONG = 0.55, 0.7
LEAST_WEIGHT = 1e-3  # A note that is expected to be inaudible still tells the gain a thousandth of what a loud one tells.
SURE_SHARE = 4.0  # A note that fills a quarter of the frame, one over this, tells as much as if it filled it all.

PLAN = Part("levels", (), sees=("common", "instruments", "expectation"))
STATE = Part("levels", (
    array("noted_s", "float32", "stems", "sum of the weights of what gave the line, s"),
    array("ages", "float32", "stems", "sum of weight times place of the age"),
    array("ages_2", "float32", "stems", "of its square"),
    array("errors", "float32", "stems", "sum of weight times error"),
    array("errors_2", "float32", "stems", "of its square"),
    array("ages_errors", "float32", "stems", "sum of weight times place times error"),
))


@kernel
def forget(own, learnt):
    """Nothing is known of how notes sound here."""
    for values in (learnt.gain, learnt.gain_heard_s, learnt.lag_s, learnt.lag_seen, learnt.offset, learnt.slope,
                   learnt.deviates, own.noted_s, own.ages, own.ages_2, own.errors, own.errors_2, own.ages_errors):
        fill(values, np.float32(0))


@numeric
def log_age(age_s):
    """Place of an age on a logarithmic axis, in doublings; 0 at 0.19 s."""
    age_s = min(max(age_s, np.float32(0)), np.float32(OLDEST_S))
    return np.log2(np.float32(1) + age_s / np.float32(ENVELOPE_S)) - np.float32(MIDDLE)


@kernel
def deviation(learnt, stem, age_s):
    """What is to be added to the expected level of a stem's note."""
    return learnt.offset[stem] + learnt.slope[stem] * log_age(age_s)


@kernel
def note_error(own, learnt, stem, age_s, error, weight_s):
    """Take in that a stem's note was heard `error` louder than expected, the line included."""
    x = log_age(age_s)
    error = max(min(error, np.float32(MOST_ERROR)), np.float32(-MOST_ERROR)) + deviation(learnt, stem, age_s)
    keep = np.float32(DEVIATION_S) / (np.float32(DEVIATION_S) + weight_s)
    own.noted_s[stem] = keep * (own.noted_s[stem] + weight_s)
    own.ages[stem] = keep * (own.ages[stem] + weight_s * x)
    own.ages_2[stem] = keep * (own.ages_2[stem] + weight_s * x * x)
    own.errors[stem] = keep * (own.errors[stem] + weight_s * error)
    own.errors_2[stem] = keep * (own.errors_2[stem] + weight_s * error * error)
    own.ages_errors[stem] = keep * (own.ages_errors[stem] + weight_s * x * error)


@kernel
def draw_line(own, learnt, stem):
    """Offset and slope of a stem's line, and whether it is used, follow the sums."""
    noted_s, errors, ages_errors = own.noted_s[stem], own.errors[stem], own.ages_errors[stem]
    a, b, c = noted_s + np.float32(OFFSET_PRIOR_S), own.ages[stem], own.ages_2[stem] + np.float32(SLOPE_PRIOR_S)
    determinant = a * c - b * b
    offset = (c * errors - b * ages_errors) / determinant
    slope = (a * ages_errors - b * errors) / determinant
    explained = max(offset * errors + slope * ages_errors, np.float32(0))
    line = np.sqrt(explained / max(noted_s, np.float32(TINY)))
    scatter = np.sqrt(max(own.errors_2[stem] - explained, np.float32(0)) / max(noted_s, np.float32(TINY)))
    used = min(max((line - np.float32(CHANCE)) / np.float32(SURELY - CHANCE), np.float32(0)), np.float32(1))
    used *= min(max((np.float32(WRONG) - scatter) / np.float32(WRONG - SCATTER), np.float32(0)), np.float32(1))
    learnt.offset[stem], learnt.slope[stem], learnt.deviates[stem] = offset * used, slope * used, used


@kernel
def excess(learnt, expected, estimate, g, loudness, instrument):
    """Natural logarithm of what was heard of a group over what was expected of it."""
    return np.log(estimate.group_h[g] + np.float32(TINY)) + loudness - expected.expected_level[g] - learnt.gain[instrument]


@kernel
def heard_age_s(plan, opened, g, end):
    """Age of a group's note in the frame before `end`, as the frames of the envelopes have it."""
    return np.float32(end - opened.open_onset[opened.group_first[g]]) * plan.sample_s - plan.envelope_later_s


@kernel
def settled(plan, opened, g, end):
    """Is a group's note of an age at which its level tells something?

    A drum's is told by its first stage: what comes later is often another sound's.
    """
    age_s, first = heard_age_s(plan, opened, g, end), opened.group_first[g]
    return SETTLED_S <= age_s <= FADED_S and plan.row_age[opened.open_row[first], 0] == 0


@kernel
def learn_gain(plan, learnt, opened, expected, estimate, end, loudness):
    """The gain of each instrument follows what was heard of its notes over what was expected."""
    for g in range(opened.groups):
        unknown = plan.prediction == 0 or plan.gated == 0 or expected.expected_level[g] <= INAUDIBLE
        if unknown or expected.silent[g] or not settled(plan, opened, g, end):
            continue
        instrument = plan.instrument[opened.open_stem[opened.group_first[g]]]
        error = excess(learnt, expected, estimate, g, loudness, instrument)
        weight = max(min(np.float32(SURE_SHARE) * max(expected.expected_share[g], estimate.group_h[g]), np.float32(1)), np.float32(LEAST_WEIGHT))
        if expected.expected_share[g] >= 0:
            error = max(min(error, np.float32(MOST_GAIN_ERROR)), np.float32(-MOST_GAIN_ERROR))
        weight *= plan.hop_s
        learnt.gain_heard_s[instrument] = min(learnt.gain_heard_s[instrument] + weight, np.float32(GAIN_S))
        learnt.gain[instrument] += error * weight / learnt.gain_heard_s[instrument]


@kernel
def learn_deviation(plan, own, learnt, opened, expected, estimate, end, loudness):
    """Of every stem: do its notes fade as the preset's?"""
    for g in range(opened.groups):
        if expected.expected_share[g] < 0 or not settled(plan, opened, g, end):
            continue
        stem = opened.open_stem[opened.group_first[g]]
        share = max(estimate.group_h[g], expected.expected_share[g])
        weight = min(np.float32(SURE_SHARE) * share, np.float32(1)) * plan.hop_s
        error = excess(learnt, expected, estimate, g, loudness, plan.instrument[stem])
        note_error(own, learnt, stem, heard_age_s(plan, opened, g, end), error, weight)
    for stem in range(plan.stems - 1):
        draw_line(own, learnt, stem)


@kernel
def learn_lag(plan, learnt, opened, expected, estimate, end, loudness):
    """By how much the sound is ahead of its MIDI: while a note rises, it is louder than its age lets expect.

    Steps of Gauss and Newton over the notes of an instrument: the error of the level over the slope of its envelope.
    """
    for g in range(opened.groups):
        first, share = opened.group_first[g], expected.expected_share[g]
        slope = (expected.level_soon[g] - expected.expected_level[g]) / np.float32(STEP_S)
        young = np.float32(end - opened.open_onset[first]) * plan.sample_s < np.float32(YOUNG_S)
        if share < 0 or not young or slope < np.float32(LEAST_SLOPE):
            continue
        instrument = plan.instrument[opened.open_stem[first]]
        error = excess(learnt, expected, estimate, g, loudness, instrument)
        error = max(min(error, np.float32(MOST_LAG_ERROR)), np.float32(-MOST_LAG_ERROR))
        weight = min(np.float32(SURE_SHARE) * share, np.float32(1)) * slope * plan.hop_s
        learnt.lag_seen[instrument] = min(learnt.lag_seen[instrument] + weight * slope, np.float32(LAG_MEMORY))
        lag_s = learnt.lag_s[instrument] + error * weight / (learnt.lag_seen[instrument] + np.float32(LAG_PRIOR))
        learnt.lag_s[instrument] = min(max(lag_s, np.float32(0)), np.float32(MOST_LAG_S))


@kernel
def step(plan, own, learnt, frame, opened, expected, estimate, end):
    """Lag, deviation and gain follow the frame that ends before `end`, of the notes of which something is expected."""
    loudness = np.log(frame.total)
    learn_lag(plan, learnt, opened, expected, estimate, end, loudness)
    learn_deviation(plan, own, learnt, opened, expected, estimate, end, loudness)
    learn_gain(plan, learnt, opened, expected, estimate, end, loudness)
