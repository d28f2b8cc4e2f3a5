"""The systems that the bench compares, each from a piece to its stems, and how a result is judged."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import baselines
import numpy as np
from evaluate_data import Piece

from rtsep.engine.separator import Output, Separator
from rtsep.errors import RtsepError
from rtsep.measure import oracle_stems, sdr_db, si_sdr_db
from rtsep.notes.routing import Routing, by_split, by_track
from rtsep.notes.score import Score
from rtsep.params import Value, parse_params
from rtsep.presets.library import find_preset
from rtsep.presets.preset import Preset, load_preset
from rtsep.windows import Framing, choose_framing

BLOCK = 4096
DEFAULT_PRESET = "piano"
LIVE_LATENCIES = (128, 256, 512, 1024)
MODES: dict[str, dict[str, Value]] = {
    **{f"live {samples}": {"mode": "live", "latency_samples": samples} for samples in LIVE_LATENCIES},
    "quality 4096": {"mode": "quality", "latency_samples": 4096, "window_samples": 4096},
}
LIBRARY_S = 10.0  # SIR and SAR are slow to work out
OFFLINE = "2048/512 at 22.05 kHz"
MEASURES = ("sdr_db", "si_sdr_db", "sir_db", "sar_db")
Stems = dict[str, np.ndarray]


@dataclass(frozen=True)
class System:
    """A line of the tables. `family` is its line in the plots; `latency` in samples at the pieces' rate, None = offline.

    `piano_only`: it means nothing where a piece brings its own preset.
    """

    family: str
    setting: str
    latency: int | None
    separate: Callable[[Piece], Stems]
    piano_only: bool = False

    def concerns(self, piece: Piece) -> bool:
        """Whether the piece is one for this system."""
        return piece.preset is None or not self.piano_only


@cache
def preset_named(name: str) -> Preset:
    """A bundled preset, read once."""
    return load_preset(find_preset(name))


def params_of(text: str) -> dict[str, Value]:
    """Parameters of a line of a table: NAME=VALUE, parted by commas."""
    return parse_params(dict(setting.split("=") for setting in text.split(",") if setting))


# --- our engine -------------------------------------------------------------------------------------------------------


def outputs(separator: Separator, sound: np.ndarray, events: np.ndarray, size: int = BLOCK) -> Iterator[Output]:
    """What the separator gives of each block of `size` samples, until the next; events count from the start of the sound."""
    for begin in range(0, sound.shape[1], size):
        block = sound[:, begin : begin + size]
        first, last = np.searchsorted(events["sample"], (begin, begin + block.shape[1]))
        due = events[first:last].copy()
        due["sample"] -= begin
        yield separator.process(block, due)


def hear(separator: Separator, sound: np.ndarray, events: np.ndarray) -> np.ndarray:
    """Stems of the whole sound, from where the separator is."""
    return np.concatenate([output.stems.copy() for output in outputs(separator, sound, events)], axis=2)


def play(sound: np.ndarray, sample_rate: int, score: Score, presets: Preset | Sequence[Preset], routing: Routing,
         params: Mapping[str, Value], offset_s: float = 0.0) -> Stems:
    """The stems, residual included, that the streaming engine gives; its latency is taken out."""
    separator = Separator(presets, routing, params)
    separator.prepare(sample_rate, len(sound), BLOCK)
    sound = np.pad(sound, ((0, 0), (0, separator.latency)))
    stems = hear(separator, sound, score.events(sample_rate, offset_s))
    return dict(zip(separator.stem_names, stems[:, :, separator.latency :], strict=True))


def gated(piece: Piece, params: Mapping[str, Value], preset: str = DEFAULT_PRESET, offset_s: float = 0.0) -> Stems:
    """The engine as it is meant to be used: a stem per MIDI track, the piece's own preset if it brings one."""
    routing = by_track(piece.score)
    return play(piece.mix, piece.sample_rate, piece.score, piece.preset or preset_named(preset), routing, params, offset_s)


