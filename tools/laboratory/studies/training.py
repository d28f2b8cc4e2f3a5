"""What training is worth: presets are trained here, and judged on pieces with true stems that they do not know."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import soundfile

from laboratory.grid import measure
from laboratory.pieces import Piece, pianos
from laboratory.report import pivot, table
from laboratory.study import Given, Row, Table, need_file, need_module, option, study
from laboratory.systems import LIVE, MODES, preset_named
from rtsep.errors import RtsepError
from rtsep.notes.score import NOTE
from rtsep.presets.optional import any_age
from rtsep.presets.preset import Preset
from rtsep.training.initial import pitch_hz
from rtsep.training.inputs import Given as Input
from rtsep.training.inputs import Take, gather
from rtsep.training.isolated import Settings
from rtsep.training.learn import About, Job, learn
from rtsep.windows import choose_framing, window_pair

PIANOS = ("salamander", "fluidr3", "upright_kw", "old_fb", "splendid")
ABOUT = About("trained", "trained", dict.fromkeys(("source", "licence", "attribution", "made_by"), "an evaluation"))
BOTH = {mode: MODES[mode] for mode in ("live 512", "quality 4096")}
SLOPES = (1.0, 1.5, 2.0)
RATE, MOST_PARTIALS = 44100, 30
CUT_S = 14.0
"""Music is learnt from this many first seconds of a piece, and judged on the rest."""
KEYS = np.arange(21, 109)
CHOICES = (Settings(), Settings(iterations=1), Settings(iterations=20), Settings(1), Settings(3), Settings(2, 2),
           Settings(1, 2), Settings(divergence="euclid"), Settings(divergence="is"))
Ways = Mapping[str, Callable[[Piece], Preset]]


def quiet(*_progress: object) -> None:
    """Ignore the progress."""


# --- presets ----------------------------------------------------------------------------------------------------------


@cache
def notes_of(folder: Path, piano: str) -> Input:
    """The isolated notes of one piano."""
    return gather([need_file(folder / "piano_notes" / f"{piano}.flac")], [folder / "piano_notes" / f"{piano}.csv"],
                  "notes", quiet)[0]


@cache
def trained(folder: Path, pianos: tuple[str, ...], settings: Settings) -> Preset:
    """A preset learnt from these pianos, stacked."""
    return learn([notes_of(folder, piano) for piano in pianos], Job(settings, stacked=True), ABOUT, quiet).preset


@cache
def comb(slope: float) -> Preset:
    """A preset without training: partials with the strength 1 / m^slope and the shape of the window's main lobe.

    Ringing times are those of `piano`. (Bands of equal height, the start of score-informed NMF, are about 3 dB worse here.)
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


def rows_of(given: Given, pieces: Sequence[Piece], ways: Ways, modes: Mapping[str, str] = BOTH,
            bounds: bool = True) -> list[Row]:
    """The preset of each way on every piece in every mode; `bounds`: also the mix itself, and the oracle mask."""
    def named(name: str, played: Sequence[Piece], way: str = "") -> list[Row]:
        return [{**row, "preset": name, "mode": row["settings"]}
                for row in measure(given, played, {mode: way + text for mode, text in modes.items()})]

    rows = named("mix", pieces, "mix,") if bounds else []
    for name, preset_for in ways.items():
        rows += named(name, given.there(lambda piece, preset_for=preset_for: replace(piece, preset=preset_for(piece)), pieces))
    return rows + (named("oracle mask", pieces, "oracle,") if bounds else [])


# --- half of a piece --------------------------------------------------------------------------------------------------


def first_half(piece: Piece, folder: Path) -> Take:
    """The first CUT_S of a piece as a recording."""
    path, samples = folder / f"{piece.name}.wav", round(CUT_S * piece.sample_rate)
    soundfile.write(path, piece.mix[:, :samples].T, piece.sample_rate, subtype="FLOAT")
    notes = piece.score.notes()
    notes = notes[notes["onset_s"] < CUT_S]
    notes["offset_s"] = np.minimum(notes["offset_s"], CUT_S)
    return Take(path, piece.sample_rate, samples, notes)


def second_half(piece: Piece) -> Piece:
    """The rest of the piece, with its own score; notes that sound at the cut begin there."""
    first, later = round(CUT_S * piece.sample_rate), piece.score.seconds >= CUT_S
    notes = piece.score.notes()
    notes = notes[(notes["onset_s"] < CUT_S) & (notes["offset_s"] > CUT_S)]
    struck = np.array([(note["part"], 0x90 | note["channel"], note["pitch"], note["velocity"]) for note in notes], np.uint8)
    seconds = np.concatenate([np.zeros(len(notes)), piece.score.seconds[later] - CUT_S])
    score = replace(piece.score, seconds=seconds, messages=np.concatenate([struck.reshape(-1, 4), piece.score.messages[later]]))
    return replace(piece, truths={stem: sound[:, first:] for stem, sound in piece.truths.items()}, score=score)


def learnt_from(take: Take, job: Job) -> Preset:
    """The preset of one take, with templates for every key of a piano."""
    return learn([Input(take.path.name, (), take)], replace(job, fill_low=21, fill_high=108), ABOUT, quiet).preset


