"""Stage: templates that follow what is heard: the background's, and those of open notes. See `rtsep.stages.adaptation`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from rtsep.kernels.memory import SLOTS
from rtsep.reference.estimator import ratio_of, with_flat
from rtsep.reference.passed import Floats, Open, Passed
from rtsep.reference.setup import Setup
from rtsep.stages.adaptation import (
    ALONE,
    ALONE_RATE,
    BESIDE,
    EXPLAINED_S,
    LEAST_S,
    LEVEL_S,
    LOUDEST_FRAME,
    MOST_HOLDS,
    START_S,
    SURE_POWER,
    UNSURE_RATE,
)
from rtsep.stages.passed import KEEP, RESTORE

Learning = tuple[int, float, Floats, float | None]  # a row, its evidence, its ratio [bin], and the sum of their product


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

    def learn(self, evidence: Floats, ratio: Floats, forget: bool) -> None:
        """evidence [row]: for how many s each row counts in a frame that is ratio [bin] times what it was taken for.

        Online PLCA: Smaragdis & Raj 2007, Mysore & Smaragdis 2011.
        """
        keep = math.exp(-self.hop_s / self.memory_s)
        past = np.maximum(self.weight * keep if forget else self.weight, LEAST_S)
        parts = evidence[:, None] * self.rows * ratio
        self.weight = past + parts.sum(axis=1)
        self.rows = (past[:, None] * self.rows + parts) / self.weight[:, None]

    def follow(self, task: int, evidence: Floats, ratio: Floats, forget: bool) -> None:
        """The same, unless late notes ask to keep the rows before, or to restore them instead (stage `late_notes`)."""
        if task == RESTORE and self.kept:
            self.rows, self.weight = self.kept
            return
        if task == KEEP:
            self.kept = (self.rows, self.weight)
        self.learn(evidence, ratio, forget)


@dataclass
class Adapted:
    """Rows of the preset that follow what is heard of them, as if the preset had been heard for `hold_s` before.

    rows, home [row, bin]; weight [row]: s that each row stands for, the preset's share included.
    """

    rows: Floats
    home: Floats  # what rows return to: the preset's, with their colour
    weight: Floats
    hop_s: float
    memory_s: float
    hold_s: float

    def learn(self, row: int, evidence: float, ratio: Floats, gradient: float | None) -> None:
        """One row takes in evidence * its row * ratio [bin], of which `gradient` was the sum; None: as it is now."""
        gradient = float(self.rows[row] @ ratio) if gradient is None else gradient
        keep = math.exp(-self.hop_s / self.memory_s)
        part = evidence * self.rows[row] * ratio
        past, back = keep * min(self.weight[row], MOST_HOLDS * self.hold_s), (1 - keep) * self.hold_s
        self.weight[row] = past + back + evidence * gradient
        self.rows[row] = (past * self.rows[row] + part + back * self.home[row]) / self.weight[row]


@dataclass
class Adaptation:
    """All templates as they are now."""

    setup: Setup
    background: Background = field(init=False)
    own: Adapted = field(init=False)

    def __post_init__(self) -> None:
        setup, W, hold_s = self.setup, self.setup.W, self.setup.adapt_hold_s
        self.background = Background(setup.background, self._start_weight(), setup.hop_s, setup.background_memory_s)
        self.own = Adapted(W.copy(), W.copy(), np.full(len(W), hold_s), setup.hop_s, setup.adapt_memory_s, hold_s)

    def _start_weight(self) -> Floats:
        return np.full(len(self.setup.background), START_S)

    def forget(self) -> None:
        """The background becomes what it was at the start."""
        self.background.rows, self.background.weight = self.setup.background, self._start_weight()
        self.background.kept = None

    def templates(self, opened: Open) -> Floats:
        """W [open + background, bin]."""
        return np.vstack([self.own.rows[opened.row], self.background.rows])

    def step(self, passed: Passed, learns: bool, task: int, paint: Callable[[Floats, Floats], None]) -> None:
        """All that a frame teaches, and in every slot of the hop after it one of the rows that `paint` colours.

        learns: whether the background does; task: what late notes ask of it.
        """
        learnings: list[Learning] = []
        if passed.frame.heard:
            seconds, expects = self.background.seconds(passed.frame.total), passed.expected.expects
            evidence = seconds * (passed.estimate.h if expects else passed.estimate.before)
            ratio = self._ratio(passed)
            learnings = self._from_notes(passed, evidence, ratio, seconds)
            if learns:
                forget = passed.frame.end > self.setup.lead_in
                self.background.follow(task, evidence[passed.opened.count : -1], ratio[-1], forget)
        rows = len(learnings) + (len(self.setup.background) if learns else 0)
        for slot in range(1, SLOTS):
            for row, factor, its_ratio, gradient in learnings[rows * (slot - 1) // (SLOTS - 1) : rows * slot // (SLOTS - 1)]:
                self.own.learn(row, factor, its_ratio, gradient)
            paint(self.own.rows, self.own.home)

    def _ratio(self, passed: Passed) -> Floats:
        """What each stem is given of the frame over its model, [stem, bin]; where nothing is expected, that of all together."""
        if passed.expected.expects:
            return passed.masks.part_ratio
        ratio = ratio_of(passed.frame.V, with_flat(passed.estimate.W), passed.estimate.before)
        return np.tile(ratio, (self.setup.stems, 1))

    def _from_notes(self, passed: Passed, evidence: Floats, ratio: Floats, seconds: float) -> list[Learning]:
        """What the open notes' templates learn, at the age at which each sounds; drums more, where they play alone."""
        setup, opened, estimate, expects = self.setup, passed.opened, passed.estimate, passed.expected.expects
        share = estimate.known(opened.count)
        sure = 1.0 if expects else UNSURE_RATE * share**SURE_POWER
        drums = self.background.drum_rate(share, seconds) if setup.early and opened.count else 1.0
        if setup.adapt_hold_s == 0:
            return []
        silent = {i for group, is_so in zip(opened.groups, passed.expected.silent, strict=True) if is_so for i in group.members}
        learnings: list[Learning] = []
        for i, (stem, row, onset) in enumerate(zip(opened.stem, opened.row, opened.onset, strict=True)):
            sounds = setup.row_age[row, 0] <= passed.frame.end - onset < setup.row_age[row, 1] and i not in silent
            factor = float(evidence[i]) * sure * (drums if setup.drums[stem] else 1) if sounds else 0.0
            gradient = None if expects else float(estimate.W[i] @ ratio[stem])
            learnings.append((int(row), factor, ratio[stem], gradient))
        return learnings
