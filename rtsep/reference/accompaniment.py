"""Stage: do others play, whose notes are not told? See `rtsep.stages.accompaniment`."""

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
    """The certainty that others play, by the energy between the combs of told notes."""

    setup: Setup
    seen: float = 0.0  # 0 to 1: that certainty from what was seen alone
    evidence_s: float = 0.0  # sum of evidence
    sight_s: float = 0.0  # seconds in which evidence could be seen
    loudest: float = 0.0  # magnitude of the loudest recent frame
    rings_until: dict[int, int] = field(default_factory=dict)  # pitch -> sample until which its note rings
    strikes_until: int = 0  # sample until which a note without comb rings
    spread: Floats = field(init=False)  # recent share of the energy in every bin in which evidence is sought
    others: float = field(init=False)  # 0 to 1: certainty that others play
    sees: bool = True  # True if no note without comb rings

    def __post_init__(self) -> None:
        first, last = self.setup.sought
        self.spread, self.others = np.zeros(last - first), self.setup.unseen

    def step(self, frame: Frame, opened: Open) -> None:
        """Update `others` from a frame that is not silent."""
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
        """Bins in which no told note can sound, bool [bin]; None if a note without comb rings, since it can sound anywhere."""
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
        """The share of a frame's energy in every bin; None if it has none, or nothing can be seen. The spread is updated."""
        if not self.sees or energy.sum() <= 0:
            return None
        share: Floats = energy / energy.sum()
        self.spread += self.setup.hop_s / SPREAD_S * (share - self.spread)
        return share

    def _room(self, free: npt.NDArray[np.bool_]) -> float:
        """The share of the smoothed spread in the bins that are `free`."""
        around = np.convolve(self.spread, np.ones(2 * SMOOTH_BINS + 1))[SMOOTH_BINS:-SMOOTH_BINS]
        return float(around[free].sum() / around.sum())

    def _loudness(self, total: float) -> float:
        """The weight of a frame of this magnitude, 0 to 1. What was seen in much fainter sound loses its weight."""
        if total > self.loudest:
            fainter = self.loudest / total
            self.evidence_s, self.sight_s, self.seen = (fainter * each for each in (self.evidence_s, self.sight_s, self.seen))
            self.loudest = total
        self.loudest *= 1 - self.setup.hop_s / STAYS_S
        return min(FAINT * total / self.loudest, 1)

    def _decide(self, evidence: float, sight_s: float) -> None:
        """Update `others` from a mean of the evidence that forgets and starts at 0; it rises from LITTLE to PLAIN."""
        keep = math.exp(-sight_s / EVIDENCE_S - self.setup.hop_s / BLIND_S)
        self.evidence_s = keep * (self.evidence_s + sight_s * evidence)
        self.sight_s = keep * (self.sight_s + sight_s)
        known_s = self.sight_s + PRIOR_S
        now = (self.evidence_s / known_s - LITTLE) / (PLAIN - LITTLE)
        self.seen = max(min(max(now, 0), 1), self.seen * math.exp(-sight_s / STAYS_S))
        self.others = max(self.seen, self.setup.unseen * PRIOR_S / known_s)
