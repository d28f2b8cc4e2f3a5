"""Stage: the level that each note should have, by its velocity and its age, before the frame is looked at.

The preset has the envelopes of notes. Stage `levels` learns how loud this recording is compared with them. A band can only add
sound. So expected sound that is missing tells how much the instrument differs from the preset's: the misfit. The larger it is,
the less is left to the residual. Nothing is expected of a young note that is hardly heard: it has not begun.

Figures: docs/measurements/experiments.md, "The notes' own prediction".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rtsep.kernels.arrays import add_rows, copy, fill
from rtsep.kernels.fields import Part, array, cell, number
from rtsep.kernels.marks import kernel, numeric
from rtsep.kernels.memory import ENVELOPE_POINTS, ENVELOPE_S, ENVELOPE_STEPS, ENVELOPE_VELOCITY, PITCHES
from rtsep.presets.preset import Preset
from rtsep.stages.levels import INAUDIBLE, KNOWN_S, STEP_S, deviation, heard_age_s
from rtsep.stages.polyphony import FREE, LATER, VOICES, sounding
from rtsep.stages.request import Request
from rtsep.windows import Framing, window_pair

LEAST_VELOCITY, MOST_VELOCITY = 8, 127  # Envelopes tell levels between these velocities; beyond them levels stay the same.
RELEASED_BY = 1.38  # The level falls by this natural logarithm, 12 dB, in one release time.
SHORTEST_RELEASE_S = 1e-3  # A release counts as at least this many seconds.
MOST_SHARE = 30.0  # Natural logarithm of the largest share of a frame that can be expected: float32 holds no e ** 89.
LEAST_GROUP = 1e-12  # A group's sum of activations counts as at least this share of the frame where it is a divisor.
# A note that is not heard between these two ages, in seconds, has not begun to sound. Before the first age, the expectation is
# ahead of what is heard: this gains 0.6 dB in mode instant.
DOUBTED_S, BEGINS_S = 0.02, 0.25
BEGUN = 0.35  # A note has not begun while it is heard with less than this share of the expected level: 9 dB less.
MISFIT_S = 1.2  # The misfit follows with this time constant, in seconds of expected sound.
OWN_MISFIT = 0.12  # The instrument that the preset was trained on has about this misfit, a share of what is expected.
CAUTION = 8.0  # The over-subtraction factor grows by this much per unit of misfit above OWN_MISFIT.
MOST_CAUTION = 3.0  # The over-subtraction factor is at most this.
MOST_RISE = 3.0  # A note's level rises by at most this natural logarithm until the frame's masks or filters are heard.
LEAST_LEFT = 1e-3  # At least this share of every bin is left to the residual.
LEAST_MODEL = 1e-9  # The residual's model gets this share of the frame on top, spread over all bins, so that it is above 0.

PLAN = Part("expectation", (
    number("prediction", "weight of what is expected against what is heard; 0: it does not count"),
    number("envelope_later_s",
           "seconds by which these frames contain a note later than the frames that the envelopes were measured in"),
    array("envelope", "float32", f"stems, {PITCHES}, 2, {ENVELOPE_POINTS}",
          "of a note's envelope: natural logarithm of its level, and its slope over velocity"),
    array("has_envelope", "int64", f"stems, {PITCHES}", "whether the envelope is known"),
    array("boost", "float32", "window_size", "factor on the activation of a note that began n + 1 samples ago"),
), sees=("common", "instruments"))
STATE = Part("expectation", (
    cell("misfit", "float32", "share of what is expected that is missing in the sound"),
    cell("misfit_heard_s", "float32", "seconds of expected sound from which the misfit was learnt"),
    array("expected_sum", "float32", "stride", "scratch: the expected spectrum of all notes together"),
))


def envelopes(presets: Sequence[Preset], curve: float) -> dict[str, Any]:
    """The envelopes of the notes of each stem's instrument, in natural logarithms."""
    envelope = np.zeros((len(presets) + 1, PITCHES, 2, ENVELOPE_POINTS), np.float32)
    known = np.zeros((len(presets) + 1, PITCHES), np.int64)
    for stem, preset in enumerate(presets):
        if preset.envelope_db is not None:
            envelope[stem] = preset.envelope_db * np.float32(np.log(10) / 20)
            envelope[stem, :, 1] *= np.float32(curve)
            known[stem] = preset.envelope_db.any(axis=(1, 2))
    return {"envelope": envelope, "has_envelope": known}


