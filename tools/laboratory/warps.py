"""Scores that are not in time with their performance: made from performances with true notes.

A warp makes a score from a performance: in another tempo, with jitter, and with wrong, missing and extra notes. It can also
change the performance: the player repeats passages that the score has once, or leaves out a passage. Seeds of `TUNING_SEEDS`
are for choosing settings; those of `REPORTING_SEEDS` are only for the report.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from laboratory.pieces import Piece, with_sounds
from rtsep.notes.build import Note, build_score
from rtsep.notes.score import Score

TUNING_SEEDS, REPORTING_SEEDS = (1, 2, 3), (2901, 2902, 2903, 2904)
PERIODS_S = (4.0, 7.0, 13.0)
"""The tempo swings with these periods, in seconds."""
GROUP_S = 0.03
"""Notes that begin within this many seconds of the note before them are moved together."""
APART_S = 0.01
"""Moved groups begin at least this many seconds after one another."""
SHORTEST_S = 0.05
"""A note lasts at least this many seconds."""
REPEATED = (0.15, 0.3)
"""A repeated or skipped passage lasts this share of the performance, from-to."""
BEFORE_S = 0.01
"""A repeat or a skipped passage begins this many seconds before a note."""
FADE_S = 0.02
"""The sound of two passages crossfades over this many seconds."""


@dataclass(frozen=True)
class Warp:
    """How a score departs from a performance.

    tempo: the largest deviation of the tempo, as a share. speed: the factor of the whole tempo is drawn from this range.
    jitter_s: each group of notes is moved by up to A seconds, and A is drawn from this range for each piece. wrong, missing,
    extra: shares of the notes that have another key in the score, that the score lacks, and that only the score has. repeats:
    passages that the player repeats, though the score has them once. skips: passages that the player leaves out.
    """

    name: str
    tempo: float = 0.2
    speed: tuple[float, float] = (1.0, 1.0)
    jitter_s: tuple[float, float] = (0.0, 0.0)
    wrong: float = 0.0
    missing: float = 0.0
    extra: float = 0.0
    repeats: int = 0
    skips: int = 0


SMOOTH = Warp("smooth")
JITTER = replace(SMOOTH, name="jitter", jitter_s=(0.05, 0.15))
FAULTS = replace(JITTER, name="jitter, wrong notes", wrong=0.05, missing=0.05, extra=0.05)
REPEATS = replace(SMOOTH, name="two repeats", repeats=2)
SKIP = replace(SMOOTH, name="a skipped passage", skips=1)
OTHER_SPEED = replace(SMOOTH, name="another tempo", speed=(0.6, 1.7))
WARPS = (SMOOTH, JITTER, FAULTS, OTHER_SPEED, REPEATS, SKIP)


@dataclass(frozen=True)
class Warped:
    """A performance and its score.

    piece: the sound, and its true notes. score: what the player reads. told: NOTE [n], the notes of the score at the times at
    which they sound, by onset; repeated notes come again, skipped and extra ones are missing. written_s: float64 [n], the time
    of each of them in the score.
    """

    piece: Piece
    score: Score
    told: np.ndarray
    written_s: np.ndarray


def warped(piece: Piece, warp: Warp, seed: int) -> Warped:
    """The piece as it is played with this warp, and its score; the same for the same seed."""
    rng = np.random.default_rng([seed, zlib.crc32(piece.name.encode())])
    notes = piece.score.notes()
    notes = notes[notes["onset_s"] < piece.mix.shape[1] / piece.sample_rate]
    written = _jittered(_in_other_tempo(notes, warp, rng), notes["onset_s"], warp, rng)
    in_score = rng.random(len(notes)) >= warp.missing
    wrong = rng.random(len(notes)) < warp.wrong
    written["pitch"][wrong] = _beside(written["pitch"][wrong], rng)
    extra = written[rng.random(len(notes)) < warp.extra].copy()
    extra["pitch"] = _beside(extra["pitch"], rng)
    played, source = _spliced(notes, piece, passages(notes, piece, warp, rng))
    told = played.told[in_score[source]]
    told["pitch"] = written["pitch"][source][in_score[source]]
    score = score_of(np.concatenate([written[in_score], extra]), piece.score)
    return Warped(played.piece, score, told, written["onset_s"][source][in_score[source]])


def score_of(notes: np.ndarray, like: Score) -> Score:
    """NOTE [n] as a score with the tracks of another one. Pedals are in the notes' lengths."""
    rows = [Note(*note) for note in np.sort(notes, order="onset_s").tolist()]
    return build_score("score", rows, like.track_names, like.programs)


# --- times ------------------------------------------------------------------------------------------------------------


