"""From presets, a routing and parameters to a Plan: everything that can be worked out before the first sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rtsep.engine.rows import Rows, each_once, samples_of
from rtsep.kernels.memory import ENCODER, ENCODER_AND_UPDATES, ENVELOPE_POINTS, PITCHES, SLOTS, UPDATES
from rtsep.kernels.records import PLAN
from rtsep.kernels.twiddles import transform_values
from rtsep.notes.programs import DRUMS
from rtsep.notes.routing import Routing
from rtsep.params import Value, defaults
from rtsep.presets.optional import ANY_AGE_S
from rtsep.presets.preset import Preset
from rtsep.windows import Framing, choose_framing, map_templates, window_pair

SIMD = 16  # floats
BACKGROUND_LEAST_S = 0.0002
ESTIMATORS = {"kl": UPDATES, "encoder": ENCODER, "encoder+kl": ENCODER_AND_UPDATES}
EARLY_S = 0.015  # of sound that drums may be ahead of their triggers: so long the first rows of all are open after a stroke
SMOOTHING_S = 0.005  # time constant of the mixer: a change is heard whole after 20 ms, without a click

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]


class Plan:
    """What `design` decided, as arrays and as the record that compiled code reads. Immutable once made.

    row_pitch: int64 [row], MIDI pitch of each row. row_source: int64 [row, 2], whose row it is (number in `each_once`), and
    its number there.
    """

    def __init__(self, framing: Framing, row_pitch: Integers, row_source: Integers, values: Mapping[str, Any]):
        self.framing = framing
        self.row_pitch, self.row_source = row_pitch, row_source
        self.values = dict(values)
        self.channels = int(values["channels"])
        self.stems = int(values["stems"])
        self.record = PLAN.new(self.values)


def _padded(W: Floats, stride: int) -> Floats:
    result = np.zeros((W.shape[0], stride), np.float32)
    result[:, : W.shape[1]] = W
    return result


@cache
def rest_net() -> Floats:
    """Weights of the network that weighs the residual among others, float32 [INPUTS + 3, UNITS]; from tools/train_rest.py."""
    net: Floats = np.load(Path(__file__).with_name("rest_net.npy"))
    return net


def per_stem(presets: Preset | Sequence[Preset], routing: Routing) -> tuple[Preset, ...]:
    """The preset of each stem of `routing`, in its order; of one for all, one even where there is no stem."""
    found = (presets,) * max(len(routing.names), 1) if isinstance(presets, Preset) else tuple(presets)
    if len(found) != max(len(routing.names), 1):
        raise ValueError(f"{len(found)} presets for {len(routing.names)} stems: one for each, or one for all, is needed")
    return found


def _background(presets: Sequence[Preset], rows: int, sample_rate: float, window_size: int) -> Floats:
    """What `rows` background rows start from, [row, bin]: those of the first preset that has some, then noise."""
    noise = np.random.default_rng(0).random((rows, window_size // 2 + 1)) + 1e-3  # the same in every run
    start: Floats = (noise / noise.sum(axis=1, keepdims=True)).astype(np.float32)
    for preset in presets:
        if preset.background is not None:
            known = map_templates(preset.background, preset.sample_rate, preset.window_size, sample_rate, window_size)
            known = known[known.any(axis=1)][:rows]
            start[: len(known)] = known
            break
    return start


def _by_stem(stems: Sequence[npt.NDArray[Any]]) -> npt.NDArray[np.float64]:
    """[stem, pitch] from each stem's [pitch]; the residual's are 0."""
    return np.array([*stems, np.zeros(PITCHES)], np.float64)


def _boost(window: npt.NDArray[np.float64], most: float) -> Floats:
    """What a note that began n + 1 samples before the frame's end counts more, float32 [window_size]: the whole window over
    the part that holds it, but no more than `most`."""
    boost: Floats = np.minimum(window.sum() / np.cumsum(window[::-1]), most).astype(np.float32)
    return boost


def _most_boost(values: Mapping[str, Value], framing: Framing) -> float:
    """The most that a young note may count more; an onset that was found is less sure than one that was told: half, in dB."""
    if framing.overlap == framing.window_size:
        return 1.0
    most = float(values["onset_boost"])
    return most if values["gate"] else most**0.5


def _stages(age: Integers, sample_rate: float) -> Integers:
    """The ages at which rows may learn without gates, [row, 2]: none where a row is open at any age."""
    staged = (age[:, :1] > 0) | (age[:, 1:] < ANY_AGE_S[1] * sample_rate)
    return np.where(staged, age, 0)


def plays_drums(preset: Preset) -> bool:
    """Does the preset play drums?"""
    return DRUMS in preset.programs or bool((preset.row_age_s != ANY_AGE_S).any())


def _memory_s(framing: Framing, sample_rate: float) -> float:
    """How long ago, in the middle, the frames hear what they hear."""
    window, _ = window_pair(framing)
    return float(len(window) - (window * np.arange(len(window))).sum() / window.sum()) / sample_rate


def _envelopes(stems: Sequence[Preset], curve: float) -> dict[str, Any]:
    """What the notes of each stem's instrument are expected to do, in natural logarithms, and which stems share one."""
    envelope = np.zeros((len(stems) + 1, PITCHES, 2, ENVELOPE_POINTS), np.float32)
    known = np.zeros((len(stems) + 1, PITCHES), np.int64)
    for stem, preset in enumerate(stems):
        if preset.envelope_db is not None:
            envelope[stem] = preset.envelope_db * np.float32(np.log(10) / 20)
            envelope[stem, :, 1] *= np.float32(curve)
            known[stem] = preset.envelope_db.any(axis=(1, 2))
    numbers = {id(preset): number for number, preset in enumerate(each_once(stems))}
    instrument = np.array([*(numbers[id(preset)] for preset in stems), 0], np.int64)
    return {"envelope": envelope, "has_envelope": known, "instrument": instrument}


