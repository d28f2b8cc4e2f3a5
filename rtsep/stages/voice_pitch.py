"""Stage: the pitch of a voice or of another single line, from what the told notes leave of the same frame.

The square root of the spectrum is read at logarithmic steps of frequency. There the harmonics of every fundamental frequency
have the same distances from it. The salience of a candidate, a fundamental frequency on a grid, tells how far the spectrum at
its harmonics stands above the spectrum between them. The pitch is the end of the best path through the candidates (Viterbi,
IEEE Transactions on Information Theory 13, 1967, forward only): the score of a path is the mean salience of the last frames,
less a cost for each semitone that it has moved.

A told melody leaves only the candidates near its note, and less salience is enough. In its rests, the frame is unvoiced.

Figures: docs/measurements/pitch.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rtsep.kernels.arrays import fill
from rtsep.kernels.elementary import exp, log
from rtsep.kernels.fields import Part, array, cell, number, size
from rtsep.kernels.marks import kernel, numeric
from rtsep.stages.request import Request
from rtsep.stages.voice_grid import (
    AXIS,
    CANDIDATES,
    FINER,
    HARMONICS,
    LOWEST_HZ,
    STEPS,
    axis_hz,
    limits_of,
    places_above,
)

FADING = 0.92  # Each harmonic counts as this share of the one below it.
HEARD_HZ = 5000.0  # The salience counts no harmonics above this frequency.
LEVEL_HZ = 10000.0  # The spectrum is scaled by its mean magnitude below this frequency.
MEMORY_S = 0.05  # The score of a path forgets with this time constant, in seconds.
SEMITONE_COST = 0.05  # The score of a path loses this much for each semitone that it moves.
VOICED = 1.0  # A frame is voiced only from this salience on.
VOICED_TOLD = 0.4  # The same where a note of the melody is told: then a weak peak near the note is most likely the voice.
SURE = 0.3  # Without a melody, this must also be reached by the salience times the root of the share that the notes leave.
AROUND_CENTS = 130.0  # A told melody leaves the candidates up to this many cents from its note.
LEAST_LEFT = 1e-3  # A frame is unvoiced if the told notes leave less than this share of it.
TRACE = 4096  # The pitches of this many frames are kept for those who read them between blocks.

PLAN = Part("voice_pitch", (
    size("first_candidate", "the first candidate in the voice's range"),
    size("end_candidate", "the candidate after the last one in the voice's range"),
    size("axis_heard", "steps of the axis that lie in the part of the spectrum that counts"),
    size("level_bins", "the spectrum is scaled by the mean of this many bins"),
    number("pitch_keep", "share of a path's score that remains after a hop"),
    array("axis_bin", "int32", f"{FINER}, {AXIS}", "the bin below each place of the axis: places of one step, steps"),
    array("axis_part", "float32", f"{FINER}, {AXIS}", "position of the place between that bin and the next, 0 to 1"),
    array("shift_steps", "int64", f"2, {HARMONICS}",
          "steps from an octave below a candidate to each harmonic, and to half a fundamental frequency below it"),
    array("shift_place", "int64", f"2, {HARMONICS}", "the place in that step"),
    array("harmonic_weight", "float32", f"{HARMONICS}", "weight of each harmonic; they sum to 1"),
), sees=("common",))
STATE = Part("voice_pitch", (
    cell("pitch_frames", "int64", "frames since reset"),
    cell("sureness", "float32", "salience of the last frame's pitch, times the square root of the share that the notes leave"),
    array("path_score", "float32", f"{CANDIDATES}", "score of the best path that ends at each candidate"),
    array("salience", "float32", f"{CANDIDATES}", "salience of each candidate in the last frame"),
    array("left_root", "float32", "stride", "scratch: square root of what the told notes leave"),
    array("axis", "float32", f"{FINER}, {AXIS}", "scratch: left_root at the places of the axis", bound=True),
    array("pitch_trace", "float32", f"{TRACE}, 2",
          "of the last frames, by their number: pitch in Hz (0 or less: unvoiced), and sureness"),
))


def design(request: Request) -> dict[str, Any]:
    """The part `voice_pitch`."""
    bin_hz, n = request.sample_rate / request.framing.window_size, np.arange(HARMONICS) + 1
    at, weight = axis_hz() / bin_hz, FADING**n
    heard = (axis_hz() < HEARD_HZ) & (at < request.bins - 2)
    shift = np.stack([places_above(n), places_above(n - 0.5)])
    low, high = sorted(440 * 2 ** ((request.number(name) - 69) / 12) for name in ("voice_low", "voice_high"))
    first, end = limits_of(low * 2 ** (-1 / 24), high * 2 ** (1 / 24))
    return {
        "first_candidate": first,
        "end_candidate": end,
        "axis_heard": int(heard.all(axis=0).sum()),
        "level_bins": min(int(LEVEL_HZ / bin_hz), request.bins),
        "pitch_keep": request.keep(MEMORY_S),
        "axis_bin": np.where(heard, at, 0).astype(np.int32),
        "axis_part": np.where(heard, at % 1, 0).astype(np.float32),
        "shift_steps": shift // FINER,
        "shift_place": shift % FINER,
        "harmonic_weight": (weight / weight.sum()).astype(np.float32),
    }


@numeric
def level_of(left):
    """The sum of left [bin]; 0 if it is less than LEAST_LEFT, or NaN."""
    level = np.float32(0)
    for k in range(left.shape[0]):
        level += left[k]
    return level if level > np.float32(LEAST_LEFT) else np.float32(0)


@numeric
def scaled_root(left, scale, root):
    """root [bin] = square root of scale left [bin]"""
    for k in range(root.shape[0]):
        root[k] = np.sqrt(scale * left[k])


@numeric
def read_axis(root, bins, parts, axis):
    """axis [n] = root, between each of `bins` and the next at these `parts`."""
    for i in range(axis.shape[0]):
        k = bins[i]
        axis[i] = root[k] + parts[i] * (root[k + 1] - root[k])


@numeric
def add_harmonic(upper, lower, weight, salience):
    """salience [n] += weight (upper - lower): the spectrum at a harmonic of each candidate, and below the harmonic."""
    for i in range(salience.shape[0]):
        salience[i] += weight * (upper[i] - lower[i])


@kernel
def find_salience(plan, own, first, end):
    """Fill `salience` of the candidates from `first` to `end`."""
    for place in range(FINER):
        read_axis(own.left_root, plan.axis_bin[place], plan.axis_part[place], own.axis[place, : plan.axis_heard])
    salience = own.salience[first:end]
    fill(salience, np.float32(0))
    for n in range(HARMONICS):
        upper = own.axis[plan.shift_place[0, n], first + plan.shift_steps[0, n] :]
        lower = own.axis[plan.shift_place[1, n], first + plan.shift_steps[1, n] :]
        add_harmonic(upper, lower, plan.harmonic_weight[n], salience)


@numeric
def move_paths(score, cost):
    """Let paths move: each score becomes the best one less `cost` for every step from there."""
    for i in range(1, score.shape[0]):
        score[i] = max(score[i], score[i - 1] - cost)
    for i in range(score.shape[0] - 2, -1, -1):
        score[i] = max(score[i], score[i + 1] - cost)


@numeric
def continue_paths(score, salience, keep):
    """Add a frame's salience to the scores; returns the candidate with the best score."""
    best = np.int64(0)
    for i in range(score.shape[0]):
        score[i] = salience[i] + keep * (score[i] - salience[i])
        if score[i] > score[best]:
            best = i
    return best


