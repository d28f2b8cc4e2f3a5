"""Adverse conditions: the same pieces with another preset, with late, early, missing or wrong notes, or with other sound.

Everything random has a seed that depends only on the piece.
"""

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from laboratory import grid
from laboratory.pieces import Piece, with_sounds
from laboratory.study import Given, Row, need_module
from laboratory.systems import LIVE, judge_quickly

NOISE_DB = -30.0
"""The level of the white noise in dB, from the mix."""
SHARE = 0.05
"""The share of notes that are missing or wrong."""
WRONG = "wrong"
"""The name of the stem with notes that nobody plays."""
PAN = ((0.92, 0.39), (0.39, 0.92), (0.71, 0.71))
"""Left and right gain of the first, the second, and all further stems."""


@dataclass(frozen=True)
class Condition:
    """A row of the table: how the piece is altered, and the setting for it.

    Late MIDI is played with `late_midi`, as users with late MIDI would do.
    """

    name: str
    alter: Callable[[Piece], Piece]
    setting: str = ""
    concerns: Callable[[Piece], bool] = lambda piece: True


def rng_of(piece: Piece) -> np.random.Generator:
    """Random numbers that are the same for this piece in every run."""
    return np.random.default_rng(zlib.crc32(piece.name.encode()))


def unchanged(piece: Piece) -> Piece:
    """The unchanged piece."""
    return piece


# --- notes ------------------------------------------------------------------------------------------------------------


def note_pairs(messages: np.ndarray) -> Iterator[tuple[int, int]]:
    """The rows of every note-on and of the note-off that ends it, in the order of the ends."""
    down: dict[tuple[int, int, int], list[int]] = {}
    for row, (part, status, pitch, velocity) in enumerate(messages.tolist()):
        key = (part, status & 0x0F, pitch)
        if status & 0xF0 == 0x90 and velocity:
            down.setdefault(key, []).append(row)
        elif status & 0xF0 in (0x80, 0x90) and down.get(key):
            yield down[key].pop(0), row


def some_notes(piece: Piece) -> np.ndarray:
    """The rows [note, 2] of note-on and note-off for `SHARE` of the notes, drawn without replacement."""
    pairs = np.array(list(note_pairs(piece.score.messages)))
    return rng_of(piece).permutation(pairs)[: max(1, round(SHARE * len(pairs)))]


def missing_notes(piece: Piece) -> Piece:
    """The piece without the messages of some notes."""
    kept = np.ones(len(piece.score.seconds), bool)
    kept[some_notes(piece)] = False
    score = replace(piece.score, seconds=piece.score.seconds[kept], messages=piece.score.messages[kept])
    return replace(piece, score=score)


def wrong_notes(piece: Piece) -> Piece:
    """The piece in which the messages of some notes name a key one or two semitones away."""
    rows = some_notes(piece)
    messages = piece.score.messages.copy()
    steps = rng_of(piece).choice([-2, -1, 1, 2], len(rows))
    messages[rows, 2] = np.clip(messages[rows, 2].astype(int) + steps[:, None], 0, 127)
    return replace(piece, score=replace(piece.score, messages=messages))


def moved_notes(piece: Piece, earliest_s: float, latest_s: float) -> Piece:
    """The piece with every note told at another time, drawn uniformly between these seconds: late, or early if negative.

    A note keeps its length, unless its key is struck again before its end; no note begins before the beginning. Other messages
    stay.
    """
    score, pairs = piece.score, np.array(list(note_pairs(piece.score.messages)))
    seconds = score.seconds.copy()
    seconds[pairs] = np.maximum(seconds[pairs] + rng_of(piece).uniform(earliest_s, latest_s, len(pairs))[:, None], 0)
    pairs = pairs[np.argsort(seconds[pairs[:, 0]], kind="stable")]
    keys = score.messages[pairs[:, 0], :3]
    for key in np.unique(keys, axis=0):
        mine = pairs[(keys == key).all(axis=1)]
        seconds[mine[:-1, 1]] = np.minimum(seconds[mine[:-1, 1]], seconds[mine[1:, 0]])
    order = np.lexsort((np.arange(len(seconds)), score.messages[:, 1] & 0xF0 == 0x90, seconds))
    return replace(piece, score=replace(score, seconds=seconds[order], messages=score.messages[order]))


def early_notes(piece: Piece, early_s: float) -> Piece:
    """The piece with all messages this many seconds early."""
    return replace(piece, late_s=-early_s)


