"""Stage: activations of a frame's open templates, V ~ h W with W fixed. See `rtsep.stages.estimator`.

**To try an estimator of your own**, write a function `estimator(problem)` that gives (before, h):

| | shape | |
| --- | --- | --- |
| problem.V | [bin] | magnitudes, sum 1 |
| problem.W | [row, bin] | the open templates, which sum to 1: first `problem.gated` of notes, then the background's |
| problem.start | [row + 1] | activations to start from; the last is a flat template's, 1 / bins in every bin |
| problem.sparsity | | factor of the background's activations in every update: below 1 it leaves more to the notes |
| problem.groups | | the templates of each stem's pitch, as lists of their numbers |
| problem.expected | | of each group: the sum of h that is expected; None: nothing is |
| problem.least | | of each group: while its sum is less than this, it is not drawn to what is expected |
| problem.trust | | how much that counts: `hold` draws a group's sum to it |
| problem.E | [gated, bin] | the encoder's rows of the notes' templates; no rows where there is none |
| problem.iterations, relaxation | | the parameters of these names |
| before | [row + 1] | *result*: activations before the last update, of which templates learn where nothing is expected |
| h | [row + 1] | *result*: activations, nonnegative, sum about 1; held to what is expected afterwards |

One without updates gives the same twice. The flat template keeps every bin of the model above 0.
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
    """What an estimator is asked: see the head of this module."""

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
        """The groups of which something is expected, what, and what is the least."""
        each = zip(self.groups, self.expected, self.least, strict=True)
        return [(group, share, least) for group, share, least in each if share is not None]

    @property
    def favour(self) -> Floats:
        """What every update multiplies the gradient by, [row + 1]: `sparsity` for the background, else 1."""
        background = len(self.W) - self.gated
        return np.concatenate([np.ones(self.gated), np.full(background, self.sparsity), [1]])


Method = Callable[[Problem], tuple[Floats, Floats]]


def with_flat(W: Floats) -> Floats:
    """The rows of W and the flat one."""
    return np.vstack([W, np.full(W.shape[1], 1 / W.shape[1])])


def ratio_of(V: Floats, rows: Floats, h: Floats) -> Floats:
    """V over its model; the flat row, the last, counts for LEAST_FLAT at least."""
    ratio: Floats = V / (np.append(h[:-1], max(h[-1], LEAST_FLAT)) @ rows)
    return ratio


def divergence(V: Floats, model: Floats) -> float:
    """Generalised Kullback-Leibler divergence of the model from V."""
    heard = V > 0
    return float((V[heard] * np.log(V[heard] / model[heard])).sum() - V.sum() + model.sum())


def hold(h: Floats, held: Iterable[Held], trust: float) -> None:
    """Draw the sum of each group's h, if it has begun to sound, to what is expected: a Gamma prior on the sum alone."""
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
    the sum of h that is expected of each, and the least. Lee & Seung (NIPS 2000), equation 5, with W fixed; Salakhutdinov
    & Roweis (ICML 2003).
    """
    rows = with_flat(W)
    h = np.full(len(rows), 1 / len(rows)) if start is None else start
    for _ in range(iterations):
        h = h * (rows @ ratio_of(V, rows, h) * (1 if favour is None else favour)) ** relaxation
        hold(h, expected, trust)
    return h


def updated(problem: Problem, start: Floats) -> tuple[Floats, Floats]:
    """Updates from `start`, over-relaxed but for the last one."""
    before = activations(problem.V, problem.W, problem.iterations - 1, start, problem.favour, problem.relaxation, problem.held,
                         problem.trust)
    return before, activations(problem.V, problem.W, 1, before, problem.favour)


def multiplicative(problem: Problem) -> tuple[Floats, Floats]:
    """`kl`: Kullback-Leibler updates."""
    return updated(problem, problem.start)


def encode(problem: Problem) -> tuple[Floats, Floats]:
    """`encoder`: the notes' h = max(E V, 0), and one update of the background."""
    encoded = np.maximum(problem.E @ problem.V, 0)
    before, h = updated(problem, np.concatenate([encoded, problem.start[problem.gated :]]))
    h[: problem.gated] = encoded
    return before, h


def encode_and_update(problem: Problem) -> tuple[Floats, Floats]:
    """`encoder+kl`: updates that begin with an equal share and a part of max(E V, 0)."""
    start = problem.start.copy()
    start[: problem.gated] += PART * np.maximum(problem.E @ problem.V, 0)
    return updated(problem, start)


METHODS: dict[str, Method] = {"kl": multiplicative, "encoder": encode, "encoder+kl": encode_and_update}


def sparsity(log_weight: float, others: float) -> float:
    """Factor of the background's activations: its sparsity weight is ALONE where nobody else plays, and as asked for where
    somebody does (others: 0 to 1)."""
    return 1 / (1 + math.exp(log_weight * others + math.log(ALONE) * (1 - others)))


@dataclass
class Estimator:
    """An estimator, and the background's activations in the last frame, from which the next one starts."""

    setup: Setup
    method: Method | None = None  # None: the one that the parameters name
    background_h: Floats = field(init=False)

    def __post_init__(self) -> None:
        self.method = self.method or METHODS[self.setup.estimator]
        self.forget()

    def forget(self) -> None:
        """The background's activations are as at the start."""
        extra = len(self.setup.background)
        self.background_h = np.full(extra, 1 / max(extra, 1))

    def step(self, frame: Frame, W: Floats, opened: Open, expected: Expected, others: float) -> Estimate:
        """Activations of the templates W [open + background, bin], held to what is expected; others: how surely these play."""
        problem = self._problem(frame, W, opened, expected, others)
        assert self.method is not None
        before, h = self.method(problem)
        h = h.copy()
        group_h = [float(h[group].sum()) for group in problem.groups]
        hold(h, problem.held, problem.trust)
        self.background_h = h[opened.count : -1].copy()
        return Estimate(W, before, h, group_h)

    def _problem(self, frame: Frame, W: Floats, opened: Open, expected: Expected, others: float) -> Problem:
        """Notes' rows start from an equal share, the background from what it was."""
        setup, share = self.setup, 1 / (len(W) + 1)
        least = (LEAST_START + LEAST_START_BESIDE * others) * share
        start = np.concatenate([np.full(opened.count, share), np.maximum(self.background_h, least), [share]])
        E = setup.E[opened.row] if len(setup.E) else setup.E
        return Problem(frame.V, W, start, opened.count, sparsity(setup.log_weight, others),
                       [group.members for group in opened.groups], expected.share, expected.least, setup.prediction, E,
                       setup.iterations, setup.relaxation)


def activations_of_stems(setup: Setup, frame: Frame, opened: Open, estimate: Estimate) -> Floats:
    """H [stem, row]: the activations in magnitudes; the rows that are not open are 0."""
    H = np.zeros((setup.stems, len(setup.W)))
    if frame.heard:
        H[opened.stem, opened.row] = estimate.h[: opened.count] * frame.total
    return H
