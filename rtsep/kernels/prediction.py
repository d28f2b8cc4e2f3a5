"""What the notes themselves tell before anything is heard: velocity and age of a note foretell its level.

Envelopes of notes stand in the preset. How loud this recording is against them and how badly the templates fit are learnt
while playing. Where a band plays, it can only add: what the prediction has and the sound has not tells how far the
instrument is another. If it is the preset's very own, the prediction is trusted more, and the background held off less.
"""

import numpy as np
from numba import njit

from rtsep.kernels.activations import add_rows
from rtsep.kernels.manner import otherwise
from rtsep.kernels.memory import (
    ENVELOPE_POINTS,
    ENVELOPE_S,
    ENVELOPE_STEPS,
    ENVELOPE_VELOCITY,
    FOREIGN,
    FREE,
    GAIN,
    GAIN_HEARD_S,
    GROUPS,
    KNOWN,
    LAG_S,
    MISFIT,
    MISFIT_HEARD_S,
    OFF,
    ONSET,
    PITCH,
    RELEASED,
    STATUS,
    STEM,
    STEMS,
    VELOCITY,
    VOICES,
)
from rtsep.kernels.native import INNER, OPTIONS, copy, fill

SILENT = -50.0  # natural logarithm of a level that nobody hears
LEAST_VELOCITY, MOST_VELOCITY = 8, 127
RELEASED_BY = 1.38  # natural logarithm of the 12 dB that a release time stands for
KNOWN_S = 0.1  # s of notes that must be heard before the gain is trusted
MISFIT_S = 1.2  # time constant
OWN_MISFIT = 0.12  # of the very instrument
CAUTION = 12.0  # how many times more of the prediction is kept from the background, per misfit
MOST_CAUTION = 3.0
VERY_MISFIT, OTHER_MISFIT = 0.16, 0.19  # up to which it is the very instrument; from which on it is another one
MUCH = 0.1  # of the frame must be foreseen for that, and twice as much to be sure
KNOWN_TRUST = 3.0  # times as much is a prediction for the very instrument trusted
STEP_S = 0.005  # how slopes are taken
MOST_RISE = 3.0  # natural logarithm of how much louder a note may become while the filters are made


@njit(**OPTIONS)
def level_at(envelope, age_s, velocity):
    """Natural logarithm of the level of a note of `velocity` at an age, between the points of envelope [2, point]."""
    x = np.float32(ENVELOPE_STEPS) * np.log2(np.float32(1) + max(age_s, np.float32(0)) / np.float32(ENVELOPE_S))
    i = min(np.int64(x), ENVELOPE_POINTS - 2)
    part = min(x - np.float32(i), np.float32(1))
    more = np.float32(min(max(velocity, LEAST_VELOCITY), MOST_VELOCITY) - ENVELOPE_VELOCITY)
    low, high = envelope[0, i] + more * envelope[1, i], envelope[0, i + 1] + more * envelope[1, i + 1]
    return low + part * (high - low)


@njit(**INNER)
def note_level(plan, state, voice, end, lag_s):
    """Natural logarithm of what the frame before `end` should hold of a voice, if all stays as it is; gain apart.

    Its sound is `lag_s` ahead of its MIDI.
    """
    stem, pitch = voice[STEM], voice[PITCH]
    age_s = np.float32(end - voice[ONSET]) * plan.sample_s - plan.envelope_later_s + lag_s
    level = level_at(plan.envelope[stem, pitch], age_s, voice[VELOCITY]) + otherwise(state.manner[stem], age_s)
    if voice[STATUS] == RELEASED:
        since_s = max(np.float32(end - voice[OFF]) * plan.sample_s - plan.envelope_later_s, np.float32(0))
        release_s = np.float32(plan.release[stem, pitch]) * plan.sample_s
        level -= np.float32(RELEASED_BY) * since_s / max(release_s, np.float32(1e-3))
    return max(level, np.float32(SILENT + 1))


@njit(**INNER)
def foresee(plan, state, end, total):
    """Fill `expected`, `ahead`, `rising` and `foreseen` for a frame of magnitude `total`; True if something is foreseen."""
    groups, told = state.position[GROUPS], False
    fill(state.foreseen[:groups], np.float32(-1))
    if plan.prediction == 0 or plan.gated == 0:
        return False
    for values in (state.expected, state.ahead, state.rising):
        fill(values[:groups], np.float32(SILENT))
    for v in range(VOICES):
        voice = state.voices[v]
        if voice[STATUS] != FREE and state.marks[voice[STEM], voice[PITCH]] == end + 1:
            g = state.group_at[voice[STEM], voice[PITCH]]
            if g >= 0 and plan.has_envelope[voice[STEM], voice[PITCH]] != 0:
                lag_s = state.gain[plan.instrument[voice[STEM]], LAG_S]
                state.expected[g] = max(state.expected[g], note_level(plan, state, voice, end, lag_s))
                if plan.lead > 0:
                    state.ahead[g] = max(state.ahead[g], note_level(plan, state, voice, end + plan.lead, lag_s))
                state.rising[g] = max(state.rising[g], note_level(plan, state, voice, end, lag_s + np.float32(STEP_S)))
    loudness = np.log(total)
    if plan.lead == 0:
        copy(state.expected, state.ahead[:groups])
    for g in range(groups):
        gain = state.gain[plan.instrument[state.open_stem[state.group_first[g]]]]
        if gain[GAIN_HEARD_S] > KNOWN_S and state.expected[g] > SILENT:
            state.foreseen[g] = np.exp(min(state.expected[g] + gain[GAIN] - loudness, np.float32(30)))
            told = True
    return told


