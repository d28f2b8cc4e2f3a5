"""Measures what training is worth: presets trained here, judged on pieces with true stems of which they know nothing.

    python tools/evaluate_training.py settings     templates, levels and updates for isolated notes, on the tuning pieces
    python tools/evaluate_training.py isolated     isolated notes of five pianos against the untrained comb, reporting pieces
    python tools/evaluate_training.py music        learnt from the first half of each piece, judged on the second
    python tools/evaluate_training.py sync         the same with scores that are shifted or bent in time (needs rtsep[sync])

Figures are SDR in dB, means over both hands and all pieces.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import soundfile
from evaluate_data import SHARED, Piece, pieces_of
from evaluate_systems import MODES, judge, oracle, play, preset_named

from rtsep.errors import RtsepError
from rtsep.notes.routing import by_track
from rtsep.notes.score import NOTE
from rtsep.presets.optional import any_age
from rtsep.presets.preset import Preset
from rtsep.training.initial import pitch_hz
from rtsep.training.inputs import Given, Take, gather
from rtsep.training.isolated import Settings
from rtsep.training.learn import About, Job, learn
from rtsep.windows import choose_framing, window_pair

PIANOS = ("salamander", "fluidr3", "upright_kw", "old_fb", "splendid")
ABOUT = About("trained", "trained", dict.fromkeys(("source", "licence", "attribution", "made_by"), "an evaluation"))
LIVE, QUALITY = MOST = ("live 512", "quality 4096")
SLOPES = (1.0, 1.5, 2.0)
RATE, MOST_PARTIALS = 44100, 30
CUT_S = 14.0
KEYS = np.arange(21, 109)


def quiet(*_progress: object) -> None:
    """Progress that nobody looks at."""


# --- presets ----------------------------------------------------------------------------------------------------------


@cache
def notes_of(piano: str) -> Given:
    """Isolated notes of one piano."""
    folder = SHARED / "piano_notes"
    return gather([folder / f"{piano}.flac"], [folder / f"{piano}.csv"], "notes", quiet)[0]


@cache
def trained(pianos: tuple[str, ...], settings: Settings) -> Preset:
    """A preset of these pianos, stacked."""
    return learn([notes_of(piano) for piano in pianos], Job(settings, stacked=True), ABOUT, quiet).preset


@cache
def comb(slope: float) -> Preset:
    """What is known without training: partials of strength 1 / m^slope, of the shape that the window gives them.

    Ringing times as in `piano`. (Bands of equal height, as score-informed NMF starts from, are some 3 dB worse here.)
    """
    framing = choose_framing("live", RATE)
    window, _ = window_pair(framing)
    time_s, W = np.arange(framing.window_size) / RATE, np.empty((len(KEYS), framing.window_size // 2 + 1))
    for key, template in zip(KEYS, W, strict=True):
        f0 = float(pitch_hz(key))
        partials = [np.abs(np.fft.rfft(window * np.exp(2j * np.pi * m * f0 * time_s).real)) / m**slope
                    for m in range(1, 1 + int(min(MOST_PARTIALS, RATE / 2 / f0)))]
        template[:] = np.sum(partials, axis=0)
    piano = preset_named("piano")
    return replace(piano, name="comb", W=(W / W.sum(axis=1, keepdims=True)).astype(np.float32), row_age_s=any_age(len(W)),
                   row_pitch=KEYS.astype(np.int16), row_role=("comb",) * len(KEYS))


# --- judging ----------------------------------------------------------------------------------------------------------


def mean_sdr(piece: Piece, stems: dict[str, np.ndarray]) -> float:
    """Over the stems of one piece."""
    return float(np.mean([measures["sdr_db"] for measures in judge(piece, stems, library=False).values()]))


def played(piece: Piece, preset: Preset, mode: str) -> float:
    """The engine's."""
    return mean_sdr(piece, play(piece.mix, piece.sample_rate, piece.score, preset, by_track(piece.score), MODES[mode]))


