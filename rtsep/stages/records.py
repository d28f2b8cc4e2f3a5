"""The memory that compiled code works on, part after part: PLAN (read only) and STATE (owned by the audio thread)."""

from __future__ import annotations

from typing import Any

from rtsep.kernels.fields import Part, Record, link
from rtsep.stages import (
    accompaniment,
    adaptation,
    analysis,
    attacks,
    colour,
    common,
    estimator,
    expectation,
    filters,
    gate,
    hands,
    late_notes,
    levels,
    lookahead,
    masks,
    melody,
    mixer,
    notes,
    onsets,
    overlap_add,
    place,
    residual,
    score_follower,
    transform,
    voice,
    voice_left,
    voice_pitch,
    voice_rest,
    watchdog,
)
from rtsep.stages.common import COMMON, INSTRUMENTS
from rtsep.stages.passed import PASSED
from rtsep.stages.request import Request

# Roughly in the order in which `frame` calls them.
STAGES = (lookahead, notes, score_follower, hands, analysis, onsets, gate, late_notes, watchdog, expectation, estimator,
          attacks, melody, voice_left, voice_pitch, voice_rest, voice, levels, masks, colour, accompaniment, adaptation,
          residual, place, overlap_add, filters, mixer)

PLAN = Record("Plan", (COMMON, INSTRUMENTS, transform.PLAN, *(stage.PLAN for stage in STAGES)))
STATE = Record("State", (
    Part("sizes", (link("plan", PLAN, "the plan that gives the arrays their sizes"),)), *PASSED, transform.STATE, masks.SCRATCH,
    *(stage.STATE for stage in STAGES if stage is not masks)))


def design(request: Request) -> dict[str, Any]:
    """The values of all fields of PLAN, from every stage that has a `design`."""
    values: dict[str, Any] = {}
    for stage in (common, transform, *STAGES):
        if hasattr(stage, "design"):
            values.update(stage.design(request))
    return values
