"""A score in the order in which it was played, with a rough time for each note: made from a coarse path.

A passage is what was played without a jump. Each is a little longer than the coarse path says, since that knows only roughly
where a jump is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rtsep.fit.grid import Grid, Ints, make_grid
from rtsep.fit.paths import FURTHEST
from rtsep.notes.moved import NoteArray

MARGIN_S = 1.0  # Passages are this many seconds of the score longer at both sides.
SMOOTH_S = 3.0  # The tempo is the mean over this many seconds of the sound.
LEAST_TEMPO = 1e-5  # The player goes on at this share of the score's tempo at least, so that times can be inverted.

Seconds = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Unrolled:
    """Passages one after another. notes: NOTE [n], by onset, at rough times, which only grow from passage to passage.

    source: int64 [n], the number of each note in the score. grid: that of these notes. seams: the first cells of all passages
    but the first. around: int64 [step], the cell at which the player is, roughly.
    """

    notes: NoteArray
    source: Ints
    grid: Grid
    seams: list[int]
    around: Ints


def unroll(notes: NoteArray, grid: Grid, path: Ints, path_step_s: float, step_s: float, steps: int) -> Unrolled:
    """The notes of a score in the order of a coarse path [step of `path_step_s`] through their `grid`.

    The result has cells of `step_s`, for `steps` steps of the sound.
    """
    parts, sources, seams_s, around_s, late_s = list[NoteArray](), list[Ints](), list[float](), np.zeros(steps), 0.0
    sound_s: Seconds = step_s * np.arange(0.5, steps)
    for begin, end in _runs(path):
        at_s = _score_times(path[begin:end], grid)
        tempo = _Tempo(at_s, path_step_s * np.arange(begin + 0.5, end), _playing(path[begin:end], grid))
        inside = np.flatnonzero((notes["onset_s"] >= at_s[0] - MARGIN_S) & (notes["onset_s"] <= at_s[-1] + MARGIN_S))
        part = notes[inside].copy()
        for name in ("onset_s", "offset_s"):
            part[name] = tempo.times(part[name])
        part["offset_s"] = np.minimum(part["offset_s"], part["onset_s"].max() + MARGIN_S)
        if parts:
            late_s = float(parts[-1]["onset_s"].max()) + MARGIN_S + step_s - float(part["onset_s"].min())
            seams_s.append(float(part["onset_s"].min()) + late_s)
        part["onset_s"] += late_s
        part["offset_s"] += late_s
        parts.append(part)
        sources.append(inside)
        mine = slice(round(begin * path_step_s / step_s), min(round(end * path_step_s / step_s), steps))
        around_s[mine] = sound_s[mine] + late_s
    around_s[mine.stop :] = around_s[mine.stop - 1]
    whole = np.concatenate(parts)
    unrolled = make_grid(whole, step_s)
    begins_s = unrolled.begins_s

    def cells(seconds: Seconds) -> Ints:
        extra = np.clip(np.rint((seconds - begins_s[-1]) / step_s), 0, unrolled.cells - 1 - unrolled.first[-1])
        before = np.clip(np.rint((seconds - begins_s[0]) / step_s), -1, 0)
        return np.asarray(np.rint(np.interp(seconds, begins_s, unrolled.first) + extra + before), np.int64)

    return Unrolled(whole, np.concatenate(sources), unrolled, cells(np.array(seams_s)).tolist(),
                    np.maximum.accumulate(cells(around_s)))


def _runs(path: Ints) -> Iterator[tuple[int, int]]:
    """The first and the last step of each passage."""
    moves = np.diff(path)
    jumps = (np.flatnonzero((moves < 0) | (moves > FURTHEST)) + 1).tolist()
    yield from zip([0, *jumps], [*jumps, len(path)], strict=True)


def _score_times(path: Ints, grid: Grid) -> Seconds:
    """The time in the score of each cell of a path."""
    return np.asarray(np.interp(path, grid.first, grid.begins_s))


def _playing(path: Ints, grid: Grid) -> npt.NDArray[np.bool_]:
    """Whether the player is within the music; if never, the last step counts."""
    playing: npt.NDArray[np.bool_] = (path >= grid.first[0]) & (path <= grid.first[-1])
    if not playing.any():
        playing[-1] = True
    return playing


class _Tempo:
    """From the time in the score to that in the sound, with a smooth tempo, within one passage."""

    def __init__(self, score_s: Seconds, sound_s: Seconds, playing: npt.NDArray[np.bool_]) -> None:
        score_s, self._sound_s = score_s[playing], sound_s[playing]
        half = min(round(SMOOTH_S / 2 / max(np.diff(self._sound_s).min(initial=SMOOTH_S), 1e-3)), len(score_s) - 1)
        if half > 0:  # The ends are continued as mirror images, so that they stay where they are.
            padded = np.pad(score_s, half, mode="reflect", reflect_type="odd")
            score_s = np.convolve(padded, np.full(2 * half + 1, 1 / (2 * half + 1)), "valid")
        self._score_s = np.maximum.accumulate(score_s) + LEAST_TEMPO * (self._sound_s - self._sound_s[0])

    def times(self, score_s: Seconds) -> Seconds:
        """Times in the sound. Before and after the passage, the tempo is that of the score."""
        before, after = np.minimum(score_s - self._score_s[0], 0), np.maximum(score_s - self._score_s[-1], 0)
        return np.asarray(np.interp(score_s, self._score_s, self._sound_s) + before + after)
