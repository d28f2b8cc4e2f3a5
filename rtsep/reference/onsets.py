"""Stage: strokes of drums whose MIDI is missing or late. See `rtsep.stages.onsets`, and Bello et al., IEEE TSAP 2005."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from rtsep.reference.passed import Floats, Frame, Open
from rtsep.stages.onsets import DEAD_S, HISTORY, JUMP, PEAK_S, RISE_S, THRESHOLD
from rtsep.stages.polyphony import NEVER


@dataclass
class Strokes:
    """Onsets of the stems that play drums, from the sums of their activations; `found`: the last onset of each stem.

    `struck`: the sample of the spectrum's last jump.
    """

    rate: float
    hop: int
    levels: dict[int, list[float]] = field(default_factory=dict)
    peak: dict[int, float] = field(default_factory=dict)
    found: dict[int, int] = field(default_factory=dict)
    struck: int = 0
    previous: Floats = field(default_factory=lambda: np.zeros(1))  # magnitudes [bin] of the frame before

    def notice_stroke(self, frame: Frame) -> None:
        """Note a stroke if much of this frame was not in the frame before."""
        V = frame.magnitudes
        if np.maximum(V - self.previous, 0).sum() > JUMP * V.sum():
            self.struck = frame.end
        self.previous = V

    def find_onsets(self, opened: Open, drums: list[int], H: Floats, end: int) -> None:
        """Look for onsets of the stems `drums` in their activations H [stem, row]; set the onsets of their open rows."""
        levels = H.sum(axis=1)
        for stem in drums:
            self.hear(stem, levels[stem], end)
        opened.onset = np.array([self.found.get(stem, NEVER) for stem in opened.stem.tolist()], np.int64)

    def hear(self, stem: int, level: float, end: int) -> None:
        """Take in a stem's level in the frame that ends before `end`; call it for every frame in order."""
        lag = min(max(int(RISE_S * self.rate / self.hop + 0.5), 1), HISTORY - 1)
        levels = self.levels.setdefault(stem, [0.0] * lag)
        rise = level - levels[-lag]
        levels.append(level)
        del levels[:-HISTORY]
        self.peak[stem] = max(rise, self.peak.get(stem, 0.0) * math.exp(-self.hop / self.rate / PEAK_S))
        over = stem not in self.found or (end - self.found[stem]) / self.rate > DEAD_S
        if over and rise > THRESHOLD * self.peak[stem]:
            self.found[stem] = end - self.hop // 2
