"""The pitch of a singer beside a piano whose notes are told."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from laboratory.pieces import Piece, beside, pianos
from laboratory.report import table
from laboratory.study import Given, Row, Table, option, study
from laboratory.sung_truth import SURE, Truth, at_steps, by_swift, by_yin, scores, truth_of
from laboratory.systems import BLOCK, params_of, play, preset_named, routing_of
from rtsep.engine.separator import Separator
from rtsep.files.sound import read_sound
from rtsep.hosts.sung import Listener
from rtsep.notes.routing import with_voice

PAGE = "docs/measurements/pitch.md"
LATENCIES = {"93 ms": "mode=quality", "23 ms": "mode=live,latency_samples=1024", "11.6 ms": "mode=live,latency_samples=512"}
SINGERS = {"tuned": ("backgrounds_more", ("singing-female", "carnatic"), "piano_and_others"),
           "reported": ("backgrounds", ("vocadito_10", "vocadito_14"), "two_hands")}
LEVELS_DB = (0, -6)
"""The singer's level, relative to the piano."""


@cache
def known(path: Path) -> tuple[Truth, float]:
    """`truth_of`, found once."""
    return truth_of(path)


def duet(piece: Piece, path: Path, level_db: float) -> Piece:
    """A piano with a singer, who is the residual."""
    mixed = beside(piece, read_sound(path)[0][:1])
    sings = mixed.truths["residual"] * np.float32(10 ** (level_db / 20))
    return replace(mixed, truths={**mixed.truths, "residual": sings})


def tracked(piece: Piece, setting: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times in s, pitches in Hz and whether they are voiced, by the engine."""
    separator = Separator(preset_named("piano"), with_voice(routing_of(piece), "voice"), params_of(setting))
    separator.prepare(piece.sample_rate, 1, BLOCK)
    listener, events, mix = Listener(separator), piece.score.events(piece.sample_rate), piece.mix
    for begin in range(0, mix.shape[1], BLOCK):
        first, last = np.searchsorted(events["sample"], (begin, min(begin + BLOCK, mix.shape[1])))
        due = events[first:last].copy()
        due["sample"] -= begin
        separator.process(mix[:, begin : begin + BLOCK], due)
        listener.listen()
    sung = listener.found()
    return sung.times_s, np.abs(sung.hz), sung.hz > 0


def others(sound: np.ndarray, rate: int) -> Iterator[tuple[str, tuple[np.ndarray, np.ndarray, np.ndarray]]]:
    """The same by YIN and by a network, from a sound [sample]."""
    times_s, hz = by_yin(sound, rate)
    yield "YIN", (times_s, hz, hz > 0)
    times_s, hz, sure = by_swift(sound, rate)
    yield "swift-f0", (times_s, hz, sure > SURE)


def ways(piece: Piece) -> Iterator[tuple[str, str, tuple[np.ndarray, np.ndarray, np.ndarray]]]:
    """Latency, way and what it finds."""
    for latency, setting in LATENCIES.items():
        yield latency, "rtsep", tracked(piece, setting)
    latency, setting = next(iter(LATENCIES.items()))
    stems = play(piece.mix, piece.sample_rate, piece.score, preset_named("piano"), routing_of(piece), params_of(setting))
    for way, found in others(stems["residual"][0], piece.sample_rate):
        yield latency, f"{way} on the residual", found
    for way, found in others(piece.mix[0], piece.sample_rate):
        yield "–", f"{way} on the mix", found


@study("pitch", option("--half", choices=tuple(SINGERS), default="reported",
                       help="the singers to report on, or those on whom constants were chosen (default: %(default)s)"),
       page=PAGE, seconds=10.0, takes=("seconds", "pieces"))
def pitch(given: Given) -> list[Table]:
    """The pitch of a singer beside a piano: raw pitch accuracy, octave errors, and voiced frames, in percent of all frames.

    A pitch is right if it is less than 50 cents from the truth (raw pitch accuracy of mir_eval). octave: right but for octaves.
    recall, false: the share of voiced and of unvoiced frames that a way calls voiced. The truth is from the singer alone: pYIN
    and swift-f0 agree. The singer is as loud as the piano (0 dB), or 6 dB softer.
    """
    folder, singers, group = SINGERS[given["half"]]
    rows = []
    for path in (given.shared / folder / f"{name}.flac" for name in singers):
        truth, seconds = known(path)
        for piece in pianos(given, group):
            for level_db in LEVELS_DB:
                song = duet(piece, path, level_db)
                true = truth.repeated(seconds, song.mix.shape[1] / song.sample_rate)
                for latency, way, (times_s, hz, voiced) in ways(song):
                    judged = scores(true, at_steps(times_s, hz, len(true)), at_steps(times_s, voiced, len(true)))
                    rows.append({"singer": path.stem, "piece": piece.name, "level_db": level_db, "latency": latency, "way": way,
                                 **judged})
    head = ["way", "latency", "right at 0 dB", "octave", "recall", "false", "right at -6 dB", "octave", "recall", "false"]
    return [Table("pitch" if given["half"] == "reported" else "pitch-tuned", table(head, lines(rows), 2), rows)]


def lines(rows: list[Row]) -> Iterator[list[str]]:
    """A line for each way and latency: means over singers and pieces."""
    for way, latency in dict.fromkeys((row["way"], row["latency"]) for row in rows):
        cells = []
        for level_db in LEVELS_DB:
            mine = [row for row in rows if (row["way"], row["latency"], row["level_db"]) == (way, latency, level_db)]
            cells += [f"{np.nanmean([row[name] for row in mine]):.1f}" for name in ("right", "octave", "recall", "false")]
        yield [way, latency, *cells]
