"""What a score makes one expect at each position: spectra and onsets, every 10 ms of the score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rtsep.fit.hearing import LOWEST, PITCHES
from rtsep.listening.rows import BANDS, Floats, Integers, bands, template_rows
from rtsep.presets.preset import Preset

STEP_S = 0.01  # Positions lie this many seconds of the score apart.
LEAD_S = 0.5  # Positions begin this many seconds before the first note: there the follower waits for the player.
AFTER_S = 1.0  # They end this many seconds after the last note.
DECAY_S = 1.5  # A held C4 fades with this time constant in seconds; two octaves higher, with half of it.
RELEASE_S = 0.04  # A note is expected for this many seconds after its end.
ATTACK = np.array([0.2, 0.5, 0.8], np.float32)  # In its first frames, a note fills this share of the window.
# The rise of a note in the frames after its onset, relative to its largest: means over the tuning pieces.
RISE = np.array([0.1, 0.5, 0.85, 1.0, 0.7, 0.45, 0.28, 0.17], np.float32)
# The same of the note net's probability, which comes some 50 ms later: means over the tuning pieces, alone and in a hall, and
# wider, since other tempos need that. A net with another delay needs other values.
HEARD = np.array([0, 0, 0, 0.15, 0.5, 0.85, 1.0, 0.85, 0.55, 0.3, 0.15], np.float32)
GROUP_STEPS = 3  # Notes that begin within fewer positions than this begin together.
FLOOR = 0.003  # Spectra have at least this share of the loudest band, as rooms and noise have.
USUAL_VELOCITY = 64.0  # A note of this velocity has the level 1.


@dataclass(frozen=True, eq=False)
class States:
    """Positions of a score. Position i is at `start_s + i * STEP_S` seconds.

    spectra: float32 [position, band], logarithms of shares, whose sum over bands is 1. onsets: float32 [position, pitch], how
    much each pitch rises there, 0 to 1. begun: the same, how surely the note net hears there that the pitch has begun. groups:
    the positions at which notes begin. entries: positions from which a player goes on after a jump: starts of bars, or groups.
    """

    start_s: float
    spectra: Floats
    onsets: Floats
    begun: Floats
    groups: Integers
    entries: Integers

    def __len__(self) -> int:
        """The number of positions."""
        return len(self.spectra)

    def at(self, seconds: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """The positions of times in the score; they need not be whole."""
        return (np.asarray(seconds, np.float64) - self.start_s) / STEP_S


def shares(semitones: Floats, loudest: float) -> Floats:
    """The shares [..., band] of bands in a spectrum; the square root keeps faint notes."""
    raised = np.sqrt(semitones / np.float32(max(loudest, 1e-9)) + np.float32(FLOOR))
    result: Floats = (raised / raised.sum(axis=-1, keepdims=True)).astype(np.float32)
    return result


def score_states(
    notes: npt.NDArray[np.void], presets: Sequence[Preset], sample_rate: float, bars_s: Sequence[float] = ()
) -> States:
    """The positions of a score with `notes`, NOTE [n], which is not empty; `bars_s`: the start of each bar in seconds."""
    start_s = float(notes["onset_s"].min()) - LEAD_S
    count = int((float(notes["offset_s"].max()) - start_s + AFTER_S) / STEP_S)
    spectra = np.zeros((count, BANDS), np.float32)
    onsets, begun = np.zeros((2, count, PITCHES), np.float32)
    templates = _pitch_spectra(presets, sample_rate)
    for onset_s, offset_s, pitch, velocity, *_ in notes.tolist():
        if not LOWEST <= pitch < LOWEST + PITCHES:
            continue
        first = int((onset_s - start_s) / STEP_S)
        level = velocity / USUAL_VELOCITY * _envelope(pitch, min(int((offset_s + RELEASE_S - onset_s) / STEP_S), count - first))
        spectra[first : first + len(level)] += level[:, None] * templates[pitch - LOWEST]
        for expected, shape in ((onsets, RISE), (begun, HEARD)):
            column = expected[first : first + len(shape), pitch - LOWEST]
            np.maximum(column, shape[: len(column)], out=column)
    loudest = float(np.quantile(spectra.max(axis=1), 0.95))
    shared = shares(spectra, loudest)
    groups = _groups(((notes["onset_s"] - start_s) / STEP_S).astype(np.int64))
    bars = ((np.asarray(bars_s, np.float64) - start_s) / STEP_S).astype(np.int64)
    bars = bars[(bars >= 0) & (bars < count)]
    return States(start_s, np.log(shared), onsets, begun, groups, bars if len(bars) else groups)


def _envelope(pitch: int, steps: int) -> Floats:
    """The level of a held note, step by step."""
    decay_s = DECAY_S * 2 ** ((60 - pitch) / 24)
    level: Floats = np.exp(-np.arange(max(steps, len(ATTACK))) * np.float32(STEP_S / decay_s)).astype(np.float32)
    level[: len(ATTACK)] *= ATTACK
    return level


def _pitch_spectra(presets: Sequence[Preset], sample_rate: float) -> Floats:
    """The semitone spectrum of each pitch, [pitch, band]; its sum is 1."""
    W, pitch = template_rows(presets, sample_rate)
    heard = W @ bands(sample_rate).T
    found = np.stack([heard[pitch == each].mean(axis=0) for each in range(PITCHES)])
    result: Floats = found / found.sum(axis=1, keepdims=True)
    return result


def _groups(positions: Integers) -> Integers:
    """The positions of groups of notes, ascending."""
    found = list[int]()
    for position in np.unique(positions).tolist():
        if not found or position - found[-1] >= GROUP_STEPS:
            found.append(position)
    return np.array(found, np.int64)