def music(given: Given) -> list[Table]:
    """Score-informed training on one half, compared with presets that know other pianos, or this one from isolated notes."""
    pieces = [piece for group in ("piano_and_others", "two_hands") for piece in pianos(given, group)]
    with tempfile.TemporaryDirectory() as folder:
        presets = {piece.name: learnt_from(first_half(piece, Path(folder)), Job(Settings())) for piece in pieces}
    known = {f"`{name}`": lambda piece, name=name: preset_named(name) for name in ("gm-piano", "grand-piano", "piano")}
    ways = {"harmonic comb, 1 / m^1.5": lambda piece: comb(SLOPES[1]), **known,
            "learnt from the first 14 s": lambda piece: presets[piece.name]}
    rows = rows_of(given, [second_half(piece) for piece in pieces], ways)
    return [Table("training-music", pivot(rows, ["preset"], ["set", "mode"]), rows)]


# --- isolated notes ---------------------------------------------------------------------------------------------------


def isolated(given: Given) -> list[Table]:
    """Every piano, and all pianos except the one in the pieces, stacked."""
    combs = {f"nothing: harmonic comb, 1 / m^{slope:g}": lambda piece, slope=slope: comb(slope) for slope in SLOPES}
    single = {name: lambda piece, name=name: trained(given.shared, (name,), Settings()) for name in PIANOS}
    ways = {**combs, **single, "all but salamander, stacked": lambda piece: trained(given.shared, PIANOS[1:], Settings())}
    rows = rows_of(given, pianos(given, "two_hands"), ways)
    return [Table("training-isolated", pivot(rows, ["preset"], ["mode"]), rows)]


def settings(given: Given) -> list[Table]:
    """Templates, levels and updates for isolated notes of a piano that plays none of the pieces."""
    ways = {str(choice): lambda piece, choice=choice: trained(given.shared, ("salamander",), choice) for choice in CHOICES}
    rows = rows_of(given, pianos(given, "piano_and_others"), ways, {"live 512": LIVE}, bounds=False)
    return [Table("training-settings", pivot(rows, ["preset"], ["mode"]), rows)]


# --- scores that were not played together with the recording ----------------------------------------------------------


def bent(notes: np.ndarray, seed: int) -> np.ndarray:
    """The notes at random tempos, 0.8 to 1.25 times as fast, which change six times within CUT_S."""
    rng = np.random.default_rng(seed)
    knots = np.linspace(0, CUT_S + 1, 7)
    times = np.concatenate([[0.0], np.cumsum(np.diff(knots) * 1.25 ** rng.uniform(-1, 1, len(knots) - 1))])
    return shifted(notes, lambda seconds: np.interp(seconds, knots, times))


def shifted(notes: np.ndarray, moved: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """The notes at other times."""
    changed: np.ndarray = notes.astype(NOTE, copy=True)
    for name in ("onset_s", "offset_s"):
        changed[name] = moved(notes[name])
    return changed


def sync(given: Given) -> list[Table]:
    """By how much the notes of wrong scores are off, before and after `--sync`, and what the presets are worth."""
    need_module("synctoolbox", "pip install -e '.[sync]', in an environment of its own")
    from rtsep.files.sound import open_sound
    from rtsep.fit.check import check_fit
    from rtsep.training.sync import synchronised

    lines, rows = [], []
    with tempfile.TemporaryDirectory() as folder:
        for seed, piece in enumerate(pianos(given, "two_hands")):
            take, test = first_half(piece, Path(folder)), second_half(piece)
            scores = {"as played": take.notes, "0.4 s late": shifted(take.notes, lambda seconds: seconds + 0.4),
                      "bent": bent(take.notes, seed)}
            for kind, notes in scores.items():
                for way, used in (("as it is", notes), ("--sync", synchronised(replace(take, notes=notes)))):
                    error_ms = 1000 * np.abs(np.sort(used["onset_s"]) - np.sort(take.notes["onset_s"]))
                    with open_sound(take.path) as sound:
                        refused = "yes" if check_fit(sound, used).fault() else "no"
                    lines.append([piece.name, kind, way, *(f"{np.quantile(error_ms, q):.0f}" for q in (0.5, 0.9)), refused])
                    preset = learnt_from(replace(take, notes=used), Job(Settings(), check=False))
                    rows += [{**row, "score": kind, "way": way}
                             for row in measure(given, [replace(test, preset=preset)], {"live 512": LIVE})]
    head = ["piece", "score", "way", "onsets off, ms: median", "90 %", "refused"]
    return [Table("training-sync", pivot(rows, ["score"], ["way"]), rows), Table("training-onsets", table(head, lines, 3))]


WHAT = {"isolated": isolated, "music": music, "sync": sync, "settings": settings}


@study("training", option("what", nargs="*", metavar="WHAT", help=", ".join(WHAT) + " (default: all)"),
       takes=("seconds", "pieces"))
def training(given: Given) -> list[Table]:
    """What training is worth: presets are trained here, and judged on pieces that they do not know; mean SDR in dB.

    isolated: isolated notes of five pianos, compared with the untrained comb, on the reporting pieces. music: learnt from the
    first half of each piece, judged on the second half. sync: the same with scores that are shifted or bent in time (needs
    rtsep[sync]). settings: templates, levels and updates for isolated notes, on the tuning pieces. With --seconds only the
    start of each piece is played (for music and sync: more than 14).
    """
    chosen = given["what"] or list(WHAT)
    if unknown := set(chosen) - set(WHAT):
        raise RtsepError(f"training {' '.join(sorted(unknown))}: there are {', '.join(WHAT)}")
    return [table for found in given.there(lambda name: WHAT[name](given), chosen) for table in found]
