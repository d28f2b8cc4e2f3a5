"""The start of a factorisation of music: harmonic templates in its tuning, and activations from gates and energy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rtsep.errors import RtsepError
from rtsep.training.initial import harmonic_templates, onset_templates, pitch_hz
from rtsep.training.isolated import Floats
from rtsep.training.rows import BACKGROUND_ROWS, Rows
from rtsep.training.updates import Frames, parts

# Harmonic templates have this share of their peak between partials; 0 costs 0.4 dB (docs/measurements/benchmarks.md, "What
# training is worth").
FLOOR = 0.02
SCATTER = 0.5  # Background rows start at random, by up to this share above or below the mean spectrum.
FAINT = 1e-4  # Background fainter than this share of V's mean is not used as a start.
# Tunings tried, in cents; partials beyond this number are sharp and do not count.
TUNINGS_CENTS, TUNING_PARTIALS = range(-50, 51, 5), 6


@dataclass(frozen=True)
class Listened:
    """Sums over frames, which add up over recordings: of all energy, of the spectra by sustained row, and without notes.

    energy float64 [frame] is each frame's; `total` and `frames` are its sum and length, over all recordings.
    """

    energy: Floats
    total: float
    frames: int
    by_row: Floats
    quiet: Floats
    silent: int


def listen(V: Frames, G: npt.NDArray[np.bool_], rows: Rows) -> Listened:
    """What the start needs to know of V [frame, bin], with the gates G."""
    sustain = rows.with_role("sustain")
    energy, by_row, quiet = np.zeros(len(G)), np.zeros((len(sustain), V.shape[1])), np.zeros(V.shape[1])
    silent: npt.NDArray[np.bool_] = G[:, : len(rows.pitch)].sum(axis=1) == 0
    for part in parts(V):
        block = np.asarray(V[part])
        energy[part] = block.sum(axis=1)
        by_row += G[part][:, sustain].T.astype(np.float32) @ block
        quiet += block[silent[part]].sum(axis=0)
    return Listened(energy, float(energy.sum()), len(energy), by_row, quiet, int(silent.sum()))


def first_templates(heard: Listened, rows: Rows, bin_hz: float) -> tuple[npt.NDArray[np.float32], float]:
    """W [row, bin]: harmonic templates, flat ones of attacks, background from frames without notes; and the tuning in cents.

    RtsepError: silence.
    """
    count, bins, sustain = len(rows.pitch), heard.by_row.shape[1], rows.with_role("sustain")
    if not heard.total:
        raise RtsepError("the recording is silent: there is nothing to learn from")
    tuning = estimate_tuning(heard.by_row, rows.pitch[sustain], bin_hz)
    W = np.empty((count + BACKGROUND_ROWS, bins), np.float32)
    harmonic = harmonic_templates(rows.pitch, bins, bin_hz, tuning_cents=tuning)
    W[:count] = harmonic + FLOOR * harmonic.max(axis=1, keepdims=True)
    attack = rows.with_role("attack")
    W[attack] = onset_templates(len(attack), bins)
    quiet = heard.quiet / max(heard.silent, 1)
    even = quiet if quiet.mean() > FAINT * (heard.total / heard.frames) / bins else np.ones(bins)
    W[count:] = even * np.random.default_rng(0).uniform(1 - SCATTER, 1 + SCATTER, (BACKGROUND_ROWS, bins))
    W /= np.maximum(W.sum(axis=1, keepdims=True), 1e-30)
    return W, tuning


def first_activations(energy: Floats, G: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """H [frame, row]: each frame's energy in equal shares in its open rows."""
    H: npt.NDArray[np.float32] = G * (energy / G.sum(axis=1))[:, None].astype(np.float32)
    return H


def estimate_tuning(by_pitch: Floats, pitches: npt.NDArray[np.int64], bin_hz: float) -> float:
    """Cents from A4 = 440 Hz, -50 to 50, for which the lowest partials meet most of the pitches' spectra [pitch, bin]."""
    spectra, bins = by_pitch / np.maximum(by_pitch.sum(axis=1, keepdims=True), 1e-30), np.arange(by_pitch.shape[1])

    def met(cents: float) -> float:
        partials = pitch_hz(pitches, cents)[:, None] * np.arange(1, 1 + TUNING_PARTIALS) / bin_hz
        return float(sum(np.interp(at, bins, row, right=0).sum() for at, row in zip(partials, spectra, strict=True)))

    return max(map(float, TUNINGS_CENTS), key=lambda cents: (met(cents), -abs(cents)))
