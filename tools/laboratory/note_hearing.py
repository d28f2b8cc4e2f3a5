"""Ears for many sounds at once: what Ears hears in each, several times as fast."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from laboratory.mixes import RATE
from laboratory.systems import preset_named
from rtsep.fit.hearing import COMPRESSION, PITCHES
from rtsep.listening.ears import FAINTEST, FORGET_S, RENEWED, STEP_S, TINY, UPDATES, Heard
from rtsep.listening.rows import bands, heard_bins, listening_window, template_rows

MOST = 32
"""So many sounds are heard together."""


def heard_together(sounds: np.ndarray, preset: str) -> list[Heard]:
    """What Ears with this preset (empty: combs) hears in each of `sounds`, float32 [sound, sample] at RATE; without rises."""
    W, pitch = template_rows([preset_named(preset)] if preset else [], RATE)
    spectra = np.stack([_spectra(sound) for sound in sounds])  # sound, frame, bin
    rows = np.zeros((len(W), PITCHES + 1), np.float32)
    rows[np.arange(len(W)), pitch] = 1
    activations, levels = (np.zeros((*spectra.shape[:2], PITCHES), np.float32) for _ in range(2))
    noise = np.zeros(spectra.shape[:2], np.float32)
    h, loudest = np.zeros((len(sounds), len(W)), np.float32), np.full((len(sounds), 1), FAINTEST, np.float32)
    forget = np.float32(np.exp(-STEP_S / FORGET_S))
    for frame in range(spectra.shape[1]):
        h = _updated(h, spectra[:, frame], W)
        heard = h @ rows
        activations[:, frame], noise[:, frame] = heard[:, :PITCHES], heard[:, PITCHES]
        loudest = np.maximum(np.maximum(loudest * forget, heard[:, :PITCHES].max(axis=1, keepdims=True)), np.float32(FAINTEST))
        levels[:, frame] = np.log1p(np.float32(COMPRESSION) / loudest * heard[:, :PITCHES])
    semitones = spectra @ bands(RATE).T
    ends = _ends(sounds.shape[1])
    none, no_band = np.zeros_like(levels[0]), np.zeros_like(semitones[0])
    return [Heard(ends, semitones[one], activations[one], levels[one], none, no_band, noise[one]) for one in range(len(sounds))]


def _ends(samples: int) -> np.ndarray:
    return np.rint(np.arange(1, int(samples / RATE / STEP_S) + 1) * STEP_S * RATE).astype(np.int64)


def _spectra(sound: np.ndarray) -> np.ndarray:
    """Magnitudes [frame, bin]."""
    window = listening_window(RATE)
    padded = np.pad(sound, (len(window), 0))
    frames = np.lib.stride_tricks.sliding_window_view(padded, len(window))[_ends(len(sound))]
    X = np.fft.rfft(frames * window)[:, : heard_bins(RATE)]
    return (np.abs(X) * (2 / window.sum())).astype(np.float32)


def _updated(h: np.ndarray, V: np.ndarray, W: np.ndarray) -> np.ndarray:
    """h [sound, row], updated for the next spectra V [sound, bin]."""
    total, before = V.sum(axis=1, keepdims=True), h.sum(axis=1, keepdims=True)
    h = h * ((1 - RENEWED) * total / (before + TINY)) + RENEWED * total / h.shape[1]
    for _ in range(UPDATES):
        h = h * ((V / (h @ W + TINY)) @ W.T)
    return h.astype(np.float32)


def by_preset(presets: Sequence[str]) -> list[list[int]]:
    """Indices in groups of the same preset, with at most MOST each."""
    found = list[list[int]]()
    for preset in dict.fromkeys(presets):
        mine = [number for number, each in enumerate(presets) if each == preset]
        found += [mine[first : first + MOST] for first in range(0, len(mine), MOST)]
    return found
