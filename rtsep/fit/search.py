"""Finds where notes fit: correlates their onsets with onset strengths of the sound, over offsets, transpositions and tempi.

The sound is analysed in parts. Each part gives a correlation C [transposition, offset]. Another tempo moves the peaks of later
parts, so parts are added along lines. Strengths are standard deviations of C over all transpositions and offsets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rtsep.fit.hearing import LOWEST, PITCHES, STEP_S, Floats, Rows, Sound, listen, rises
from rtsep.notes.moved import NoteArray
from rtsep.windows import power_above

# The sound is analysed in parts of at most this many seconds, and in at most this many parts: more cost time.
PART_S, MOST_PARTS = 4.0, 6
MOST_OFFSET_S = 5.0  # Offsets of up to this many seconds are tried.
LOCAL_S = 0.3  # A part can differ by this many seconds from the offset of all parts together.
MOST = round((MOST_OFFSET_S + 2 * LOCAL_S) / STEP_S)  # The largest offset plus twice the local difference, in steps.
SHIFTS = np.arange(-24, 25, dtype=np.int64)  # Transpositions that are tried, in semitones.
# Changes of tempo that are tried along lines: up to this share, in steps of this many seconds over all parts.
MOST_CHANGE, LINE_STEP_S = 0.04, 0.04
# Larger changes are tried on this many seconds of sound, with these factors of the tempo.
TEMPO_S, TEMPI = 20.0, np.geomspace(0.4, 2.5, 184)
TEMPO_STEPS = 2  # Tempi are tried at times of this many steps.
# A note's onset counts fully in its step and half in the steps beside it, since players are not exact.
BUMP = np.array([0.5, 1.0, 0.5])
NEAR_S = 0.06  # An offset of at most this many seconds counts as none, since it hardly harms the separation.
RIVAL_S = 0.12  # Peaks further away from a peak than this many seconds are its rivals.
OUTSIDE = 0.125  # This share of the parts' offsets on each side does not count in their spread.
AGREES = 0.9  # A part agrees with all parts if it is at least this many times as strong there as at its own best offset.


@dataclass(frozen=True)
class Match:
    """Notes and sound at one time, tempo and key. The sound of a note at t s is at stretch * t + offset_s.

    strength: in standard deviations. rival: the strongest match at another time. near: the strength of the unchanged notes.
    agree: the share of the parts that are strongest there. spread_s: range of three quarters of their offsets around the line.
    """

    offset_s: float
    stretch: float
    shift: int
    strength: float
    rival: float
    near: float
    agree: float
    spread_s: float


@dataclass(frozen=True)
class Heard:
    """Onset strengths of the parts, [part][step, pitch], which begin at `begins_s`; rises appear `late_s` after onsets.

    shifts: transpositions to try.
    """

    rises: list[Floats]
    begins_s: Floats
    late_s: float
    shifts: npt.NDArray[np.int64]

    @property
    def middles_s(self) -> Floats:
        """The middles of the parts."""
        return np.array([begin + len(part) * STEP_S / 2 for begin, part in zip(self.begins_s, self.rises, strict=True)])


def hear(sound: Sound, rows: Rows, notes: NoteArray) -> Heard:
    """Analyse the sound around the notes, in parts that are evenly spread over them."""
    seconds = sound.frames / sound.sample_rate
    first = min(max(float(notes["onset_s"].min()) - MOST_OFFSET_S, 0.0), max(seconds - PART_S, 0.0))
    last = max(min(float(notes["onset_s"].max()) + MOST_OFFSET_S, seconds), min(first + PART_S, seconds))
    count = min(MOST_PARTS, max(int(np.ceil((last - first) / PART_S)), 1))
    length = min(PART_S, (last - first) / count)
    begins_s = np.linspace(first, last - length, count)
    activations = [listen(sound, rows, begin, max(int(length / STEP_S), 4)) for begin in begins_s]
    loudest = max(float(each.max()) for each in activations)
    return Heard([rises(each, loudest) for each in activations], begins_s, rows.late_s,
                 SHIFTS if rows.tonal else np.zeros(1, np.int64))


def onset_marks(notes: NoteArray, stretch: float, begin_s: float, steps: int) -> Floats:
    """The notes' onsets [step, pitch] from `begin_s`, as short bumps."""
    marks = np.zeros((steps, PITCHES), np.float32)
    at = np.rint((stretch * notes["onset_s"] - begin_s) / STEP_S).astype(int)
    column = notes["pitch"].astype(int) - LOWEST
    inside = (at >= 1) & (at < steps - 1) & (column >= 0) & (column < PITCHES)
    for step, height in enumerate(BUMP, -1):
        np.maximum.at(marks, (at[inside] + step, column[inside]), height)
    return marks


def correlate(rise: Floats, marks: Floats, shifts: npt.NDArray[np.int64]) -> Floats:
    """C [transposition, offset] of the part `rise` with `marks`, which begin MOST steps earlier and end MOST later."""
    size = power_above(len(marks))
    of_sound, of_notes = np.fft.rfft(rise, size, axis=0).conj(), np.fft.rfft(marks, size, axis=0)
    found = []
    for shift in shifts.tolist():
        low, high = max(0, -shift), min(PITCHES, PITCHES - shift)
        found.append((of_sound[:, low + shift : high + shift] * of_notes[:, low:high]).sum(axis=1))
    most = (len(marks) - len(rise)) // 2
    result: Floats = np.fft.irfft(np.array(found), size)[:, 2 * most :: -1]
    return result


