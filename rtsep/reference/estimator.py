"""Stage: activations of a frame's open templates, V ~ h W with W fixed. See `rtsep.stages.estimator`.

**To try your own estimator**, write a function `estimator(problem)` that gives (before, h):

| | shape | |
| --- | --- | --- |
| problem.V | [bin] | magnitudes, which sum to 1 |
| problem.W | [row, bin] | the open templates; each sums to 1: first `problem.gated` rows of notes, then the background's rows |
| problem.start | [row + 1] | activations to start from; the last one belongs to the flat template, 1 / bins in every bin |
| problem.sparsity | | factor of the background's activations in every update: below 1 it leaves more to the notes |
| problem.groups | | the templates of each stem's pitch, as lists of row indices |
| problem.expected | | of each group: the expected sum of h; None: nothing is expected |
| problem.least | | of each group: while its sum is less than this, it is not moved towards what is expected |
| problem.trust | | weight of what is expected: `hold` moves a group's sum towards it |
| problem.E | [gated, bin] | the encoder's rows for the notes' templates; no rows if there is no encoder |
| problem.iterations, relaxation | | the parameters of these names |
| before | [row + 1] | *result*: activations before the last update, from which templates learn if nothing is expected |
| h | [row + 1] | *result*: activations, nonnegative, with a sum of about 1; `hold` binds them to what is expected afterwards |

An estimator without updates gives the same array twice. The flat template keeps the model above 0 in every bin.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from rtsep.methods.estimators.encoder import PART
from rtsep.methods.estimators.multiplicative import LEAST_FLAT
from rtsep.reference.passed import Estimate, Expected, Floats, Frame, Open
from rtsep.reference.setup import Setup
from rtsep.stages.estimator import ALONE, LEAST_START, LEAST_START_BESIDE

Held = tuple[Sequence[int], float, float]


@dataclass
class Problem:
    """The input of an estimator: see the head of this module."""

    V: Floats
    W: Floats
    start: Floats
    gated: int
    sparsity: float
    groups: list[list[int]]
    expected: list[float | None]
    least: list[float]
    trust: float
    E: Floats
    iterations: int
    relaxation: float

    @property
    def held(self) -> list[Held]:
        """(group, expected share, least sum) of the groups with an expectation."""
        each = zip(self.groups, self.expected, self.least, strict=True)
        return [(group, share, least) for group, share, least in each if share is not None]

    @property
    def favour(self) -> Floats:
        """Factor of the gradient in every update, [row + 1]: `sparsity` for the background, else 1."""
        background = len(self.W) - self.gated
        return np.concatenate([np.ones(self.gated), np.full(background, self.sparsity), [1]])


Method = Callable[[Problem], tuple[Floats, Floats]]


def with_flat(W: Floats) -> Floats:
    """The rows of W, and the flat row."""
    return np.vstack([W, np.full(W.shape[1], 1 / W.shape[1])])


def ratio_of(V: Floats, rows: Floats, h: Floats) -> Floats:
    """V divided by its model; the activation of the flat row, the last one, counts as at least LEAST_FLAT."""
    ratio: Floats = V / (np.append(h[:-1], max(h[-1], LEAST_FLAT)) @ rows)
    return ratio


def divergence(V: Floats, model: Floats) -> float:
    """Generalised Kullback-Leibler divergence of the model from V."""
    heard = V > 0
    return float((V[heard] * np.log(V[heard] / model[heard])).sum() - V.sum() + model.sum())


def hold(h: Floats, held: Iterable[Held], trust: float) -> None:
    """Move the sum of each group's h, if it has begun to sound, towards what is expected: a Gamma prior on the sum alone."""
    for group, share, least in held:
        total = h[group].sum()
        if total < least:
            continue
        h[group] *= (total + trust * share) / (1 + trust) / total if total > 0 else 1