def _memory_s(framing: Framing, sample_rate: float) -> float:
    """Age of the sound in a frame, in seconds: the mean, weighted by the window."""
    window, _ = window_pair(framing)
    return float(len(window) - (window * np.arange(len(window))).sum() / window.sum()) / sample_rate


def _most_boost(request: Request) -> float:
    """Largest factor on a young note's activation; half of it, in dB, for onsets that are found: they are less certain."""
    if request.framing.overlap == request.framing.window_size:
        return 1.0
    most = request.number("onset_boost")
    return most if request.asks("gate") else most**0.5


def design(request: Request) -> dict[str, Any]:
    """The part `expectation`. A young note's boost: the whole window over its part that contains the note, up to a limit."""
    trained = Framing(request.used[0].window_size, request.used[0].overlap, request.framing.hop)
    later_s = _memory_s(request.framing, request.sample_rate) - _memory_s(trained, request.used[0].sample_rate)
    boost = np.minimum(request.window.sum() / np.cumsum(request.window[::-1]), _most_boost(request))
    return {
        "prediction": request.number("prediction"),
        "envelope_later_s": later_s,
        "boost": boost.astype(np.float32),
        **envelopes(request.presets, request.number("velocity_curve")),
    }


@kernel
def forget(own):
    """Forget how well the preset fits."""
    own.misfit = own.misfit_heard_s = np.float32(0)


@numeric
def level_at(envelope, age_s, velocity):
    """Natural logarithm of a note's level at this velocity and age, interpolated between the points of envelope [2, point]."""
    x = np.float32(ENVELOPE_STEPS) * np.log2(np.float32(1) + max(age_s, np.float32(0)) / np.float32(ENVELOPE_S))
    i = min(np.int64(x), ENVELOPE_POINTS - 2)
    part = min(x - np.float32(i), np.float32(1))
    more = np.float32(min(max(velocity, LEAST_VELOCITY), MOST_VELOCITY) - ENVELOPE_VELOCITY)
    low, high = envelope[0, i] + more * envelope[1, i], envelope[0, i + 1] + more * envelope[1, i + 1]
    return low + part * (high - low)


@kernel
def note_level(plan, learnt, voice, end, lag_s):
    """Natural logarithm of the level that a voice should have in the frame before `end`, without the gain.

    Its sound is `lag_s` ahead of its MIDI.
    """
    stem, pitch = voice.stem, voice.pitch
    begin, velocity, off = sounding(voice)
    age_s = np.float32(end - begin) * plan.sample_s - plan.envelope_later_s + lag_s
    level = level_at(plan.envelope[stem, pitch], age_s, velocity) + deviation(learnt, stem, age_s)
    if off != LATER:
        since_s = max(np.float32(end - off) * plan.sample_s - plan.envelope_later_s, np.float32(0))
        release_s = np.float32(plan.release[stem, pitch]) * plan.sample_s
        level -= np.float32(RELEASED_BY) * since_s / max(release_s, np.float32(SHORTEST_RELEASE_S))
    return max(level, np.float32(INAUDIBLE + 1))


@kernel
def expect_levels(plan, learnt, voices, opened, expected, end):
    """Fill the level of each group's loudest voice: now, `lead` later, and a little later."""
    for values in (expected.expected_level, expected.level_ahead, expected.level_soon):
        fill(values[: opened.groups], np.float32(INAUDIBLE))
    for v in range(VOICES):
        voice = voices[v]
        if voice.status == FREE or sounding(voice)[0] == LATER:
            continue
        g = opened.group_at[voice.stem, voice.pitch]
        if g >= 0 and plan.has_envelope[voice.stem, voice.pitch] != 0:
            now, ahead, soon = expected.expected_level, expected.level_ahead, expected.level_soon
            lag_s = learnt.lag_s[voice.stem]
            now[g] = max(now[g], note_level(plan, learnt, voice, end, lag_s))
            if plan.lead > 0:
                ahead[g] = max(ahead[g], note_level(plan, learnt, voice, end + plan.lead, lag_s))
            soon[g] = max(soon[g], note_level(plan, learnt, voice, end, lag_s + np.float32(STEP_S)))
    if plan.lead == 0:
        copy(expected.expected_level, expected.level_ahead[: opened.groups])


@kernel
def begins_soon(plan, opened, g, end):
    """Is a group's note so young that perhaps it has not begun to sound, but old enough to be heard if it has?"""
    return np.float32(DOUBTED_S) <= heard_age_s(plan, opened, g, end) < np.float32(BEGINS_S)