def wrong_stem(piece: Piece) -> Piece:
    """The piece with additional messages of notes that nobody plays: a separate stem, whose truth is silence.

    They are copies of some notes, one or two semitones away. Presets for the stems are chosen afterwards.
    """
    score, rows = piece.score, some_notes(piece)
    messages = score.messages[rows.ravel()].copy()
    steps = np.repeat(rng_of(piece).choice([-2, -1, 1, 2], len(rows)), 2)
    messages[:, 0], messages[:, 2] = len(score.track_names), np.clip(messages[:, 2].astype(int) + steps, 0, 127)
    seconds = np.concatenate([score.seconds, score.seconds[rows.ravel()]])
    order = np.argsort(seconds, kind="stable")
    programs = {**score.programs, **{(len(score.track_names), channel): program
                                     for (_, channel), program in score.programs.items()}}
    told = replace(score, track_names=(*score.track_names, WRONG), seconds=seconds[order], programs=programs,
                   messages=np.concatenate([score.messages, messages])[order], note_count=score.note_count + len(rows),
                   ports=(*score.ports, 0) if score.ports else ())
    return replace(piece, score=told, truths={**piece.truths, WRONG: np.zeros_like(piece.mix)})


def no_pedal(piece: Piece) -> Piece:
    """The piece without the messages of pedals."""
    kept = piece.score.messages[:, 1] & 0xF0 != 0xB0
    score = replace(piece.score, seconds=piece.score.seconds[kept], messages=piece.score.messages[kept])
    return replace(piece, score=score)


# --- sound ------------------------------------------------------------------------------------------------------------


def quiet(piece: Piece) -> Piece:
    """The piece 40 dB quieter."""
    return with_sounds(piece, lambda sound: sound * np.float32(0.01))


def at_48_khz(piece: Piece) -> Piece:
    """The piece, resampled to 48 kHz."""
    need_module("soxr", "pip install soxr")
    import soxr

    changed = with_sounds(piece, lambda sound: soxr.resample(sound.T, piece.sample_rate, 48000).T.astype(np.float32))
    return replace(changed, sample_rate=48000)


def in_stereo(piece: Piece) -> Piece:
    """The piece with every mono stem panned to another place."""
    truths = {stem: np.array(PAN[min(number, 2)], np.float32)[:, None] * sound[:1]
              for number, (stem, sound) in enumerate(piece.truths.items())}
    return replace(piece, truths=truths)


def noisy(piece: Piece) -> Piece:
    """The piece with white noise in the mix, 30 dB below it; the truths do not contain the noise."""
    noise = rng_of(piece).standard_normal(piece.mix.shape, np.float32)
    return replace(piece, noise=noise * np.float32(np.sqrt(np.mean(piece.mix**2)) * 10 ** (NOISE_DB / 20)))


def all_conditions() -> list[Condition]:
    """The rows of the table; the others are compared with the first one."""
    late = [(f"MIDI {ms} ms late", f"late_ms={ms},late_midi=on") for ms in (5, 10, 20, 40)]
    early = [(f"MIDI {ms} ms early", f"late_ms=-{ms}") for ms in (5, 10, 20, 40)]
    return [
        Condition("as it is: preset piano, mono, 44.1 kHz", unchanged),
        Condition("preset grand-piano (in two_hands and demo the very piano that plays)", unchanged, "preset=grand-piano"),
        Condition("preset gm-piano (another piano in all pieces)", unchanged, "preset=gm-piano"),
        *(Condition(name, unchanged, setting) for name, setting in (*late, *early)),
        Condition("5 % of the notes missing", missing_notes),
        Condition("5 % of the notes wrong by one or two keys", wrong_notes),
        Condition("no pedal information (pieces with pedal only)", no_pedal, concerns=lambda piece: piece.has_pedal),
        Condition("stereo: stems panned apart", in_stereo),
        Condition("48 kHz", at_48_khz),
        Condition("40 dB quieter", quiet),
        Condition("white noise 30 dB below the mix", noisy),
    ]


def measure(given: Given, condition: Condition, pieces: Sequence[Piece]) -> list[Row]:
    """A row for every stem of `pieces` under `condition`, live with 512 samples."""
    setting = {condition.name: f"{LIVE},{condition.setting}"}
    rows = grid.measure(given, filter(condition.concerns, pieces), setting, {condition.name: condition.alter}, judge_quickly)
    return [{name: row[name] for name in ("condition", "set", "role", "piece", "stem", "sdr_db", "si_sdr_db")} for row in rows]
