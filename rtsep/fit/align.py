"""Brings the notes of a score into line with a recording of it, with repeats, cuts and any tempo.

First a coarse path through the whole score, then a fine one near it, then each note on the rise of its own activation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rtsep.fit.evidence import Ears, hear_all
from rtsep.fit.grid import Ints, make_grid
from rtsep.fit.hearing import STEP_S, Sound
from rtsep.fit.paths import FURTHEST, coarse_path, fine_path
from rtsep.fit.settled import heard, settle
from rtsep.fit.unrolled import Unrolled, unroll
from rtsep.notes.moved import NoteArray

POOL = 4  # A step of the coarse path is this many steps of the activations.
# Each of these speeds of the player, as a factor of the tempo of the score, is tried on this many steps (3 minutes).
SPEEDS, TRIED_STEPS = (1.0, 0.5, 2.0), 9000
BAND_S = 3.0  # The fine path stays within this many seconds of the coarse one.
EARLY_S = 0.015  # Paths are this many seconds earlier than the rises of the activations. Measured on the tuning pieces.
SHORTEST_S = 0.05  # A note lasts at least this many seconds.

Seconds = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Alignment:
    """Notes in line with a sound.

    notes: NOTE [n], by onset, at the times at which they sound; repeated ones come again, and those that were not played are
    missing. source: int64 [n], the number of each note in the score. heard: float64 [n], see `settled.heard`. path_s: float64
    [step, 2], the time in the sound, and the time in the score of what sounds there. jumps: for each the time in the sound, and
    the times in the score from which and to which the player jumps.
    """

    notes: NoteArray
    source: Ints
    heard: Seconds
    path_s: Seconds
    jumps: list[tuple[float, float, float]]


def align(sound: Sound, notes: NoteArray) -> Alignment:
    """The notes of a score, NOTE [n] by onset with n > 0, at the times at which they sound."""
    ears = hear_all(sound)
    begin = ears.first(TRIED_STEPS)
    tried = {speed: _at_speed(begin, notes, speed) for speed in SPEEDS}
    speed = max(tried, key=lambda each: float(np.nansum(tried[each].heard - 0.5)))  # 0.5 is chance.
    return tried[speed] if len(begin.levels) == len(ears.levels) else _at_speed(ears, notes, speed)


def _at_speed(ears: Ears, notes: NoteArray, speed: float) -> Alignment:
    """The alignment, if the player is about as fast as `speed` times the tempo of the score."""
    unrolled = _coarse(ears, notes, speed)
    path = _fine(ears, unrolled)
    at_path, source = _played(unrolled, path)
    settled = settle(at_path, ears.strengths)
    settled["onset_s"] = np.clip(settled["onset_s"], 0, STEP_S * len(path))
    settled["offset_s"] = np.maximum(settled["offset_s"], settled["onset_s"] + SHORTEST_S)
    order = np.argsort(settled["onset_s"], kind="stable")
    return Alignment(settled[order], source[order], heard(at_path, ears.strengths)[order], *_path_s(notes, unrolled, path))


def _coarse(ears: Ears, notes: NoteArray, speed: float) -> Unrolled:
    """The score in the order of playing, by a path through all of it."""
    pooled, grid = ears.pooled(POOL), make_grid(notes, POOL * STEP_S * speed)
    cells = slice(0, grid.cells)
    path = coarse_path(lambda steps: pooled.evidence(grid, steps, cells), pooled.silent, grid.starts)
    return unroll(notes, grid, path, POOL * STEP_S, STEP_S, len(ears.levels))


def _fine(ears: Ears, unrolled: Unrolled) -> Ints:
    """The cell [step] of the player."""
    grid = unrolled.grid
    width = min(round(2 * BAND_S / STEP_S), grid.cells)
    lowest = np.clip(unrolled.around - width // 2, 0, grid.cells - width)
    return fine_path(lambda step, cells: ears.evidence(grid, slice(step, step + 1), cells)[0], ears.silent, lowest,
                     width, grid, unrolled.seams)


def _played(unrolled: Unrolled, path: Ints) -> tuple[NoteArray, Ints]:
    """The notes that the path reaches, at the times of its steps, and their numbers in the score."""
    first = unrolled.grid.first
    step = np.minimum(np.searchsorted(path, first), len(path) - 1)  # When the path reaches each group.
    passed = path[step] - path[np.maximum(step - 1, 0)] > FURTHEST  # The path jumps over the group, or onto it.
    reached = (path[step] >= first) & (path[0] <= first) & (~passed | (path[step] == first))
    chosen = reached[unrolled.grid.group]
    found: NoteArray = unrolled.notes[chosen].copy()
    begins_s = unrolled.grid.begins_s
    time_s = STEP_S * np.interp(np.arange(unrolled.grid.cells), *_inverse(path))
    found["onset_s"] = STEP_S * step[unrolled.grid.group[chosen]]
    ends = np.interp(found["offset_s"], begins_s, first)
    after_s = np.maximum(found["offset_s"] - begins_s[-1], 0)
    found["offset_s"] = np.interp(ends, np.arange(unrolled.grid.cells), time_s) + after_s
    return found, unrolled.source[chosen]


def _inverse(path: Ints) -> tuple[Ints, Ints]:
    """Cells that the path visits, ascending, and the first step at each."""
    cells, steps = np.unique(path, return_index=True)
    return cells, steps


def _path_s(notes: NoteArray, unrolled: Unrolled, path: Ints) -> tuple[Seconds, list[tuple[float, float, float]]]:
    """The times in the sound and in the score of each step within the music, and the jumps."""
    sources = np.zeros(len(unrolled.grid.first), np.int64)
    sources[unrolled.grid.group] = unrolled.source
    group = np.searchsorted(unrolled.grid.first, path, "right") - 1
    playing = group >= 0
    path_s = np.column_stack([STEP_S * np.flatnonzero(playing), notes["onset_s"][sources[group[playing]]]])
    after = np.flatnonzero(np.diff(path[playing]) > FURTHEST) + 1
    return path_s, [(path_s[step, 0].item(), path_s[step - 1, 1].item(), path_s[step, 1].item()) for step in after]
