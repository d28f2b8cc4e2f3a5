"""The grid of a score: positions (cells) at which a player can be, one for each step, and what each of them sounds like.

A group is all notes that begin together. Its first cell is its onset. Each cell has the expected levels of all pitches, and the
pitches that begin there. In the first and the last cell nothing sounds: the player waits there before and after the music.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rtsep.fit.hearing import LOWEST, PITCHES
from rtsep.notes.followed import chords_of
from rtsep.notes.moved import NoteArray

TOGETHER_S = 0.008  # Notes that begin at most this many seconds after the first note of a group belong to it.
# A note fades with this time constant in seconds at middle C (MIDI 60); two octaves below, it is twice as long.
FADE_S, MIDDLE_C, DOUBLE_BELOW = 1.5, 60.0, 24.0
# Rises count by this share against waiting before and after the music. If they did not count, the player would wait all the
# time beside loud sounds; if they counted fully, notes of the score would be found in what sounds before it.
WAITING = 0.7
FLOOR = 0.2  # Every pitch is expected with at least this share of the root of a new note's level: other sounds occur.

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Grid:
    """The cells. first: int64 [group], the first cell of each group, ascending. group: int64 [note].

    begins_s: float64 [group], the onset of each group in seconds.
    levels: float32 [pitch, cell], logarithms of the expected shares. onsets: float32 [pitch, cell], the pitches that begin, as
    unit vectors. struck: bool [cell], where groups begin. quiet: float32 [cell], how much rises count against a cell in which
    nothing begins: 0 where groups begin, and at most 1.
    """

    first: Ints
    group: Ints
    begins_s: npt.NDArray[np.float64]
    levels: Floats
    onsets: Floats
    struck: npt.NDArray[np.bool_]
    quiet: Floats

    @property
    def starts(self) -> npt.NDArray[np.bool_]:
        """The cells to which a player can jump: onsets, and the first cell."""
        return np.asarray(self.struck | (np.arange(self.cells) == 0))

    @property
    def cells(self) -> int:
        """Number of cells."""
        return len(self.struck)


def make_grid(notes: NoteArray, step_s: float) -> Grid:
    """The grid of NOTE [n], by onset, with a cell for every `step_s`; groups have at least one cell each."""
    group, begins_s = chords_of(notes["onset_s"], TOGETHER_S)
    steps = np.maximum(np.rint(np.diff(begins_s) / step_s).astype(np.int64), 1)
    first = np.concatenate([np.ones(1, np.int64), 1 + np.cumsum(steps)])
    ends = np.interp(notes["offset_s"], begins_s, first)
    ends += np.maximum(notes["offset_s"] - begins_s[-1], 0) / step_s
    last = np.maximum(np.rint(ends).astype(np.int64), first[group] + 1)
    levels = np.zeros((PITCHES, int(last.max()) + 1), np.float32)
    onsets = np.zeros_like(levels)
    for begin, end, pitch in zip(first[group].tolist(), last.tolist(), notes["pitch"].tolist(), strict=True):
        row = pitch - LOWEST
        if 0 <= row < PITCHES:
            fade = step_s / (2 * FADE_S * 2 ** ((MIDDLE_C - pitch) / DOUBLE_BELOW))  # Levels are roots: half as fast.
            np.maximum(levels[row, begin:end], np.exp(-fade * np.arange(end - begin)), out=levels[row, begin:end])
            onsets[row, begin] = 1
    levels += FLOOR
    levels /= levels.sum(axis=0)
    onsets /= np.maximum(np.sqrt(onsets.sum(axis=0)), 1)
    struck = np.zeros(levels.shape[1], bool)
    struck[first] = True
    quiet = (~struck).astype(np.float32)
    quiet[[0, -1]] *= WAITING
    return Grid(first, group, begins_s, np.log(levels), onsets, struck, quiet)
