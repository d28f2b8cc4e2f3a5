"""Starts of a factorisation: harmonic templates, onset templates, or random numbers.

Zeros at the start stay zeros. So a harmonic template is also a constraint: nothing is learnt outside the bands of its partials.
Müller, "Fundamentals of Music Processing", section 8.3; Ewert & Müller, ICASSP 2012.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
QUARTER_TONE_CENTS = 50.0  # A quarter tone, in cents.
MAIN_LOBE_BINS = 2.0  # Half the width of a Hann window's main lobe, in bins; that of a sine window is narrower.
ONSET_LEVEL = 0.1  # Value of the flat onset templates.


def pitch_hz(pitch: npt.ArrayLike, tuning_cents: float = 0.0) -> Floats:
    """Fundamental frequencies in Hz of MIDI pitches in equal temperament; pitch 69 is at 440 Hz for a tuning of 0."""
    return np.asarray(440 * 2 ** ((np.asarray(pitch, float) - 69) / 12 + tuning_cents / 1200))


def harmonic_templates(
    pitches: npt.ArrayLike, bins: int, bin_hz: float, *, tuning_cents: float = 0.0, inharmonicity: npt.ArrayLike = 0.0,
    width_cents: float = QUARTER_TONE_CENTS, width_bins: float = MAIN_LOBE_BINS,
) -> Floats:  # fmt: skip
    """W [pitch, bin]: 1 / m in the band of partial m = 1, 2, ... of each pitch, 0 elsewhere. Rows do not sum to 1.

    | argument | |
    | --- | --- |
    | pitches | MIDI pitches [pitch]; one above the highest bin gets a row of zeros |
    | bins, bin_hz | their number, and their distance: sample rate / window size |
    | inharmonicity | B of a stiff string, one number or [pitch]: partial m lies at f_m = m f_0 sqrt(1 + B m^2) |
    | width_cents, width_bins | half the width of a band; the larger one counts: a band narrower than the window's main lobe would leave a part of each partial to other templates |

    A band extends as far below its partial as above it, in Hz. It includes all bins in this range and the bin below it. If
    bands of a row overlap, the higher partial counts.
    """  # noqa: E501
    f0 = np.atleast_1d(pitch_hz(pitches, tuning_cents))
    W = np.zeros((len(f0), bins))
    for row, f, B in zip(W, f0, np.broadcast_to(inharmonicity, f0.shape), strict=True):
        _fill_bands(row, f / bin_hz, float(B), 2 ** (width_cents / 1200) - 1, width_bins)
    return W


def _fill_bands(row: Floats, f0: float, B: float, share: float, least: float) -> None:
    """Set 1 / m around the partials of f0 (in bins). Half widths: `share` of the partial's frequency, but at least `least`."""
    m = np.arange(1, 2 + max(len(row) / (1 - share), len(row) + least) / f0)
    partials = m * f0 * np.sqrt(1 + B * m * m)
    half = np.maximum(share * partials, least)
    begins = np.maximum(np.floor(partials - half), 0).astype(int)
    ends = np.floor(partials + half).astype(int) + 1
    for number, begin, end in zip(m, begins, ends, strict=True):
        row[begin:end] = 1 / number


def onset_templates(count: int, bins: int, level: float = ONSET_LEVEL) -> Floats:
    """W [row, bin], `level` in all bins: the noise of a hammer or a bow can be at any frequency. Gates keep it short."""
    return np.full((count, bins), level)


def random_start(frames: int, bins: int, rows: int, seed: int = 0) -> tuple[Floats, Floats]:
    """W [row, bin] and H [frame, row] with random numbers in (0, 1]: there are no zeros, so nothing is excluded."""
    rng = np.random.default_rng(seed)
    return 1 - rng.random((rows, bins)), 1 - rng.random((frames, rows))
