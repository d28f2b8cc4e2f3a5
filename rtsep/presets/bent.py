"""Templates that move with the bend of a note: each row also a little lower and a little higher, as vibrato bends it.

The rows of a pitch are open together, so in every frame the activations choose between them. No pitch has to be known for that,
which would come late. Rows that are shifted along the logarithm of frequency: D. FitzGerald, M. Cranitch & E. Coyle, "Shifted
non-negative matrix factorisation for sound source separation", IEEE SSP 2005.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from rtsep.presets.preset import Preset

BENT_CENTS = (-30.0, 0.0, 30.0)  # The rows of a pitch lie this many cents away from it.


def all_with_bends(presets: Sequence[Preset]) -> tuple[Preset, ...]:
    """The presets, each `with_bends`; one that plays several stems stays one."""
    made = {id(preset): with_bends(preset) for preset in presets}
    return tuple(made[id(preset)] for preset in presets)


def with_bends(preset: Preset) -> Preset:
    """The preset with every row at each of BENT_CENTS, in place of one."""
    if not len(preset.W):
        return preset
    count = len(BENT_CENTS)
    return replace(
        preset, W=_bent(preset.W), row_pitch=preset.row_pitch.repeat(count), row_age_s=preset.row_age_s.repeat(count, axis=0),
        row_role=tuple(role for role in preset.row_role for _ in BENT_CENTS), encoder=None)


def _bent(W: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The rows [row, bin] at BENT_CENTS, each in turn, and with the sum 1 again."""
    bins = np.arange(W.shape[1])
    places = bins / 2 ** (np.array(BENT_CENTS)[:, None] / 1200)
    rows = np.array([np.interp(at, bins, row) for row in W for at in places])
    result: npt.NDArray[np.float32] = (rows / np.maximum(rows.sum(axis=1, keepdims=True), 1e-12)).astype(np.float32)
    return result
