"""Stage: how loud notes are in this recording: a linear model of their level over (1, log age, slope of the envelope).

Every stem has its own model, since stems with one preset can be different instruments. The model has three numbers:
* the gain: how loud this recording is compared with the preset's;
* the decay deviation: how much slower or faster its notes fade, as those of a bowed string do beside a piano's envelopes;
* the lag: how far the sound is ahead of its MIDI.

They are found by ridge regression, with sums that forget and a prior of 0, from the heard level over the expected level of
notes, in natural logarithms. A note that has not begun to sound teaches nothing (stage `expectation`).

Figures: docs/measurements/unheard.md and docs/measurements/experiments.md, "The notes' own prediction".
"""

from __future__ import annotations

import numpy as np

from rtsep.kernels.arrays import fill
from rtsep.kernels.fields import Part, array
from rtsep.kernels.marks import kernel, numeric
from rtsep.kernels.memory import ENVELOPE_S

INAUDIBLE = -50.0  # This level, a natural logarithm, is inaudible; it is expected where no envelope is known.
TINY = 1e-6  # This share of the frame is added before a logarithm is taken.
STEP_S = 0.005  # Slopes of envelopes are measured over this many seconds.
MEMORY_S = 4.0  # The model forgets with this time constant, in seconds of notes.
SETTLED_S, FADED_S = 0.02, 1.5  # A note tells the gain and the decay deviation between these ages, in seconds.
YOUNG_S = 0.08  # A note tells the lag up to this age, in seconds.
LEAST_SLOPE = 10.0  # A note tells the lag only if its envelope rises by this natural logarithm per second or more.
MOST_LAG_S = 0.05  # The lag is at most this many seconds.
# The priors of gain and decay deviation count like this many seconds of notes without error: a recording can have any loudness.
GAIN_PRIOR_S, DECAY_PRIOR_S = 1e-5, 6.0
LAG_PRIOR = 600.0  # The prior of the lag counts this much (sum of squared slopes times seconds), like about 2 notes.
KNOWN_S = 0.3  # The model is trusted after this many seconds of notes.
MOST_ERROR = 2.0  # A larger error of a level (natural logarithm) counts as this once the model is trusted.
MIDDLE = 2.5  # Decay deviations count from this place on the axis of ages, in doublings of ENVELOPE_S: an age of 0.19 s.
OLDEST_S = 3.0  # The deviation stays constant from this age on, in seconds.
# A note that fills a quarter of the frame (one over this number) counts as much as a note that fills all of it.
SURE_SHARE = 4.0
# Least weight of a note, where a loud one has 1: a thousandth if its share is expected, a fifth if no share is expected yet.
LEAST_WEIGHT, LEAST_FIRST_WEIGHT = 1e-3, 0.2
# A note can be told in silence: a key that is pressed without a sound, or a placeholder in a file. So a frame with less than
# this share of the usual total of frames that teach their stem teaches nothing (40 dB less), ...
SILENT = 0.01
LOUDER = 100.0  # ... and a frame with this many times the usual total shows that those before were silent.
# Indices of a stem's weighted sums.
ONE, AGE, SLOPE, AGE_AGE, AGE_SLOPE, SLOPE_SLOPE, ERROR, AGE_ERROR, SLOPE_ERROR, TOTAL = range(10)

PLAN = Part("levels", (), sees=("common", "instruments", "expectation"))
STATE = Part("levels", (
    array("level_sums", "float32", "stems, 10", "weighted sums over heard notes, in s: of 1, of the age's place, of "
          "the slope, of the products of these two, of the error, of its products with both, and of the frame's total"),
))


@kernel
def forget(own, learnt):
    """Forget how notes sound in this recording."""
    for values in (learnt.gain, learnt.decay_deviation, learnt.lag_s, learnt.known_s, learnt.lag_seen):
        fill(values, np.float32(0))
    for stem in range(own.level_sums.shape[0]):
        fill(own.level_sums[stem], np.float32(0))


@numeric
def log_age(age_s):
    """Place of an age on a logarithmic axis, in doublings, 0 at 0.19 s."""
    age_s = min(max(age_s, np.float32(0)), np.float32(OLDEST_S))
    return np.log2(np.float32(1) + age_s / np.float32(ENVELOPE_S)) - np.float32(MIDDLE)


@kernel
def deviation(learnt, stem, age_s):
    """The decay deviation's part in the expected level of a stem's note, a natural logarithm."""
    return learnt.decay_deviation[stem] * log_age(age_s)


@kernel
def heard_age_s(plan, opened, g, end):
    """Age of a group's note in the frame before `end`, in seconds, on the time axis of the envelopes."""
    return np.float32(end - opened.open_onset[opened.group_first[g]]) * plan.sample_s - plan.envelope_later_s


@kernel
def rising_slope(plan, opened, expected, g, end):
    """The slope that a group's young note should have, in natural logarithms per second; 0 if it is old or hardly rises."""
    slope = (expected.level_soon[g] - expected.expected_level[g]) / np.float32(STEP_S)
    young = np.float32(end - opened.open_onset[opened.group_first[g]]) * plan.sample_s < np.float32(YOUNG_S)
    return slope if young and slope > np.float32(LEAST_SLOPE) and expected.expected_share[g] >= 0 else np.float32(0)


