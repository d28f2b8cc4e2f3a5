"""Separates groups of notes offline: a score-informed factorisation, and a mask for each group and for the residual.

It needs no preset: the templates are learnt from the recording itself. Frames are centred at multiples of the hop, with
periodic Hann windows.
Ewert & Müller, "Using score-informed constraints for NMF-based source separation", ICASSP 2012; Müller, "Fundamentals of Music
Processing", 8.3. Unlike in the book, masks sum to one over the groups and the residual, so the stems add up to the sound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rtsep.training.gates import Notes, note_gates, onset_gates
from rtsep.training.initial import harmonic_templates, onset_templates
from rtsep.training.nmf import factorise

Floats = npt.NDArray[np.floating[Any]]
Spectra = npt.NDArray[np.complexfloating[Any, Any]]
BLOCK_FRAMES = 512  # Masks of this many frames are in memory at a time.
LEAST = 1e-30  # A divisor is at least this, so that none is 0.


@dataclass(frozen=True)
class Settings:
    """Settings of the factorisation. The defaults were better than neighbouring values on a piano played with two hands."""

    window: int = 4096
    hop: int = 1024
    before_s: float = 0.05  # Gates open this many seconds before an onset.
    after_s: float = 0.2  # Gates close this many seconds after the offset; for onset templates, after the onset.
    iterations: int = 10  # More updates fit the recording better, and separate worse.
    power: float = 2.0


def group_models(W: Floats, H: Floats, gates: npt.ArrayLike) -> Floats:
    """Models of the groups, then of the residual, float [group + 1, frame, bin]: (H * G) @ W.

    W [row, bin], H [frame, row]; gates [group, frame, row], bool: the activations that belong to each group. An activation that
    belongs to several groups counts in each; the residual gets the activations of no group.
    """
    G = np.asarray(gates, bool)
    models: Floats = np.stack([(H * gate) @ W for gate in (*G, ~G.any(axis=0))])
    return models


def soft_masks(models: Floats, power: float = 1.0) -> Floats:
    """Each model raised to `power`, over the sum of all: masks sum to one in every bin. If all are 0, the last mask is 1."""
    raised = (models / np.maximum(models.max(axis=0), LEAST)) ** power
    raised[-1][raised.sum(axis=0) == 0] = 1
    masks: Floats = raised / raised.sum(axis=0)
    return masks


def textbook_masks(models: Floats, W: Floats, H: Floats, epsilon: float = float(np.finfo(np.float32).eps)) -> Floats:
    """Each model over the whole model, H @ W + epsilon, as in the book.

    The masks sum to less than one where nothing sounds, and to more than one where groups share an activation.
    """
    masks: Floats = models / (H @ W + epsilon)
    return masks


def spectra(sound: Floats, size: int, hop: int) -> Spectra:
    """X [..., frame, bin] of sound [..., sample], with silence beyond both ends."""
    padded = np.pad(sound, [(0, 0)] * (sound.ndim - 1) + [(size // 2, size // 2)])
    frames = np.lib.stride_tricks.sliding_window_view(padded, size, axis=-1)[..., ::hop, :]
    X: Spectra = np.fft.rfft(frames * _hann(size))
    return X


def resynthesise(X: Spectra, hop: int, samples: int) -> Floats:
    """The sound [..., sample] whose `spectra` are nearest to X [..., frame, bin] (Griffin & Lim 1984, equation 6)."""
    size = 2 * (X.shape[-1] - 1)
    window, total = _hann(size), size + hop * (X.shape[-2] - 1)
    sound, weight = np.zeros((*X.shape[:-2], max(total, samples + size // 2))), np.zeros(max(total, samples + size // 2))
    for number, frame in enumerate(np.moveaxis(np.fft.irfft(X, size), -2, 0)):
        sound[..., number * hop : number * hop + size] += frame * window
        weight[number * hop : number * hop + size] += window**2
    found: Floats = (sound / np.maximum(weight, LEAST))[..., size // 2 : size // 2 + samples]
    return found


def separate_groups(
    sound: npt.NDArray[np.float32], sample_rate: float, notes: Notes, groups: Sequence[npt.ArrayLike],
    settings: Settings | None = None,
) -> npt.NDArray[np.float32]:
    """Stems of groups of notes, then the residual, float32 [group + 1, channel, sample]; they add up to the sound.

    | argument | |
    | --- | --- |
    | sound | float32 [channel, sample]; one mask serves all channels |
    | notes | all notes that sound: structured, with onset_s, offset_s and pitch, such as `rtsep.notes.score.Score.notes()` |
    | groups | the notes of each group: an index or a mask of `notes` |
    """
    chosen = settings or Settings()
    pitches = np.unique(notes["pitch"])
    X = spectra(sound, chosen.window, chosen.hop)
    times_s = np.arange(X.shape[1]) * chosen.hop / sample_rate
    W = np.concatenate([harmonic_templates(pitches, X.shape[2], sample_rate / chosen.window),
                        onset_templates(len(pitches), X.shape[2])])
    V = np.sqrt((np.abs(X) ** 2).mean(axis=0)).astype(np.float32)
    found = factorise(V, W.astype(np.float32), _gates(notes, pitches, times_s, chosen).astype(np.float32),
                      max_iter=chosen.iterations, tolerance=0)
    gates = np.stack([_gates(notes[np.asarray(group)], pitches, times_s, chosen) for group in groups])
    stems = np.zeros((len(groups) + 1, *X.shape), np.complex64)
    for first in range(0, len(V), BLOCK_FRAMES):
        at = slice(first, first + BLOCK_FRAMES)
        masks = soft_masks(group_models(found.W, found.H[at], gates[:, at]), chosen.power)
        stems[:, :, at] = masks[:, None] * X[:, at]
    return resynthesise(stems, chosen.hop, sound.shape[1]).astype(np.float32)


def _gates(
    notes: Notes, pitches: npt.NDArray[Any], times_s: npt.NDArray[np.float64], chosen: Settings
) -> npt.NDArray[np.bool_]:
    """Gates [frame, row] of the harmonic templates, then of the onset templates."""
    return np.concatenate([note_gates(notes, pitches, times_s, chosen.before_s, chosen.after_s),
                           onset_gates(notes, pitches, times_s, 2 * chosen.before_s, chosen.after_s)], axis=1)


def _hann(size: int) -> npt.NDArray[np.float64]:
    window: npt.NDArray[np.float64] = np.hanning(size + 1)[:-1]
    return window
