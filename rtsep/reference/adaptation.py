"""Stage: templates that follow what is heard: the background's, and those of open notes. See `rtsep.stages.adaptation`."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from rtsep.reference.estimator import ratio_of, with_flat
from rtsep.reference.passed import Floats, Open, Passed
from rtsep.reference.setup import Setup
from rtsep.stages.adaptation import (
    ALONE,
    ALONE_RATE,
    BESIDE,
    EXPLAINED_S,
    GAP_RATE,
    LEAST_S,
    LEVEL_S,
    LOUDEST_FRAME,
    MOST_HOLDS,
    START_S,
    SURE_POWER,
    UNSURE_RATE,
)
from rtsep.stages.passed import KEEP, RESTORE


@dataclass
class Background:
    """Rows that learn what no open note explains: each is the mean of what it was given of every frame.

    rows [row, bin]; weight [row]: how many s of mean loudness each stands for.
    """

    rows: Floats
    weight: Floats
    hop_s: float
    memory_s: float
    level: float = 0.0  # mean magnitude of the frames
    heard_s: float = 0.0
    explained: float = 0.0  # share of the sound that open notes explain, where there are drums
    kept: tuple[Floats, Floats] | None = None  # rows and weight before the last jump

    def seconds(self, total: float) -> float:
        """What a frame of this magnitude counts for: its hop, longer when it is loud."""
        self.heard_s = min(self.heard_s + self.hop_s, LEVEL_S)
        self.level += (total - self.level) * self.hop_s / self.heard_s
        return self.hop_s * min(total / self.level, LOUDEST_FRAME)

    def drum_rate(self, share: float, seconds: float) -> float:
        """How many times more drums learn that play alone: where open notes explain most of the sound of a second."""
        self.explained += (share - self.explained) * seconds / (seconds + EXPLAINED_S)
        return 1 + (ALONE_RATE - 1) * min(max((self.explained - BESIDE) / (ALONE - BESIDE), 0), 1)

    def learn(self, evidence: Floats, ratio: Floats, forget: bool, match: float) -> None:
        """evidence [row]: for how many s each row counts in a frame that is ratio [bin] times what it was taken for.

        Forgets twice as fast beside what matches the preset. Online PLCA: Smaragdis & Raj 2007, Mysore & Smaragdis 2011.
        """
        keep = math.exp(-self.hop_s / self.memory_s)
        past = np.maximum(self.weight * (keep - match * (1 - keep)) if forget else self.weight, LEAST_S)
        parts = evidence[:, None] * self.rows * ratio
        self.weight = past + parts.sum(axis=1)
        self.rows = (past[:, None] * self.rows + parts) / self.weight[:, None]

    def follow(self, task: int, evidence: Floats, ratio: Floats, forget: bool, match: float) -> None:
        """The same, unless late notes ask to keep the rows before, or to restore them instead (stage `late_notes`)."""
        if task == RESTORE and self.kept:
            self.rows, self.weight = self.kept
            return
        if task == KEEP:
            self.kept = (self.rows, self.weight)
        self.learn(evidence, ratio, forget, match)


@dataclass
class Adapted:
    """Rows of the preset that follow what is heard of them, as if the preset had been heard for `hold_s` before.

    rows, preset [row, bin]; weight [row]: s that each row stands for, the preset's share included.
    """

    rows: Floats
    preset: Floats
    weight: Floats
    hop_s: float
    memory_s: float
    hold_s: float

    def learn(self, row: int, evidence: float, ratio: Floats, gradient: float) -> None:
        """One row takes in evidence * its row * ratio [bin], of which `gradient` was the sum."""
        keep = math.exp(-self.hop_s / self.memory_s)
        part = evidence * self.rows[row] * ratio
        past, back = keep * min(self.weight[row], MOST_HOLDS * self.hold_s), (1 - keep) * self.hold_s
        self.weight[row] = past + back + evidence * gradient
        self.rows[row] = (past * self.rows[row] + part + back * self.preset[row]) / self.weight[row]


@dataclass
class Adaptation:
    """All templates as they are now."""

    setup: Setup
    background: Background = field(init=False)
    own: Adapted = field(init=False)

    def __post_init__(self) -> None:
        setup, hold_s = self.setup, self.setup.adapt_hold_s
        self.background = Background(setup.background, self._start_weight(), setup.hop_s, setup.background_memory_s)
        self.own = Adapted(setup.W.copy(), setup.W, np.full(len(setup.W), hold_s), setup.hop_s, setup.adapt_memory_s, hold_s)

    def _start_weight(self) -> Floats:
        return np.full(len(self.setup.background), START_S)

    def forget(self) -> None:
        """The background becomes what it was at the start."""
        self.background.rows, self.background.weight = self.setup.background, self._start_weight()
        self.background.kept = None

    def templates(self, opened: Open) -> Floats:
        """W [open + background, bin]."""
        return np.vstack([self.own.rows[opened.row], self.background.rows])

    def step(self, passed: Passed, learns: bool, task: int, match: float) -> None:
        """All that a frame teaches. learns: whether the background does; task: what late notes ask of it; match: 0 to 1."""
        frame, opened, estimate = passed.frame, passed.opened, passed.estimate
        if not frame.heard:
            return
        seconds, expects = self.background.seconds(frame.total), passed.expected.expects
        evidence = seconds * (estimate.h if expects else estimate.before)
        ratio = passed.masks.part_ratio
        if not expects:
            ratio = np.tile(ratio_of(frame.V, with_flat(estimate.W), estimate.before), (self.setup.stems, 1))
        self._learn_notes(passed, evidence * self._rate(estimate.known(opened.count), expects), ratio, seconds)
        if learns:
            gap = 1 if opened.count else GAP_RATE
            self.background.follow(task, gap * evidence[opened.count : -1], ratio[-1], frame.end > self.setup.lead_in, match)

    @staticmethod
    def _rate(share: float, expects: bool) -> float:
        """The adaptation rate of notes that explain this share of the frame."""
        return 1.0 if expects else UNSURE_RATE * share**SURE_POWER

    def _learn_notes(self, passed: Passed, evidence: Floats, ratio: Floats, seconds: float) -> None:
        """The open notes' templates, at the age at which each sounds; drums more, where they play alone."""
        setup, opened, estimate = self.setup, passed.opened, passed.estimate
        if setup.adapt_hold_s == 0:
            return
        rate = 1.0
        if setup.early and opened.count:
            rate = self.background.drum_rate(estimate.known(opened.count), seconds)
        for i, (stem, row, onset) in enumerate(zip(opened.stem, opened.row, opened.onset, strict=True)):
            if setup.row_age[row, 0] <= passed.frame.end - onset < setup.row_age[row, 1]:
                factor = float(evidence[i]) * (rate if setup.drums[stem] else 1)
            else:
                factor = 0.0
            self.own.learn(int(row), factor, ratio[stem], float(estimate.W[i] @ ratio[stem]))
