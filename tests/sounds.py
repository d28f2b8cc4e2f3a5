"""Sounds and frames for tests: strokes, steady tones, and notes that sound as their preset expects."""

from __future__ import annotations

import numpy as np
from conftest import RATE, WINDOW, band, harmonic_row

from rtsep.training.envelopes import AGES_S


def bursts(rng: np.random.Generator, samples: int, channels: int = 1) -> np.ndarray:
    """A steady sound, and strokes of noise every 80 ms, loud and soft."""
    at = np.arange(samples) % 3528
    level = np.where(np.arange(samples) // 3528 % 3 == 1, 0.1, 1.0)
    struck = level * np.exp(-at / 800) * rng.standard_normal((channels, samples))
    return (0.05 * band(rng, samples, channels) + 0.5 * struck).astype(np.float32)


def tone(rng, pitch, samples):
    """A steady sound of harmonic partials, float32 [1, sample], peak 1."""
    row = harmonic_row(rng, pitch, RATE, WINDOW)
    period = np.fft.irfft(row * np.exp(2j * np.pi * rng.random(WINDOW // 2 + 1)), WINDOW)
    return np.resize(period / np.abs(period).max(), samples)[None].astype(np.float32)


def sounding(preset, pitch, velocity, samples, scale=1.0):
    """A note just as the preset expects it, without its attack: float32 [1, sample]."""
    row = np.flatnonzero(preset.row_pitch == pitch)[0]
    size = preset.window_size
    phases = np.exp(2j * np.pi * np.random.default_rng(pitch).random(size // 2 + 1))
    carrier = np.resize(np.fft.irfft(preset.W[row] * phases, size), samples)
    base, more = preset.envelope_db[pitch]
    level = np.interp(np.arange(samples) / RATE, AGES_S, base + (velocity - 64) * more)
    return (scale * carrier * 10 ** (level / 20) * 100)[None].astype(np.float32)


def some_templates(rng, bins, rows=20):
    """W [row, bin], and a frame V that mixes its first four rows, padded as in the engine."""
    stride = -(-bins // 16) * 16
    W = np.zeros((rows, stride), np.float32)
    W[:, :bins] = rng.random((rows, bins)) ** 8
    W[:, :bins] /= W.sum(axis=1, keepdims=True)
    V = np.zeros(stride, np.float32)
    V[:bins] = rng.random(4) @ W[:4, :bins] + 0.1 * rng.random(bins) / bins
    return W, V / V.sum()


def divergence(V, W):
    """Kullback-Leibler divergence of W [row, bin] from V, of each row."""
    return (V * np.log((V + 1e-9) / (W + 1e-9))).sum(axis=1)
