"""Constraints on a mosaic's activations H [target frame, source frame], so that it sounds like the source.

Without them the mosaic can be any sum of source frames that fits. It then sounds like the target, not like the source.
Driedger, Prätzlich & Müller, "Let it Bee: towards NMF-inspired audio mosaicing", ISMIR 2015, section 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rtsep.errors import RtsepError
from rtsep.training.updates import Floats


@dataclass(frozen=True)
class Constraints:
    """The strength of each constraint; 0 switches it off.

    repetition: a source frame is not heard again within this many target frames, since that would stutter. polyphony: source
    frames at a time; more of them blur the sound. continuity: a source frame is favoured if this many frames before and after
    it sound in the same order. The constraints set in gradually over `iterations` updates, in every `every`th of them.
    """

    repetition: int = 3
    polyphony: int = 10
    continuity: int = 3
    iterations: int = 20
    every: int = 1

    def __post_init__(self) -> None:
        for name, least in (("repetition", 0), ("polyphony", 0), ("continuity", 0), ("iterations", 1), ("every", 1)):
            most = 1000
            if not least <= getattr(self, name) <= most:
                raise RtsepError(f"{name} {getattr(self, name)}: allowed is {least} to {most}")

    @property
    def reach(self) -> int:
        """The number of target frames on each side on which a frame's activations depend."""
        times = -(-self.iterations // self.every)
        return times * (self.repetition + self.continuity)

    def apply(self, H: Floats, energy: Floats, update: int) -> Floats:
        """H with the constraints, before update number `update` (from 0); `energy` [source frame] weighs the polyphony."""
        if update % self.every:
            return H
        share = H.dtype.type(1 - (update + 1) / self.iterations)  # The share that is left of an activation that breaks a rule.
        if self.repetition:
            H = np.where(_loudest_near(H, self.repetition) > H, H * share, H)
        if 0 < self.polyphony < H.shape[1]:
            weighed = H * energy
            least = np.partition(weighed, -self.polyphony, axis=1)[:, [-self.polyphony]]
            H = np.where(weighed < least, H * share, H)
        return _diagonal_sum(H, self.continuity)


def _loudest_near(H: Floats, distance: int) -> Floats:
    """The largest activation of the same source frame within `distance` target frames."""
    loudest = H.copy()
    for step in range(1, min(distance, len(H) - 1) + 1):
        np.maximum(loudest[step:], H[:-step], out=loudest[step:])
        np.maximum(loudest[:-step], H[step:], out=loudest[:-step])
    return loudest


def _diagonal_sum(H: Floats, distance: int) -> Floats:
    """The sum of the activations up to `distance` frames before and after, in target and source alike."""
    total = H.copy()
    for step in range(1, min(distance, *(size - 1 for size in H.shape)) + 1):
        total[step:, step:] += H[:-step, :-step]
        total[:-step, :-step] += H[step:, step:]
    return total
