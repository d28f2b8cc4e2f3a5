"""The effect of parameters of the engine: background and prediction, panning, suppression, estimators."""

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from laboratory.grid import measure, with_field
from laboratory.pieces import Piece, all_pieces, bands, group_of, one_piano, pianos
from laboratory.report import mean_db, pivot, shown, table
from laboratory.study import Given, Table, need_file, option, study
from laboratory.systems import BLOCK, judge, outputs, params_of, preset_named
from rtsep.engine.separator import Separator
from rtsep.files.sound import read_sound
from rtsep.notes.routing import by_track

KNOWN = {"`grand-piano` (the instrument that is heard)": "grand-piano", "`piano` (default: it and another one)": "piano",
         "`gm-piano` (has never heard it)": "gm-piano"}
LATENCIES = {"`instant`, 0 ms": "mode=instant", "`instant`, 5.8 ms": "mode=instant,latency_samples=256",
             "`live`, 11.6 ms": "mode=live", "`quality`, 93 ms": "mode=quality"}
BAND = {
    "as it ships": "", "mode=instant": "mode=instant", "mode=instant,latency_samples=256": "mode=instant,latency_samples=256",
    "mode=quality": "mode=quality", "adapt=off": "adapt=off", "prediction=0": "prediction=0",
    "background=0 (one flat row)": "background=0", "every note told with velocity 64": "velocity=64",
    "32 rows that learn, and nothing else": "plain", "oracle ratio mask, 512 samples": "oracle",
}
LEVELS_DB = {"one place": 0.0, "3 dB": 3.0, "6 dB": 6.0, "12 dB": 12.0, "left and right": 90.0}
STEREO = {"panning=off": "panning=off", "as it ships": "", "mode=instant, without latency": "mode=instant",
          "mode=quality": "mode=quality", "oracle": "oracle,hop_samples=256"}
SKIPPED_S = 9.0
"""The cello of piano_and_others begins after this many seconds."""
ROOM_S = 0.4
"""The reverberation time of a room, in seconds."""
SUPPRESSED = ("sdr_db", "sir_db", "sar_db")
SUPPRESSION = ("", *(f"suppression={value}" for value in (0.25, 0.5, 2, 4)), "mask_power=1", "mask_power=3", "mask_power=4")
PLAIN_UPDATES = tuple(f"estimator=kl,relaxation=1,iterations={updates}" for updates in (1, 3, 5, 10, 20))
RELAXED = tuple(f"estimator=kl,relaxation=1.8,iterations={updates}" for updates in (2, 3, 4, 5, 10))
ENCODERS = tuple(f"estimator={way},encoder={kind}" for kind in ("nonnegative", "signed")
                 for way in ("encoder", "encoder+kl,relaxation=1,iterations=1", "encoder+kl,relaxation=1,iterations=3",
                             "encoder+kl,relaxation=1.8,iterations=3", "encoder+kl,relaxation=1.8,iterations=5"))
PRESETS = ("grand-piano", "gm-piano")


# --- hands alone ------------------------------------------------------------------------------------------------------


@study("hands", page="docs/measurements/benchmarks.md")
def hands(given: Given) -> list[Table]:
    """Left / right hand in every mode, with the preset that knows the piano and with others: SDR in dB on two_hands."""
    pieces = [piece for called, name in KNOWN.items() for piece in pianos(given, "two_hands", preset_named(name), called)]
    rows = with_field(measure(given, pieces, given.chosen(LATENCIES)), "preset", lambda row: row["set"])
    return [Table("hands", pivot(rows, ["preset"], ["settings"], form=".1f", joined="stem"), rows)]


# --- under an unknown band --------------------------------------------------------------------------------------------