def ungated(piece: Piece, params: Mapping[str, Value]) -> Stems:
    """The engine without MIDI: every template open, the keys below C4 one stem and those above the other.

    The stem `low` is judged as the track with the lower mean pitch, `high` as the other.
    """
    if len(piece.score.track_names) != 2:
        return {}
    notes = piece.score.notes()
    heights = [notes["pitch"][notes["part"] == part].mean() for part in range(2)]
    names = by_track(piece.score).names
    low, high = names if heights[0] <= heights[1] else names[::-1]
    nothing = Score(piece.score.track_names, np.zeros(0), np.zeros((0, 4), np.uint8), (), 0, 0.0, 0)
    stems = play(piece.mix, piece.sample_rate, nothing, preset_named(DEFAULT_PRESET), by_split(),
                 {**params, "gate": False})
    return {low: stems["low"], high: stems["high"], "residual": stems["residual"]}


# --- what bounds it ---------------------------------------------------------------------------------------------------


def nothing_done(piece: Piece) -> Stems:
    """The mix as every stem."""
    return {stem: piece.mix for stem in piece.truths}


def oracle(piece: Piece, params: Mapping[str, Value]) -> Stems:
    """Ratio masks of the true stems (mono), with the windows of a mode."""
    framing = choose_framing(str(params["mode"]), piece.sample_rate, 4096, int(params["latency_samples"]))
    framing = Framing(framing.window_size, framing.overlap, max(framing.hop, framing.overlap // 4))  # as good, and quicker
    stems = oracle_stems(np.concatenate(list(piece.truths.values())), framing)
    return dict(zip(piece.truths, stems[:, None], strict=True))


def engine_systems() -> list[System]:
    """Our engine in every mode."""
    return [System("rtsep", mode, int(params["latency_samples"]), lambda piece, params=params: gated(piece, params))
            for mode, params in MODES.items()]


def all_systems() -> list[System]:
    """Everything that the full run compares."""
    systems = [System("mix", "nothing done", 0, nothing_done), *engine_systems()]
    systems.append(System("rtsep without MIDI, split at C4", "live 512", 512,
                          lambda piece: ungated(piece, MODES["live 512"]), piano_only=True))
    for window, hop in ((1024, 512), (2048, 1024)):
        systems.append(System("FluCoMa way", f"{window}/{hop}", window, lambda piece, window=window, hop=hop:
                              baselines.flucoma_way(piece, preset_named("grand-piano"), window, hop), piano_only=True))
    systems.append(System("offline score-informed NMF", OFFLINE, None, baselines.score_informed, piano_only=True))
    for mode, params in MODES.items():
        systems.append(System("oracle ratio mask", mode, int(params["latency_samples"]),
                              lambda piece, params=params: oracle(piece, params)))
    return systems


# --- judging ----------------------------------------------------------------------------------------------------------


def judge(piece: Piece, stems: Stems, library: bool = True) -> dict[str, dict[str, float]]:
    """Measures in dB of every true stem of `piece`, those of the `library` too; nan where one cannot be taken."""
    if not set(piece.truths) <= set(stems):
        return {}
    broken = [stem for stem, sound in stems.items() if not np.isfinite(sound).all()]
    if broken:
        raise RtsepError(f"{piece.name}: {', '.join(broken)} came out with NaN or infinity; no measure means anything then")
    results = {stem: {"sdr_db": sdr_db(stems[stem], truth), "si_sdr_db": si_sdr_db(stems[stem], truth)}
               for stem, truth in piece.truths.items()}
    sir, sar = _interference_and_artefacts(piece, stems) if library else ([np.nan] * len(results),) * 2
    for result, ratio, artefacts in zip(results.values(), sir, sar, strict=True):
        result |= {"sir_db": ratio, "sar_db": artefacts}
    return results


def _interference_and_artefacts(piece: Piece, stems: Stems) -> tuple[list[float], list[float]]:
    """SIR and SAR of BSS Eval 3 (512 taps) over the first LIBRARY_S, first channel, by fast_bss_eval.

    nan without that library or with a silent stem; infinite SIR, which its rounding can give, is nan too.
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
            use_cg_iter=100)  # its direct solver does not run with NumPy 2
    return [[x if np.isfinite(x) else np.nan for x in map(float, ratios)] for ratios in (sir, sar)]
