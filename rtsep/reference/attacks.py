"""Stage: a note that was told early waits until it is heard. See `rtsep.stages.attacks`."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rtsep.kernels.memory import ENVELOPE_POINTS, ENVELOPE_S, ENVELOPE_STEPS, ENVELOPE_VELOCITY
from rtsep.reference.levels import Levels
from rtsep.reference.notes import Note
from rtsep.reference.passed import Estimate, Frame, Group, Open
from rtsep.reference.setup import Setup
from rtsep.stages.attacks import HEARD, RISEN_S, STEP_S
from rtsep.stages.expectation import LEAST_VELOCITY, MOST_VELOCITY
from rtsep.stages.levels import KNOWN_S


@dataclass
class Attacks:
    """When the notes begin that were told early."""

    setup: Setup
    levels: Levels

    def step(self, notes: list[Note], frame: Frame, opened: Open, estimate: Estimate) -> None:
        """Let the notes begin that are heard in a frame, or due; without known levels, those that are due."""
        groups = {(group.stem, group.pitch): i for i, group in enumerate(opened.groups) if group.told}
        for note in notes:
            if not note.waits or note.close <= frame.end:
                continue
            place = groups.get((note.stem, note.pitch))
            known = self.levels.models[note.stem].known_s > KNOWN_S and self.setup.envelope[note.stem, note.pitch].any()
            if place is not None and known:
                self.listen(note, estimate.group_h[place] * frame.total, frame.end)
            elif frame.end - note.onset >= self.setup.told_early:
                note.waits = False
            if not note.waits and place is not None:
                self.begin(note, opened, opened.groups[place])

    def listen(self, note: Note, level: float, end: int) -> None:
        """Let a note, which waits and has this magnitude, begin if it is heard or due in the frame before `end`."""
        early, heard = self.setup.told_early, HEARD * self.attack_level(note, RISEN_S)
        note.floor = level if note.floor is None else min(note.floor, level)
        rise, waited = level - note.floor, end - note.onset
        if rise >= heard:
            age_s = self.age_at(note, rise) + self.setup.envelope_later_s
            note.waits, note.begin = False, end - int(age_s * self.setup.sample_rate)
        elif waited >= 2 * early or (waited >= early and level >= heard):
            note.waits = False

    def attack_level(self, note: Note, age_s: float) -> float:
        """The magnitude that a note should have at this age."""
        base, more = self.setup.envelope[note.stem, note.pitch]
        values = base + (min(max(note.velocity, LEAST_VELOCITY), MOST_VELOCITY) - ENVELOPE_VELOCITY) * more
        points = np.arange(ENVELOPE_POINTS) / ENVELOPE_STEPS
        level = float(np.interp(math.log2(1 + age_s / ENVELOPE_S), points, values))
        return math.exp(level + self.levels.models[note.stem].gain)

    def age_at(self, note: Note, level: float) -> float:
        """The age of an attack, in seconds, at which it has this magnitude; at most RISEN_S."""
        ages = np.arange(round(RISEN_S / STEP_S)) * STEP_S
        return float(next((age_s for age_s in ages if self.attack_level(note, age_s) >= level), RISEN_S))

    @staticmethod
    def begin(note: Note, opened: Open, group: Group) -> None:
        """Give the templates of a note its onset."""
        group.onset = note.begin
        opened.onset[group.members] = note.begin
