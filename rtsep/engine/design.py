"""Designs a Plan from presets, a routing and parameters: everything that can be computed before the first sample.

Every stage designs its own part (`rtsep.stages`); this module joins the parts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from rtsep.notes.routing import Routing
from rtsep.params import Value, defaults
from rtsep.presets.preset import Preset
from rtsep.presets.voice import no_templates
from rtsep.stages import records
from rtsep.stages.lookahead import samples_of_lookahead
from rtsep.stages.request import Request
from rtsep.stages.rows import Rows
from rtsep.windows import Framing, choose_framing, window_pair

Integers = npt.NDArray[np.int64]


class Plan:
    """The result of `design`, as arrays and as the record that compiled code reads. Immutable once made.

    row_pitch: int64 [row], MIDI pitch of each row. row_source: int64 [row, 2], the preset of each row (its index in
    `each_once`), and the row's index in that preset. latency: samples from input to output, with the lookahead.
    """

    def __init__(self, framing: Framing, row_pitch: Integers, row_source: Integers, values: Mapping[str, Any]):
        self.framing = framing
        self.row_pitch, self.row_source = row_pitch, row_source
        self.values = dict(values)
        self.channels = int(values["channels"])
        self.stems = int(values["stems"])
        self.latency = framing.latency + int(values["ahead"])
        self.record = records.PLAN.new(self.values)


def per_stem(presets: Preset | Sequence[Preset], routing: Routing) -> tuple[Preset, ...]:
    """The preset of each stem of `routing`, in its order; at least one, even if there is no stem."""
    if isinstance(presets, Preset):
        return tuple(no_templates() if stem == routing.voice else presets for stem in range(max(len(routing.names), 1)))
    found = tuple(presets)
    if len(found) != max(len(routing.names), 1):
        raise ValueError(f"{len(found)} presets for {len(routing.names)} stems: one for each, or one for all, is needed")
    return found


def preset_defaults(presets: Sequence[Preset]) -> dict[str, Value]:
    """The presets' own defaults of parameters; if they differ, those of the first stem count.

    A window counts only if all presets ask for it: a short window suits drums, but not a piano.
    """
    played = [preset for preset in presets if len(preset.W)]
    wanted = {name: value for preset in reversed(played) for name, value in preset.defaults.items()}
    if len({preset.defaults.get("window_samples", 0) for preset in played}) > 1:
        del wanted["window_samples"]
    return wanted


def _values(presets: Sequence[Preset], params: Mapping[str, Value]) -> dict[str, Value]:
    return {**defaults(), **preset_defaults(presets), **params}


def _framing(values: Mapping[str, Value], sample_rate: float) -> Framing:
    return choose_framing(str(values["mode"]), sample_rate, int(values["window_samples"]), int(values["latency_samples"]),
                          int(values["hop_samples"]), int(values["filter_taps"]))


def latency_of(presets: Sequence[Preset], params: Mapping[str, Value], sample_rate: float) -> int:
    """The latency, in samples, of the plan that `design` would make. RtsepError if the parameters do not fit together."""
    values = _values(presets, params)
    return _framing(values, sample_rate).latency + samples_of_lookahead(float(values["lookahead_ms"]), sample_rate)


def design(
    presets: Preset | Sequence[Preset], routing: Routing, params: Mapping[str, Value], sample_rate: float, channels: int
) -> Plan:
    """Compute everything that can be known before the first sample. It allocates: call it from the control thread only.

    presets: one for all stems, or one for each stem in the routing's order. RtsepError if the parameters do not fit together,
    or if a preset does not support this rate and window.
    """
    used = per_stem(presets, routing)
    values = _values(used, params)
    framing = _framing(values, sample_rate)
    rows = Rows(used, float(values["tuning_cents"]), sample_rate, framing)
    request = Request(used[: len(routing.names)], used, routing, values, framing, rows, sample_rate, channels,
                      *window_pair(framing))
    return Plan(framing, rows.pitch, rows.source, records.design(request))