@study("background")
def background(given: Given) -> list[Table]:
    """Background, adaptation and prediction: a piano alone, beside a cello, and under an unknown band; SDR in dB.

    alone: the two hands of a piano and nothing else, mean of both (two_hands; piano_and_others without its cello). cello, band:
    the piano if only its notes are told: piano_and_others with its cello; two_hands with singing, saxophone or cello at 0 dB,
    where the residual has the same SDR, since both have the same error. right, wrong: `grand-piano`, which knows the piano of
    two_hands, and `gm-piano`; elsewhere `piano`.
    """
    right, wrong = preset_named("grand-piano"), preset_named("gm-piano")
    pieces = [*pianos(given, "two_hands", right, "alone, right"), *pianos(given, "two_hands", wrong, "alone, wrong"),
              *pianos(given, "piano_and_others", called="piano_and_others alone"),
              *map(one_piano, group_of(given, "piano_and_others", called="cello")),
              *bands(given, right, "band, right"), *bands(given, wrong, "band, wrong")]
    rows = measure(given, pieces, given.chosen(BAND))
    return [Table("background", pivot(rows, ["settings"], ["set"]), rows)]


# --- stems apart in stereo --------------------------------------------------------------------------------------------


def panned(sound: np.ndarray, level_db: float) -> np.ndarray:
    """sound [1, sample] in two channels, louder on the left by `level_db`, and as loud as before."""
    left = 10 ** (level_db / 20)
    return (np.array([[left], [1]]) * np.sqrt(2 / (1 + left**2)) * sound).astype(np.float32)


def in_a_room(sound: np.ndarray, rate: int, level_db: float, later_ms: float, wet: float) -> np.ndarray:
    """sound [1, sample] at two microphones: the second gets it later; each has its own reverberation, `wet` times the sound."""
    rng, tail = np.random.default_rng(round(100 * later_ms) + 1000), round(ROOM_S * rate)
    found = panned(sound, level_db)
    late = round(later_ms * rate / 1000)
    channel = int(late > 0)
    found[channel] = np.pad(found[channel], (abs(late), 0))[: sound.shape[1]]
    shape = np.minimum(np.arange(tail) / (0.005 * rate), 1) * 10 ** (-3 * np.arange(tail) / tail)
    for output in found:
        response = shape * rng.standard_normal(tail)
        response *= wet / np.sqrt((response**2).sum())
        size = sound.shape[1] + tail
        output += np.fft.irfft(np.fft.rfft(sound[0], size) * np.fft.rfft(response, size), size)[: sound.shape[1]]
    return found


def placed(piece: Piece, place: str) -> Piece:
    """The piece with its two stems at the places that `place` names."""
    (first, one), (second, other) = piece.truths.items()
    rate = piece.sample_rate
    if place == "rooms":
        truths = {first: in_a_room(one, rate, 6, 0.4, 0.6), second: in_a_room(other, rate, -6, -0.4, 0.6)}
    elif place == "wide":
        truths = {first: panned(one, 0), second: in_a_room(other, rate, 0, 3, 1.5)}
    else:
        truths = {first: panned(one, LEVELS_DB[place]), second: panned(other, -LEVELS_DB[place])}
    return replace(piece, truths=truths)


@study("panning", seconds=16.0)
def panning(given: Given) -> list[Table]:
    """What the places of stems between two channels give: SDR in dB over both channels.

    hands: the two hands of the demo clip and of two_hands, mean of both (`grand-piano`). band: the piano of two_hands with a
    cello, singers and a saxophone as loud as it, whose notes are not told (`grand-piano`). cello: the piano of piano_and_others
    with its cello, from 9 s on (`piano`; used for tuning). The first is louder on the left by this many dB, and the second on
    the right. rooms: 6 dB, two microphones 0.4 ms apart for each, and separate reverberation in each channel. wide: the first
    in the middle, and the second only as reverberation. oracle: ratio masks of the true stems in each channel.
    """
    grand = preset_named("grand-piano")
    demo = [replace(piece, group="hands", preset=grand) for piece in all_pieces(given) if piece.group == "demo"]
    songs = [replace(one_piano(piece), skipped_s=SKIPPED_S) for piece in group_of(given, "piano_and_others", called="cello")]
    pieces = [*demo, *pianos(given, "two_hands", grand, "hands"), *bands(given, grand, "band"), *songs]
    places = {place: partial(placed, place=place) for place in (*LEVELS_DB, "rooms", "wide")}
    rows = measure(given, pieces, given.chosen(STEREO), places)
    rows.sort(key=lambda row: ("hands", "band", "cello").index(row["set"]))
    return [Table("panning", pivot(rows, ["set", "settings"], ["condition"], form=".1f"), rows)]