@njit(**INNER)
def divide(state):
    """Fill `predicted`: what is foreseen of a group, among its rows as it is heard; else what is heard itself."""
    for g in range(state.position[GROUPS]):
        first, last = state.group_first[g], state.group_first[g + 1]
        total = np.float32(0)
        for i in range(first, last):
            total += state.h[i]
        scale = state.foreseen[g] / max(total, np.float32(1e-12)) if state.foreseen[g] >= 0 else np.float32(1)
        for i in range(first, last):
            state.predicted[i] = state.h[i] * scale


@njit(**INNER)
def look_ahead(plan, state, end):
    """The gated rows' activations, heard and predicted, become what they are when the frame's masks or filters sound.

    A note that began within the frame fills but a part of it: its share of the whole frame tells too little. And where notes
    foretell their levels, they rise or fall until then.
    """
    for g in range(state.position[GROUPS]):
        first, last = state.group_first[g], state.group_first[g + 1]
        lag_s = state.gain[plan.instrument[state.open_stem[first]], LAG_S]
        age, factor = end - state.open_onset[first] + np.int64(lag_s / plan.sample_s), np.float32(1)
        if state.foreseen[g] >= 0:
            age += plan.lead
            factor = np.exp(min(state.ahead[g] - state.expected[g], np.float32(MOST_RISE)))
        if age <= plan.window_size:
            factor *= plan.boost[age - 1]
        for i in range(first, last):
            state.h[i] *= factor
            state.predicted[i] *= factor


@njit(**INNER)
def trust(plan, state):
    """How much what is foreseen counts against what is heard: more, the surer it is that this is the very instrument."""
    return plan.prediction * (np.float32(1) + np.float32(KNOWN_TRUST - 1) * state.fit[KNOWN])


@njit(**INNER)
def handicap(plan, state):
    """Factor of the background's activations: 1, none, where the preset knows the instrument."""
    return plan.handicap + (np.float32(1) - plan.handicap) * state.fit[KNOWN]


@njit(**INNER)
def leave_rest(plan, state, count):
    """Fill the residual's P with what the prediction leaves of V; the misfit follows."""
    model, V, rest = state.Q, state.V, state.P[plan.stems - 1]
    fill(model, np.float32(0))
    add_rows(state.W, state.open_row[:count], state.predicted, model)
    whole = missing = np.float32(0)
    for k in range(plan.bins):
        whole += model[k]
        missing += max(model[k] - V[k], np.float32(0))
    fit = state.fit
    weight = min(whole, np.float32(1)) * plan.hop_s
    fit[MISFIT_HEARD_S] = min(fit[MISFIT_HEARD_S] + weight, np.float32(MISFIT_S))
    if weight > 0:
        fit[MISFIT] += (missing / whole - fit[MISFIT]) * weight / fit[MISFIT_HEARD_S]
    surely = (np.float32(OTHER_MISFIT) - fit[MISFIT]) / np.float32(OTHER_MISFIT - VERY_MISFIT)
    there = whole / np.float32(MUCH) - np.float32(1)  # a gain that wrong notes taught leaves little to be missed
    fit[KNOWN] = min(max(surely, np.float32(0)), np.float32(1)) * fit[MISFIT_HEARD_S] / np.float32(MISFIT_S)
    fit[KNOWN] *= min(max(there, np.float32(0)), np.float32(1))
    for s in range(plan.stems - 1):
        fit[KNOWN] = min(fit[KNOWN], np.float32(1) - state.manner[s, FOREIGN])
    caution = min(np.float32(1) + np.float32(CAUTION) * max(fit[MISFIT] - np.float32(OWN_MISFIT), np.float32(0)),
                  np.float32(MOST_CAUTION))
    least = np.float32(1e-9) / np.float32(plan.bins)  # masks need one model greater than 0 in every bin
    for k in range(plan.bins):
        rest[k] = max(V[k] - caution * model[k], np.float32(1e-3) * V[k]) + least


@njit(**INNER)
def blend(plan, state, count):
    """The models M of the stems become the geometric mean of what is estimated and what is predicted."""
    stems, first = state.playing[: state.position[STEMS]], 0
    for i in range(stems.shape[0] - 1):
        fill(state.P[stems[i], : plan.bins], np.float32(0))
    while first < count:
        last, stem = first + 1, state.open_stem[first]
        while last < count and state.open_stem[last] == stem:
            last += 1
        add_rows(state.W, state.open_row[first:last], state.predicted[first:last], state.P[stem, : plan.bins])
        first = last
    for i in range(stems.shape[0]):
        M, P, estimated = state.M[stems[i]], state.P[stems[i]], state.shares[stems[i]]
        for k in range(plan.bins):
            estimated[k] = M[k]
            M[k] = np.sqrt(M[k] * P[k])


@njit(**INNER)
def share_out(plan, state):
    """Fill `shares` [stem, bin], which rows learn from: what each stem's mask gives it of V, over its estimated model."""
    stems = state.playing[: state.position[STEMS]]
    for i in range(stems.shape[0]):
        M, shares = state.M[stems[i]], state.shares[stems[i]]
        for k in range(plan.bins):
            shares[k] = state.V[k] * M[k] / max(shares[k], np.float32(1e-12))