def _in_other_tempo(notes: np.ndarray, warp: Warp, rng: np.random.Generator) -> np.ndarray:
    """The notes at the times of a score whose tempo swings smoothly against that of the performance."""
    seconds = np.arange(0, float(notes["offset_s"].max(initial=0)) + 1, 0.01)
    swing = sum(rng.uniform(0.5, 1) * np.sin(2 * np.pi * (seconds / period + rng.random())) for period in PERIODS_S)
    at = np.concatenate([[0], np.cumsum(1 + warp.tempo * swing / np.abs(swing).max())[:-1]]) * 0.01 * rng.uniform(*warp.speed)
    written = notes.copy()
    for name in ("onset_s", "offset_s"):
        written[name] = np.interp(notes[name], seconds, at)
    return written


def _jittered(written: np.ndarray, played_s: np.ndarray, warp: Warp, rng: np.random.Generator) -> np.ndarray:
    """The notes with each group moved; groups keep their order, and notes keep their length."""
    most_s = rng.uniform(*warp.jitter_s)
    if not most_s:
        return written
    group = np.concatenate([[0], np.cumsum(np.diff(played_s) > GROUP_S)])
    first = np.searchsorted(group, np.arange(group[-1] + 1))
    before_s = written["onset_s"][first]
    steps = APART_S * np.arange(len(first))
    after_s = np.maximum.accumulate(np.maximum(before_s + rng.uniform(-most_s, most_s, len(first)), 0) - steps) + steps
    moved = written.copy()
    for name in ("onset_s", "offset_s"):
        moved[name] += (after_s - before_s)[group]
    moved["offset_s"] = np.maximum(moved["offset_s"], moved["onset_s"] + SHORTEST_S)
    return moved


def _beside(pitch: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Other keys, one or two semitones away."""
    return pitch + rng.choice(np.array([-2, -1, 1, 2]), len(pitch)).astype(np.int64)


# --- repeats and skipped passages -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Played:
    """A piece, and its notes."""

    piece: Piece
    told: np.ndarray


def passages(notes: np.ndarray, piece: Piece, warp: Warp, rng: np.random.Generator) -> list[tuple[float, float]]:
    """The passages (begin, end) in seconds of the recording, in the order in which the player plays them."""
    end_s = piece.mix.shape[1] / piece.sample_rate
    number = warp.repeats + warp.skips
    found, now = list[tuple[float, float]](), 0.0
    for each in range(number):
        length = rng.uniform(*REPEATED) * end_s * min(1, 2 / number)
        middle = (each + rng.uniform(0.4, 0.6)) * end_s / number
        first, last = (_before_a_note(notes, at) for at in (middle - length / 2, middle + length / 2))
        found.append((now, last if each < warp.repeats else first))
        now = first if each < warp.repeats else last
    return [*found, (now, end_s)]


def _before_a_note(notes: np.ndarray, at_s: float) -> float:
    """Just before the first note of the group that begins nearest to a time, if there is a pause before it."""
    starts = notes["onset_s"][np.flatnonzero(np.diff(notes["onset_s"], prepend=-1) > 2 * GROUP_S)]
    return float(starts[np.abs(starts - at_s).argmin()]) - BEFORE_S


def _spliced(notes: np.ndarray, piece: Piece, order: Sequence[tuple[float, float]]) -> tuple[_Played, np.ndarray]:
    """The passages one after another, and the number of each note among the notes that were given."""
    if len(order) == 1:
        return _Played(piece, notes.copy()), np.arange(len(notes))
    parts, sources, now = [], [], 0.0
    for begin, end in order:
        inside = np.flatnonzero((notes["onset_s"] >= begin) & (notes["onset_s"] < end))
        part = notes[inside].copy()
        part["offset_s"] = np.minimum(part["offset_s"], end) + now - begin
        part["onset_s"] += now - begin
        parts.append(part)
        sources.append(inside)
        now += end - begin
    told = np.concatenate(parts)
    cuts = [(round(begin * piece.sample_rate), round(end * piece.sample_rate)) for begin, end in order]
    played = with_sounds(piece, lambda sound: _joined(sound, cuts, round(FADE_S * piece.sample_rate)))
    return _Played(replace(played, score=score_of(told, piece.score)), told), np.concatenate(sources)


def _joined(sound: np.ndarray, cuts: Sequence[tuple[int, int]], fade: int) -> np.ndarray:
    """Passages (first and last sample) of a sound [channel, sample], which crossfade into one another."""
    result = np.zeros((len(sound), sum(last - first for first, last in cuts)), np.float32)
    at, ended = 0, 0
    for first, last in cuts:
        part = sound[:, first:last].copy()
        if at:
            rise = np.linspace(0, 1, fade, dtype=np.float32)
            before = np.pad(sound, ((0, 0), (0, fade)))[:, ended : ended + fade]
            part[:, :fade] = rise * part[:, :fade] + (1 - rise) * before
        result[:, at : at + part.shape[1]] = part
        at, ended = at + part.shape[1], last
    return result
