"""The rows that listening compares sound with: templates of presets, combs for all other pitches, and bands of a semitone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from rtsep.fit.hearing import LOWEST, PITCHES, TOP_HZ, combs
from rtsep.notes.programs import DRUMS
from rtsep.presets.preset import Preset
from rtsep.windows import choose_framing, map_templates, window_pair

LOWEST_BAND, HIGHEST_BAND = 28, 108  # The lowest and the highest MIDI pitch that have a band of the semitone spectrum.
BANDS = HIGHEST_BAND - LOWEST_BAND + 1  # Number of bands of the semitone spectrum.
LEAST_WIDTH_BINS = 0.6  # A band is at least as wide as a Gaussian with this standard deviation, in bins.
TINY = 1e-12  # This is added to divisors, so that none is 0.

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]


def listening_window(sample_rate: float) -> Floats:
    """The analysis window of the engine's mode live: it falls within 6 ms, so the newest sound counts most."""
    return window_pair(choose_framing("live", sample_rate))[0].astype(np.float32)


def heard_bins(sample_rate: float) -> int:
    """The number of bins below TOP_HZ."""
    size = choose_framing("live", sample_rate).window_size
    return min(size // 2 + 1, int(TOP_HZ * size / sample_rate))


def template_rows(presets: Sequence[Preset], sample_rate: float) -> tuple[Floats, Integers]:
    """W [row, bin], whose rows sum to 1, and the pitch of each row, counted from LOWEST.

    Presets of drums are left out, and those with bins that are too wide. A pitch without a template has a harmonic comb. The
    last row is flat, for noise; its pitch is PITCHES.
    """
    size, bins = choose_framing("live", sample_rate).window_size, heard_bins(sample_rate)
    made, pitches = list[Floats](), list[Integers]()
    for preset in {id(each): each for each in presets if not _is_drums(each)}.values():
        if preset.sample_rate / preset.window_size > 2 * sample_rate / size:
            continue
        column = preset.row_pitch.astype(np.int64) - LOWEST
        kept = (column >= 0) & (column < PITCHES)
        made.append(map_templates(preset.W, preset.sample_rate, preset.window_size, sample_rate, size)[kept, :bins])
        pitches.append(column[kept])
    others = combs(round(sample_rate))
    missing = np.setdiff1d(others.column, np.concatenate([np.zeros(0, np.int64), *pitches]))
    W = np.concatenate([*made, others.W[missing, :bins], np.ones((1, bins), np.float32)])
    W /= np.maximum(W.sum(axis=1, keepdims=True), TINY)
    return W.astype(np.float32), np.concatenate([*pitches, missing, [PITCHES]]).astype(np.int64)


def _is_drums(preset: Preset) -> bool:
    """Whether a preset is a drum kit, whose rows are strokes and not pitches."""
    return DRUMS in preset.programs or "stroke" in preset.row_role


def bands(sample_rate: float) -> Floats:
    """Weights [band, bin] of the semitone spectrum: triangles over two semitones; low bands are as wide as the bins allow."""
    size, bins = choose_framing("live", sample_rate).window_size, heard_bins(sample_rate)
    bin_hz = sample_rate / size
    hz = np.arange(bins) * bin_hz
    pitch = 69 + 12 * np.log2(np.maximum(hz, TINY) / 440)
    centre = np.arange(LOWEST_BAND, HIGHEST_BAND + 1)[:, None]
    weights = np.maximum(1 - np.abs(pitch - centre), 0)
    centre_hz = 440 * 2 ** ((centre - 69) / 12)
    narrow = np.exp(-0.5 * ((hz - centre_hz) / (LEAST_WIDTH_BINS * bin_hz)) ** 2)
    weights = np.where(weights.sum(axis=1, keepdims=True) < 1, narrow, weights)
    result: Floats = (weights / np.sqrt(np.maximum(weights.sum(axis=1, keepdims=True), TINY))).astype(np.float32)
    return result
