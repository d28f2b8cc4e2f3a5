"""Background rows without anything that this engine adds to them: what its own are measured against.

Templates stay as the preset has them, gates are the notes' (open until pedal and release let go), and 32 rows, random at first,
learn from every frame (online PLCA with forgetting; Smaragdis & Raj 2007; Mysore & Smaragdis, ICASSP 2011). No sparsity weight,
no adaptation, no prediction, nothing for onsets. Windows and masks are those of live mode; hop 256, for these loops are slow.
"""

import numpy as np

from rtsep.notes.score import Score
from rtsep.presets.preset import Preset
from rtsep.training.gates import note_gates
from rtsep.windows import Framing, window_pair

ROWS, UPDATES, HOP = 32, 8, 256
"""Background rows, updates in a frame, and samples of a hop."""
MEMORY_S = 1.45
"""The memory of the rows in seconds: 500 hops of 128 samples."""
LEAST = np.float32(1e-3)
"""A row starts a frame with at least this part of an equal share."""
TINY = np.float32(1e-12)
"""The least denominator."""


def separate_with_plain_rows(mix: np.ndarray, sample_rate: float, score: Score, preset: Preset) -> np.ndarray:
    """The sound [1, sample] of all notes together, of a mono mix at the preset's rate; the rest is mix - it."""
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
    """Fixed templates W [row, bin], and the rows that learn; activations begin where the last frame's ended."""

    def __init__(self, W: np.ndarray, keep: float) -> None:
        self.W, self.keep, self.h = W, np.float32(keep), np.zeros(len(W), np.float32)
        background = np.random.default_rng(0).random((ROWS, W.shape[1]), np.float32)
        self.rows = background / background.sum(axis=1, keepdims=True)
        self.counts, self.weights = self.rows.copy(), np.ones((ROWS, 1), np.float32)
        self.background_h = np.ones(ROWS, np.float32)

    def models(self, V: np.ndarray, gated: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What the `gated` templates and what the rows explain of V [bin]; then the rows learn."""
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