@kernel
def step(plan, learnt, voices, frame, opened, expected, end):
    """Fill the levels and shares that are expected in the frame before `end`, the least shares, and `expects`."""
    expected.expects, groups = 0, opened.groups
    fill(expected.expected_share[:groups], np.float32(-1))
    fill(expected.least_share[:groups], np.float32(0))
    if plan.prediction == 0 or plan.gated == 0 or groups == 0:
        return
    expect_levels(plan, learnt, voices, opened, expected, end)
    loudness = np.log(frame.total)
    for g in range(groups):
        stem, level = opened.open_stem[opened.group_first[g]], expected.expected_level[g]
        if learnt.known_s[stem] > KNOWN_S and level > INAUDIBLE:
            expected.expected_share[g] = np.exp(min(level + learnt.gain[stem] - loudness, np.float32(MOST_SHARE)))
            if begins_soon(plan, opened, g, end):
                expected.least_share[g] = np.float32(BEGUN) * expected.expected_share[g]


@kernel
def find_silent(opened, expected, group_h):
    """Expect nothing of a note that has not begun to sound: it was told early, or it will never sound. It teaches nothing."""
    expected.expects = 0
    for g in range(opened.groups):
        expected.silent[g] = 1 if group_h[g] < expected.least_share[g] else 0
        if expected.silent[g]:
            expected.expected_share[g] = -1
        elif expected.expected_share[g] >= 0:
            expected.expects = 1


@kernel
def divide(opened, expected, h):
    """Fill `expected_h`: a group's expected share, divided among its rows in proportion to h; without expectation, h itself."""
    for g in range(opened.groups):
        first, last = opened.group_first[g], opened.group_first[g + 1]
        total = np.float32(0)
        for i in range(first, last):
            total += h[i]
        share = expected.expected_share[g]
        scale = share / max(total, np.float32(LEAST_GROUP)) if share >= 0 else np.float32(1)
        for i in range(first, last):
            expected.expected_h[i] = h[i] * scale


@kernel
def learn_misfit(plan, own, whole, missing):
    """Update the misfit from a frame: `whole` is the share that is expected, `missing` is what of it the frame lacks."""
    weight = min(whole, np.float32(1)) * plan.hop_s
    own.misfit_heard_s = min(own.misfit_heard_s + weight, np.float32(MISFIT_S))
    if weight > 0:
        own.misfit += (missing / whole - own.misfit) * weight / own.misfit_heard_s


@kernel
def subtract_expected(plan, own, V, W, opened, expected):
    """Fill the residual's expected model with what the expected notes leave of V; update the misfit."""
    model, left = own.expected_sum, expected.expected_models[plan.stems - 1]
    fill(model, np.float32(0))
    add_rows(W, opened.open_row[: opened.open_count], expected.expected_h, model)
    whole = missing = np.float32(0)
    for k in range(plan.bins):
        whole += model[k]
        missing += max(model[k] - V[k], np.float32(0))
    learn_misfit(plan, own, whole, missing)
    caution = min(np.float32(1) + np.float32(CAUTION) * max(own.misfit - np.float32(OWN_MISFIT), np.float32(0)),
                  np.float32(MOST_CAUTION))
    least = np.float32(LEAST_MODEL) / np.float32(plan.bins)
    for k in range(plan.bins):
        left[k] = max(V[k] - caution * model[k], np.float32(LEAST_LEFT) * V[k]) + least


@kernel
def look_ahead(plan, learnt, opened, expected, h, h_ahead, end):
    """Fill `h_ahead` and `expected_ahead`: activations, heard and expected, when the frame's masks or filters are heard.

    A note that began within the frame fills only a part of it, so its share of the whole frame is too small. Notes with an
    expected level also rise or fall until then.
    """
    copy(h, h_ahead)
    for g in range(opened.groups):
        first, last = opened.group_first[g], opened.group_first[g + 1]
        lag_s = learnt.lag_s[opened.open_stem[first]]
        age, factor = end - opened.open_onset[first] + np.int64(lag_s / plan.sample_s), np.float32(1)
        if expected.expected_share[g] >= 0:
            age += plan.lead
            factor = np.exp(min(expected.level_ahead[g] - expected.expected_level[g], np.float32(MOST_RISE)))
        if 0 < age <= plan.window_size:
            factor *= plan.boost[age - 1]
        for i in range(first, last):
            h_ahead[i] *= factor
            expected.expected_ahead[i] = expected.expected_h[i] * factor
