"""Measures of separation: signal-to-distortion ratio, and the oracle masks that bound it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rtsep.windows import Framing, window_pair

Floats = npt.NDArray[np.floating]


def sdr_db(estimate: Floats, truth: Floats) -> float:
    """Plain signal-to-distortion ratio in dB: energy of `truth` over energy of the error. The estimate is not rescaled.

    Both [..., sample]. A silent truth gives -inf, a perfect estimate +inf.
    """
    reference = float(np.sum(np.square(truth, dtype=np.float64)))
    error = float(np.sum(np.square(estimate.astype(np.float64) - truth)))
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(10 * np.log10(np.float64(reference) / error)) if reference else -np.inf


def si_sdr_db(estimate: Floats, truth: Floats) -> float:
    """Scale-invariant SDR in dB: energy of the part of `estimate` along `truth` over the residual energy.

    Both [..., sample]. All channels have one scale; means are not removed. A silent truth or estimate gives -inf. A scaled
    copy gives +inf, or nearly so because of rounding.
    Le Roux et al., "SDR - half-baked or well done?", ICASSP 2019, equation 3.
    """
    reference, heard = truth.astype(np.float64), estimate.astype(np.float64)
    energy = float(np.sum(reference**2))
    if not energy or not heard.any():
        return -np.inf
    along = reference * (float(np.sum(heard * reference)) / energy)
    return sdr_db(heard, along)


def oracle_stems(truths: Floats, framing: Framing) -> npt.NDArray[np.float64]:
    """Stems by ratio masks that are made from the true stems, with the engine's own windows, aligned with the input.

    truths [stem, sample]. The masks |S|^2 / sum |S|^2 are applied to the spectra of the sum. Returns [stem, sample].
    """
    analysis, synthesis = window_pair(framing)
    size, overlap, hop = framing.window_size, framing.overlap, framing.hop
    samples = truths.shape[1]
    padded = np.pad(truths.astype(np.float64), ((0, 0), (size, size)))
    result = np.zeros_like(padded)
    for end in range(size + hop, size + samples + overlap + 1, hop):
        S = np.fft.rfft(padded[:, end - size : end] * analysis, axis=1)
        power = np.abs(S) ** 2
        masked = S.sum(axis=0) * power / np.maximum(power.sum(axis=0), 1e-30)
        tail = np.fft.irfft(masked, size, axis=1)[:, size - overlap :]
        result[:, end - overlap : end] += tail * synthesis
    return result[:, size : size + samples]
