"""A plan that is ready to play, with its state and the buffers of a block."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from rtsep.engine.design import Plan
from rtsep.kernels.memory import EVENT
from rtsep.stages.call import CALL
from rtsep.stages.records import STATE


class Recorded(Protocol):
    """Memory with a record for compiled code."""

    record: Any


class Prepared:
    """A plan, its state and the buffers of one block; the address of `call` is the argument of the entry.

    earlier: with the same framing, stems and channels; its sound, notes, buffers and learnt values go on under the new plan.
    grains: the additional memory of a mosaic.
    """

    def __init__(self, plan: Plan, max_block: int, earlier: Prepared | None = None, grains: Recorded | None = None):
        channels = plan.channels
        self.plan = plan
        self.grains = grains
        self.state: dict[str, Any] = STATE.arrays(plan.values)
        STATE.start(self.state, plan.values)
        if earlier is None:
            self.input = np.zeros((channels, max_block), np.float32)
            self.stems = np.zeros((plan.stems, channels, max_block), np.float32)
            self.mix = np.zeros((channels, max_block), np.float32)
            self.targets = np.zeros(2 + plan.stems, np.float32)
        else:
            self.input, self.stems, self.mix, self.targets = earlier.input, earlier.stems, earlier.mix, earlier.targets
            self._take_over(earlier)
        self.events = np.zeros(1, EVENT)
        self.state_record = STATE.new({"plan": plan.record, **self.state})
        self.call = CALL.new({
            "plan": plan.record, "state": self.state_record, "input": self.input, "stems": self.stems,
            "mix": self.mix, "capacity": max_block, "targets": self.targets,
            "grains": 0 if grains is None else grains.record,
        })

    def _take_over(self, earlier: Prepared) -> None:
        """Keep sound and notes, and everything learnt that has a place in the new plan."""
        old, new = earlier.plan.values, self.plan.values
        same = all(np.array_equal(old[name], new[name]) for name in ("W", "rows", "open_limit"))
        for name, array in earlier.state.items():
            if same or not STATE.fields[name].bound:
                self.state[name] = array
        if same and old["adapt_hold"] == 0:  # Rows that begin to learn only now get the weight of their hold, as at the start.
            weight = self.state["weight"][: new["rows"]]
            weight[weight == 0] = new["adapt_hold"]
        if not same:
            kept = min(old["background"], new["background"])
            for name in ("W", "weight"):
                self.state[name][new["rows"] :][:kept] = earlier.state[name][old["rows"] :][:kept]

    def reset(self) -> None:
        """Forget all sound, all notes and everything learnt."""
        STATE.start(self.state, self.plan.values)
        self.state["mixer_values"][:] = self.targets
