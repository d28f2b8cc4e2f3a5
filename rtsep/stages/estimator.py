"""Stage: the activations of a frame's open rows, V ~ h W with W fixed. An estimator, chosen by name, finds them.

**To add an estimator**, write one function in a module of `methods/estimators/` and name it in the `__init__.py` there, which
states the contract. This stage prepares the estimator's input and keeps its result.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rtsep.kernels.arrays import copy, fill
from rtsep.kernels.fields import Part, array, number, size
from rtsep.kernels.marks import choice, kernel
from rtsep.methods.estimators import ESTIMATORS
from rtsep.stages.request import Request

ALONE = 1.0  # The background's sparsity weight while nobody else plays.
# A background row starts from at least the first part of an equal share. While others certainly play, the second part is added:
# otherwise a new sound could not grow within the few updates of a frame.
LEAST_START, LEAST_START_BESIDE = 1e-3, 0.05
LEAST_SPARSITY = 1e-3  # A sparsity weight of 0 counts as this.

PLAN = Part("estimator", (
    size("method", "index of the estimator in methods.estimators.ESTIMATORS"),
    size("encoded", "templates of the encoder: all, or 0 if it is not used"),
    size("iterations", "number of updates of the activations"),
    number("relaxation", "exponent of all updates except a frame's last one"),
    number("log_weight", "natural logarithm of the background's sparsity weight while others play"),
    array("E", "float32", "encoded, stride", "the encoder: its product with a spectrum gives the activations"),
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
    """Reset the background's activations."""
    for b in range(plan.background):
        own.background_h[b] = np.float32(1) / np.float32(plan.background)


@kernel
def start(plan, own, opened, others, h):
    """Start the notes' rows and the flat row from an equal share, and the background from its activations in the last frame.

    If notes' rows started from the last frame, that would cost 0.1 to 0.5 dB, with as many updates, on pieces that were not
    trained on. For background rows it gains 0.4 dB under an unknown band.
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
    """Factor of the background's activations in every update; `others`, 0 to 1, tells how certain it is that others play.

    The sparsity weight moves on a logarithmic scale from ALONE to the parameter's value.
    """
    weight = np.exp(plan.log_weight * others + np.float32(np.log(ALONE)) * (np.float32(1) - others))
    return np.float32(1) / (np.float32(1) + weight)


@kernel
def step(plan, own, frame, W, opened, expected, prediction, others, estimated):
    """Fill the part `estimate` except H, bound to what is expected, for a frame that is not silent; W [row, bin].

    `prediction`: the weight of what is expected. `others`, 0 to 1: how certain it is that others play, whose notes are not
    told.
    """
    count = opened.open_count
    start(plan, own, opened, others, estimated.h)
    estimate(plan.method, plan, frame.V, W, opened.open_row[: count + plan.background], count, sparsity(plan, others),
             opened.group_first, expected.expected_share[: opened.groups], expected.least_share, prediction, estimated)
    keep_background(opened, own, estimated.h)


@kernel
def keep_background(opened, own, h):
    """Keep the background's activations for the next frame."""
    copy(h[opened.open_count :], own.background_h)


@kernel
def keep_activations(plan, opened, estimated, count, total):
    """Write the activations of the first `count` open rows to H [stem, row] in magnitudes; the other rows become 0."""
    for s in range(plan.stems):
        fill(estimated.H[s], np.float32(0))
    for i in range(count):
        estimated.H[opened.open_stem[i], opened.open_row[i]] = estimated.h[i] * total
