"""The loop of every factorisation: it updates, measures, stops, and keeps the best result if it is interrupted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from rtsep.errors import RtsepError

Floats = npt.NDArray[Any]
Progress = Callable[[int, float], None]
STRIDE = 10  # The stop rule looks at this many updates together, since the loss sometimes stays the same for a few updates.


class Run(Protocol):
    """Two factors during a run. A step is prepared in separate memory, and then accepted. So measured factors are kept."""

    @property
    def factors(self) -> tuple[Floats, Floats]:
        """The present factors."""

    def measure(self) -> float:
        """The loss of the present factors."""

    def prepare(self, name: str, measured: bool) -> float:
        """Prepare the next factor `name`; give the loss of the present factors if `measured`."""

    def accept(self) -> None:
        """Accept the prepared factor."""


@dataclass(frozen=True)
class Schedule:
    """The stop rule, and how often to measure: `max_iter`, `tolerance`, `measure_every` and `progress` as in `factorise`."""

    max_iter: int
    tolerance: float
    measure_every: int = 1
    progress: Progress | None = None


@dataclass(frozen=True)
class Course:
    """The course of a run: losses float64 [measured], the number of updates before each, and why it stopped."""

    losses: npt.NDArray[np.float64]
    updates: npt.NDArray[np.int64]
    reason: str


def check_order(update: Sequence[str], names: tuple[str, str]) -> None:
    """RtsepError unless `update` is one of the two names, or both in any order."""
    a, b = names
    if tuple(update) not in ((a, b), (b, a), (a,), (b,)):
        raise RtsepError(f"update {tuple(update)}: allowed are {(a, b)}, {(b, a)}, {(a,)} and {(b,)}")


def improve(
    run: Run, update: Sequence[str], schedule: Schedule, scale: float = 1.0, before: Sequence[float] = ()
) -> tuple[tuple[Floats, Floats], Course]:
    """Update the factors in the order `update` until the schedule ends; losses are multiplied by `scale`.

    before: the losses, so multiplied, of the updates that were made already, if a run goes on.

    It gives the factors that were measured last. RtsepError: `max_iter` below 0, or `measure_every` below 1.
    """
    if schedule.max_iter < 0 or schedule.measure_every < 1:
        raise RtsepError(f"max_iter {schedule.max_iter}, measure_every {schedule.measure_every}: give at least 0 and 1")
    losses, updates, reason, count, best = [*before], [*range(len(before))], "", len(before), run.factors
    try:
        while not reason:
            last, measured = count == schedule.max_iter, count % schedule.measure_every == 0
            loss = run.measure() if last else run.prepare(update[0], measured)
            if last or measured:
                best = run.factors
                losses.append(max(loss * scale, 0.0))
                updates.append(count)
                if schedule.progress is not None:
                    schedule.progress(count, losses[-1])
                reason = "converged" if _has_converged(losses, updates, schedule.tolerance) else "max_iter" if last else ""
            if not reason:
                run.accept()
                for name in update[1:]:
                    run.prepare(name, False)
                    run.accept()
                count += 1
    except KeyboardInterrupt:
        reason = "interrupted"
    return best, Course(np.array(losses), np.array(updates, np.int64), reason)


def _has_converged(losses: Sequence[float], updates: Sequence[int], tolerance: float) -> bool:
    """Whether the loss fell by less than `tolerance` of itself per STRIDE updates, over the last STRIDE or a few more."""
    before = int(np.searchsorted(updates, updates[-1] - STRIDE, side="right")) - 1
    if tolerance <= 0 or before < 0:
        return False
    strides = (updates[-1] - updates[before]) / STRIDE
    return losses[before] - losses[-1] <= tolerance * strides * losses[before]
