"""Background rows without the additions of this engine, to compare with it.

Templates stay those of the preset. Gates are those of the notes (open until pedal and release end). 32 rows, random at first,
learn from every frame (online PLCA with forgetting; Smaragdis & Raj 2007; Mysore & Smaragdis, ICASSP 2011). There is no
sparsity weight, no adaptation, no expectation, and nothing for onsets. Windows and masks are those of mode live; the hop is 256
samples, since these loops are slow.
"""

import numpy as np

from rtsep.notes.score import Score
from rtsep.presets.preset import Preset
from rtsep.training.gates import note_gates
from rtsep.windows import Framing, window_pair

ROWS, UPDATES, HOP = 32, 8, 256
"""Number of background rows, of updates in a frame, and of samples in a hop."""
MEMORY_S = 1.45
"""The memory of the rows, in seconds: 500 hops of 128 samples."""
LEAST = np.float32(1e-3)
"""A row starts a frame with at least this share of an equal part."""
TINY = np.float32(1e-12)
"""The least denominator."""


def separate_with_plain_rows(mix: np.ndarray, sample_rate: float, score: Score, preset: Preset) -> np.ndarray:
    """The sound [1, sample] of all notes together, from a mono mix at the preset's rate; the rest is mix minus this sound."""
    framing = Framing(preset.window_size, preset.overlap, HOP)
    analysis, synthesis = window_pair(framing)
    size, overlap, samples = framing.window_size, framing.overlap, mix.shape[1]
    padded, result = np.pad(mix[0], size), np.zeros(samples + 2 * size)
    ends = np.arange(size + HOP, size + samples + overlap + 1, HOP)
    notes = score.notes()
    release_s = np.minimum(preset.release_s[notes["pitch"]], 1.0) + size / sample_rate
    notes["offset_s"] += release_s
    gates = note_gates(notes, preset.row_pitch, (ends - size) / sample_rate, 0.0, 0.0)
    rows = PlainRows(preset.W, np.exp(-HOP / sample_rate / MEMORY_S))
    for end, gate in zip(ends, gates, strict=True):
        X = np.fft.rfft(padded[end - size : end] * analysis)
        known, unknown = rows.models(np.abs(X).astype(np.float32), np.flatnonzero(gate))
        mask = known**2 / (known**2 + unknown**2 + TINY**2)
        result[end - overlap : end] += np.fft.irfft(X * mask, size)[size - overlap :] * synthesis
    return result[None, size : size + samples]


class PlainRows:
    """Fixed templates W [row, bin], and rows that learn; activations start from those of the last frame."""

    def __init__(self, W: np.ndarray, keep: float) -> None:
        self.W, self.keep, self.h = W, np.float32(keep), np.zeros(len(W), np.float32)
        background = np.random.default_rng(0).random((ROWS, W.shape[1]), np.float32)
        self.rows = background / background.sum(axis=1, keepdims=True)
        self.counts, self.weights = self.rows.copy(), np.ones((ROWS, 1), np.float32)
        self.background_h = np.ones(ROWS, np.float32)

    def models(self, V: np.ndarray, gated: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The parts of V [bin] that the `gated` templates and the rows explain; afterwards the rows learn."""
        W = np.concatenate([self.W[gated], self.rows])
        h = np.maximum(np.concatenate([self.h[gated], self.background_h]), LEAST * V.sum() / len(W) + TINY)
        for _ in range(UPDATES):
            h = h * (W @ (V / (h @ W + TINY)))
        self.h[:] = 0
        self.h[gated], self.background_h = h[: len(gated)], h[len(gated) :]
        known, unknown = self.h[gated] @ self.W[gated], self.background_h @ self.rows
        self._learn(V / (known + unknown + TINY))
        return known, unknown

    def _learn(self, ratio: np.ndarray) -> None:
        self.counts = self.keep * self.counts + self.background_h[:, None] * self.rows * ratio
        self.weights = self.keep * self.weights + self.background_h[:, None]
        self.rows = self.counts / (self.counts.sum(axis=1, keepdims=True) + TINY)
