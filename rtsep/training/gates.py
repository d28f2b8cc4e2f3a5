"""Gates [frame, row]: the activations that a score allows, for templates of whole notes or of onsets.

Zeros in the initial H stay zeros, so a score-informed factorisation starts from H = gates, or gates times levels.
Ewert & Müller, "Using score-informed constraints for NMF-based source separation", ICASSP 2012.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Times = npt.NDArray[np.float64]
Gates = npt.NDArray[np.bool_]
Notes = npt.NDArray[Any]  # An array with the fields onset_s, offset_s and pitch, such as `rtsep.notes.score.NOTE`.


def note_gates(
    notes: Notes, row_pitch: npt.ArrayLike, times_s: npt.ArrayLike, before_s: float = 0.05, after_s: float = 0.2
) -> Gates:
    """G [frame, row]: open from `before_s` before a note's onset until `after_s` after its offset.

    | argument | |
    | --- | --- |
    | notes | [note]: structured, with onset_s, offset_s and pitch |
    | row_pitch | [row]: a row opens for the notes of its pitch |
    | times_s | [frame], ascending: one time for each frame, its centre or its end |
    | before_s, after_s | for scores that are not exactly aligned, and for sound after the offset; choose generous values, since closed frames are never learnt |

    A frame is open where begin < time <= end.
    """  # noqa: E501
    return _open(notes["pitch"], notes["onset_s"] - before_s, notes["offset_s"] + after_s, row_pitch, times_s)


def onset_gates(
    notes: Notes, row_pitch: npt.ArrayLike, times_s: npt.ArrayLike, before_s: float = 0.2, after_s: float = 0.1
) -> Gates:
    """G [frame, row] as `note_gates`, but open from `before_s` before until `after_s` after the onset."""
    return _open(notes["pitch"], notes["onset_s"] - before_s, notes["onset_s"] + after_s, row_pitch, times_s)


def _open(pitch: Notes, begin_s: Times, end_s: Times, row_pitch: npt.ArrayLike, times_s: npt.ArrayLike) -> Gates:
    rows = np.asarray(row_pitch)
    first, last = np.searchsorted(np.asarray(times_s), [begin_s, end_s], side="right")
    G = np.zeros((np.size(times_s), len(rows)), bool)
    for p, begin, end in zip(pitch, first, last, strict=True):
        G[begin:end, rows == p] = True
    return G