def activations(
    V: Floats, W: Floats, iterations: int, start: Floats | None = None, favour: Floats | None = None,
    relaxation: float = 1, expected: Iterable[Held] = (), trust: float = 0.0,
) -> Floats:
    """h [row + 1] such that V ~ h [W; flat], both V and rows summing to 1: multiplicative Kullback-Leibler updates.

    Every update multiplies h by its factor, times `favour` [row + 1], to the power `relaxation`. `expected`: groups of rows,
    the expected sum of h of each, and its least sum. Lee & Seung (NIPS 2000), equation 5, with W fixed; Salakhutdinov
    & Roweis (ICML 2003).
    """
    rows = with_flat(W)
    h = np.full(len(rows), 1 / len(rows)) if start is None else start
    for _ in range(iterations):
        h = h * (rows @ ratio_of(V, rows, h) * (1 if favour is None else favour)) ** relaxation
        hold(h, expected, trust)
    return h


def updated(problem: Problem, start: Floats) -> tuple[Floats, Floats]:
    """Updates from `start`: all are over-relaxed except the last one."""
    before = activations(problem.V, problem.W, problem.iterations - 1, start, problem.favour, problem.relaxation, problem.held,
                         problem.trust)
    return before, activations(problem.V, problem.W, 1, before, problem.favour)


def multiplicative(problem: Problem) -> tuple[Floats, Floats]:
    """`kl`: Kullback-Leibler updates."""
    return updated(problem, problem.start)


def encode(problem: Problem) -> tuple[Floats, Floats]:
    """`encoder`: h = max(E V, 0) for the notes, and one update of the background."""
    encoded = np.maximum(problem.E @ problem.V, 0)
    before, h = updated(problem, np.concatenate([encoded, problem.start[problem.gated :]]))
    h[: problem.gated] = encoded
    return before, h


def encode_and_update(problem: Problem) -> tuple[Floats, Floats]:
    """`encoder+kl`: updates that start from an equal share plus a part of max(E V, 0)."""
    start = problem.start.copy()
    start[: problem.gated] += PART * np.maximum(problem.E @ problem.V, 0)
    return updated(problem, start)


METHODS: dict[str, Method] = {"kl": multiplicative, "encoder": encode, "encoder+kl": encode_and_update}


def sparsity(log_weight: float, others: float) -> float:
    """Factor of the background's activations: its sparsity weight is ALONE if `others` is 0, and the parameter's if it is 1."""
    return 1 / (1 + math.exp(log_weight * others + math.log(ALONE) * (1 - others)))


@dataclass
class Estimator:
    """An estimator, and the background's activations in the last frame, from which the next one starts."""

    setup: Setup
    method: Method | None = None  # None: the estimator that the parameters name
    background_h: Floats = field(init=False)

    def __post_init__(self) -> None:
        self.method = self.method or METHODS[self.setup.estimator]
        self.forget()

    def forget(self) -> None:
        """Reset the background's activations."""
        extra = len(self.setup.background)
        self.background_h = np.full(extra, 1 / max(extra, 1))

    def step(self, frame: Frame, W: Floats, opened: Open, expected: Expected, others: float) -> Estimate:
        """Activations of the templates W [open + background, bin], bound to what is expected; others: 0 to 1."""
        problem = self._problem(frame, W, opened, expected, others)
        assert self.method is not None
        before, h = self.method(problem)
        h = h.copy()
        group_h = [float(h[group].sum()) for group in problem.groups]
        hold(h, problem.held, problem.trust)
        self.background_h = h[opened.count : -1].copy()
        return Estimate(W, before, h, group_h)

    def _problem(self, frame: Frame, W: Floats, opened: Open, expected: Expected, others: float) -> Problem:
        """Notes' rows start from an equal share, the background from its last activations."""
        setup, share = self.setup, 1 / (len(W) + 1)
        least = (LEAST_START + LEAST_START_BESIDE * others) * share
        start = np.concatenate([np.full(opened.count, share), np.maximum(self.background_h, least), [share]])
        E = setup.E[opened.row] if len(setup.E) else setup.E
        return Problem(frame.V, W, start, opened.count, sparsity(setup.log_weight, others),
                       [group.members for group in opened.groups], expected.share, expected.least, setup.prediction, E,
                       setup.iterations, setup.relaxation)


def activations_of_stems(setup: Setup, frame: Frame, opened: Open, estimate: Estimate) -> Floats:
    """H [stem, row]: the activations in magnitudes; 0 for rows that are not open."""
    H = np.zeros((setup.stems, len(setup.W)))
    if frame.heard:
        H[opened.stem, opened.row] = estimate.h[: opened.count] * frame.total
    return H
