"""Rows of templates in half precision, as preset files and plan files store them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def half_rows(rows: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float16], npt.NDArray[np.float32]]:
    """[row, bin] as float16, each row divided by its largest magnitude, and these magnitudes, float32 [row]; 1 for zeros."""
    peaks = np.abs(rows).max(axis=1, initial=0).astype(np.float32)
    peaks[peaks == 0] = 1
    return (rows / peaks[:, None]).astype(np.float16), peaks


def whole_rows(halves: npt.NDArray[np.float16], peaks: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The rows as float32. Rows that went through `half_rows` once stay the same afterwards, to the last bit."""
    return halves.astype(np.float32) * peaks[:, None]
