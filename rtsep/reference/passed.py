"""What one stage hands to the next, as in `rtsep.stages.passed`: plain arrays, float64 unless said otherwise."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Complexes = npt.NDArray[np.complex128]
Integers = npt.NDArray[np.int64]
Events = npt.NDArray[Any]  # EVENT


def nothing() -> Floats:
    """No numbers."""
    return np.zeros(0)


@dataclass
class Frame:
    """A frame that ends before sample `end`, as spectra."""

    end: int
    X: Complexes  # [channel, bin]
    magnitudes: Floats  # [bin]: root mean square of |X| over the channels
    total: float  # their sum
    V: Floats  # [bin]: the same, summing to 1; all 0 in silence
    heard: bool = False  # is it more than silence, and is anything open that can explain it?


@dataclass
class Group:
    """The open templates of a stem's pitch: `members` are their numbers among the open ones."""

    stem: int
    pitch: int
    onset: int  # of its youngest note, in samples
    told: bool  # False: a drum's that is open since something was struck, before its trigger
    members: list[int] = field(default_factory=list)


@dataclass
class Open:
    """The open templates of notes, stem by stem and pitch by pitch; all int64 [open]."""

    stem: Integers
    row: Integers
    onset: Integers  # of the youngest note of each
    groups: list[Group]

    @property
    def count(self) -> int:
        """How many are open."""
        return len(self.row)

    @property
    def rows(self) -> list[tuple[int, int]]:
        """(stem, row) of each."""
        return list(zip(self.stem.tolist(), self.row.tolist(), strict=True))

    @property
    def playing(self) -> list[int]:
        """The stems that have any, ascending."""
        return sorted(set(self.stem.tolist()))


@dataclass
class Expected:
    """What notes foretell, one number for each group; None: nothing is known. Levels are natural logarithms, gain apart."""

    level: list[float | None] = field(default_factory=list)
    level_ahead: list[float | None] = field(default_factory=list)  # `lead` later
    level_soon: list[float | None] = field(default_factory=list)  # a little later
    share: list[float | None] = field(default_factory=list)  # of the frame
    least: list[float] = field(default_factory=list)  # a young note that is heard with less has not begun to sound
    silent: list[bool] = field(default_factory=list)  # it has not
    h: Floats = field(default_factory=nothing)  # [open]: these shares, divided among the templates as they are heard
    left: Floats = field(default_factory=nothing)  # [bin]: what all that leaves of V to the residual

    @property
    def expects(self) -> bool:
        """Whether anything is expected of any note."""
        return any(share is not None for share in self.share)


@dataclass
class Estimate:
    """How loud the open templates are: the notes', then the background's, then the flat one. They sum to about 1."""

    W: Floats = field(default_factory=lambda: np.zeros((0, 0)))  # [open + background, bin]
    before: Floats = field(default_factory=nothing)  # [open + background + 1]: activations before the last update
    h: Floats = field(default_factory=nothing)  # [open + background + 1]: activations, held to what is expected
    group_h: list[float] = field(default_factory=list)  # of each group: sum of h before it was held

    def known(self, count: int) -> float:
        """What the first `count` explain of the frame, the flat template's part included, by the activations `before`."""
        return float(self.before[:count].sum() / self.before.sum())


@dataclass
class Masks:
    """What the stems are in a frame, all [stem, bin], the residual last."""

    M: Floats  # each stem's share of every bin; they sum to 1
    estimated: Floats  # models of the stems, as their activations have them
    models: Floats  # the same and what is expected of the stems, in one
    part_ratio: Floats  # what each stem's mask gives it of V, over its estimated model
    playing: list[int] = field(default_factory=list)  # stems that have a part in the frame, the residual apart
    shares: dict[int, Floats] = field(default_factory=dict)  # of these stems: [bin, to channel, from channel] of X


@dataclass
class Passed:
    """All that was passed on about one frame. H [stem, row]: the activations in magnitudes; 0 where nothing is open."""

    frame: Frame
    opened: Open
    expected: Expected
    estimate: Estimate
    H: Floats
    masks: Masks
