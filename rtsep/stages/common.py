"""What every stage may read: all sizes, and the instruments: which templates a note opens, and for how long."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from rtsep.kernels.fields import Part, array, number, size
from rtsep.kernels.memory import CHANNELS, PARTS, PITCHES, SLOTS
from rtsep.notes.programs import DRUMS
from rtsep.notes.routing import Routing
from rtsep.presets.optional import ANY_AGE_S
from rtsep.presets.preset import Preset
from rtsep.stages.lookahead import samples_of_lookahead
from rtsep.stages.request import Request
from rtsep.stages.rows import each_once, samples_of

COMMON = Part("common", (
    size("window_size", "samples in a frame"),
    size("hop", "samples from frame to frame"),
    size("slot", "samples from one part of a hop's work to the next; a divisor of the hop"),
    size("bins", "bins of a spectrum"),
    size("stride", "bins rounded up for SIMD; values beyond `bins` are zero"),
    size("ring_size", "samples of input that are kept; a power of two"),
    size("channels", "channels of the sound"),
    size("stems", "stems, including the residual, which is the last"),
    size("rows", "templates of the presets"),
    size("background", "templates that are always open: the residual's"),
    size("open_limit", "largest number of templates of notes that can be open at once"),
    size("latency", "samples from the sound that the frames get to the output"),
    size("lead", "samples from the end of a frame to the middle of the sound that is made with it; 0 with overlap-add"),
    size("told_early", "samples by which notes are told before their sound, about; until it is heard, they wait"),
    size("gated", "0: all templates are open, always"),
    size("voice_stem", "the voice's stem, which has no templates; -1: none"),
    size("lead_in", "this many samples from the start count as background alone, whatever is played"),
    number("hop_s", "seconds from frame to frame"),
    number("sample_s", "seconds from sample to sample"),
))
INSTRUMENTS = Part("instruments", (
    array("route", "int8", f"{PARTS}, {CHANNELS}, {PITCHES}", "part, channel and pitch of a note to its stem; -1: ignored"),
    array("reach", "int8", f"stems, {PITCHES}", "whether any key is routed there"),
    array("first_row", "int64", f"stems, {PITCHES}",
          "first template of the stem's pitch; stems of one instrument share templates"),
    array("row_count", "int64", f"stems, {PITCHES}", "number of templates of the stem's pitch"),
    array("row_age", "int64", "rows, 2",
          "age of its note, in samples, from which the template is open, and age at which it no longer is; without gates: "
          "it learns"),
    array("release", "int64", f"stems, {PITCHES}",
          "samples for which a gate stays open after its note and the window have ended"),
    array("decay", "int64", f"stems, {PITCHES}",
          "samples after its onset and a window at which a note held by a pedal has ended"),
    array("choke", "int64", f"stems, {PITCHES}", "a note ends the other notes of its stem that have the same number; 0: none"),
    array("instrument", "int64", "stems", "stems that play one preset share a number"),
    array("drums", "int64", "stems",
          "whether the stem's strokes are detected in the sound, since their MIDI is missing or late"),
))


def plays_drums(preset: Preset) -> bool:
    """Does the preset play drums?"""
    return DRUMS in preset.programs or bool((preset.row_age_s != ANY_AGE_S).any())


def listens_for_drums(request: Request) -> npt.NDArray[np.int64]:
    """The stems whose strokes are detected in the sound: 1, else 0, int64 [stem]."""
    return np.array([*(request.asks("onsets") and plays_drums(preset) for preset in request.presets), False], np.int64)


def _reach(routing: Routing) -> npt.NDArray[np.int8]:
    """Which pitches each stem can play, int8 [stem, pitch]; none for the residual."""
    stems = np.arange(len(routing.names) + 1)[:, None, None, None]
    reach: npt.NDArray[np.int8] = (routing.table == stems).any(axis=(1, 2)).astype(np.int8)
    return reach


def stages_of(age: npt.NDArray[np.int64], sample_rate: float) -> npt.NDArray[np.int64]:
    """The ages at which rows may learn without gates, [row, 2]; none for a row that is open at any age."""
    staged = (age[:, :1] > 0) | (age[:, 1:] < ANY_AGE_S[1] * sample_rate)
    return np.where(staged, age, 0)


def design_instruments(request: Request) -> dict[str, Any]:
    """The part `instruments`."""
    presets, rows, rate = request.presets, request.rows, request.sample_rate
    release_s = np.clip(request.by_stem([preset.release_s for preset in presets]), request.number("release_min_ms") / 1000,
                        request.number("release_max_ms") / 1000)
    decay_s = np.minimum(request.by_stem([preset.decay_s for preset in presets]), request.number("decay_max_s"))
    numbers = {id(preset): number for number, preset in enumerate(each_once(presets))}
    return {
        "route": np.ascontiguousarray(request.routing.table, np.int8),
        "reach": _reach(request.routing),
        "first_row": request.by_stem([rows.first_row(preset) for preset in presets]).astype(np.int64),
        "row_count": request.by_stem([rows.row_count(preset) for preset in presets]).astype(np.int64),
        "row_age": rows.age if request.asks("gate") else stages_of(rows.age, rate),
        "release": samples_of(release_s, rate),
        "decay": samples_of(decay_s, rate),
        "choke": request.by_stem([preset.choke for preset in presets]).astype(np.int64),
        "instrument": np.array([*(numbers[id(preset)] for preset in presets), 0], np.int64),
        "drums": listens_for_drums(request),
    }


def _open_limit(request: Request, row_count: npt.NDArray[np.int64], reach: npt.NDArray[np.int8]) -> int:
    """With gates: room for at least one note of any instrument; without gates: all rows that can be played."""
    if request.asks("gate"):
        return max(int(request.number("max_open_rows")), int(row_count.max()))
    return max(int((reach * row_count).sum()), 1)


def _lead_in(request: Request) -> int:
    """The lead-in as the engine counts it: the sound begins only after the lookahead."""
    samples = request.samples(request.number("learn_background_s"))
    return samples + samples_of_lookahead(request.number("lookahead_ms"), request.sample_rate) if samples else 0


def design(request: Request) -> dict[str, Any]:
    """The parts `common` and `instruments`."""
    framing, instruments = request.framing, design_instruments(request)
    return {
        "window_size": framing.window_size,
        "hop": framing.hop,
        "slot": framing.hop // SLOTS,
        "bins": request.bins,
        "stride": request.stride,
        "ring_size": 2 * framing.window_size,
        "channels": request.channels,
        "stems": len(request.presets) + 1,
        "rows": request.rows.W.shape[0],
        "background": int(request.number("background")),
        "open_limit": _open_limit(request, instruments["row_count"], instruments["reach"]),
        "latency": framing.latency,
        "lead": framing.lead,
        "told_early": request.samples(request.number("early_ms") / 1000) if request.asks("gate") else 0,
        "gated": int(request.asks("gate")),
        "voice_stem": -1 if request.routing.voice is None else request.routing.voice,
        "lead_in": _lead_in(request),
        "hop_s": request.hop_s,
        "sample_s": 1 / request.sample_rate,
        **instruments,
    }
