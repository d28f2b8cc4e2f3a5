"""Stage: the background takes back what it learnt from notes that are told late. See `rtsep.stages.late_notes`."""

from __future__ import annotations

from dataclasses import dataclass, field

from rtsep.reference.levels import Levels
from rtsep.reference.passed import Frame, Open
from rtsep.reference.setup import Setup
from rtsep.stages.analysis import SILENT
from rtsep.stages.late_notes import ANSWERS_S, BEFORE_S, ENOUGH, HISTORY, LATE_S, LOUDER, SOON_S
from rtsep.stages.passed import KEEP, LEARN, RESTORE
from rtsep.stages.polyphony import LATER, NEVER


def in_time(levels: Levels) -> bool:
    """Is it certain that no stem's notes are late?"""
    models = levels.models
    return max(model.lag_seen for model in models) > ENOUGH and max(model.lag_s for model in models) < LATE_S


@dataclass
class LateNotes:
    """Finds the task of the background's rows after each frame: LEARN, KEEP or RESTORE."""

    setup: Setup
    totals: list[float] = field(default_factory=list)  # magnitudes of earlier frames
    jump: int = 0  # end of the last frame at which rows were kept; 0: never, or restored since

    def step(self, frame: Frame, opened: Open, levels: Levels) -> int:
        """The task after this frame."""
        setup, end = self.setup, frame.end
        possible = setup.rolls_back and end > setup.lead_in and not in_time(levels)
        age = end - max((onset for onset in opened.onset.tolist() if onset != LATER), default=NEVER)
        return self.look_back(frame.total, end, age, possible)

    def look_back(self, total: float, end: int, age: int, possible: bool) -> int:
        """The task after a frame of magnitude `total` before `end`, whose youngest note has this age in samples."""
        setup = self.setup
        frames = min(max(int(BEFORE_S / setup.hop_s), 1), HISTORY - 1)
        loudest = max(self.totals[-frames:], default=0.0)
        self.totals = [*self.totals[-HISTORY:], total]
        if not possible or total < SILENT:
            return LEARN
        jumps, kept = total > LOUDER * loudest, self.jump > 0 and (end - self.jump) / setup.sample_rate < SOON_S
        if kept and age <= setup.hop:
            self.jump = 0
            return RESTORE
        if jumps and not kept and age / setup.sample_rate > ANSWERS_S:
            self.jump = end
            return KEEP
        return LEARN
