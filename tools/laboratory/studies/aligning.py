"""Scores that are not in time, brought into line with a recording: errors of the onsets, and the separation with them."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from laboratory.grid import measure, tell
from laboratory.pieces import Piece, bands, with_backgrounds
from laboratory.report import pivot, table
from laboratory.rooms import ROOMS, in_room
from laboratory.study import Given, Row, Table, need_module, option, study
from laboratory.systems import LIVE
from laboratory.warped_pieces import reporting_pieces, tuning_pieces
from laboratory.warps import (
    FAULTS,
    JITTER,
    REPEATS,
    REPORTING_SEEDS,
    SMOOTH,
    TUNING_SEEDS,
    WARPS,
    Warp,
    Warped,
    score_of,
    warped,
)
from rtsep.fit.align import align

ROLES = ("reporting", "tuning")
PRESET = "preset=gm-piano"
"""The preset of the separation, which does not know the piano of `two_hands`."""
LOST_S = 9.0
"""A note that the alignment lacks counts as this many seconds wrong."""
Aligner = Callable[[Warped], np.ndarray]
"""From a performance and its score to NOTE [n]: the score's notes at the times of the sound."""


class Heard:
    """The mix of a piece as an open sound file."""

    def __init__(self, piece: Piece) -> None:
        self.sample_rate, self.frames, self._mix = piece.sample_rate, piece.mix.shape[1], piece.mix

    def read(self, begin: int, end: int) -> np.ndarray:
        """Samples [channel, end - begin]."""
        return self._mix[:, begin:end]


def by_rtsep(case: Warped) -> np.ndarray:
    """The alignment of `rtsep render --score`."""
    return align(Heard(case.piece), case.score.notes()).notes


def as_written(case: Warped) -> np.ndarray:
    """The score at its own times."""
    return case.score.notes()


def by_synctoolbox(case: Warped) -> np.ndarray:
    """The alignment of `rtsep train --sync`."""
    import tempfile

    import soundfile

    from rtsep.training.inputs import Take
    from rtsep.training.sync import synchronised

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mix.wav"
        soundfile.write(path, case.piece.mix.T, case.piece.sample_rate, "FLOAT")
        return synchronised(Take(path, case.piece.sample_rate, case.piece.mix.shape[1], case.score.notes()))


def errors_s(found: np.ndarray, told: np.ndarray) -> np.ndarray:
    """For each note that is told, the time to the nearest note of the same part and pitch, in seconds."""
    result = np.full(len(told), LOST_S)
    for number, note in enumerate(told):
        same = found["onset_s"][(found["part"] == note["part"]) & (found["pitch"] == note["pitch"])]
        if len(same):
            away = same - note["onset_s"]
            result[number] = away[np.abs(away).argmin()]
    return result


def seeds_and_pieces(given: Given) -> tuple[tuple[int, ...], list[Piece]]:
    """Those of the role that --role names."""
    if given["role"] == ROLES[1]:
        return TUNING_SEEDS, tuning_pieces(given)
    return REPORTING_SEEDS, reporting_pieces(given)


def recordings(given: Given, pieces: list[Piece]) -> Iterator[tuple[str, list[Piece]]]:
    """The pieces alone, in rooms, and beside a recording."""
    yield "alone", pieces
    for name, room in ROOMS.items():
        yield name, given.there(partial(in_room, room=room), pieces)
    if given["role"] == ROLES[0]:
        yield "beside a recording, 0 dB", with_backgrounds(given, pieces)


def cases(given: Given, places: Collection[str]) -> Iterator[tuple[str, Warp, list[Warped]]]:
    """Place, warp, and the pieces with every seed; without `places`, all of them."""
    seeds, pieces = seeds_and_pieces(given)
    for place, there in recordings(given, pieces):
        if places and place not in places:
            break
        for warp in WARPS if place == "alone" else (SMOOTH, JITTER):
            yield place, warp, [warped(piece, warp, seed) for seed in seeds for piece in there]


