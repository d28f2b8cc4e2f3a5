"""Arrays that a preset may or may not hold: how they are packed, and how they are checked.

| array | dtype, shape | |
| --- | --- | --- |
| filled | bool [128] | pitches that were never heard: their rows were made from those of others |
| background | float16 [row, bin] | what background rows start from, each divided by its largest value |

DamagedError says what is wrong with an array.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from rtsep.archive import Arrays, need

NAMES = frozenset(("filled", "background"))
PITCHES = 128
MOST_BACKGROUND = 256


def packed_rows(W: npt.NDArray[np.float32]) -> npt.NDArray[np.float16]:
    """W [row, bin] as files hold it: each row divided by its largest value."""
    packed: npt.NDArray[np.float16] = (W / W.max(axis=1, keepdims=True)).astype(np.float16)
    return packed


def unpacked_rows(packed: npt.NDArray[Any], name: str) -> npt.NDArray[np.float32]:
    """Rows that sum to 1 again."""
    W = packed.astype(np.float64)
    need(np.isfinite(W).all() and (W >= 0).all(), f"{name} has negative or missing numbers")
    sums = W.sum(axis=1, keepdims=True)
    need((sums > 0).all(), f"{name} has an empty row")
    need(np.isfinite(sums).all(), f"{name} has a row without end")
    normalised: npt.NDArray[np.float32] = (W / sums).astype(np.float32)
    return normalised


def pack(preset: Any) -> dict[str, npt.NDArray[Any]]:
    """The optional arrays of `preset` that say something."""
    arrays: dict[str, npt.NDArray[Any]] = {"filled": preset.filled} if preset.filled.any() else {}
    if preset.background is not None:
        arrays["background"] = packed_rows(preset.background)
    return arrays


def check(arrays: Arrays, bins: int) -> dict[str, Any]:
    """Fields of a Preset from those of its `arrays` that are optional."""
    filled = arrays.get("filled", np.zeros(PITCHES, bool))
    need(filled.shape == (PITCHES,) and filled.dtype == np.bool_, f"filled does not say yes or no for {PITCHES} pitches")
    return {"filled": filled, "background": _background(arrays["background"], bins) if "background" in arrays else None}


def _background(packed: npt.NDArray[Any], bins: int) -> npt.NDArray[np.float32]:
    need(packed.ndim == 2 and packed.dtype.kind == "f", "background is no table of numbers")
    need(0 < packed.shape[0] <= MOST_BACKGROUND and packed.shape[1] == bins, f"background has the shape {packed.shape}")
    return unpacked_rows(packed, "background")