def _reach(routing: Routing) -> npt.NDArray[np.int8]:
    """Which pitches each stem can play, int8 [stem, pitch]; none for the residual."""
    stems = np.arange(len(routing.names) + 1)[:, None, None, None]
    reach: npt.NDArray[np.int8] = (routing.table == stems).any(axis=(1, 2)).astype(np.int8)
    return reach


def preset_defaults(presets: Sequence[Preset]) -> dict[str, Value]:
    """What the presets want the parameters to be; where they differ, the first stem's holds.

    A window counts only if all want it: short ones suit drums, and no piano.
    """
    wanted = {name: value for preset in reversed(presets) for name, value in preset.defaults.items()}
    if len({preset.defaults.get("window_samples", 0) for preset in presets}) > 1:
        del wanted["window_samples"]
    return wanted


def design(
    presets: Preset | Sequence[Preset], routing: Routing, params: Mapping[str, Value], sample_rate: float, channels: int
) -> Plan:
    """Everything that can be worked out before the first sample. Allocates; control thread only.

    `presets`: one for all stems, or one for each in the routing's order. RtsepError if the parameters do not fit together
    or a preset cannot serve this rate and window.
    """
    used = per_stem(presets, routing)
    values = {**defaults(), **preset_defaults(used), **params}
    framing = choose_framing(str(values["mode"]), sample_rate, int(values["window_samples"]),
                             int(values["latency_samples"]), int(values["hop_samples"]),
                             int(values["filter_taps"]))
    rows = Rows(used, float(values["tuning_cents"]), sample_rate, framing)
    stems = used[: len(routing.names)]
    bins = framing.window_size // 2 + 1
    stride = -(-bins // SIMD) * SIMD
    analysis, synthesis = window_pair(framing)
    first_row = _by_stem([rows.first_row(preset) for preset in stems]).astype(np.int64)
    row_count = _by_stem([rows.row_count(preset) for preset in stems]).astype(np.int64)
    release_s = np.clip(_by_stem([preset.release_s for preset in stems]), float(values["release_min_ms"]) / 1000,
                        float(values["release_max_ms"]) / 1000)
    decay_s = np.minimum(_by_stem([preset.decay_s for preset in stems]), float(values["decay_max_s"]))
    gated = bool(values["gate"])
    background = _background(used, int(values["background"]), sample_rate, framing.window_size)
    estimator = ESTIMATORS[str(values["estimator"])]
    hop_s = framing.hop / sample_rate
    panning = bool(values["panning"]) and channels == 2
    trained = Framing(used[0].window_size, used[0].overlap, framing.hop)
    reach = _reach(routing)
    envelopes = _envelopes(stems, float(values["velocity_curve"]))
    drums = np.array([*(bool(values["onsets"]) and plays_drums(preset) for preset in stems), False], np.int64)
    row_age = rows.age if gated else _stages(rows.age, sample_rate)
    encoder = _padded(rows.encoder(str(values["encoder"]), estimator), stride)
    told = gated or (drums.any() and row_age.any())  # else nothing says whose sound it is
    return Plan(framing, rows.pitch, rows.source, {
        "window_size": framing.window_size,
        "overlap": framing.overlap,
        "hop": framing.hop,
        "bins": bins,
        "stride": stride,
        "channels": channels,
        "stems": len(routing.names) + 1,
        "rows": rows.W.shape[0],
        "background": len(background),
        "open_limit": max(int(values["max_open_rows"]), int(row_count.max())) if gated else int((reach * row_count).sum()),
        "gated": int(gated),
        "estimator": estimator,
        "iterations": 1 if estimator == ENCODER else int(values["iterations"]),
        "power_halves": round(2 * float(values["mask_power"])),
        "latency": framing.latency,
        "lead": framing.lead,
        "taps": framing.taps,
        "slot": framing.hop // SLOTS,
        "suppression": float(values["suppression"]),
        "filter_floor": 10 ** (float(values["filter_floor_db"]) / 10),
        "background_learns": int(bool(values["background_learns"])),
        "take": round(float(values["learn_background_s"]) * sample_rate),
        "early": round(EARLY_S * sample_rate) if gated and drums.any() else 0,
        "undoes": int(values["late_midi"] and gated and values["background_learns"] and envelopes["has_envelope"].any()
                      and not drums.any()),
        "panning": int(panning),
        "paths": 4 if panning and framing.taps else 1,
        "hop_s": hop_s,
        "relaxation": float(values["relaxation"]),
        "handicap": 1 / (1 + float(values["background_handicap"])),
        "background_keep": np.exp(-hop_s / float(values["background_memory_s"])),
        "background_least": BACKGROUND_LEAST_S,
        "adapt_keep": np.exp(-hop_s / float(values["adapt_memory_s"])),
        "adapt_hold": float(values["adapt_hold_s"]) if values["adapt"] and told else 0.0,
        "prediction": float(values["prediction"]),
        "envelope_later_s": _memory_s(framing, sample_rate) - _memory_s(trained, used[0].sample_rate),
        "sample_s": 1 / sample_rate,
        "mixer_smoothing": 1 - np.exp(-1 / (SMOOTHING_S * sample_rate)),
        "analysis_window": analysis.astype(np.float32),
        "synthesis_window": synthesis.astype(np.float32),
        "boost": _boost(analysis, _most_boost(values, framing)),
        "W": _padded(np.concatenate([rows.W, background]), stride),
        "first_row": first_row,
        "row_count": row_count,
        "release": samples_of(release_s, sample_rate),
        "decay": samples_of(decay_s, sample_rate),
        "route": np.ascontiguousarray(routing.table, np.int8),
        "reach": reach,
        "row_age": row_age,
        "choke": _by_stem([preset.choke for preset in stems]).astype(np.int64),
        **envelopes,
        "E": encoder,
        "encoded": len(encoder),
        "drums": drums,
        "rest_net": rest_net(),
        **transform_values(framing.window_size),
    })