def show(name: str, pieces: Iterable[Piece], separate: Callable[[Piece, str], float], modes: Iterable[str] = MOST) -> None:
    """A line of a table: name, and the mean over the pieces in every mode."""
    means = [np.mean([separate(piece, mode) for piece in pieces]) for mode in modes]
    print(f"| {name} | " + " | ".join(f"{mean:.2f}" for mean in means) + " |", flush=True)


def show_preset(name: str, pieces: Iterable[Piece], preset: Preset, modes: Iterable[str] = MOST) -> None:
    """A line of a table, of one preset."""
    show(name, pieces, lambda piece, mode: played(piece, preset, mode), modes)


def show_bounds(pieces: Iterable[Piece], name: str) -> None:
    """What nothing gives, and what the best mask would."""
    ways = {"mix": lambda piece, mode: mean_sdr(piece, dict.fromkeys(piece.truths, piece.mix)),
            "oracle mask": lambda piece, mode: mean_sdr(piece, oracle(piece, MODES[mode]))}
    show(name, pieces, ways[name])


def compare_settings(seconds: float | None) -> None:
    """Isolated notes of a piano that none of the pieces is played on."""
    pieces = pieces_of("piano_and_others", seconds)
    for settings in (Settings(), Settings(iterations=1), Settings(iterations=20), Settings(1), Settings(3), Settings(2, 2),
                     Settings(1, 2), Settings(divergence="euclid"), Settings(divergence="is")):
        show_preset(str(settings), pieces, trained(("salamander",), settings), (LIVE,))


def compare_pianos(seconds: float | None) -> None:
    """Every piano, and all but the one that is heard, stacked."""
    pieces = pieces_of("two_hands", seconds)
    print(f"| trained on | {LIVE} | {QUALITY} |\n| --- | --- | --- |")
    show_bounds(pieces, "mix")
    for slope in SLOPES:
        show_preset(f"nothing: harmonic comb, 1 / m^{slope:g}", pieces, comb(slope))
    for piano in PIANOS:
        show_preset(piano, pieces, trained((piano,), Settings()))
    show_preset("all but salamander, stacked", pieces, trained(PIANOS[1:], Settings()))
    show_bounds(pieces, "oracle mask")


# --- half of a piece --------------------------------------------------------------------------------------------------


def first_half(piece: Piece, folder: Path, name: str = "") -> Take:
    """The first CUT_S of a piece as a recording."""
    path, samples = folder / f"{piece.name}{name}.wav", round(CUT_S * piece.sample_rate)
    soundfile.write(path, piece.mix[:, :samples].T, piece.sample_rate, subtype="FLOAT")
    notes = piece.score.notes()
    notes = notes[notes["onset_s"] < CUT_S]
    notes["offset_s"] = np.minimum(notes["offset_s"], CUT_S)
    return Take(path, piece.sample_rate, samples, notes)


def second_half(piece: Piece) -> Piece:
    """What follows, with its own score; what sounds at the cut is struck there."""
    first, later = round(CUT_S * piece.sample_rate), piece.score.seconds >= CUT_S
    notes = piece.score.notes()
    notes = notes[(notes["onset_s"] < CUT_S) & (notes["offset_s"] > CUT_S)]
    struck = np.array([(note["part"], 0x90 | note["channel"], note["pitch"], note["velocity"]) for note in notes], np.uint8)
    seconds = np.concatenate([np.zeros(len(notes)), piece.score.seconds[later] - CUT_S])
    score = replace(piece.score, seconds=seconds, messages=np.concatenate([struck.reshape(-1, 4), piece.score.messages[later]]))
    return replace(piece, truths={stem: sound[:, first:] for stem, sound in piece.truths.items()}, score=score)


def learnt_from(take: Take, job: Job) -> Preset:
    """The preset of one take, with templates for every key of a piano."""
    return learn([Given(take.path.name, (), take)], replace(job, fill_low=21, fill_high=108), ABOUT, quiet).preset


