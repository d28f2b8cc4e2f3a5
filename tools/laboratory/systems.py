"""Ways to separate a piece, each named by a text, and measures of the result.

A setting is a line of a table: parameters of the engine as NAME=VALUE, separated by commas. Three more names change the piece:
`preset=NAME`; `late_ms=X`, by which MIDI is late; `velocity=V`, of every note. One of WAYS among them is another way to
separate.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from laboratory.baselines import flucoma_way, score_informed
from laboratory.oracle_filters import oracle_filters
from laboratory.pieces import Piece
from laboratory.plain_rows import separate_with_plain_rows
from rtsep.engine.separator import Output, Separator
from rtsep.errors import RtsepError
from rtsep.measure import oracle_stems, sdr_db, si_sdr_db
from rtsep.notes.routing import Routing, by_split, by_track, everything
from rtsep.notes.score import Score
from rtsep.params import Value, parse_params
from rtsep.presets.library import find_preset
from rtsep.presets.preset import Preset, load_preset
from rtsep.windows import Framing, choose_framing

BLOCK = 4096
"""Number of samples in a block for the engine."""
DEFAULT_PRESET = "piano"
LIVE = "mode=live,latency_samples=512"
MODES = {**{f"live {samples}": f"mode=live,latency_samples={samples}" for samples in (128, 256, 512, 1024)},
         "quality 4096": "mode=quality,latency_samples=4096,window_samples=4096"}
LIBRARY_S = 10.0
"""SIR and SAR, which are slow to compute, are measured on this many seconds."""
MEASURES = ("sdr_db", "si_sdr_db", "sir_db", "sar_db")
Stems = dict[str, np.ndarray]
Params = Mapping[str, Value]


@cache
def preset_named(name: str) -> Preset:
    """A bundled preset, read once."""
    return load_preset(find_preset(name))


def params_of(text: str) -> dict[str, Value]:
    """The parameters of the engine in a setting: NAME=VALUE, separated by commas."""
    return parse_params(dict(setting.split("=") for setting in text.split(",") if setting))


def separate(piece: Piece, text: str) -> Stems:
    """The stems of a piece by a setting."""
    way, piece, params = meant(piece, text)
    return WAYS[way](piece, params) if way else gated(piece, params)


def meant(piece: Piece, text: str) -> tuple[str, Piece, dict[str, Value]]:
    """The meaning of a setting: one of WAYS (empty: the engine), the piece as it is played, and the parameters."""
    words = [word for word in text.split(",") if word]
    ways, pairs = [word for word in words if word in WAYS], [word for word in words if word not in WAYS]
    if broken := [word for word in pairs if word.count("=") != 1] + ways[1:]:
        raise RtsepError(f"the setting {broken[0]!r}: write NAME=VALUE, separated by commas, and at most one of "
                                 f"{', '.join(WAYS)}")
    given = dict(word.split("=") for word in pairs)
    if "preset" in given:
        piece = replace(piece, preset=preset_named(given.pop("preset")))
    if "velocity" in given:
        piece = with_velocity(piece, int(given.pop("velocity")))
    if "late_ms" in given:
        piece = replace(piece, late_s=float(given.pop("late_ms")) / 1000)
    return ways[0] if ways else "", piece, parse_params(given)


def with_velocity(piece: Piece, velocity: int) -> Piece:
    """The piece with `velocity` for every note."""
    messages = piece.score.messages.copy()  # part, status, data1, data2
    messages[(messages[:, 1] & 0xF0 == 0x90) & (messages[:, 3] > 0), 3] = velocity
    return replace(piece, score=replace(piece.score, messages=messages))


# --- the engine -------------------------------------------------------------------------------------------------------


def outputs(separator: Separator, sound: np.ndarray, events: np.ndarray, size: int = BLOCK) -> Iterator[Output]:
    """The separator's output for each block of `size` samples, valid until the next; events count from the sound's start."""
    for begin in range(0, sound.shape[1], size):
        block = sound[:, begin : begin + size]
        first, last = np.searchsorted(events["sample"], (begin, begin + block.shape[1]))
        due = events[first:last].copy()
        due["sample"] -= begin
        yield separator.process(block, due)


def hear(separator: Separator, sound: np.ndarray, events: np.ndarray) -> np.ndarray:
    """The stems of the whole sound, from the separator's present state on."""
    return np.concatenate([output.stems.copy() for output in outputs(separator, sound, events)], axis=2)


def play(sound: np.ndarray, sample_rate: int, score: Score, presets: Preset | Sequence[Preset], routing: Routing,
         params: Params, offset_s: float = 0.0) -> Stems:
    """The stems of the streaming engine, including the residual; the latency is taken out."""
    separator = Separator(presets, routing, params)
    separator.prepare(sample_rate, len(sound), BLOCK)
    sound = np.pad(sound, ((0, 0), (0, separator.latency)))
    stems = hear(separator, sound, score.events(sample_rate, offset_s))
    return dict(zip(separator.stem_names, stems[:, :, separator.latency :], strict=True))


def routing_of(piece: Piece) -> Routing:
    """The piece's routing; else a stem per MIDI track, or one stem for all notes if the piece has only one."""
    if piece.routing is not None:
        return piece.routing
    return everything("piano") if "piano" in piece.truths and len(piece.told) == 1 else by_track(piece.score)


def preset_of(piece: Piece) -> Preset | Sequence[Preset]:
    """The preset, or presets, of the piece."""
    return preset_named(DEFAULT_PRESET) if piece.preset is None else piece.preset


def gated(piece: Piece, params: Params) -> Stems:
    """The stems of the engine in its normal use, with the piece's notes."""
    return play(piece.mix, piece.sample_rate, piece.score, preset_of(piece), routing_of(piece), params, piece.late_s)


