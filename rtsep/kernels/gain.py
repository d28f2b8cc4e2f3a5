"""What levels teach that are not as expected: the gain, how a stem's notes fade, how far sound is ahead of its MIDI."""

import numpy as np
from numba import njit

from rtsep.kernels.manner import draw_line, note_error
from rtsep.kernels.memory import GAIN, GAIN_HEARD_S, GROUPS, LAG_S, LAG_SEEN
from rtsep.kernels.native import INNER
from rtsep.kernels.prediction import SILENT, STEP_S

GAIN_S = 0.6  # time constant
SETTLED_S, FADED_S = 0.02, 1.5  # ages between which a note tells the gain
YOUNG_S, LEAST_SLOPE = 0.08, 10.0  # until which age, and from how many per s on, a note tells the lag
LAG_PRIOR, LAG_MEMORY = 600.0, 6000.0  # sums of squared slopes times s: some 2 and 20 notes
MOST_ERROR, MOST_LAG_S = 1.0, 0.05


@njit(**INNER)
def excess(state, g, loudness, gain):
    """Natural logarithm of what was heard of a group over what was expected of it."""
    return np.log(state.heard[g] + np.float32(1e-6)) + loudness - state.expected[g] - gain[GAIN]


@njit(**INNER)
def heard_age_s(plan, state, g, end):
    """Age of a group's note in the frame before `end`, as the frames of the envelopes have it."""
    return np.float32(end - state.open_onset[state.group_first[g]]) * plan.sample_s - plan.envelope_later_s


@njit(**INNER)
def settled(plan, state, g, end):
    """Is a group's note of an age at which its level tells something?

    A drum's is told by its first stage: what comes later is often another sound's.
    """
    age_s, first = heard_age_s(plan, state, g, end), state.group_first[g]
    return SETTLED_S <= age_s <= FADED_S and plan.row_age[state.open_row[first], 0] == 0


@njit(**INNER)
def learn_gain(plan, state, end, total):
    """The gain of each instrument follows what was heard of its notes over what was expected."""
    loudness = np.log(total)
    for g in range(state.position[GROUPS]):
        if plan.prediction == 0 or plan.gated == 0 or state.expected[g] <= SILENT or not settled(plan, state, g, end):
            continue
        gain = state.gain[plan.instrument[state.open_stem[state.group_first[g]]]]
        error = excess(state, g, loudness, gain)
        weight = np.float32(1)
        if state.foreseen[g] >= 0:
            weight = max(min(np.float32(4) * state.foreseen[g], np.float32(1)), np.float32(1e-3))
            error = max(min(error, np.float32(2)), np.float32(-2))
        weight *= plan.hop_s
        gain[GAIN_HEARD_S] = min(gain[GAIN_HEARD_S] + weight, np.float32(GAIN_S))
        gain[GAIN] += error * weight / gain[GAIN_HEARD_S]


@njit(**INNER)
def learn_manner(plan, state, end, total):
    """Of every stem: do its notes fade as the preset's?"""
    loudness = np.log(total)
    for g in range(state.position[GROUPS]):
        if state.foreseen[g] < 0 or not settled(plan, state, g, end):
            continue
        stem = state.open_stem[state.group_first[g]]
        weight = min(np.float32(4) * max(state.heard[g], state.foreseen[g]), np.float32(1)) * plan.hop_s
        error = excess(state, g, loudness, state.gain[plan.instrument[stem]])
        note_error(state.manner[stem], heard_age_s(plan, state, g, end), error, weight)
    for stem in range(plan.stems - 1):
        draw_line(state.manner[stem])


@njit(**INNER)
def learn_lag(plan, state, end, total):
    """By how much the sound is ahead of its MIDI: while a note rises, it is louder than its age lets expect.

    Steps of Gauss and Newton over the notes of an instrument: the error of the level over the slope of its envelope.
    """
    loudness = np.log(total)
    for g in range(state.position[GROUPS]):
        first = state.group_first[g]
        slope = (state.rising[g] - state.expected[g]) / np.float32(STEP_S)
        young = np.float32(end - state.open_onset[first]) * plan.sample_s < np.float32(YOUNG_S)
        if state.foreseen[g] < 0 or not young or slope < np.float32(LEAST_SLOPE):
            continue
        gain = state.gain[plan.instrument[state.open_stem[first]]]
        error = excess(state, g, loudness, gain)
        error = max(min(error, np.float32(MOST_ERROR)), np.float32(-MOST_ERROR))
        weight = min(np.float32(4) * state.foreseen[g], np.float32(1)) * slope * plan.hop_s
        gain[LAG_SEEN] = min(gain[LAG_SEEN] + weight * slope, np.float32(LAG_MEMORY))
        lag_s = gain[LAG_S] + error * weight / (gain[LAG_SEEN] + np.float32(LAG_PRIOR))
        gain[LAG_S] = min(max(lag_s, np.float32(0)), np.float32(MOST_LAG_S))
