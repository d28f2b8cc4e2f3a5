"""Stage: the level that each note should have, by its velocity and its age. See `rtsep.stages.expectation`."""

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
    """Factor by which a note that began `age` samples before the frame's end is louder now than in the whole frame."""
    return float(min(window.sum() / window[-age:].sum(), most)) if 0 < age < len(window) else 1.0


@dataclass
class Expectation:
    """The expected levels of notes, and how badly the sound fits them."""

    setup: Setup
    levels: Levels
    misfit: float = 0.0  # share of what is expected that is missing in the sound
    misfit_heard_s: float = 0.0

    def forget(self) -> None:
        """Forget how well the preset fits."""
        self.misfit = self.misfit_heard_s = 0.0

    def step(self, notes: list[Note], frame: Frame, opened: Open) -> Expected:
        """The levels and shares that are expected of the groups in a frame."""
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
        """Expect nothing of a young note that is hardly heard: it has not begun to sound."""
        expected.silent = [heard < least for heard, least in zip(estimate.group_h, expected.least, strict=True)]
        expected.share = [None if silent else share for silent, share in zip(expected.silent, expected.share, strict=True)]

    def loudest(self, notes: list[Note], end: int, lead: int = 0, later_s: float = 0.0) -> float | None:
        """The level of the loudest of `notes`, `lead` samples and `later_s` seconds later; None if no envelope is known."""
        setup = self.setup
        if setup.prediction == 0 or not setup.gated:
            return None
        mine = [note for note in notes if note.heard and note.onset < end < note.close]
        return max((self.note_level(note, end, end + lead, later_s) for note in mine
                    if setup.envelope[note.stem, note.pitch].any()), default=None)

    def note_level(self, note: Note, seen: int, end: int, later_s: float = 0.0) -> float:
        """Natural logarithm of a note's level in the frame before `end`, `later_s` later, by the keys until `seen`.

        Point i of an envelope has the age ENVELOPE_S (2^(i / ENVELOPE_STEPS) - 1).
        """
        setup, note = self.setup, note.heard or note
        base, more = setup.envelope[note.stem, note.pitch]
        age_s = (end - note.begin) / setup.sample_rate - setup.envelope_later_s + self.levels.lag_s(note.stem) + later_s
        age_s = max(age_s, 0)
        values = base + (min(max(note.velocity, LEAST_VELOCITY), MOST_VELOCITY) - ENVELOPE_VELOCITY) * more
        points = np.arange(ENVELOPE_POINTS) / ENVELOPE_STEPS
        level = float(np.interp(math.log2(1 + age_s / ENVELOPE_S), points, values)) + self.levels.deviation(note.stem, age_s)
        if note.end < seen:
            since_s = max((end - note.end) / setup.sample_rate - setup.envelope_later_s, 0)
            level -= RELEASED_BY * since_s / max(setup.release[note.stem, note.pitch] / setup.sample_rate, SHORTEST_RELEASE_S)
        return max(level, INAUDIBLE + 1)

    def share(self, stem: int, level: float | None, total: float) -> float | None:
        """The share that a level is of a frame of magnitude `total`; None until the gain is known."""
        model = self.levels.models[stem]
        if level is None or model.known_s <= KNOWN_S:
            return None
        return math.exp(min(level + model.gain - math.log(total), MOST_SHARE))

    def divide(self, opened: Open, expected: Expected, estimate: Estimate) -> None:
        """Fill `expected.h`: a group's expected share, divided in proportion to h; without expectation, h itself."""
        h = estimate.h
        expected.h = h[: opened.count].copy()
        for group, share in zip(opened.groups, expected.share, strict=True):
            if share is not None:
                expected.h[group.members] *= share / max(h[group.members].sum(), LEAST_GROUP)

    def subtract(self, V: Floats, opened: Open, expected: Expected, estimate: Estimate) -> None:
        """Fill `expected.left`: what the expected notes leave of V [bin]; it is less if the templates fit badly."""
        model = expected.h @ estimate.W[: opened.count]
        whole = float(model.sum())
        self.learn_misfit(whole, float(np.maximum(model - V, 0).sum()))
        caution = min(1 + CAUTION * max(self.misfit - OWN_MISFIT, 0), MOST_CAUTION)
        expected.left = np.maximum(V - caution * model, LEAST_LEFT * V) + LEAST_MODEL / len(V)

    def learn_misfit(self, whole: float, missing: float) -> None:
        """Update the misfit from a frame: `whole` is the share that is expected, `missing` is what of it the frame lacks."""
        weight = min(whole, 1) * self.setup.hop_s
        self.misfit_heard_s = min(self.misfit_heard_s + weight, MISFIT_S)
        if whole > 0:
            self.misfit += (missing / whole - self.misfit) * weight / self.misfit_heard_s

    def look_ahead(self, opened: Open, expected: Expected, estimate: Estimate, end: int) -> None:
        """Change the notes' activations, heard and expected, to those of the time when the frame's masks or filters are heard.

        A note that began within the frame fills only a part of it. Notes with an expected level also rise or fall until then.
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