def ungated(piece: Piece, params: Params) -> Stems:
    """The stems of the engine without MIDI: all templates are open; keys below C4 are one stem, and the others another.

    The stem `low` is judged as the track with the lower mean pitch, and `high` as the other track.
    """
    if len(piece.score.track_names) != 2:
        return {}
    notes = piece.score.notes()
    heights = [notes["pitch"][notes["part"] == part].mean() for part in range(2)]
    names = by_track(piece.score).names
    low, high = names if heights[0] <= heights[1] else names[::-1]
    nothing = Score(piece.score.track_names, np.zeros(0), np.zeros((0, 4), np.uint8), (), 0, 0.0, 0)
    stems = play(piece.mix, piece.sample_rate, nothing, preset_of(piece), by_split(), {**params, "gate": False})
    return {low: stems["low"], high: stems["high"], "residual": stems["residual"]}


# --- other ways -------------------------------------------------------------------------------------------------------


def nothing_done(piece: Piece, params: Params) -> Stems:
    """The mix as every stem."""
    return {stem: piece.mix for stem in piece.truths}


def oracle(piece: Piece, params: Params) -> Stems:
    """The stems by ratio masks of the true stems in each channel, with the windows of a mode."""
    mode = str(params.get("mode", "live"))
    if mode == "instant":
        raise RtsepError("an oracle mask needs windows, which mode instant does not have; use `filters` of the true stems")
    latency = int(params.get("latency_samples", 4096 if mode == "quality" else 512))
    framing = choose_framing(mode, piece.sample_rate, int(params.get("window_samples", 4096)), latency)
    hop = int(params.get("hop_samples", max(framing.hop, framing.overlap // 4)))  # as good as the engine's hop, and faster
    framing = Framing(framing.window_size, framing.overlap, hop)
    channels = [oracle_stems(np.array([truth[c] for truth in piece.truths.values()]), framing)
                for c in range(len(piece.mix))]
    return dict(zip(piece.truths, np.stack(channels, axis=1), strict=True))


def plain(piece: Piece, params: Params) -> Stems:
    """The stems by background rows that learn and nothing else; they only separate a piano from the rest."""
    if "piano" not in piece.truths:
        return {}
    found = separate_with_plain_rows(piece.mix, piece.sample_rate, piece.score, preset_of(piece))
    return {"piano": found, "residual": piece.mix - found}


WAYS: dict[str, Callable[[Piece, Params], Stems]] = {
    "mix": nothing_done, "oracle": oracle, "plain": plain, "split": ungated,
    "flucoma": lambda piece, params: flucoma_way(piece, preset_named("grand-piano"), int(params["window_samples"]),
                                                 int(params["hop_samples"])),
    "offline": lambda piece, params: score_informed(piece),
    "filters": lambda piece, params: oracle_filters(piece, int(params.get("latency_samples", 0))),
}


# --- judging ----------------------------------------------------------------------------------------------------------


def judge_told(piece: Piece, stems: Stems) -> dict[str, dict[str, float]]:
    """SDR in dB of the stems whose notes are told, from `skipped_s` on; empty if a way has no such stems."""
    first = round(piece.skipped_s * piece.sample_rate)
    return {stem: {"sdr_db": sdr_db(stems[stem][:, first:], truth[:, first:])} for stem, truth in piece.told.items()
            if stem in stems}


def judge(piece: Piece, stems: Stems, library: bool = True) -> dict[str, dict[str, float]]:
    """Measures in dB of every true stem of `piece`, also those of the `library`; nan if one cannot be computed."""
    if not set(piece.truths) <= set(stems):
        return {}
    broken = [stem for stem, sound in stems.items() if not np.isfinite(sound).all()]
    if broken:
        raise RtsepError(f"{piece.name}: {', '.join(broken)} came out with NaN or infinity, so it cannot be measured")
    results = {stem: {"sdr_db": sdr_db(stems[stem], truth), "si_sdr_db": si_sdr_db(stems[stem], truth)}
               for stem, truth in piece.truths.items()}
    sir, sar = _interference_and_artefacts(piece, stems) if library else ([np.nan] * len(results),) * 2
    for result, ratio, artefacts in zip(results.values(), sir, sar, strict=True):
        result |= {"sir_db": ratio, "sar_db": artefacts}
    return results


def judge_quickly(piece: Piece, stems: Stems) -> dict[str, dict[str, float]]:
    """SDR and SI-SDR in dB of every true stem."""
    return {stem: {name: found[name] for name in MEASURES[:2]} for stem, found in judge(piece, stems, library=False).items()}


def _interference_and_artefacts(piece: Piece, stems: Stems) -> tuple[list[float], list[float]]:
    """SIR and SAR of BSS Eval 3 (512 taps) over the first LIBRARY_S, first channel, by fast_bss_eval.

    nan without that library, or with a silent stem; an infinite SIR, which rounding can cause, also becomes nan.
    """
    samples = round(LIBRARY_S * piece.sample_rate)
    truths = np.stack([truth[0, :samples] for truth in piece.truths.values()]).astype(np.float64)
    estimates = np.stack([stems[stem][0, :samples] for stem in piece.truths]).astype(np.float64)
    unknown = [np.nan] * len(truths)
    try:
        import fast_bss_eval
    except ImportError:
        return unknown, unknown
    if not (truths.any(axis=1).all() and estimates.any(axis=1).all()):
        return unknown, unknown
    with np.errstate(all="ignore"):
        _, sir, sar = fast_bss_eval.bss_eval_sources(
            truths, estimates, filter_length=512, compute_permutation=False,
            use_cg_iter=100)  # the library's direct solver does not run with NumPy 2
    return [[x if np.isfinite(x) else np.nan for x in map(float, ratios)] for ratios in (sir, sar)]
