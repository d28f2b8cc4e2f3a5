"""Stage: activations of a frame's open rows: V ~ h W with W fixed. What finds them is chosen by name.

**To add an estimator**, write one function in a module of `methods/estimators/` and name it in the `__init__.py` there, which
has the contract. This stage prepares its input and keeps what it found.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rtsep.kernels.arrays import copy, fill
from rtsep.kernels.fields import Part, array, number, size
from rtsep.kernels.marks import choice, kernel
from rtsep.methods.estimators import ESTIMATORS
from rtsep.stages.request import Request

ALONE = 1.0  # The background's sparsity weight where nobody else plays.
# A background row begins with at least this part of an equal share: the second where somebody else surely plays, or what is
# there at last could not grow within a frame's few updates.
LEAST_START, LEAST_START_BESIDE = 1e-3, 0.05
LEAST_SPARSITY = 1e-3  # A sparsity weight of 0 counts as this.

PLAN = Part("estimator", (
    size("method", "which of methods.estimators.ESTIMATORS, counted from 0"),
    size("encoded", "templates of the encoder: all, or 0 where it is not used"),
    size("iterations", "updates of the activations"),
    number("relaxation", "exponent of all updates but a frame's last"),
    number("log_weight", "natural logarithm of the background's sparsity weight where others play"),
    array("E", "float32", "encoded, stride", "the encoder: its product with a spectrum is its activations"),
), sees=("common",))
STATE = Part("estimator", (
    array("background_h", "float32", "background", "the background's activations in the last frame", bound=True,
          start=lambda plan: 1 / max(plan["background"], 1)),
))

estimate = choice(ESTIMATORS.values())


def design(request: Request) -> dict[str, Any]:
    """The part `estimator`."""
    name = str(request.values["estimator"])
    uses = request.rows.encoder(str(request.values["encoder"]), name)
    return {
        "method": list(ESTIMATORS).index(name),
        "E": request.padded(uses),
        "encoded": len(uses),
        "iterations": 1 if name == "encoder" else int(request.number("iterations")),
        "relaxation": request.number("relaxation"),
        "log_weight": float(np.log(max(request.number("background_handicap"), LEAST_SPARSITY))),
    }


@kernel
def forget(plan, own):
    """The background's activations are as at the start."""
    for b in range(plan.background):
        own.background_h[b] = np.float32(1) / np.float32(plan.background)


@kernel
def start(plan, own, opened, others, h):
    """Start the notes' rows and the flat one from an equal share, the background from what it was in the last frame.

    Notes' rows that start from the last frame cost 0.1 to 0.5 dB at equal updates on pieces that were not trained on;
    background rows that do gain 0.4 dB under an unknown band.
    """
    count = opened.open_count
    share = np.float32(1) / np.float32(count + plan.background + 1)
    least = (np.float32(LEAST_START) + np.float32(LEAST_START_BESIDE) * others) * share
    for i in range(count):
        h[i] = share
    for b in range(plan.background):
        h[count + b] = max(own.background_h[b], least)
        opened.open_row[count + b], opened.open_stem[count + b] = plan.rows + b, plan.stems - 1
    h[count + plan.background] = share


@kernel
def sparsity(plan, others):
    """Factor of the background's activations in every update, by how surely (0 to 1) others play.

    Its sparsity weight moves, on a logarithmic scale, from ALONE to what was asked for.
    """
    weight = np.exp(plan.log_weight * others + np.float32(np.log(ALONE)) * (np.float32(1) - others))
    return np.float32(1) / (np.float32(1) + weight)


@kernel
def step(plan, own, frame, W, opened, expected, prediction, others, estimated):
    """Fill the part `estimate` but for H, held to what is expected, for a frame that holds something; W [row, bin].

    `prediction`: how much what is expected counts; `others`, 0 to 1: how surely somebody plays whose notes nobody tells.
    """
    count = opened.open_count
    start(plan, own, opened, others, estimated.h)
    estimate(plan.method, plan, frame.V, W, opened.open_row[: count + plan.background], count, sparsity(plan, others),
             opened.group_first, expected.expected_share[: opened.groups], expected.least_share, prediction, estimated)
    copy(estimated.h[count:], own.background_h)


@kernel
def keep_activations(plan, opened, estimated, count, total):
    """Write the activations of the first `count` open rows to H [stem, row] in magnitudes; the rows that are not open are 0."""
    for s in range(plan.stems):
        fill(estimated.H[s], np.float32(0))
    for i in range(count):
        estimated.H[opened.open_stem[i], opened.open_row[i]] = estimated.h[i] * total
