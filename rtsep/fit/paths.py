"""The most likely path of a player through the cells of a grid: steps forward, and jumps.

From step to step the player stays, or goes forward by one to three cells. Coarse paths are found in the whole score, and can
jump from any cell to any onset. Fine paths stay near a coarse one. The method is the Viterbi algorithm: L. R. Rabiner, "A
tutorial on hidden Markov models", Proc. IEEE 77(2), 1989.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt

from rtsep.fit.grid import Floats, Grid, Ints

# Log-weights of 0 to 3 cells forward, in coarse and in fine paths. If waiting were cheap, a coarse path would wait instead of
# going back. Chosen with `lab.py align`.
COARSE, FINE = np.array([[-3.0, -0.4, -1.5, -4.0], [-1.2, -0.5, -1.2, -2.5]], np.float32)
FURTHEST = len(FINE) - 1  # From step to step, the player goes forward by at most this many cells.
JUMP = np.float32(-40)  # The log-weight of a jump in a coarse path. Chosen with `lab.py align`.
SEAM = np.float32(-6)  # The log-weight of a jump in a fine path, where the coarse path has jumped.
BLOCK = 256  # A coarse path keeps every 256th column of scores, and works out the others twice, to save memory.
IMPOSSIBLE = np.float32(-1e30)  # The score of a cell that cannot be reached.
JUMPED = -1  # The mark of a cell that was reached by a jump.

Moves = npt.NDArray[np.int8]


def coarse_path(
    evidence: Callable[[slice], Floats], silent: npt.NDArray[np.bool_], starts: npt.NDArray[np.bool_]
) -> Ints:
    """The cell [step] of the best path. Paths begin and land at `starts`, and can wait in `silent` steps.

    evidence(steps): log-likelihoods [step, cell].
    """
    score, kept, steps = _begin(starts, True), list[Floats](), len(silent)
    for begin in range(0, steps, BLOCK):
        kept.append(score)
        now = slice(begin, min(begin + BLOCK, steps))
        for row, waits in zip(evidence(now), silent[now], strict=True):
            score = _forward(score, starts, waits)[0] + row
    at, path = int(score.argmax()), np.zeros(steps, np.int64)
    for number in range(len(kept) - 1, -1, -1):
        begin, score, taken = number * BLOCK, kept[number], list[tuple[Moves, int]]()
        now = slice(begin, min(begin + BLOCK, steps))
        for row, waits in zip(evidence(now), silent[now], strict=True):
            score, move, origin = _forward(score, starts, waits)
            score = score + row
            taken.append((move, origin))
        for step in range(len(taken) - 1, -1, -1):
            path[begin + step] = at
            move, origin = taken[step]
            at = origin if move[at] == JUMPED else at - int(move[at])
    return path


def _begin(starts: npt.NDArray[np.bool_], whole: bool) -> Floats:
    """The scores before the first step; `whole`: the first cell is that before the music."""
    score = np.where(starts, JUMP / 2, IMPOSSIBLE).astype(np.float32)
    score[0] = 0 if whole else score[0]
    return score


def _forward(score: Floats, starts: npt.NDArray[np.bool_], waits: bool) -> tuple[Floats, Moves, int]:
    """The best score of each cell before its next evidence, how it was reached, and from where jumps come."""
    best, move = _stepped(score, COARSE, waits)
    _wait(best, move, score, (0, len(score) - 1), COARSE)
    origin = int(score.argmax())
    jumped = starts & (best < score[origin] + JUMP)
    best[jumped], move[jumped] = score[origin] + JUMP, JUMPED
    return best, move, origin


def _stepped(score: Floats, weights: Floats, waits: bool) -> tuple[Floats, Moves]:
    """The best score of each cell by steps forward, and their lengths; `waits`: waiting is as likely as going forward."""
    best, move = score + weights[int(waits)], np.zeros(len(score), np.int8)
    for cells in range(1, FURTHEST + 1):
        reached = score[:-cells] + weights[cells]
        better = reached > best[cells:]
        np.copyto(best[cells:], reached, where=better)
        move[cells:][better] = cells
    return best, move


def _wait(best: Floats, move: Moves, score: Floats, cells: Iterable[int], weights: Floats) -> None:
    """In these cells, before or after the music, waiting is as likely as going forward elsewhere."""
    for cell in cells:
        if score[cell] + weights[1] > best[cell]:
            best[cell], move[cell] = score[cell] + weights[1], 0


def fine_path(
    evidence: Callable[[int, slice], Floats], silent: npt.NDArray[np.bool_], lowest: Ints, width: int, grid: Grid,
    seams: Sequence[int]
) -> Ints:
    """The cell [step] of the best path within `width` cells from `lowest` [step], which never falls.

    evidence(step, cells): log-likelihoods [cell]. seams: the first cells of passages to which the player jumps from the passage
    before.
    """
    steps, last = len(lowest), grid.cells - 1
    score = _begin(grid.starts[lowest[0] : lowest[0] + width], lowest[0] == 0)
    moves, origins = np.zeros((steps, width), np.int8), np.zeros(steps, np.int64)
    for step in range(steps):
        low, rise = int(lowest[step]), int(lowest[step] - lowest[step - 1]) if step else 0
        score = np.concatenate([score, np.full(rise, IMPOSSIBLE, np.float32)])
        best, move = _stepped(score, FINE, bool(silent[step]))
        best, move = best[rise:], move[rise:]
        _wait(best, move, score[rise:], [cell - low for cell in (0, last) if low <= cell < low + width], FINE)
        for seam in seams:
            if low < seam < low + width:
                origin = int(score[: seam - low + rise].argmax())
                jumped = grid.struck[seam : low + width] & (best[seam - low :] < score[origin] + SEAM)
                best[seam - low :][jumped], move[seam - low :][jumped] = score[origin] + SEAM, JUMPED
                origins[step] = origin + low - rise
        moves[step], score = move, best + evidence(step, slice(low, low + width))
    return _traced(moves, origins, lowest, int(score.argmax()) + int(lowest[-1]))


def _traced(moves: Moves, origins: Ints, lowest: Ints, at: int) -> Ints:
    """The path that ends at the cell `at`."""
    path = np.zeros(len(moves), np.int64)
    for step in range(len(moves) - 1, -1, -1):
        path[step] = at
        move = int(moves[step, at - lowest[step]])
        at = int(origins[step]) if move == JUMPED else at - move
    return path