def match(heard: Heard, notes: NoteArray, least_s: float = NEAR_S) -> Match:
    """The best fit of the notes. A change of tempo that moves parts by less than `least_s` counts as none."""
    parts = np.stack([correlate(rise, onset_marks(notes, 1.0, begin - MOST * STEP_S, len(rise) + 2 * MOST), heard.shifts)
                      for rise, begin in zip(heard.rises, heard.begins_s, strict=True)])
    middles = heard.middles_s - heard.middles_s.mean()
    near, strongest, drift = 0.0, -np.inf, 0.0
    for each in _drifts(middles).tolist():
        added = _along(parts, middles * each)
        if added.max() > strongest:
            strongest, drift, plane = float(added.max()), each, added
        if abs(each) * np.ptp(middles) <= NEAR_S:
            near = max(near, float(_near(added, heard).max()))
    scale = max(float(_along(parts, 0 * middles).std()), 1e-30)
    row, at = (int(index) for index in np.unravel_index(int(plane.argmax()), plane.shape))
    offset_s, change, agree, spread_s = _line(parts[:, row], middles, drift, at - MOST, least_s)
    mean_s = float(heard.middles_s.mean())  # The sound is offset_s + change * (its time - mean_s) later than the notes.
    return Match((offset_s - change * mean_s) / (1 - change) - heard.late_s, 1 / (1 - change), int(heard.shifts[row]),
                 strongest / scale, _rival(plane, at) / scale, near / scale, agree, spread_s)


def _rival(plane: Floats, at: int) -> float:
    """The strongest correlation at other offsets."""
    width = round(RIVAL_S / STEP_S)
    others = plane.copy()
    others[:, max(at - width, 0) : at + width + 1] = 0
    return float(others.max())


def _near(plane: Floats, heard: Heard) -> Floats:
    width = round(NEAR_S / STEP_S)
    return plane[int(np.flatnonzero(heard.shifts == 0)[0]), MOST - width : MOST + width + 1]


def _drifts(middles: Floats) -> Floats:
    """Changes of tempo to try; the middle one is 0."""
    span_s = float(np.ptp(middles))
    if span_s < PART_S:
        return np.zeros(1)
    count = int(min(MOST_CHANGE * span_s, MOST_OFFSET_S) / LINE_STEP_S)
    return np.arange(-count, count + 1) * LINE_STEP_S / span_s


def _along(parts: Floats, lags_s: Floats) -> Floats:
    """The sum of the parts [part, transposition, offset], each taken `lags_s` later."""
    total: Floats = np.zeros(parts.shape[1:])
    for part, lag in zip(parts, np.rint(lags_s / STEP_S).astype(int).tolist(), strict=True):
        if lag >= 0:
            total[:, : total.shape[1] - lag] += part[:, lag:]
        else:
            total[:, -lag:] += part[:, :lag]
    return total


def _line(parts: Floats, middles: Floats, drift: float, at: int, least_s: float) -> tuple[float, float, float, float]:
    """Of parts [part, offset] near the line that was found: offset in the middle, change of tempo, agree and spread_s."""
    width, times, lags, heard = round(LOCAL_S / STEP_S), [], [], 0
    for part, middle in zip(parts, middles, strict=True):
        first = max(MOST + at + round(middle * drift / STEP_S) - width, 0)
        local = part[first : first + 2 * width + 1]
        heard += int(part.any())
        if len(local) and part.any() and local.max() >= AGREES * part.max():
            times.append(middle)
            lags.append((first + _peak(local) - MOST) * STEP_S)
    agree = len(times) / max(heard, 1)
    if len(times) < 2 or np.ptp(times) < PART_S:
        return (float(np.median(lags)) if lags else at * STEP_S), drift, agree, 0.0
    pairs = np.triu(np.subtract.outer(times, times) <= -0.999 * PART_S)
    slope = float(np.median((np.subtract.outer(lags, lags) / np.where(pairs, np.subtract.outer(times, times), 1))[pairs]))
    slope *= abs(slope) * float(np.ptp(middles)) > least_s
    left = np.array(lags) - slope * np.array(times)  # Theil and Sen's line goes through these.
    return float(np.median(left)), slope, agree, float(np.subtract(*np.quantile(left, [1 - OUTSIDE, OUTSIDE])))


def _peak(values: Floats) -> float:
    """Index of the largest value, interpolated between steps with a parabola."""
    at = int(values.argmax())
    if not 0 < at < len(values) - 1:
        return float(at)
    low, mid, high = values[at - 1 : at + 2].tolist()
    return at + float(0.5 * (low - high) / min(low - 2 * mid + high, -1e-30))


def best_tempo(sound: Sound, rows: Rows, notes: NoteArray, begin_s: float) -> float:
    """The factor of the notes' times that fits the first TEMPO_S best."""
    steps = max(int(min(TEMPO_S, sound.frames / sound.sample_rate - begin_s) / STEP_S) // TEMPO_STEPS, 4)
    H = listen(sound, rows, begin_s, steps * TEMPO_STEPS)
    rise = rises(H, float(H.max())).reshape(steps, TEMPO_STEPS, PITCHES).sum(axis=1)
    most = MOST // TEMPO_STEPS * TEMPO_STEPS
    used = np.unique(notes["pitch"].astype(int)) - LOWEST
    used = used[(used >= 0) & (used < PITCHES)]
    size = power_above(steps + 2 * most // TEMPO_STEPS)
    of_sound = np.fft.rfft(rise[:, used], size, axis=0).conj()
    found = []
    for factor in TEMPI.tolist():
        marks = onset_marks(notes, factor, begin_s - most * STEP_S, steps * TEMPO_STEPS + 2 * most)[:, used]
        of_notes = np.fft.rfft(marks.reshape(-1, TEMPO_STEPS, len(used)).max(axis=1), size, axis=0)
        found.append(np.fft.irfft((of_sound * of_notes).sum(axis=1), size)[: 2 * most // TEMPO_STEPS + 1].max())
    return float(TEMPI[int(np.argmax(found))])
