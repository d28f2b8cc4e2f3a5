"""Stage: what notes foretell before anything is heard: velocity and age tell a note's level. See `rtsep.stages.expectation`."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rtsep.kernels.memory import ENVELOPE_POINTS, ENVELOPE_S, ENVELOPE_STEPS, ENVELOPE_VELOCITY
from rtsep.reference.levels import Levels
from rtsep.reference.notes import Note
from rtsep.reference.passed import Estimate, Expected, Floats, Frame, Open
from rtsep.reference.setup import Setup
from rtsep.stages.expectation import (
    BEGINS_S,
    BEGUN,
    CAUTION,
    DOUBTED_S,
    LEAST_GROUP,
    LEAST_LEFT,
    LEAST_MODEL,
    LEAST_VELOCITY,
    MISFIT_S,
    MOST_CAUTION,
    MOST_RISE,
    MOST_SHARE,
    MOST_VELOCITY,
    OWN_MISFIT,
    RELEASED_BY,
    SHORTEST_RELEASE_S,
)
from rtsep.stages.levels import INAUDIBLE, KNOWN_S, STEP_S


def boost(window: Floats, age: int, most: float) -> float:
    """By how much a note that began `age` samples before the end of the frame is louder now than in the whole frame."""
    return float(min(window.sum() / window[-age:].sum(), most)) if age < len(window) else 1.0


@dataclass
class Expectation:
    """The expected levels of notes, and how badly the sound fits them."""

    setup: Setup
    levels: Levels
    misfit: float = 0.0  # share of what is expected that is not in the sound
    misfit_heard_s: float = 0.0

    def forget(self) -> None:
        """Nothing is known of how well the preset fits."""
        self.misfit = self.misfit_heard_s = 0.0

    def step(self, notes: list[Note], frame: Frame, opened: Open) -> Expected:
        """The levels and shares that are expected of a frame's groups."""
        expected = Expected()
        for group in opened.groups:
            mine = [note for note in notes if (note.stem, note.pitch) == (group.stem, group.pitch)] if group.told else []
            level = self.loudest(mine, frame.end)
            expected.level.append(level)
            expected.level_ahead.append(self.loudest(mine, frame.end, self.setup.lead))
            expected.level_soon.append(self.loudest(mine, frame.end, later_s=STEP_S))
            share = self.share(group.stem, level, frame.total)
            age_s = (frame.end - group.onset) / self.setup.sample_rate - self.setup.envelope_later_s
            expected.share.append(share)
            expected.least.append(BEGUN * share if share is not None and DOUBTED_S <= age_s < BEGINS_S else 0.0)
        return expected

    @staticmethod
    def find_silent(expected: Expected, estimate: Estimate) -> None:
        """A young note that is hardly heard has not begun: nothing is expected of it."""
        expected.silent = [heard < least for heard, least in zip(estimate.group_h, expected.least, strict=True)]
        expected.share = [None if silent else share for silent, share in zip(expected.silent, expected.share, strict=True)]

    def loudest(self, notes: list[Note], end: int, lead: int = 0, later_s: float = 0.0) -> float | None:
        """The level of the loudest of `notes`, `lead` or `later_s` later; None: its instrument tells nothing."""
        setup = self.setup
        if setup.prediction == 0 or not setup.gated:
            return None
        return max((self.note_level(note, end, end + lead, later_s) for note in notes
                    if note.onset < end < note.close and setup.envelope[note.stem, note.pitch].any()), default=None)

    def note_level(self, note: Note, seen: int, end: int, later_s: float = 0.0) -> float:
        """Natural logarithm of what the frame before `end` holds of a note `later_s` later, by the keys before `seen`.

        Envelopes stand at the ages ENVELOPE_S (2^(i / ENVELOPE_STEPS) - 1).
        """
        setup = self.setup
        base, more = setup.envelope[note.stem, note.pitch]
        age_s = (end - note.onset) / setup.sample_rate - setup.envelope_later_s + self.levels.lag_s(note.stem) + later_s
        age_s = max(age_s, 0)
        values = base + (min(max(note.velocity, LEAST_VELOCITY), MOST_VELOCITY) - ENVELOPE_VELOCITY) * more
        points = np.arange(ENVELOPE_POINTS) / ENVELOPE_STEPS
        level = float(np.interp(math.log2(1 + age_s / ENVELOPE_S), points, values)) + self.levels.deviation(note.stem, age_s)
        if note.end < seen:
            since_s = max((end - note.end) / setup.sample_rate - setup.envelope_later_s, 0)
            level -= RELEASED_BY * since_s / max(setup.release[note.stem, note.pitch] / setup.sample_rate, SHORTEST_RELEASE_S)
        return max(level, INAUDIBLE + 1)

    def share(self, stem: int, level: float | None, total: float) -> float | None:
        """What share of a frame of magnitude `total` a level is, once the gain is known."""
        model = self.levels.models[stem]
        if level is None or model.known_s <= KNOWN_S:
            return None
        return math.exp(min(level + model.gain - math.log(total), MOST_SHARE))

    def divide(self, opened: Open, expected: Expected, estimate: Estimate) -> None:
        """What is expected of a group, divided as it is heard; else what is heard itself. Fills `expected.h`."""
        h = estimate.h
        expected.h = h[: opened.count].copy()
        for group, share in zip(opened.groups, expected.share, strict=True):
            if share is not None:
                expected.h[group.members] *= share / max(h[group.members].sum(), LEAST_GROUP)

    def subtract(self, V: Floats, opened: Open, expected: Expected, estimate: Estimate) -> None:
        """What the expectation leaves of V [bin] to others, cautious where templates do not fit. Fills `expected.left`."""
        model = expected.h @ estimate.W[: opened.count]
        whole = float(model.sum())
        self.learn_misfit(whole, float(np.maximum(model - V, 0).sum()))
        caution = min(1 + CAUTION * max(self.misfit - OWN_MISFIT, 0), MOST_CAUTION)
        expected.left = np.maximum(V - caution * model, LEAST_LEFT * V) + LEAST_MODEL / len(V)

    def learn_misfit(self, whole: float, missing: float) -> None:
        """The misfit follows a frame of which `whole` is expected and `missing` is not there."""
        weight = min(whole, 1) * self.setup.hop_s
        self.misfit_heard_s = min(self.misfit_heard_s + weight, MISFIT_S)
        if whole > 0:
            self.misfit += (missing / whole - self.misfit) * weight / self.misfit_heard_s

    def look_ahead(self, opened: Open, expected: Expected, estimate: Estimate, end: int) -> None:
        """The notes' activations, heard and expected, become what they are when the frame's masks or filters sound.

        A note that began within the frame fills but a part of it; where notes foretell their levels, they rise or fall.
        """
        setup, window = self.setup, self.setup.windows[0]
        if len(estimate.h) == 0:
            return
        lag = np.array([int(self.levels.lag_s(stem) * setup.sample_rate) for stem in opened.stem.tolist()], np.int64)
        age = end - opened.onset + lag
        factor = np.array([boost(window, each, setup.most_boost) for each in age.tolist()])
        for group, share, level, then in zip(opened.groups, expected.share, expected.level, expected.level_ahead, strict=True):
            if share is not None and level is not None and then is not None:
                older = int(age[group.members[0]]) + setup.lead
                factor[group.members] = math.exp(min(then - level, MOST_RISE)) * boost(window, older, setup.most_boost)
        estimate.h[: opened.count] *= factor
        expected.h = expected.h * factor if expected.expects else expected.h
