"""Notes near their time, moved onto the rises of their own activations; and how surely each of them was heard there."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rtsep.fit.grid import Floats, Ints
from rtsep.fit.hearing import LATE_S, LOWEST, PITCHES, STEP_S
from rtsep.notes.moved import NoteArray

REACH = 5  # A note moves by at most this many steps, ...
NEAR = 3.0  # ... and rises count less further away: this is the standard deviation of their weights, in steps.
LEAST_RISE = 0.3  # A note with a weaker rise stays where the path puts it.
HEARD_STEPS = 2  # A rise at most this many steps away from a note belongs to it.

Seconds = npt.NDArray[np.float64]


def settle(notes: NoteArray, rises: Floats) -> NoteArray:
    """NOTE [n], each moved onto the strongest rise of its pitch nearby; ends keep their places, and notes some length."""
    moved = notes.copy()
    step, row = _places(notes)
    for number in np.flatnonzero((row >= 0) & (row < PITCHES)).tolist():
        first, column = max(int(step[number]) - REACH, 0), rises[:, row[number]]
        near = column[first : int(step[number]) + REACH + 1]
        weighted = near * np.exp(-0.5 * ((np.arange(first, first + len(near)) - step[number]) / NEAR) ** 2)
        if len(near) and weighted.max() >= LEAST_RISE:
            moved["onset_s"][number] = _peak(column, first + int(weighted.argmax())) * STEP_S - LATE_S
    return moved


def _peak(column: Floats, at: int) -> float:
    """The place of a peak between steps, with a parabola."""
    if not 0 < at < len(column) - 1:
        return float(at)
    low, mid, high = column[at - 1 : at + 2].tolist()
    curve = low - 2 * mid + high
    return at + (min(max(0.5 * (low - high) / curve, -0.5), 0.5) if curve < 0 else 0.0)


def heard(notes: NoteArray, rises: Floats) -> Seconds:
    """For each note, the share of all times at which its pitch rises less than there: 0.5 by chance; nan: an unknown pitch."""
    step, row = _places(notes)
    found = np.full(len(notes), np.nan)
    for pitch in np.unique(row[(row >= 0) & (row < PITCHES)]).tolist():
        padded = np.pad(rises[:, pitch], HEARD_STEPS)
        strongest = np.lib.stride_tricks.sliding_window_view(padded, 2 * HEARD_STEPS + 1).max(axis=1)
        mine = np.flatnonzero(row == pitch)
        at = strongest[np.clip(step[mine], 0, len(strongest) - 1)]
        ordered = np.sort(strongest)
        found[mine] = (np.searchsorted(ordered, at, "left") + np.searchsorted(ordered, at, "right")) / (2 * len(ordered))
    return found


def _places(notes: NoteArray) -> tuple[Ints, Ints]:
    """The step and the row of each note."""
    return (np.rint((notes["onset_s"] + LATE_S) / STEP_S).astype(np.int64), notes["pitch"].astype(np.int64) - LOWEST)
