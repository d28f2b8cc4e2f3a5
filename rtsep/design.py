"""From a preset, a routing and parameters to a Plan: everything that can be worked out before the first sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from rtsep.kernels import memory
from rtsep.kernels.memory import EVENT, PITCHES
from rtsep.params import Value, defaults
from rtsep.preset import Preset
from rtsep.routing import Routing
from rtsep.windows import Framing, choose_framing, map_templates, window_pair

SIMD = 16  # floats
SMOOTHING_S = 0.005  # time constant of the mixer: a change is heard whole after 20 ms, without a click

Floats = npt.NDArray[np.float32]


class Plan:
    """What `design` decided, as arrays and as the record that compiled code reads. Immutable once made."""

    def __init__(self, framing: Framing, values: Mapping[str, Any]):
        self.framing = framing
        self.values = dict(values)
        self.channels = int(values["channels"])
        self.stems = int(values["stems"])
        self.record = memory.record(memory.PLAN, self.values)


def _padded(W: Floats, stride: int) -> Floats:
    result = np.zeros((W.shape[0], stride), np.float32)
    result[:, : W.shape[1]] = W
    return result


def _rows_of_pitches(pitches: npt.NDArray[np.int16]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """First row and number of rows of every pitch; `pitches` ascends."""
    every = np.arange(PITCHES)
    first = np.searchsorted(pitches, every, "left")
    return first.astype(np.int64), (np.searchsorted(pitches, every, "right") - first).astype(np.int64)


def _samples(seconds: npt.NDArray[np.float64], sample_rate: float) -> npt.NDArray[np.int64]:
    return np.round(seconds * sample_rate).astype(np.int64)


def _reach(routing: Routing) -> npt.NDArray[np.int8]:
    """Which pitches each stem can play, int8 [stem, pitch]; none for the residual."""
    stems = np.arange(len(routing.names) + 1)[:, None, None, None]
    reach: npt.NDArray[np.int8] = (routing.table == stems).any(axis=(1, 2)).astype(np.int8)
    return reach


def design(
    preset: Preset, routing: Routing, params: Mapping[str, Value], sample_rate: float, channels: int
) -> Plan:
    """Everything that can be worked out before the first sample. Allocates; control thread only. RtsepError if the
    parameters do not fit together or the preset cannot serve this rate and window."""
    values = {**defaults(), **preset.defaults, **params}
    framing = choose_framing(str(values["mode"]), sample_rate, int(values["window_samples"]),
                             int(values["latency_samples"]), int(values["hop_samples"]))
    W = map_templates(preset.W, preset.sample_rate, preset.window_size, sample_rate, framing.window_size)
    usable = W.any(axis=1)
    W, pitches = W[usable], preset.row_pitch[usable]
    bins = framing.window_size // 2 + 1
    stride = -(-bins // SIMD) * SIMD
    analysis, synthesis = window_pair(framing)
    first, count = _rows_of_pitches(pitches)
    release_s = np.clip(preset.release_s.astype(float), float(values["release_min_ms"]) / 1000,
                        float(values["release_max_ms"]) / 1000)
    decay_s = np.minimum(preset.decay_s.astype(float), float(values["decay_max_s"]))
    gated = bool(values["gate"])
    reach = _reach(routing)
    return Plan(framing, {
        "window_size": framing.window_size,
        "overlap": framing.overlap,
        "hop": framing.hop,
        "bins": bins,
        "stride": stride,
        "channels": channels,
        "stems": len(routing.names) + 1,
        "rows": W.shape[0],
        "open_limit": max(int(values["max_open_rows"]), int(count.max())) if gated else int((reach * count).sum()),
        "gated": int(gated),
        "iterations": int(values["iterations"]),
        "power_halves": round(2 * float(values["mask_power"])),
        "mixer_smoothing": 1 - np.exp(-1 / (SMOOTHING_S * sample_rate)),
        "analysis_window": analysis.astype(np.float32),
        "synthesis_window": synthesis.astype(np.float32),
        "W": _padded(W, stride),
        "first_row": first,
        "row_count": count,
        "release": _samples(release_s, sample_rate),
        "decay": _samples(decay_s, sample_rate),
        "route": np.ascontiguousarray(routing.table, np.int8),
        "reach": reach,
        "axes": np.zeros(1, np.int64),
    })


class Prepared:
    """A plan, the state that it works on and the buffers of one block; the address of `call` is what the entry is given.

    `earlier` has the same framing, stems and channels: its sound, notes and buffers go on, under the new plan.
    """

    def __init__(self, plan: Plan, max_block: int, earlier: Prepared | None = None):
        channels = plan.channels
        self.plan = plan
        self.state: dict[str, Any] = memory.state_arrays(plan.values)
        if earlier is None:
            self.input = np.zeros((channels, max_block), np.float32)
            self.stems = np.zeros((plan.stems, channels, max_block), np.float32)
            self.mix = np.zeros((channels, max_block), np.float32)
            self.targets = np.zeros(2 + plan.stems, np.float32)
        else:
            self.input, self.stems, self.mix, self.targets = earlier.input, earlier.stems, earlier.mix, earlier.targets
            self.state.update((name, earlier.state[name]) for name in self.state if name not in memory.PLAN_BOUND)
        self.events = np.zeros(1, EVENT)
        self.state_record = memory.record(memory.STATE, {"ring_size": self.state["ring"].shape[1], **self.state})
        self.call = memory.record(memory.CALL, {
            "plan": plan.record, "state": self.state_record, "input": self.input, "stems": self.stems,
            "mix": self.mix, "capacity": max_block, "targets": self.targets,
        })
