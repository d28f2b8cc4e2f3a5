"""The argument of every stage's `design`: the presets in use, the parameters and the framing, already chosen and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rtsep.kernels.memory import PITCHES
from rtsep.notes.routing import Routing
from rtsep.params import Value
from rtsep.presets.halves import half_rows, whole_rows
from rtsep.presets.preset import Preset
from rtsep.stages.rows import Rows
from rtsep.windows import Framing

SIMD = 16  # Rows of bins are rounded up to a multiple of this many floats: one AVX-512 register holds them.


@dataclass(frozen=True)
class Request:
    """The input of a design.

    presets: the preset of each stem. used: the same, but at least one. values: every parameter.
    window: float64 [window_size], the analysis window. synthesis: float64 [overlap], the synthesis window.
    """

    presets: tuple[Preset, ...]
    used: tuple[Preset, ...]
    routing: Routing
    values: Mapping[str, Value]
    framing: Framing
    rows: Rows
    sample_rate: float
    channels: int
    window: npt.NDArray[np.float64]
    synthesis: npt.NDArray[np.float64]

    def number(self, name: str) -> float:
        """The parameter `name`."""
        return float(self.values[name])

    def asks(self, name: str) -> bool:
        """Whether the switch `name` is on."""
        return bool(self.values[name])

    def samples(self, seconds: float) -> int:
        """A time in seconds as a whole number of samples."""
        return round(seconds * self.sample_rate)

    @property
    def bins(self) -> int:
        """Bins of a spectrum."""
        return self.framing.window_size // 2 + 1

    @property
    def stride(self) -> int:
        """Bins rounded up for SIMD."""
        return -(-self.bins // SIMD) * SIMD

    @property
    def hop_s(self) -> float:
        """Seconds from frame to frame."""
        return self.framing.hop / self.sample_rate

    def keep(self, memory_s: float) -> float:
        """The share that remains after a hop of what is forgotten with this time constant."""
        return float(np.exp(-self.hop_s / memory_s))

    def padded(self, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """[row, bin] as [row, stride], rounded to half precision, so that plan files store it without loss."""
        result = np.zeros((rows.shape[0], self.stride), np.float32)
        result[:, : rows.shape[1]] = whole_rows(*half_rows(rows))
        return result

    @staticmethod
    def by_stem(stems: Sequence[npt.NDArray[Any]]) -> npt.NDArray[np.float64]:
        """[stem, pitch] from each stem's [pitch]; 0 for the residual."""
        return np.array([*stems, np.zeros(PITCHES)], np.float64)
