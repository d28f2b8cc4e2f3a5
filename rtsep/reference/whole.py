"""Separates a whole sound at once, in float64, and keeps what its frames found. Tests and studies compare with this."""

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
    """The result of separating a sound."""

    stems: Floats  # [stem, channel, sample], the residual last
    masks: list[Floats]  # of each frame, [stem, bin]
    H: list[Floats]  # of each frame: the activations, [stem, row]
    open_rows: list[list[tuple[int, int]]]  # of each frame: (stem, row)
    unmatched: int  # notes for which the preset has no template
    background: Floats  # [row, bin], at the end
    W: Floats  # [row, bin]: the notes' templates at the end


def separate(
    sound: Floats, events: Events | list[Events], setup: Setup, *, estimator: Method | None = None, mask: Mask | None = None
) -> Separated:
    """Stems of sound [channel, sample], the residual last, delayed by the latency; EVENTs count from its start."""
    found: list[tuple[Floats, Floats, list[tuple[int, int]]]] = []

    def note(passed: Passed) -> None:
        found.append((passed.masks.M, passed.H, passed.opened.rows))

    stream = Stream(setup, len(sound), estimator, mask, note)
    stems = stream.hear(np.asarray(sound, np.float64), np.array(events, EVENT))
    learnt = stream.stages.adaptation
    return Separated(stems, [M for M, _, _ in found], [H for _, H, _ in found], [rows for _, _, rows in found],
                     stream.piano.unmatched, learnt.background.rows, learnt.own.rows)
