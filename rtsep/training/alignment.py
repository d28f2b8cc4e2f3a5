"""Checks whether a score fits a recording: compares onsets in the score with onsets in the sound, by pitch class.

The onset strength of a pitch class is the rise of its logarithmic level from frame to frame. If score and recording belong
together, its cross-correlation with the score's onsets has one clear peak (see Müller, "Fundamentals of Music Processing",
sections 3.1 and 6.1, for both features).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rtsep.training.frames import open_spectrogram
from rtsep.training.inputs import Take
from rtsep.training.isolated import Floats
from rtsep.training.scores import NoteArray
from rtsep.training.updates import parts
from rtsep.windows import choose_framing, window_pair

STEP_S = 0.01  # Onset strengths are computed at steps of this many seconds.
LOWEST, HIGHEST = 36, 96  # Bands of these and the MIDI pitches between them count.
COMPRESSION = 100.0  # Factor in log(1 + factor * level), with levels relative to the loudest.
MOST_OFFSET_S = 5.0  # Offsets of the whole score of up to this many seconds are tried.
# Parts for the drift: their length in s, their least number of onsets, and the largest offset tried, in s.
LOCAL_S, LEAST_ONSETS, LOCAL_OFFSET_S = 10.0, 8, 0.5
OUTSIDE = 0.125  # This share of the parts' offsets on either side does not count in the drift.
RISE_S = 0.02  # A note is loudest this many seconds after its onset, as measured on aligned recordings.
WIDTH_S = 0.05  # Half width, in seconds, of the bumps that stand for a score's onsets.
# Semitones tried; a transposition is reported if it is this many times as strong as none.
TRANSPOSITIONS, CLEARLY = range(-5, 7), 1.25
# Strengths: on eight pieces right scores had at least 5.2, wrong or stretched ones at most 4.0, drums 3.6. Then seconds.
FITS, CLEAR_FIT, BEARABLE_S, MOST_DRIFT_S = 4.3, 5.0, 0.06, 0.1


@dataclass(frozen=True)
class Fit:
    """How well a score fits.

    strength: by how many standard deviations the best offset exceeds the mean. offset_s: by how much the sound is later than
    the notes. drift_s: range of the offsets of three quarters of the parts of 10 s. transposed: semitones by which the
    recording sounds higher than the score, -5 to 6. onsets: the number of onsets compared.
    """

    strength: float
    offset_s: float
    drift_s: float
    transposed: int
    onsets: int

    def fault(self) -> str:
        """Why training on this recording and score would fail, and what to do; empty if it would not."""
        if self.onsets < LEAST_ONSETS:
            return ""
        if self.transposed:
            way = "higher" if self.transposed > 0 else "lower"
            return f"the recording sounds {abs(self.transposed)} semitones {way} than the score: transpose the score"
        if abs(self.offset_s) <= BEARABLE_S:
            return ""
        if self.strength < FITS:
            return "the score does not fit the recording: give the right one, or --sync if only its timing differs"
        way = "later" if self.offset_s > 0 else "earlier"
        return f"the sound is {abs(self.offset_s):.2f} s {way} than the notes: give --offset {self.offset_s:.2f}"

    def doubt(self) -> str:
        """What may make the result of training worse; empty if nothing."""
        if self.onsets < LEAST_ONSETS:
            return f"only {self.onsets} notes: whether the score fits the recording could not be checked"
        if self.drift_s > MOST_DRIFT_S:
            return f"score and recording drift apart by about {self.drift_s:.2f} s: --sync may help"
        return ""


def onset_strengths(take: Take) -> Floats:
    """Onset strength of each pitch class, [step, 12], with steps of STEP_S."""
    hop = round(STEP_S * take.sample_rate)
    framing = choose_framing("live", take.sample_rate)
    window, _ = window_pair(framing)
    bins_hz = np.arange(framing.window_size // 2 + 1) * take.sample_rate / framing.window_size
    pitch = np.round(69 + 12 * np.log2(np.maximum(bins_hz, 1) / 440)).astype(int)
    heard = (pitch >= LOWEST) & (pitch <= HIGHEST)
    fold = (heard[:, None] & (pitch[:, None] % 12 == np.arange(12))).astype(np.float32)
    with open_spectrogram([take], window, hop) as frames:
        levels = np.concatenate([frames[part] @ fold for part in parts(frames)])
    levels = np.log1p(COMPRESSION * levels / max(levels.max(), 1e-30))
    strengths: Floats = np.maximum(np.diff(levels, axis=0, prepend=0), 0)
    return strengths


def onset_marks(notes: NoteArray, steps: int) -> Floats:
    """The score's onsets as short bumps, float [step, 12]."""
    marks = np.zeros((steps, 12))
    at = np.rint(notes["onset_s"] / STEP_S).astype(int)
    inside = at < steps
    np.add.at(marks, (at[inside], notes["pitch"][inside] % 12), 1)
    half = round(WIDTH_S / STEP_S)
    bump = np.hanning(2 * half + 1)
    return np.stack([np.convolve(column, bump, "same") for column in np.minimum(marks, 1).T], axis=1)


def correlate(strengths: Floats, marks: Floats, most: int) -> Floats:
    """Correlation of both, [step, 12], for offsets of -most to most steps (sound later than score), summed over classes."""
    size = 1 << int(np.ceil(np.log2(len(strengths) + len(marks))))
    spectrum = (np.fft.rfft(strengths, size, axis=0) * np.fft.rfft(marks, size, axis=0).conj()).sum(axis=1)
    product = np.fft.irfft(spectrum, size)
    result: Floats = np.concatenate([product[-most:], product[: most + 1]])
    return result


def check_alignment(take: Take) -> Fit:
    """How well the notes of `take` fit its sound."""
    strengths = onset_strengths(take)
    marks = onset_marks(take.notes, len(strengths))
    most = round(MOST_OFFSET_S / STEP_S)
    strengths = strengths - strengths.mean(axis=0)
    turned = np.stack([correlate(strengths, np.roll(marks, shift, axis=1), most) for shift in TRANSPOSITIONS])
    found = turned[TRANSPOSITIONS.index(0)]
    best = int(np.argmax(found))
    strengths_of = (turned.max(axis=1) - turned.mean(axis=1)) / np.maximum(turned.std(axis=1), 1e-30)
    clearest = int(np.argmax(turned.max(axis=1)))
    clear = turned[clearest].max() > CLEARLY * found[best] and strengths_of[clearest] > CLEAR_FIT
    transposed = TRANSPOSITIONS[clearest] if clear else 0
    offset_s = round((best - most) * STEP_S - RISE_S, 3)
    drift_s = _drift(strengths, marks, best - most)
    return Fit(float(strengths_of[TRANSPOSITIONS.index(0)]), offset_s, drift_s, transposed, len(take.notes))


def _drift(strengths: Floats, marks: Floats, offset: int) -> float:
    """Range, in s, of three quarters of the offsets of short parts."""
    size, most = round(LOCAL_S / STEP_S), round(LOCAL_OFFSET_S / STEP_S)
    later = np.roll(strengths, -offset, axis=0)
    found = []
    for begin in range(0, len(marks), size):
        part = marks[begin : begin + size]
        if (part > 0.99).sum() >= LEAST_ONSETS:
            found.append((int(np.argmax(correlate(later[begin : begin + size], part, most))) - most) * STEP_S)
    return float(np.subtract(*np.quantile(found, [1 - OUTSIDE, OUTSIDE]))) if found else 0.0
