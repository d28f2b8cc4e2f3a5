"""Rows of templates in half precision: how preset files and plan files keep them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def half_rows(rows: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float16], npt.NDArray[np.float32]]:
    """[row, bin] as float16, each row divided by its largest magnitude, and these, float32 [row]: 1 for an empty row."""
    peaks = np.abs(rows).max(axis=1, initial=0).astype(np.float32)
    peaks[peaks == 0] = 1
    return (rows / peaks[:, None]).astype(np.float16), peaks


def whole_rows(halves: npt.NDArray[np.float16], peaks: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The rows again, float32; what comes of `half_rows` stays the same from then on, to the last bit."""
    return halves.astype(np.float32) * peaks[:, None]