# --- fuller or cleaner stems ------------------------------------------------------------------------------------------


@study("suppression", option("--mode", default="instant", help="latency mode (default: %(default)s)"), seconds=10.0)
def suppression(given: Given) -> list[Table]:
    """The balance between sound that leaks into the stems and sound that they lose: mean SDR, SIR and SAR of the hands.

    SIR and SAR are those of BSS Eval 3, by fast_bss_eval. Pieces: piano_and_others without the cello (used for tuning), with
    it, and two_hands.
    """
    pieces = [*pianos(given, "piano_and_others", called="piano_and_others alone"),
              *group_of(given, "piano_and_others", called="with the cello"), *pianos(given, "two_hands")]
    base = f"mode={given['mode']}"
    usual = {text or "as it ships": f"{base},{text}" for text in SUPPRESSION}
    rows = measure(given, pieces, given.chosen(usual, base), judge=judge)
    rows = [row for row in rows if row["stem"] != "residual"]
    return [Table("suppression", pivot(rows, ["settings"], ["set"], SUPPRESSED), rows)]


# --- estimators -------------------------------------------------------------------------------------------------------


def beside(piece: Piece, sound: np.ndarray) -> Piece:
    """The piece beside a sound that is as loud, repeated to the piece's length, and no stem."""
    rest = np.resize(sound.mean(axis=0), piece.mix.shape[1])
    noise = rest * np.sqrt((piece.mix**2).mean() / (rest**2).mean())
    return replace(piece, noise=noise[None], group=f"{piece.group}, with background")


def hop_us(pieces: Sequence[Piece], text: str) -> float:
    """Processor time per hop in µs, the median over the pieces and presets."""
    took = []
    for piece in pieces:
        separator = Separator(piece.preset, by_track(piece.score), params_of(text))
        separator.prepare(piece.sample_rate, len(piece.mix), BLOCK)
        started = time.process_time()
        for _ in outputs(separator, piece.mix, piece.score.events(piece.sample_rate)):
            pass
        took.append((time.process_time() - started) / (piece.mix.shape[1] / separator.framing.hop) * 1e6)
    return float(np.median(took)) if took else float("nan")


@study("estimators", option("--group", choices=("two_hands", "piano_and_others"), default="two_hands",
                            help="which pieces (default: %(default)s)"), seconds=4.0)
def estimators(given: Given) -> list[Table]:
    """Kullback-Leibler updates, encoders, and both: SDR and the time per hop.

    All notes of the pieces are told. Two presets, of which grand-piano knows the piano of two_hands, alone and with each of the
    `backgrounds` as loud as the piano. SDR in dB, mean over stems and pieces. Time is processor time, the median over the
    pieces alone. `estimates` is its part that differs from row to row: a hop's time minus that of a hop without updates, which
    is computed from the rows with 10 and 20 updates.
    """
    alone = [piece for name in PRESETS for piece in pianos(given, given["group"], preset_named(name), name)]
    paths = sorted((given.shared / "backgrounds").glob("*.flac")) or [given.shared / "backgrounds"]
    sounds = given.there(lambda path: read_sound(need_file(path))[0], paths)
    settings = given.chosen({text: text for text in (*PLAIN_UPDATES, *RELAXED, *ENCODERS)})
    rows = measure(given, [*alone, *(beside(piece, sound) for sound in sounds for piece in alone)], settings)
    ten, twenty = (hop_us(alone, text) for text in PLAIN_UPDATES[-2:])
    columns, lines = [f"{name}{more}" for name in PRESETS for more in ("", ", with background")], []
    for label, text in settings.items():
        took = hop_us(alone, text)
        found = [mean_db(row for row in rows if row["settings"] == label and row["set"] == column) for column in columns]
        lines.append([label, *(shown(db, ".2f") for db in found), shown(took, ".0f"), shown(took - 2 * ten + twenty, ".0f")])
    return [Table("estimators", table(["settings", *columns, "µs per hop", "estimates"], lines), rows)]