def compare_halves(group: str, seconds: float | None) -> None:
    """Score-informed training on one half against presets that know other pianos, or this one from isolated notes."""
    print(f"{group}, judged from {CUT_S:g} s on\n\n| preset | {LIVE} | {QUALITY} |\n| --- | --- | --- |")
    pieces = pieces_of(group, seconds)
    tests = [second_half(piece) for piece in pieces]
    show_bounds(tests, "mix")
    show_preset("harmonic comb", tests, comb(SLOPES[1]))
    for name in ("gm-piano", "grand-piano", "piano"):
        show_preset(name, tests, preset_named(name))
    with tempfile.TemporaryDirectory() as folder:
        presets = {piece.name: learnt_from(first_half(piece, Path(folder)), Job(Settings())) for piece in pieces}
        show("learnt from the first half", tests, lambda piece, mode: played(piece, presets[piece.name], mode))
    show_bounds(tests, "oracle mask")


# --- scores that were not played together with the recording ----------------------------------------------------------


def bent(notes: np.ndarray, seed: int) -> np.ndarray:
    """The notes at tempos that change at random, 0.8 to 1.25 times as fast, six times within CUT_S."""
    rng = np.random.default_rng(seed)
    knots = np.linspace(0, CUT_S + 1, 7)
    times = np.concatenate([[0.0], np.cumsum(np.diff(knots) * 1.25 ** rng.uniform(-1, 1, len(knots) - 1))])
    changed: np.ndarray = notes.astype(NOTE, copy=True)
    for name in ("onset_s", "offset_s"):
        changed[name] = np.interp(notes[name], knots, times)
    return changed


def compare_sync(seconds: float | None) -> None:
    """How far notes are off before and after, and what the presets are worth."""
    from rtsep.training.alignment import check_alignment
    from rtsep.training.sync import synchronised

    pieces = pieces_of("two_hands", seconds)
    results: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for seed, piece in enumerate(pieces):
            take, test = first_half(piece, Path(folder)), second_half(piece)
            late = take.notes.copy()
            for name in ("onset_s", "offset_s"):
                late[name] += 0.4
            for kind, notes in (("as played", take.notes), ("0.4 s late", late), ("bent", bent(take.notes, seed))):
                given = replace(take, notes=notes)
                for way in ("as it is", "--sync"):
                    used = synchronised(given) if way == "--sync" else notes
                    error_ms = 1000 * np.abs(np.sort(used["onset_s"]) - np.sort(take.notes["onset_s"]))
                    fit = check_alignment(replace(take, notes=used))
                    refused = bool(fit.fault())
                    sdr = played(test, learnt_from(replace(take, notes=used), Job(Settings(), check=False)), LIVE)
                    print(f"{piece.name}, {kind}, {way}: off by {np.median(error_ms):.0f} ms at the median, 90 % by less than "
                          f"{np.quantile(error_ms, 0.9):.0f} ms, strength {fit.strength:.1f}, refused {refused}, "
                          f"SDR {sdr:.2f}", flush=True)
                    results.setdefault(f"{kind}, {way}", []).append(sdr)
    print(json.dumps({name: round(float(np.mean(values)), 2) for name, values in results.items()}, indent=1))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("settings", "isolated", "music", "sync"))
    parser.add_argument("--seconds", type=float, metavar="S", help="only the start of each piece (music, sync: more than 14)")
    options = parser.parse_args()
    if not SHARED.is_dir():
        raise RtsepError(f"{SHARED} with two_hands, piano_and_others and piano_notes is not there")
    if options.what == "music":
        for group in ("piano_and_others", "two_hands"):
            compare_halves(group, options.seconds)
    else:
        {"settings": compare_settings, "isolated": compare_pianos, "sync": compare_sync}[options.what](options.seconds)


if __name__ == "__main__":
    main()