@kernel
def tells(plan, opened, expected, g):
    """Does a group's level teach the model? Its envelope must be known, and it must have begun to sound.

    Of a drum only the first stage counts: later sound often belongs to another drum.
    """
    first_stage = plan.row_age[opened.open_row[opened.group_first[g]], 0] == 0
    return expected.expected_level[g] > INAUDIBLE and expected.silent[g] == 0 and first_stage


@kernel
def sounds(sums, total, weight_s):
    """Whether a frame with this total can teach a stem. If it is much louder than usual, what the stem has learnt counts less.

    Frames that cannot teach fade the usual total, since the recording can have become softer.
    """
    if sums[ONE] == 0:
        return True
    usual = sums[TOTAL] / sums[ONE]
    if total < np.float32(SILENT) * usual:
        sums[TOTAL] *= np.float32(MEMORY_S) / (np.float32(MEMORY_S) + weight_s)
        return False
    if total > np.float32(LOUDER) * usual:
        for i in range(sums.shape[0]):
            sums[i] *= usual / total
    return True


@kernel
def note_error(own, learnt, stem, age, slope, error, total, weight_s):
    """Add a stem's note to its sums: at this place of its age and slope, it was `error` louder than the model says.

    total: that of the frame.
    """
    sums = own.level_sums[stem]
    if not sounds(sums, total, weight_s):
        return
    if learnt.known_s[stem] > np.float32(KNOWN_S):
        error = max(min(error, np.float32(MOST_ERROR)), np.float32(-MOST_ERROR))
    error += learnt.gain[stem] + learnt.decay_deviation[stem] * age + learnt.lag_s[stem] * slope
    sums[ONE] += weight_s
    sums[AGE] += weight_s * age
    sums[SLOPE] += weight_s * slope
    sums[AGE_AGE] += weight_s * age * age
    sums[AGE_SLOPE] += weight_s * age * slope
    sums[SLOPE_SLOPE] += weight_s * slope * slope
    sums[ERROR] += weight_s * error
    sums[AGE_ERROR] += weight_s * age * error
    sums[SLOPE_ERROR] += weight_s * slope * error
    sums[TOTAL] += weight_s * total
    keep = np.float32(MEMORY_S) / (np.float32(MEMORY_S) + weight_s)
    for i in range(sums.shape[0]):
        sums[i] *= keep


@kernel
def solve(own, learnt, stem):
    """Find a stem's gain, decay deviation and lag from its sums: first the lag, by Cramer's rule and within its limits."""
    sums = own.level_sums[stem]
    a, b, c = sums[ONE] + np.float32(GAIN_PRIOR_S), sums[AGE], sums[SLOPE]
    d, e, f = sums[AGE_AGE] + np.float32(DECAY_PRIOR_S), sums[AGE_SLOPE], sums[SLOPE_SLOPE] + np.float32(LAG_PRIOR)
    minor, more = a * d - b * b, b * e - c * d
    determinant = a * (d * f - e * e) + b * (c * e - b * f) + c * more
    lag_s = (more * sums[ERROR] + (b * c - a * e) * sums[AGE_ERROR] + minor * sums[SLOPE_ERROR]) / determinant
    lag_s = min(max(lag_s, np.float32(0)), np.float32(MOST_LAG_S))
    left, age_left = sums[ERROR] - lag_s * c, sums[AGE_ERROR] - lag_s * e
    learnt.gain[stem] = (d * left - b * age_left) / minor
    learnt.decay_deviation[stem] = (a * age_left - b * left) / minor
    learnt.lag_s[stem], learnt.lag_seen[stem], learnt.known_s[stem] = lag_s, sums[SLOPE_SLOPE], sums[ONE]


@kernel
def step(plan, own, learnt, frame, opened, expected, estimate, end):
    """Update the model of every stem from the frame that ends before `end`."""
    if plan.prediction == 0 or plan.gated == 0:
        return
    loudness = np.log(frame.total)
    for g in range(opened.groups):
        if not tells(plan, opened, expected, g):
            continue
        stem, share = opened.open_stem[opened.group_first[g]], expected.expected_share[g]
        age_s = heard_age_s(plan, opened, g, end)
        slope = rising_slope(plan, opened, expected, g, end)
        if slope > 0 or SETTLED_S <= age_s <= FADED_S:
            least = np.float32(LEAST_WEIGHT) if share >= 0 else np.float32(LEAST_FIRST_WEIGHT)
            weight = max(min(np.float32(SURE_SHARE) * max(share, estimate.group_h[g]), np.float32(1)), least)
            error = np.log(estimate.group_h[g] + np.float32(TINY)) + loudness - expected.expected_level[g] - learnt.gain[stem]
            note_error(own, learnt, stem, log_age(age_s), slope, error, frame.total, weight * plan.hop_s)
    for stem in range(plan.stems - 1):
        if own.level_sums[stem, ONE] > 0:
            solve(own, learnt, stem)
