"""Finds what begins to sound when, without the notes: activations of the spectra of all pitches, and their rises.

V [step, bin] ~ H [step, row] @ W [row, bin] by Kullback-Leibler updates of H, with harmonic combs W (Smaragdis & Brown 2003).
All rows are open. So an octave above or below explains less than the pitch itself, and other instruments have rows, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from rtsep.presets.preset import Preset
from rtsep.windows import choose_framing, magnitudes, map_templates

STEP_S = 0.02  # Spectra lie this many seconds apart: half of it costs twice as much, and was no better.
LOWEST, HIGHEST = 21, 108  # The lowest and the highest MIDI pitch that have rows: those of a piano.
PITCHES = HIGHEST - LOWEST + 1  # Number of pitches that have rows.
TOP_HZ = 5000.0  # Partials of combs lie below this frequency in Hz: the fundamentals of all pitches do.
PARTIALS = 40  # A comb has at most this many partials; the m-th has a strength of 1 / m.
# Half widths of a partial, in bins (a Hann window's main lobe) and as a share of its frequency (a fifth of a semitone).
WIDTH_BINS, WIDTH_SHARE = 1.2, 0.012
FLOOR = 1e-3  # Combs have at least this share of their peak everywhere, since no spectrum has zeros.
UPDATES = 10  # Updates of the activations; 20 raised strengths by a seventh on piano_and_others, for twice the time.
# The rises of combs and of drums appear this many seconds after the onset: medians on the tuning pieces and on two grooves.
LATE_S, LATE_STROKE_S = 0.014, -0.004
COMPRESSION = 100.0  # Factor in log(1 + factor * activation), with activations relative to the loudest one.
RISE_STEPS = 2  # The rise of a level is measured over this many steps, which is less than a window.
TINY = 1e-12  # This is added to divisors, so that none is 0.

Floats = npt.NDArray[np.floating]


class Sound(Protocol):
    """An open sound file: sample_rate in Hz, frames (samples per channel)."""

    sample_rate: int
    frames: int

    def read(self, begin: int, end: int) -> npt.NDArray[np.float32]:
        """Samples float32 [channel, end - begin]."""


@dataclass(frozen=True)
class Rows:
    """Spectra: W float32 [row, bin], rows sum to 1, made with `window`; column [row]: the pitch of each, counted from LOWEST.

    late_s: seconds by which their rises follow an onset. tonal: whether they can be transposed.
    """

    W: npt.NDArray[np.float32]
    column: npt.NDArray[np.int64]
    window: Floats
    late_s: float
    tonal: bool


def combs(sample_rate: int) -> Rows:
    """Harmonic combs of all pitches."""
    size = choose_framing("live", sample_rate).window_size
    bin_hz = sample_rate / size
    hz = np.arange(min(size // 2 + 1, int(TOP_HZ / bin_hz))) * bin_hz
    f0 = 440 * 2 ** ((np.arange(LOWEST, HIGHEST + 1) - 69) / 12)
    W = np.zeros((PITCHES, len(hz)))
    for m in range(1, PARTIALS + 1):
        at = m * f0[:, None]
        W += np.exp(-0.5 * ((hz - at) / np.maximum(WIDTH_BINS * bin_hz, WIDTH_SHARE * at)) ** 2) / m
    W += FLOOR * W.max(axis=1, keepdims=True)
    return Rows(_sum_to_1(W), np.arange(PITCHES), np.hanning(size + 2)[1:-1], LATE_S, True)


def strokes(kit: Preset, sample_rate: int) -> Rows:
    """The templates of a preset of drums."""
    size = choose_framing("live", sample_rate).window_size
    W = map_templates(kit.W, kit.sample_rate, kit.window_size, sample_rate, size)
    heard = (kit.row_pitch >= LOWEST) & (kit.row_pitch <= HIGHEST)
    return Rows(_sum_to_1(W[heard]), kit.row_pitch[heard].astype(np.int64) - LOWEST, np.hanning(size + 2)[1:-1],
                LATE_STROKE_S, False)


def _sum_to_1(W: Floats) -> npt.NDArray[np.float32]:
    result: npt.NDArray[np.float32] = (W / np.maximum(W.sum(axis=1, keepdims=True), TINY)).astype(np.float32)
    return result


def listen(sound: Sound, rows: Rows, begin_s: float, steps: int) -> npt.NDArray[np.float32]:
    """Activations [step, pitch] of the rows at `begin_s` and then every STEP_S; a step is the middle of its frame."""
    rate, half = sound.sample_rate, len(rows.window) // 2
    middles = np.rint((begin_s + STEP_S * np.arange(steps)) * rate).astype(np.int64)
    first, last = max(int(middles[0]) - half, 0), min(int(middles[-1]) + half, sound.frames)
    samples = np.nan_to_num(sound.read(first, last), nan=0.0, posinf=0.0, neginf=0.0)
    padded = np.pad(samples, ((0, 0), (0, 2 * half)))
    V = magnitudes(padded, middles + half - first, rows.window)[:, : rows.W.shape[1]]
    H = np.zeros((steps, PITCHES), np.float32)
    np.add.at(H.T, rows.column, _activations(V, rows.W).T)
    return H


def _activations(V: npt.NDArray[np.float32], W: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """H [step, row]. An additional flat row takes noise."""
    W = np.concatenate([W, np.full((1, W.shape[1]), 1 / W.shape[1], np.float32)])
    H = np.repeat(V.sum(axis=1, keepdims=True) / len(W), len(W), axis=1)
    for _ in range(UPDATES):
        H = H * ((V / (H @ W + TINY)) @ W.T)
    return H[:, :-1]


def rises(H: Floats, loudest: float) -> Floats:
    """Onset strengths [step, pitch]: how much the logarithmic activation rises; the mean of each pitch is 0."""
    levels = np.log1p(COMPRESSION * H / max(loudest, TINY))
    rise = np.maximum(levels - np.concatenate([levels[:1].repeat(RISE_STEPS, axis=0), levels[:-RISE_STEPS]]), 0)
    result: Floats = rise - rise.mean(axis=0)
    return result
