"""A whole sound at once, in float64, with everything that its frames found: what tests and studies compare with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rtsep.kernels.memory import EVENT
from rtsep.reference.estimator import Method
from rtsep.reference.masks import Mask
from rtsep.reference.passed import Events, Floats, Passed
from rtsep.reference.setup import Setup
from rtsep.reference.stream import Stream


@dataclass
class Separated:
    """What came of a sound."""

    stems: Floats  # [stem, channel, sample], the residual last
    frames: list[Passed]  # all that was passed on about each frame
    masks: list[Floats]  # of each frame, [stem, bin]
    H: list[Floats]  # of each frame: the activations, [stem, row]
    open_rows: list[list[tuple[int, int]]]  # of each frame: (stem, row)
    unmatched: int  # notes that no template plays
    background: Floats  # [row, bin], as it is in the end
    W: Floats  # [row, bin], the notes' templates as they are in the end


def separate(
    sound: Floats, events: Events | list[Events], setup: Setup, *, estimator: Method | None = None, mask: Mask | None = None
) -> Separated:
    """Stems of sound [channel, sample], the residual last, delayed by the latency; EVENTs count from its start, in order."""
    frames: list[Passed] = []
    stream = Stream(setup, len(sound), estimator, mask, frames)
    stems = stream.hear(np.asarray(sound, np.float64), np.array(events, EVENT))
    learnt = stream.stages.adaptation
    return Separated(
        stems, frames, [passed.masks.M for passed in frames], [passed.H for passed in frames],
        [list(zip(passed.opened.stem.tolist(), passed.opened.row.tolist(), strict=True)) for passed in frames],
        stream.piano.unmatched, learnt.background.rows, learnt.own.rows)
