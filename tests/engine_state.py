"""The engine's plan and state, for tests that look into them: by field, by stage, and as kernels get them."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace

import numpy as np
from conftest import RATE, SMALL, make_preset, one_stem
from numba import njit

from rtsep.compiling import machine
from rtsep.engine.design import design
from rtsep.kernels.marks import INNER
from rtsep.notes.routing import Routing
from rtsep.stages import analysis
from rtsep.stages.entries import plan_at, state_at
from rtsep.stages.records import PLAN, STATE


class Memory(SimpleNamespace):
    """The fields of a record by name, as Python's arrays and numbers: `state.V`, `plan.bins`."""


# --- of a separator that plays ----------------------------------------------------------------------------------------


def plan_of(separator) -> Memory:
    """The plan, which was computed before the first sample: `plan_of(separator).hop`."""
    return Memory(**separator.prepared.plan.values)


def part_of(separator, name: str) -> Memory:
    """A part of the state, which one stage remembers or passes on: `part_of(separator, "frame").V`. No copies."""
    fields = STATE.part(name).fields
    return Memory(**{field.name: separator.prepared.state[field.name] for field in fields})


def learnt_of(separator) -> Memory:
    """What stage `levels` has learnt of each stem: gain, lag and decay deviation."""
    return part_of(separator, "learnt")


def templates_of(separator) -> np.ndarray:
    """The presets' templates as they are now, [row, bin]."""
    plan = plan_of(separator)
    return part_of(separator, "adaptation").W[: plan.rows, : plan.bins]


def background_of(separator) -> np.ndarray:
    """The background's templates as they are now, [row, bin]."""
    plan = plan_of(separator)
    return part_of(separator, "adaptation").W[plan.rows :, : plan.bins]


def entry_call(separator, sound: np.ndarray, events: np.ndarray | None = None) -> int:
    """The address that a native host passes to the compiled entry at each call, with a block and its notes."""
    separator.prepared.input[:, : sound.shape[1]] = sound
    call = separator.prepared.call
    call["frames"] = sound.shape[1]
    if events is not None:
        separator.prepared.events = events  # the entry reads them at every call
        call["events"], call["event_count"] = events.ctypes.data, len(events)
    return call.ctypes.data


# --- as kernels get them ----------------------------------------------------------------------------------------------


def kernel_memory(presets=None, routing: Routing | None = None, params: Mapping | None = None, channels: int = 1):
    """Plan and state as kernels get them, in the small framing."""
    values = design(make_preset() if presets is None else presets, routing or one_stem(), {**SMALL, **(params or {})}, RATE,
                    channels).values
    return Memory(**values), Memory(**STATE.arrays(values))


def on_records(function):
    """A function (plan, state, ...) for Python that passes their parts to a stage.

    The stage is compiled, and gets views of records, as from the entry. All objects that kernels call by name are loaded first.
    """
    kernel = njit(**INNER)(function)

    @njit(error_model="numpy", _nrt=False)
    def run(plan_address, state_address, *others):
        return kernel(plan_at(plan_address), state_at(state_address), *others)

    def call(plan, state, *others):
        machine.address("engine", "process")
        plan_record = PLAN.new(vars(plan))
        state_record = STATE.new({"plan": plan_record, **vars(state)})
        return run(plan_record.ctypes.data, state_record.ctypes.data, *others)

    return call


@on_records
def analyse(plan, state, end):
    """The magnitude that stage analysis gives for the frame that ends before sample `end`."""
    analysis.step(plan.analysis, state.analysis, plan.transform, state.transform, state.sound, state.frame, end)
    return state.frame.total


def fill_ring(state, sound, end):
    """Fill the ring with the sound [channel, sample] before `end`, twice, one after the other, as the engine does."""
    size = state.ring.shape[1] // 2
    for at in range(max(end - size, 0), end):
        state.ring[:, at % size] = state.ring[:, at % size + size] = sound[:, at]
