"""Stage: how loud notes are in this recording: gain, decay deviation and lag. See `rtsep.stages.levels`."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from rtsep.kernels.memory import ENVELOPE_S
from rtsep.reference.passed import Estimate, Expected, Floats, Frame, Group, Open
from rtsep.reference.setup import Setup
from rtsep.stages.levels import (
    DECAY_PRIOR_S,
    FADED_S,
    GAIN_PRIOR_S,
    KNOWN_S,
    LAG_PRIOR,
    LEAST_FIRST_WEIGHT,
    LEAST_SLOPE,
    LEAST_WEIGHT,
    LOUDER,
    MEMORY_S,
    MIDDLE,
    MOST_ERROR,
    MOST_LAG_S,
    OLDEST_S,
    SETTLED_S,
    SILENT,
    STEP_S,
    SURE_SHARE,
    TINY,
    YOUNG_S,
)

PRIOR = np.diag([GAIN_PRIOR_S, DECAY_PRIOR_S, LAG_PRIOR])


def log_age(age_s: float) -> float:
    """Place of an age on a logarithmic axis, in doublings, 0 at 0.19 s."""
    return math.log2(1 + min(max(age_s, 0), OLDEST_S) / ENVELOPE_S) - MIDDLE


@dataclass
class Model:
    """A stem's model: its level is the expected one plus gain + decay_deviation * log_age + lag_s * slope."""

    products: Floats = field(default_factory=lambda: np.zeros((3, 3)))  # sums of the products of (1, log age, slope), in s
    errors: Floats = field(default_factory=lambda: np.zeros(3))  # sums of the error times each of these
    totals: float = 0.0  # sum of the totals of frames times seconds
    gain: float = 0.0
    decay_deviation: float = 0.0
    lag_s: float = 0.0
    known_s: float = 0.0  # seconds of notes from which these three were learnt

    @property
    def lag_seen(self) -> float:
        """How certain the lag is: sum of squared slopes times seconds."""
        return float(self.products[2, 2])

    def note(self, age: float, slope: float, error: float, total: float, weight_s: float) -> None:
        """Add a note to the sums: it was `error` louder than the model says. total: that of the frame."""
        if not self.sounds(total, weight_s):
            return
        if self.known_s > KNOWN_S:
            error = min(max(error, -MOST_ERROR), MOST_ERROR)
        x = np.array([1, age, slope])
        error += float(x @ [self.gain, self.decay_deviation, self.lag_s])
        keep = MEMORY_S / (MEMORY_S + weight_s)
        self.products = keep * (self.products + weight_s * np.outer(x, x))
        self.errors = keep * (self.errors + weight_s * error * x)
        self.totals = keep * (self.totals + weight_s * total)

    def sounds(self, total: float, weight_s: float) -> bool:
        """Whether a frame with this total can teach. If it is much louder than usual, what was learnt counts less."""
        if self.products[0, 0] == 0:
            return True
        usual = self.totals / self.products[0, 0]
        if total < SILENT * usual:
            self.totals *= MEMORY_S / (MEMORY_S + weight_s)
            return False
        if total > LOUDER * usual:
            self.products, self.errors, self.totals = (
                each * (usual / total) for each in (self.products, self.errors, self.totals))
        return True

    def solve(self) -> None:
        """Ridge regression; if the lag would leave its range, it takes the nearest limit, and the others are found for that."""
        A, self.known_s = self.products + PRIOR, float(self.products[0, 0])
        self.lag_s = min(max(float(np.linalg.solve(A, self.errors)[2]), 0), MOST_LAG_S)
        self.gain, self.decay_deviation = np.linalg.solve(A[:2, :2], self.errors[:2] - self.lag_s * A[:2, 2]).tolist()


@dataclass
class Levels:
    """The models of how notes sound in this recording."""

    setup: Setup
    models: list[Model] = field(init=False)  # of each stem

    def __post_init__(self) -> None:
        self.forget()
        for model, (lag_s, seen) in zip(self.models, self.setup.lag, strict=False):
            model.lag_s, model.products[2, 2], model.errors[2] = lag_s, seen, lag_s * (seen + LAG_PRIOR)

    def forget(self) -> None:
        """Forget all models."""
        self.models = [Model() for _ in range(self.setup.stems)]

    def lag_s(self, stem: int) -> float:
        """The lag of a stem."""
        return self.models[stem].lag_s

    def deviation(self, stem: int, age_s: float) -> float:
        """The decay deviation's part in the expected level of a stem's note, a natural logarithm."""
        return self.models[stem].decay_deviation * log_age(age_s)

    def step(self, frame: Frame, opened: Open, expected: Expected, estimate: Estimate) -> None:
        """Update the model of every stem from a frame."""
        for i, group in enumerate(opened.groups):
            level, share, heard = expected.level[i], expected.share[i], estimate.group_h[i]
            first_stage = self.setup.row_age[opened.row[group.members[0]], 0] == 0  # of a drum only the first stage counts
            if level is None or expected.silent[i] or not first_stage:
                continue
            age_s, slope = self.heard_age_s(group, frame.end), self.rising_slope(group, expected, i, frame.end)
            if slope > 0 or SETTLED_S <= age_s <= FADED_S:
                error = math.log((heard + TINY) * frame.total) - level - self.models[group.stem].gain
                self.models[group.stem].note(log_age(age_s), slope, error, frame.total,
                                             self.weight(share, heard) * self.setup.hop_s)
        for model in self.models:
            if model.products[0, 0] > 0:
                model.solve()

    @staticmethod
    def weight(share: float | None, heard: float) -> float:
        """The weight of a note, by its expected share and its heard share of the frame."""
        least = LEAST_FIRST_WEIGHT if share is None else LEAST_WEIGHT
        return max(min(SURE_SHARE * max(share or 0, heard), 1), least)

    def heard_age_s(self, group: Group, end: int) -> float:
        """Age of a group's note in the frame before `end`, in seconds, on the time axis of the envelopes."""
        return (end - group.onset) / self.setup.sample_rate - self.setup.envelope_later_s

    def rising_slope(self, group: Group, expected: Expected, i: int, end: int) -> float:
        """The slope that a young note should have, per second; 0 if it is old, hardly rises, or nothing is expected of it."""
        level, soon = expected.level[i], expected.level_soon[i]
        if expected.share[i] is None or level is None or soon is None:
            return 0.0
        slope, young = (soon - level) / STEP_S, (end - group.onset) / self.setup.sample_rate < YOUNG_S
        return slope if young and slope > LEAST_SLOPE else 0.0
