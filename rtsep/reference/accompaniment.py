"""Stage: does anybody play whose notes nobody tells? See `rtsep.stages.accompaniment`."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from rtsep.reference.passed import Floats, Frame, Open
from rtsep.reference.setup import Setup
from rtsep.stages.accompaniment import (
    BLIND_S,
    EVIDENCE_S,
    FAINT,
    LEAST_ROOM,
    LITTLE,
    MOST_EVIDENCE,
    MUCH_ROOM,
    PLAIN,
    PRIOR_S,
    RINGS_S,
    SMOOTH_BINS,
    SPREAD_S,
    STAYS_S,
)


@dataclass
class Accompaniment:
    """How surely others play, by what lies between the combs of what is told."""

    setup: Setup
    seen: float = 0.0  # 0 to 1: by what was seen alone
    evidence_s: float = 0.0  # sum of evidence
    sight_s: float = 0.0  # over so much sight
    loudest: float = 0.0  # magnitude of the loudest frame lately
    rings_until: dict[int, int] = field(default_factory=dict)  # of a pitch: a sample
    strikes_until: int = 0  # the same of all notes that have no comb
    spread: Floats = field(init=False)  # share of the energy in every bin where evidence is sought
    others: float = field(init=False)  # 0 to 1: how surely others play
    sees: bool = True  # does no note ring that has no comb?

    def __post_init__(self) -> None:
        first, last = self.setup.sought
        self.spread, self.others = np.zeros(last - first), self.setup.unseen

    def step(self, frame: Frame, opened: Open) -> None:
        """`others` follows a frame that holds something."""
        if not self.setup.gated:
            return
        free = self._free(opened, frame.end)
        share = self._follow(frame.V[slice(*self.setup.sought)] ** 2)
        weight = self.setup.hop_s * self._loudness(frame.total)
        room = 0.0 if free is None or share is None else self._room(free)
        if free is None or share is None or room < LEAST_ROOM:
            self._decide(0.0, 0.0)
        else:
            evidence = min(float(share[free].sum()) / room, MOST_EVIDENCE)
            self._decide(evidence, weight * min(room / MUCH_ROOM, 1))

    def _free(self, opened: Open, end: int) -> npt.NDArray[np.bool_] | None:
        """Where no told note may sound, bool [bin]; None: a note without comb rings, and may sound anywhere."""
        setup = self.setup
        until = end + int(RINGS_S * setup.sample_rate)
        for group in opened.groups:
            if group.told:
                self.rings_until[group.pitch] = until
                if not setup.combed[group.stem]:
                    self.strikes_until = until
        self.sees = self.strikes_until <= end
        if not self.sees:
            return None
        ringing = [pitch for pitch, last in self.rings_until.items() if last > end]
        free: npt.NDArray[np.bool_] = setup.comb[ringing, slice(*setup.sought)].max(axis=0, initial=0) == 0
        return free

    def _follow(self, energy: Floats) -> Floats | None:
        """The share of a frame's energy in every bin, which the spread follows while anything is seen; None: there is none."""
        if not self.sees or energy.sum() <= 0:
            return None
        share: Floats = energy / energy.sum()
        self.spread += self.setup.hop_s / SPREAD_S * (share - self.spread)
        return share

    def _room(self, free: npt.NDArray[np.bool_]) -> float:
        """The share of the smoothed spread that lies in bins that are `free`."""
        around = np.convolve(self.spread, np.ones(2 * SMOOTH_BINS + 1))[SMOOTH_BINS:-SMOOTH_BINS]
        return float(around[free].sum() / around.sum())

    def _loudness(self, total: float) -> float:
        """How much a frame of this magnitude counts, 0 to 1; what was seen in much fainter sound is forgotten."""
        if total > self.loudest:
            fainter = self.loudest / total
            self.evidence_s, self.sight_s, self.seen = (fainter * each for each in (self.evidence_s, self.sight_s, self.seen))
            self.loudest = total
        self.loudest *= 1 - self.setup.hop_s / STAYS_S
        return min(FAINT * total / self.loudest, 1)

    def _decide(self, evidence: float, sight_s: float) -> None:
        """A mean of the evidence that forgets, with a prior of none; it says more than LITTLE, or is PLAIN."""
        keep = math.exp(-sight_s / EVIDENCE_S - self.setup.hop_s / BLIND_S)
        self.evidence_s = keep * (self.evidence_s + sight_s * evidence)
        self.sight_s = keep * (self.sight_s + sight_s)
        known_s = self.sight_s + PRIOR_S
        now = (self.evidence_s / known_s - LITTLE) / (PLAIN - LITTLE)
        self.seen = max(min(max(now, 0), 1), self.seen * math.exp(-sight_s / STAYS_S))
        self.others = max(self.seen, self.setup.unseen * PRIOR_S / known_s)
