"""Designs a mosaic from source, routing and parameters: its Plan, and the source's templates and play heads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from rtsep.engine.design import Plan
from rtsep.errors import RtsepError
from rtsep.grains.memory import GRAINS, GRAINS_STATE, ROWS_MOST
from rtsep.grains.source import Source, Templates, pitches, served, templates
from rtsep.kernels.memory import PITCHES, SLOTS
from rtsep.notes.routing import Routing
from rtsep.params import Value, defaults
from rtsep.stages import transform
from rtsep.stages.lookahead import samples_of_lookahead
from rtsep.stages.mixer import SMOOTHING_S
from rtsep.stages.request import SIMD
from rtsep.windows import Framing, choose_framing, window_pair

RELEASE_S = 0.05  # A note allows its rows for this many seconds after its end.
NEAR_S = 0.07  # A run counts as a repetition if the source was heard at its beginning less than this many seconds before.

Floats = npt.NDArray[np.float32]


class Heard:
    """A source, analysed for one framing and number of channels. This takes time, so it is kept from plan to plan.

    arrays: by the names of the record GRAINS (grains/memory.py); serves: see `rtsep.grains.source.served`.
    """

    def __init__(self, source: Source, framing: Framing, channels: int) -> None:
        self.framing, self.channels = framing, channels
        found = templates(source, framing)
        row_pitch = pitches(found, source.sample_rate / framing.window_size)
        self.serves, self.spacing, self.bands = served(row_pitch), found.spacing, found.C.shape[1]
        self.arrays = {**_arrays(found, source, framing, channels), "row_pitch": row_pitch, "serves": self.serves}


class Grains:
    """Memory of compiled code besides plan and state, with its record.

    earlier: with the same source and framing; its play heads go on.
    """

    def __init__(
        self, heard: Heard, plan: Plan, sample_rate: float, values: Mapping[str, Value], earlier: Grains | None = None
    ) -> None:
        self.heard, rows = heard, len(heard.arrays["W"])
        parts = -(-rows // ROWS_MOST)
        sizes = {
            "length": heard.arrays["sound"].shape[1], "source_channels": heard.arrays["sound"].shape[0], "rows": rows,
            "parts": parts, "part_size": -(-rows // parts), "bands": heard.bands, "band_stride": heard.arrays["C"].shape[1],
            "spacing": heard.spacing, "polyphony": int(values["mosaic_polyphony"]),
            "candidates": int(values["mosaic_candidates"]),
            "repetition": round(float(values["mosaic_repetition_ms"]) / 1000 * sample_rate),
            "near": round(NEAR_S * sample_rate), "continuity": float(values["mosaic_continuity"]),
        }
        self.state: dict[str, Any] = GRAINS.arrays({**plan.values, **sizes}, GRAINS_STATE) if earlier is None else earlier.state
        self.record = GRAINS.new({"plan": plan.record, **sizes, **heard.arrays, **self.state})
        if earlier is None:
            self.reset()

    def reset(self) -> None:
        """Stop all play heads, and forget what was heard."""
        GRAINS.start(self.state, {})


def _stride(size: int) -> int:
    return -(-size // SIMD) * SIMD


def _widened(rows: Floats, stride: int) -> Floats:
    wide = np.zeros((len(rows), stride), np.float32)
    wide[:, : rows.shape[1]] = rows
    return wide


def _arrays(found: Templates, source: Source, framing: Framing, channels: int) -> dict[str, Any]:
    """Templates and sound in the layout of compiled code; a sound with more channels than the output is mixed to one."""
    sound = source.samples if len(source.samples) <= channels else source.samples.mean(axis=0, keepdims=True)
    late = len(found.W) * found.spacing - sound.shape[1]
    heard = found.loudness > 0
    mean = found.C[heard].mean(axis=0, keepdims=True)
    band_stride = _stride(found.C.shape[1])
    return {
        "sound": np.ascontiguousarray(np.pad(sound, ((0, 0), (framing.overlap, late))), np.float32),
        "W": _widened(found.W, _stride(found.W.shape[1])), "C": _widened(found.C, band_stride),
        "mean": _widened(mean, band_stride)[0], "level": np.where(heard, 1 / np.where(heard, found.loudness, 1), 0).astype(
            np.float32), "first_bin": found.first_bin,
    }


def mosaic_framing(params: Mapping[str, Value], sample_rate: float) -> Framing:
    """The framing for `params`; RtsepError in instant mode, which has no frames to add up."""
    values = {**defaults(), **params}
    if values["mode"] == "instant":
        raise RtsepError("mode = instant: a mosaic adds frames up; give --mode live or --mode quality")
    return choose_framing(str(values["mode"]), sample_rate, int(values["window_samples"]), int(values["latency_samples"]),
                          int(values["hop_samples"]))


def mosaic_plan(heard: Heard, routing: Routing, values: Mapping[str, Value], sample_rate: float) -> Plan:
    """The Plan of a mosaic: that of a separator without rows, with two stems: the mosaic and the input."""
    framing = heard.framing
    bins = framing.window_size // 2 + 1
    analysis, synthesis = window_pair(framing)
    grain = analysis[framing.window_size - framing.overlap :] * synthesis  # Copies at every hop add up to 1.
    notes = np.zeros((2, PITCHES), np.int64)
    serving = np.stack([heard.serves >= 0, np.zeros(PITCHES, bool)]).astype(np.int64)
    return Plan(framing, np.flatnonzero(heard.serves >= 0).astype(np.int64), np.zeros((0, 2), np.int64), {
        "window_size": framing.window_size, "overlap": framing.overlap, "hop": framing.hop, "bins": bins,
        "stride": _stride(bins), "channels": heard.channels, "stems": 2, "rows": 0, "background": 0, "open_limit": 0,
        "score_chords": 0, "score_notes": 0, "score_parts": 0,
        "gated": int(bool(values["gate"])), "iterations": int(values["mosaic_iterations"]), "power_halves": 2,
        "latency": framing.latency, "ahead": samples_of_lookahead(float(values["lookahead_ms"]), sample_rate),
        "taps": 0, "paths": 1, "slot": framing.hop // SLOTS, "adapt_hold": 0.0, "unseen": 1.0,
        "hop_s": framing.hop / sample_rate, "mixer_smoothing": 1 - np.exp(-1 / (SMOOTHING_S * sample_rate)),
        "analysis_window": analysis.astype(np.float32), "synthesis_window": grain.astype(np.float32),
        "W": np.zeros((0, _stride(bins)), np.float32), "first_row": notes, "row_count": serving,
        "release": notes + round(RELEASE_S * sample_rate), "decay": notes + round(float(values["decay_max_s"]) * sample_rate),
        "route": np.ascontiguousarray(routing.table, np.int8), "reach": serving.astype(np.int8), "choke": notes,
        "ring_size": 2 * framing.window_size, **transform.values_for(framing.window_size),
    })
