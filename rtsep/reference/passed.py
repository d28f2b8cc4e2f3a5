"""What stages hand to each other, as in `rtsep.stages.passed`: plain arrays, float64 unless stated otherwise."""

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
    """An empty array."""
    return np.zeros(0)


@dataclass
class Frame:
    """A frame that ends before sample `end`, as spectra."""

    end: int
    X: Complexes  # [channel, bin]
    magnitudes: Floats  # [bin]: root mean square of |X| over the channels
    total: float  # sum of the magnitudes
    V: Floats  # [bin]: magnitudes that sum to 1; all 0 in silence
    heard: bool = False  # is it not silent, and is anything open that can explain it?


@dataclass
class Group:
    """The open templates of a stem's pitch: `members` are their indices among the open templates."""

    stem: int
    pitch: int
    onset: int  # onset of its youngest note, in samples
    told: bool  # False: a drum that is open after a stroke, before its trigger
    members: list[int] = field(default_factory=list)


@dataclass
class Open:
    """The open templates of notes, stem by stem and pitch by pitch; all int64 [open]."""

    stem: Integers
    row: Integers
    onset: Integers  # onset of each template's youngest note
    groups: list[Group]

    @property
    def count(self) -> int:
        """Number of open templates."""
        return len(self.row)

    @property
    def rows(self) -> list[tuple[int, int]]:
        """(stem, row) of each open template."""
        return list(zip(self.stem.tolist(), self.row.tolist(), strict=True))

    @property
    def playing(self) -> list[int]:
        """The stems with open templates, ascending."""
        return sorted(set(self.stem.tolist()))


@dataclass
class Expected:
    """What is expected of each group; None: nothing is known. Levels are natural logarithms, without the gain."""

    level: list[float | None] = field(default_factory=list)
    level_ahead: list[float | None] = field(default_factory=list)  # the level `lead` later
    level_soon: list[float | None] = field(default_factory=list)  # the level a little later
    share: list[float | None] = field(default_factory=list)  # share of the frame
    least: list[float] = field(default_factory=list)  # a young note that is heard with a smaller share has not begun to sound
    silent: list[bool] = field(default_factory=list)  # whether it has not begun to sound
    h: Floats = field(default_factory=nothing)  # [open]: these shares, divided among the templates in proportion to h
    left: Floats = field(default_factory=nothing)  # [bin]: what these leave of V to the residual

    @property
    def expects(self) -> bool:
        """Whether a level is expected of any note."""
        return any(share is not None for share in self.share)


@dataclass
class Estimate:
    """Activations of the open templates: the notes', then the background's, then the flat one's. They sum to about 1."""

    W: Floats = field(default_factory=lambda: np.zeros((0, 0)))  # [open + background, bin]
    before: Floats = field(default_factory=nothing)  # [open + background + 1]: activations before the last update
    h: Floats = field(default_factory=nothing)  # [open + background + 1]: activations, bound to what is expected
    group_h: list[float] = field(default_factory=list)  # of each group: sum of h before it was bound to what is expected
    ratio: Floats | None = None  # [bin]: V over its model at the last update if a voice is in it

    def known(self, count: int) -> float:
        """The share of the frame, the flat template's part included, that the first `count` of `before` explain."""
        return float(self.before[:count].sum() / self.before.sum())


@dataclass
class Masks:
    """Masks and models of a frame's stems, all [stem, bin], the residual last."""

    M: Floats  # each stem's share of every bin; they sum to 1
    estimated: Floats  # models of the stems from their activations alone
    models: Floats  # models of the stems from activations and expectation together
    part_ratio: Floats  # each stem's share of V by its mask, divided by its estimated model
    playing: list[int] = field(default_factory=list)  # stems that the frame contains, without the residual
    shares: dict[int, Floats] = field(default_factory=dict)  # of these stems: factors [bin, to channel, from channel] of X


@dataclass
class Passed:
    """Everything that was passed on about one frame. H [stem, row]: activations in magnitudes; 0 for rows that are not open."""

    frame: Frame
    opened: Open
    expected: Expected
    estimate: Estimate
    H: Floats
    masks: Masks
