"""Stage: templates that follow the sound: the background's, and those of open notes. See `rtsep.stages.adaptation`."""

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
    """Rows that learn what no open note explains: each is the mean of its parts of the frames.

    rows [row, bin]; weight [row]: seconds of mean loudness that each row stands for.
    """

    rows: Floats
    weight: Floats
    hop_s: float
    memory_s: float
    level: float = 0.0  # mean magnitude of the frames
    heard_s: float = 0.0
    explained: float = 0.0  # share of the sound that open notes explain, if there are drums
    kept: tuple[Floats, Floats] | None = None  # rows and weight before the last jump

    def seconds(self, total: float) -> float:
        """Weight of a frame of this magnitude, in seconds: its hop times its loudness relative to the mean."""
        self.heard_s = min(self.heard_s + self.hop_s, LEVEL_S)
        self.level += (total - self.level) * self.hop_s / self.heard_s
        return self.hop_s * min(total / self.level, LOUDEST_FRAME)

    def drum_rate(self, share: float, seconds: float) -> float:
        """The adaptation rate of drums, which is high if they play alone: open notes then explain most of the last second."""
        self.explained += (share - self.explained) * seconds / (seconds + EXPLAINED_S)
        return 1 + (ALONE_RATE - 1) * min(max((self.explained - BESIDE) / (ALONE - BESIDE), 0), 1)

    def learn(self, evidence: Floats, ratio: Floats, forget: bool) -> None:
        """Learn from a frame that is ratio [bin] times its model; evidence [row]: the weight of each row in it, in s.

        Online PLCA: Smaragdis & Raj 2007; Mysore & Smaragdis 2011.
        """
        keep = math.exp(-self.hop_s / self.memory_s)
        past = np.maximum(self.weight * keep if forget else self.weight, LEAST_S)
        parts = evidence[:, None] * self.rows * ratio
        self.weight = past + parts.sum(axis=1)
        self.rows = (past[:, None] * self.rows + parts) / self.weight[:, None]

    def follow(self, task: int, evidence: Floats, ratio: Floats, forget: bool) -> None:
        """Learn as `learn` does; first keep the rows, or restore them instead, if stage `late_notes` asks for it."""
        if task == RESTORE and self.kept:
            self.rows, self.weight = self.kept
            return
        if task == KEEP:
            self.kept = (self.rows, self.weight)
        self.learn(evidence, ratio, forget)


@dataclass
class Adapted:
    """Rows of the preset that follow their sound, as if the preset had been heard for `hold_s` seconds before.

    rows, home [row, bin]; weight [row]: seconds that each row stands for, the preset's hold included.
    """

    rows: Floats
    home: Floats  # the rows to which they return: the preset's, with their colour
    weight: Floats
    hop_s: float
    memory_s: float
    hold_s: float

    def learn(self, row: int, evidence: float, ratio: Floats, gradient: float | None) -> None:
        """Add evidence * row * ratio [bin] to one row; `gradient`: the sum of row * ratio; None: it is computed now."""
        gradient = float(self.rows[row] @ ratio) if gradient is None else gradient
        keep = math.exp(-self.hop_s / self.memory_s)
        part = evidence * self.rows[row] * ratio
        past, back = keep * min(self.weight[row], MOST_HOLDS * self.hold_s), (1 - keep) * self.hold_s
        self.weight[row] = past + back + evidence * gradient
        self.rows[row] = (past * self.rows[row] + part + back * self.home[row]) / self.weight[row]


@dataclass
class Adaptation:
    """All templates in their present state."""

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
        """Reset the background to its start."""
        self.background.rows, self.background.weight = self.setup.background, self._start_weight()
        self.background.kept = None

    def templates(self, opened: Open) -> Floats:
        """W [open + background, bin]."""
        return np.vstack([self.own.rows[opened.row], self.background.rows])

    def step(self, passed: Passed, learns: bool, task: int, paint: Callable[[Floats, Floats], None]) -> None:
        """Learn from a frame, and call `paint` in every slot of the hop after it, which colours one row.

        learns: whether the background learns. task: the background's task (stage `late_notes`).
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
        """Each stem's part of the frame over its model, [stem, bin]; without expectation, the frame over the whole model."""
        if passed.expected.expects:
            return passed.masks.part_ratio
        ratio = passed.estimate.ratio
        if ratio is None:
            ratio = ratio_of(passed.frame.V, with_flat(passed.estimate.W), passed.estimate.before)
        return np.tile(ratio, (self.setup.stems, 1))

    def _from_notes(self, passed: Passed, evidence: Floats, ratio: Floats, seconds: float) -> list[Learning]:
        """What the templates of open notes learn, each at the ages at which it sounds; drums that play alone learn more."""
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
