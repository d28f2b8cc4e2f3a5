"""Stage: turns masked spectra back into sound, with a short synthesis window. See `rtsep.stages.overlap_add`."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from rtsep.reference.passed import Complexes, Floats, Frame, Masks
from rtsep.reference.place import part_of
from rtsep.reference.setup import Setup


def tail(Y: Complexes, size: int, synthesis: Floats) -> Floats:
    """The windowed end of a masked frame, to be added to the output: [channel, overlap] from Y [channel, bin]."""
    end: Floats = np.fft.irfft(Y, size, axis=1)[:, size - len(synthesis) :] * synthesis
    return end


@dataclass
class OverlapAdd:
    """The output of all stems except the residual, while frames are added to it."""

    setup: Setup
    channels: int
    pending: Floats = field(init=False)  # [stem, channel, overlap], from the next sample on

    def __post_init__(self) -> None:
        self.pending = np.zeros((self.setup.stems - 1, self.channels, self.setup.overlap))

    def step(self, frame: Frame, masks: Masks) -> None:
        """Add the end of the masked frame of every stem that plays: the newest sample is heard `overlap` samples later."""
        for stem, share in masks.shares.items():
            if stem < self.setup.stems - 1:
                self.pending[stem] += tail(part_of(share, frame.X), self.setup.size, self.setup.windows[1])

    def read(self, samples: Floats, count: int) -> Floats:
        """The next `count` finished samples of the stems, [stem, channel, count]. The input is not used."""
        finished = self.pending[:, :, :count].copy()
        self.pending = np.concatenate([self.pending[:, :, count:], np.zeros_like(finished)], axis=2)
        return finished
