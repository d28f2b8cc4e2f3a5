"""The effect of the constraints, counted frame by frame: polyphony, runs in the source's order, repetitions."""

from __future__ import annotations

import numpy as np

from rtsep.training.updates import Floats

HEARD = 0.01  # A source frame is heard above this share of the frame's strongest activation (docs/measurements/mosaic.md).
NEAR = 3  # A source frame that was heard within this many target frames before is a repetition (docs/measurements/mosaic.md).


class Counters:
    """Counts over all blocks of H [target frame, source frame], in order.

    polyphony: source frames heard at a time. run_length: frames of the source heard in a row. repetitions: share of
    heard source frames that were also heard within the last NEAR target frames.
    """

    def __init__(self) -> None:
        self._frames = self._heard = self._runs = self._again = 0
        self._before = np.zeros((0, 0), bool)

    def add(self, H: Floats) -> None:
        """The next block."""
        strongest = H.max(axis=1, keepdims=True, initial=0)
        heard = (HEARD * strongest < H) & (strongest > 0)
        if not self._frames:
            self._before = np.zeros((NEAR, H.shape[1]), bool)
        known = np.concatenate([self._before, heard])
        after = np.pad(known[NEAR - 1 : -1, :-1], ((0, 0), (1, 0)))  # Its predecessor was heard just before.
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
