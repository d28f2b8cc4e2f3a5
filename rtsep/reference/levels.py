"""Stage: what levels teach that are not as expected: gain, decay deviation, lag. See `rtsep.stages.levels`."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from rtsep.kernels.memory import ENVELOPE_S
from rtsep.reference.passed import Estimate, Expected, Floats, Frame, Group, Open
from rtsep.reference.setup import Setup
from rtsep.stages.levels import (
    CHANCE,
    DEVIATION_S,
    FADED_S,
    GAIN_S,
    LAG_MEMORY,
    LAG_PRIOR,
    LEAST_SLOPE,
    LEAST_WEIGHT,
    MIDDLE,
    MOST_ERROR,
    MOST_GAIN_ERROR,
    MOST_LAG_ERROR,
    MOST_LAG_S,
    OFFSET_PRIOR_S,
    OLDEST_S,
    SCATTER,
    SETTLED_S,
    SLOPE_PRIOR_S,
    STEP_S,
    SURE_SHARE,
    SURELY,
    TINY,
    WRONG,
    YOUNG_S,
)


def log_age(age_s: float) -> float:
    """Place of an age on a logarithmic axis, in doublings; 0 at 0.2 s."""
    return math.log2(1 + min(max(age_s, 0), OLDEST_S) / ENVELOPE_S) - MIDDLE


@dataclass
class Levels:
    """What is known of how notes sound here."""

    setup: Setup
    gain: dict[int, tuple[float, float]] = field(default_factory=dict)  # of an instrument, and over how many s
    lag: dict[int, tuple[float, float]] = field(default_factory=dict)  # s that sound is ahead of MIDI, and how sure
    sums: dict[int, Floats] = field(default_factory=dict)  # of a stem: sums of [1, x, x x, error, x error, error error]

    def forget(self) -> None:
        """Nothing is known."""
        self.gain.clear()
        self.lag.clear()
        self.sums.clear()

    def gain_of(self, stem: int) -> tuple[float, float]:
        """The gain of a stem's instrument, and over how many s it was learnt."""
        return self.gain.get(int(self.setup.instrument[stem]), (0.0, 0.0))

    def lag_s(self, stem: int) -> float:
        """The lag of a stem's instrument."""
        return self.lag.get(int(self.setup.instrument[stem]), (0.0, 0.0))[0]

    def line(self, stem: int) -> tuple[float, float, float]:
        """Offset and slope of how a stem's notes fade otherwise, over `log_age`; 0 to 1: whether the line is used.

        Ridge regression: sums that forget, and a prior of 0.
        """
        if stem not in self.sums:
            return 0.0, 0.0, 0.0
        noted, ages, ages_2, errors, ages_errors, errors_2 = self.sums[stem].tolist()
        noted_0, ages_0 = noted + OFFSET_PRIOR_S, ages_2 + SLOPE_PRIOR_S
        determinant = noted_0 * ages_0 - ages**2
        offset = (errors * ages_0 - ages * ages_errors) / determinant
        slope = (noted_0 * ages_errors - ages * errors) / determinant
        explained = max(offset * errors + slope * ages_errors, 0)
        size, scatter = (math.sqrt(max(part, 0) / max(noted, TINY)) for part in (explained, errors_2 - explained))
        used = min(max((size - CHANCE) / (SURELY - CHANCE), 0), 1) * min(max((WRONG - scatter) / (WRONG - SCATTER), 0), 1)
        return offset * used, slope * used, used

    def deviation(self, stem: int, age_s: float) -> float:
        """What is to be added to the expected level of a stem's note."""
        offset, slope, _ = self.line(stem)
        return offset + slope * log_age(age_s)

    def step(self, frame: Frame, opened: Open, expected: Expected, estimate: Estimate) -> None:
        """Lag, deviation and gain follow a frame, from the notes of which something is expected."""
        heard = [math.log((h + TINY) * frame.total) for h in estimate.group_h]
        for i, group in enumerate(opened.groups):
            age_s = (frame.end - group.onset) / self.setup.sample_rate
            self.learn_lag(group.stem, age_s, expected.level[i], expected.level_soon[i], heard[i], expected.share[i])
        telling = [i for i, group in enumerate(opened.groups) if self.settled(group, opened, frame.end)]
        self.learn_deviation(telling, frame.end, opened, expected, estimate, heard)
        for i in telling:
            self.learn_gain(opened.groups[i].stem, expected.level[i], heard[i], expected.share[i])

    def heard_age_s(self, group: Group, end: int) -> float:
        """Age of a group's note in the frame before `end`, as the frames of the envelopes have it."""
        return (end - group.onset) / self.setup.sample_rate - self.setup.envelope_later_s

    def settled(self, group: Group, opened: Open, end: int) -> bool:
        """Is the note of an age at which its level tells something? A drum's is told by its first stage."""
        first_stage = self.setup.row_age[opened.row[group.members[0]], 0] == 0
        return bool(first_stage) and SETTLED_S <= self.heard_age_s(group, end) <= FADED_S

    def learn_lag(self, stem: int, age_s: float, expected: float | None, soon: float | None, heard: float,
                  share: float | None) -> None:
        """A step of Gauss and Newton, from a group that is young and whose envelope rises: error over slope."""
        if share is None or expected is None or soon is None or age_s >= YOUNG_S:
            return
        slope = (soon - expected) / STEP_S
        if slope < LEAST_SLOPE:
            return
        instrument = int(self.setup.instrument[stem])
        lag_s, seen = self.lag.get(instrument, (0.0, 0.0))
        error = min(max(heard - expected - self.gain[instrument][0], -MOST_LAG_ERROR), MOST_LAG_ERROR)
        weight = min(SURE_SHARE * share, 1) * slope * self.setup.hop_s
        seen = min(seen + weight * slope, LAG_MEMORY)
        self.lag[instrument] = (min(max(lag_s + error * weight / (seen + LAG_PRIOR), 0), MOST_LAG_S), seen)

    def learn_deviation(self, telling: list[int], end: int, opened: Open, expected: Expected, estimate: Estimate,
                        heard: list[float]) -> None:
        """Of every stem: do its notes fade as the preset's? From the groups of these numbers."""
        before = {opened.groups[i].stem: self.line(opened.groups[i].stem)[:2] for i in telling}
        for i in telling:
            stem, level, share = opened.groups[i].stem, expected.level[i], expected.share[i]
            if level is None or share is None:
                continue
            x = log_age(self.heard_age_s(opened.groups[i], end))
            error = min(max(heard[i] - level - self.gain_of(stem)[0], -MOST_ERROR), MOST_ERROR)
            error += float(np.dot(before[stem], [1, x]))
            weight = min(SURE_SHARE * max(estimate.group_h[i], share), 1) * self.setup.hop_s
            sums = self.sums.get(stem, np.zeros(6)) + weight * np.array([1, x, x * x, error, x * error, error**2])
            self.sums[stem] = sums * DEVIATION_S / (DEVIATION_S + weight)

    def learn_gain(self, stem: int, expected: float | None, heard: float, share: float | None) -> None:
        """The gain of an instrument follows what was heard of a note over what was expected."""
        if expected is None:
            return
        gain, heard_s = self.gain_of(stem)
        error, weight = heard - expected - gain, self.setup.hop_s
        if share is not None:
            error = min(max(error, -MOST_GAIN_ERROR), MOST_GAIN_ERROR)
            weight *= max(min(SURE_SHARE * share, 1), LEAST_WEIGHT)
        heard_s = min(heard_s + weight, GAIN_S)
        self.gain[int(self.setup.instrument[stem])] = (gain + error * weight / heard_s, heard_s)