def error_rows(given: Given, aligners: Mapping[str, Aligner], places: Collection[str] = ()) -> Iterator[Row]:
    """A row for every aligner and case: median and 90 % of the absolute errors, and shares of the notes."""
    for place, warp, pieces in cases(given, places):
        for name, aligner in aligners.items():
            tell(1, 1, f"{place} {warp.name} {name}")
            late = np.concatenate([errors_s(aligner(case), case.told) for case in pieces])
            away = np.abs(late)
            yield {"place": place, "score": warp.name, "aligner": name, "notes": len(late), "late_ms": 1000 * np.median(late),
                   "median_ms": 1000 * np.median(away), "most_ms": 1000 * np.quantile(away, 0.9),
                   "within_50": 100 * np.mean(away <= 0.05), "within_100": 100 * np.mean(away <= 0.1)}
    tell(0, 0, "")


def error_lines(rows: list[Row]) -> Iterator[list[str]]:
    """The lines of the table."""
    for row in rows:
        yield [row["place"], row["score"], row["aligner"],
               *(f"{row[name]:.0f}" for name in ("late_ms", "median_ms", "most_ms")),
               *(f"{row[name]:.1f}" for name in ("within_50", "within_100"))]


HEAD = ["recording", "score", "aligner", "late, ms", "median, ms", "90 %, ms", "within 50 ms, %", "within 100 ms, %"]
ROLE = option("--role", choices=ROLES, default=ROLES[0], help="which pieces and seeds (default: %(default)s)")


@study("align", ROLE, takes=("pieces",))
def align_errors(given: Given) -> list[Table]:
    """Errors of onsets after `rtsep render --score` with scores that are not in time.

    Scores are made from performances: see tools/laboratory/warps.py. Constants were chosen on the pieces and seeds of
    `--role tuning`; the table has others. late: the median with its sign. Notes that the alignment lacks count as wrong.
    """
    rows = list(error_rows(given, {"rtsep": by_rtsep}))
    return [Table("align", table(HEAD, error_lines(rows), 3), rows)]


@study("align-sync", ROLE, takes=("pieces",))
def align_sync(given: Given) -> list[Table]:
    """As `align`, with the pieces alone, beside synctoolbox (`rtsep train --sync`) and the score's own times."""
    need_module("synctoolbox", "pip install 'rtsep[sync]'")
    rows = list(error_rows(given, {"rtsep": by_rtsep, "synctoolbox": by_synctoolbox, "none": as_written}, {"alone"}))
    return [Table("align-sync", table(HEAD[1:], (line[1:] for line in error_lines(rows)), 2), rows)]


# --- what comes of it -------------------------------------------------------------------------------------------------


def separated(warp: Warp, aligner: Aligner | None, seed: int, piece: Piece) -> Piece:
    """The performance with true times (no aligner), or with the notes that an aligner gives."""
    case = warped(piece, warp, seed)
    return case.piece if aligner is None else replace(case.piece, score=score_of(aligner(case), case.score))


@study("align-sdr", takes=("settings", "pieces"))
def align_sdr(given: Given) -> list[Table]:
    """SDR in dB of both hands of two_hands, with true times, with the score's own, and with `rtsep render --score`.

    Alone, each hand is a stem. Beside a recording as loud as the piano, both hands are one stem. Live, 512 samples; the preset
    gm-piano does not know the piano. One seed.
    """
    seed, setting = REPORTING_SEEDS[0], given.chosen({LIVE: f"{LIVE},{PRESET}"})
    ways: dict[str, Callable[[Piece], Piece]] = {}
    for warp in (SMOOTH, JITTER, FAULTS, REPEATS):
        for name, aligner in {"true times": None, "as written": as_written, "brought into line": by_rtsep}.items():
            if aligner is not None or warp in (SMOOTH, REPEATS):  # Only repeats change what is played.
                ways[f"{warp.name}: {name}"] = partial(separated, warp, aligner, seed)
    rows = measure(given, reporting_pieces(given), setting, ways)
    beside = {name: way for name, way in ways.items() if name.startswith(("smooth", "jitter:"))}
    rows += [{**row, "set": "beside a recording"} for row in measure(given, bands(given), setting, beside)]
    return [Table("align-sdr", pivot(rows, ["condition"], ["set"]), rows)]
