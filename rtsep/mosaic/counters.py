"""Counts the effect of the constraints, frame by frame: polyphony, runs in the source's order, and repetitions."""

from __future__ import annotations

import numpy as np

from rtsep.training.updates import Floats

# A source frame is heard above this share of the strongest activation in the target frame (docs/measurements/mosaic.md).
HEARD = 0.01
# A source frame is a repetition if it was also heard in one of this many target frames before (docs/measurements/mosaic.md).
NEAR = 3


class Counters:
    """Counts over all blocks of H [target frame, source frame], in order.

    polyphony: source frames that are heard at a time. run_length: source frames that are heard in a row. repetitions: share of
    heard source frames that were also heard within the last NEAR target frames.
    """

    def __init__(self) -> None:
        self._frames = self._heard = self._runs = self._again = 0
        self._before = np.zeros((0, 0), bool)

    def add(self, H: Floats) -> None:
        """Count the next block."""
        strongest = H.max(axis=1, keepdims=True, initial=0)
        heard = (HEARD * strongest < H) & (strongest > 0)
        if not self._frames:
            self._before = np.zeros((NEAR, H.shape[1]), bool)
        known = np.concatenate([self._before, heard])
        # The source frame before it was heard in the target frame before.
        after = np.pad(known[NEAR - 1 : -1, :-1], ((0, 0), (1, 0)))
        again = np.any([known[NEAR - step : len(known) - step] for step in range(1, NEAR + 1)], axis=0)
        self._frames += int(heard.any(axis=1).sum())
        self._heard += int(heard.sum())
        self._runs += int((heard & ~after).sum())
        self._again += int((heard & again).sum())
        self._before = known[-NEAR:]

    def report(self) -> dict[str, float]:
        """The counts as means."""
        return {"polyphony": round(self._heard / max(self._frames, 1), 2),
                "run_length": round(self._heard / max(self._runs, 1), 2),
                "repetitions": round(self._again / max(self._heard, 1), 3)}
