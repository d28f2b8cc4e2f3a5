"""Brings the notes of a score into line with a recording of it, with repeats, cuts and any tempo.

First a coarse path through the whole score, then a fine one near it, then each note on the rise of its own activation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rtsep.fit.evidence import Ears, ears_of, hear_all
from rtsep.fit.grid import Floats, Ints, make_grid
from rtsep.fit.hearing import LOWEST, PITCHES, STEP_S, Sound
from rtsep.fit.paths import FORWARD, coarse_path, fine_path
from rtsep.fit.unrolled import Unrolled, unroll
from rtsep.notes.moved import NoteArray

POOL = 4  # A step of the coarse path is this many steps of the activations.
COARSE_WEIGHT = 2.0  # The evidence of a coarse step counts this much. Chosen with `lab.py align`.
BAND_S = 3.0  # The fine path stays within this many seconds of the coarse one.
LATE_S = 0.0  # Paths are this many seconds later than the notes.
SHORTEST_S = 0.03  # A note lasts at least this many seconds.

Seconds = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Alignment:
    """Notes in line with a sound.

    notes: NOTE [n], by onset, at the times at which they sound; repeated ones come again, and those that were not played are
    missing. source: int64 [n], the number of each note in the score. path_s: float64 [step, 2], the time in the sound, and the
    time in the score of what sounds there.
    """

    notes: NoteArray
    source: Ints
    path_s: Seconds


def align(sound: Sound, notes: NoteArray) -> Alignment:
    """The notes of a score, NOTE [n] by onset, at the times at which they sound."""
    H, rises = hear_all(sound)
    ears = ears_of(H, rises)
    unrolled = _coarse(ears, notes)
    path = _fine(ears, unrolled)
    return _aligned(unrolled, notes, path, rises)


def _coarse(ears: Ears, notes: NoteArray) -> Unrolled:
    grid, pooled = make_grid(notes, POOL * STEP_S), ears.pooled(POOL)
    every = slice(0, grid.cells)
    path, _ = coarse_path(lambda steps: pooled.evidence(grid, steps, every, COARSE_WEIGHT), len(pooled.levels), grid.struck)
    return unroll(notes, grid, path, POOL * STEP_S, STEP_S, len(ears.levels))


def _fine(ears: Ears, unrolled: Unrolled) -> Ints:
    cells = unrolled.grid.cells
    width = min(round(2 * BAND_S / STEP_S), cells)
    lowest = np.clip(unrolled.around - width // 2, 0, cells - width)
    return fine_path(lambda step, cells: ears.evidence(unrolled.grid, slice(step, step + 1), cells)[0], lowest, width,
                     unrolled.grid, unrolled.seams)


def _aligned(unrolled: Unrolled, notes: NoteArray, path: Ints, rises: Floats) -> Alignment:
    first = unrolled.grid.first
    step = np.searchsorted(path, first)  # When each group is reached.
    played = (step < len(path)) & (first >= path[0])
    before = path[np.maximum(step - 1, 0)]
    reached = path[np.minimum(step, len(path) - 1)]
    played &= (step == 0) | (reached - before < len(FORWARD)) | (reached == first)
    chosen = played[unrolled.grid.group]
    found = unrolled.notes[chosen].copy()
    source = unrolled.source[chosen]
    found["onset_s"] = step[unrolled.grid.group[chosen]] * STEP_S - LATE_S
    found["offset_s"] = found["onset_s"] + (unrolled.notes["offset_s"] - unrolled.notes["onset_s"])[chosen]
    order = np.argsort(found["onset_s"], kind="stable")
    return Alignment(found[order], source[order], np.zeros((0, 2)))