@numeric
def peak_between(salience, best):
    """Place of the salience's peak near candidate `best`: the vertex of the parabola through it and its neighbours."""
    if best == 0 or best + 1 == salience.shape[0]:
        return np.float32(best)
    below, here, above = salience[best - 1], salience[best], salience[best + 1]
    bend = below + above - here - here
    if not bend < 0:
        return np.float32(best)
    return np.float32(best) + min(max((below - above) / (bend + bend), np.float32(-0.5)), np.float32(0.5))


@numeric
def place_of(hz):
    """Place of a frequency among the candidates, which can lie between two of them."""
    return np.float32(12 * STEPS / np.log(2)) * log(hz / np.float32(LOWEST_HZ))


@numeric
def frequency_at(place):
    """The frequency in Hz at a place among the candidates."""
    return np.float32(LOWEST_HZ) * exp(place * np.float32(np.log(2) / (12 * STEPS)))


@kernel
def first_and_end(plan, melody):
    """The first candidate that is possible, and the one after the last: those in the range, or those near told notes."""
    if melody.told_low_hz <= 0:
        return plan.first_candidate, plan.end_candidate
    around = np.float32(AROUND_CENTS * STEPS / 100)
    first = np.int64(np.ceil(place_of(melody.told_low_hz) - around))
    end = np.int64(np.floor(place_of(melody.told_high_hz) + around)) + 1
    first = min(max(first, 0), CANDIDATES - 1)
    return first, min(max(end, first + 1), CANDIDATES)


@kernel
def find_pitch(plan, own, melody, left, level):
    """The most likely pitch of a frame in Hz, below 0 if it is unvoiced; the spectrum `left` [bin] has the sum `level`."""
    scaled_root(left, np.float32(plan.level_bins) / level, own.left_root[: plan.bins])
    first, end = first_and_end(plan, melody)
    find_salience(plan, own, first, end)
    fill(own.path_score[:first], np.float32(0))
    fill(own.path_score[end:], np.float32(0))
    score, salience = own.path_score[first:end], own.salience[first:end]
    move_paths(score, np.float32(SEMITONE_COST / STEPS))
    best = continue_paths(score, salience, plan.pitch_keep)
    own.sureness = salience[best] * np.sqrt(level)
    hz = frequency_at(np.float32(first) + peak_between(salience, best))
    if melody.told_low_hz > 0:
        return hz if salience[best] >= np.float32(VOICED_TOLD) else -hz
    return hz if salience[best] >= np.float32(VOICED) and own.sureness >= np.float32(SURE) else -hz


@kernel
def begin(own):
    """Begin a frame; it is unvoiced unless `step` follows."""
    own.sureness, at = np.float32(0), own.pitch_frames % TRACE
    own.pitch_trace[at, 0] = own.pitch_trace[at, 1] = np.float32(0)
    own.pitch_frames += 1


@kernel
def step(plan, own, melody, left):
    """The pitch of a frame in Hz, 0: unvoiced, from what the told notes leave of it, `left` [bin], as a share of the frame.

    melody: the part of that name, with the range of told notes.
    """
    level = level_of(left[: plan.level_bins])
    if melody.told_low_hz < 0 or level == 0:
        fill(own.path_score, np.float32(0))
        return np.float32(0)
    hz = find_pitch(plan, own, melody, left, level)
    at = (own.pitch_frames - 1) % TRACE
    own.pitch_trace[at, 0], own.pitch_trace[at, 1] = hz, own.sureness
    return max(hz, np.float32(0))
