"""How well `rtsep live --score` without a keyboard follows: times of notes, jumps, and the sound of both hands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np

from laboratory import heard_score, online_dtw
from laboratory.company import recording
from laboratory.grid import tell
from laboratory.pieces import Piece
from laboratory.report import table
from laboratory.rooms import ROOMS, in_room
from laboratory.study import Given, MissingError, Row, Table, option, study
from laboratory.systems import BLOCK, hear, preset_named
from laboratory.warped_pieces import reporting_pieces, tuning_pieces
from laboratory.warps import JITTER, REPORTING_SEEDS, SMOOTH, TUNING_SEEDS, WARPS, Warped, warped
from rtsep.engine.separator import Separator
from rtsep.hosts.following import ahead_of, followed_params
from rtsep.listening.follower import Told
from rtsep.measure import sdr_db
from rtsep.notes.routing import by_track

PRESET = "gm-piano"
"""It has never heard the pianos of these pieces."""
HALVES = ("reporting", "tuning")
LEAP_S = 0.5
"""The player has jumped if the score goes back, or on, by this many seconds more than the performance."""
BACK_S, NOTES = 0.15, 4
"""The follower is back after a jump when it passes this many notes, within this many seconds of their onsets."""
LOOKAHEAD_MS = 60.0
HEARD = ("alone", "beside a recording")
"""The conditions in which the stems are measured, too."""
WAYS = ("true times", "not followed", "followed", f"followed, {LOOKAHEAD_MS:.0f} ms lookahead")
"""How the notes of the score come to the engine."""


def conditions(given: Given) -> Mapping[str, object]:
    """Where and beside whom the piece is played."""
    rooms = {f"in a room: {name}": partial(in_room, room=room) for name, room in ROOMS.items()}
    return {"alone": lambda piece: piece, **rooms, "beside a recording": partial(recording, shared=given.shared)}


def cases(given: Given) -> Iterator[tuple[str, str, Warped]]:
    """Condition, warp, and the piece with its score."""
    tuning = given["half"] == "tuning"
    pieces, seed = (tuning_pieces if tuning else reporting_pieces)(given), TUNING_SEEDS[0] if tuning else REPORTING_SEEDS[2]
    for condition, alter in conditions(given).items():
        for warp in WARPS if condition == "alone" else (SMOOTH, JITTER):
            for piece in pieces:
                case = warped(piece, warp, seed)
                try:
                    yield condition, warp.name, Warped(alter(case.piece), case.score, case.told, case.written_s)
                except MissingError as error:
                    given.miss(error)


def jumps(case: Warped) -> np.ndarray:
    """The numbers of the notes after the jumps of the player."""
    written, played = np.diff(case.written_s), np.diff(case.told["onset_s"])
    return np.flatnonzero((written < -LEAP_S) | (written > 2 * played + LEAP_S)) + 1


def recoveries(late: np.ndarray, case: Warped) -> list[float]:
    """For each jump, the seconds until the follower is back; 9 if it does not come back."""
    found = []
    for first in jumps(case).tolist():
        good = np.abs(late[first:]) < BACK_S
        run = np.flatnonzero(np.convolve(good, np.ones(NOTES), "valid") == NOTES)
        found.append(float(case.told["onset_s"][first + run[0]] - case.told["onset_s"][first]) if len(run) else 9.0)
    return found


def sounds(case: Warped, told: Sequence[Told]) -> dict[str, float]:
    """The mean SDR of the hands with true times, with the score's own times, and with the follower's, also with a lookahead."""
    piece, rate = case.piece, case.piece.sample_rate
    followed, later = (heard_score.cued(told, case.score, rate, ahead_of(lookahead_ms)) for lookahead_ms in (0, LOOKAHEAD_MS))
    given = ((piece.score.events(rate), {}), (case.score.events(rate), followed_params()), (followed, followed_params()),
             (later, {**followed_params(LOOKAHEAD_MS), "lookahead_ms": LOOKAHEAD_MS}))
    return {way: float(np.mean([*sdr_of(piece, events, params).values()]))
            for way, (events, params) in zip(WAYS, given, strict=True)}


def sdr_of(piece: Piece, events: np.ndarray, params: Mapping[str, object]) -> dict[str, float]:
    """The SDR of each hand, in dB, by these notes."""
    separator = Separator(preset_named(PRESET), by_track(piece.score), {"mode": "live", **params})
    separator.prepare(piece.sample_rate, len(piece.mix), BLOCK)
    stems = hear(separator, np.pad(piece.mix, ((0, 0), (0, separator.latency))), events)[:, :, separator.latency :]
    return {name: sdr_db(truth, stems[separator.stem_names.index(name)]) for name, truth in piece.told.items()}


def timing(late: np.ndarray, case: Warped) -> Row:
    """The figures of one case; errors are without the lag."""
    lag = float(np.median(late[late < heard_score.MISSED_S])) if (late < heard_score.MISSED_S).any() else 0.0
    error, back = np.abs(late - lag), recoveries(late, case)
    return {"lag_ms": 1000 * lag, "error_ms": 1000 * float(np.median(error)), "worst_ms": 1000 * float(np.quantile(error, 0.9)),
            "in_50": 100 * float(np.mean(error < 0.05)), "in_100": 100 * float(np.mean(error < 0.1)),
            "jumps": len(back), "back_s": float(np.mean(back)) if back else float("nan"),
            "back_in_3_s": float(np.mean(np.array(back) < 3)) if back else float("nan")}


def rows_of(given: Given) -> Iterator[Row]:
    """A row for every case and way to follow."""
    presets = [preset_named(PRESET)]
    ways = {"follower": heard_score.follow, "online DTW": online_dtw.follow}
    found = list(cases(given))
    for number, (condition, warp, case) in enumerate(found, start=1):
        tell(number, len(found), f"{condition} {warp} {case.piece.name}")
        for way, follow in ways.items() if condition == "alone" else (("follower", heard_score.follow),):
            told = follow(case.piece.mix, case.piece.sample_rate, case.score, presets)
            row = {"way": way, "condition": condition, "warp": warp, "piece": case.piece.name,
                   "lost": 100 * float(np.mean([each.lost for each in told])), **timing(heard_score.errors(told, case), case)}
            if way == "follower" and warp in (SMOOTH.name, JITTER.name) and condition in HEARD:
                row |= sounds(case, told)
            yield row
    tell(0, 0, "")


def mean(rows: Sequence[Row], name: str, form: str = ".0f") -> str:
    """The mean of a field over rows, without those that lack it."""
    values = [row[name] for row in rows if name in row and np.isfinite(row[name])]
    return format(np.mean(values), form) if values else "–"


def distinct_cases(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """Condition and warp of the rows, each once."""
    return list(dict.fromkeys((row["condition"], row["warp"]) for row in rows))


@study("follow", option("--half", choices=HALVES, default=HALVES[0],
                        help="which pieces and seeds: those of the report, or those for tuning (default: %(default)s)"),
       takes=("seconds", "pieces"), page="docs/measurements/follow.md")
def follow(given: Given) -> list[Table]:
    """How well a score is followed by the sound: the times of notes, jumps, and the SDR of both hands with the follower.

    Scores are warped (tools/laboratory/warps.py): in another tempo, with jitter of 50 to 150 ms, with 5 % wrong, missing and
    extra notes; and the player repeats or skips passages. lag: the median time from a note's onset until the follower passes
    it. error: the rest, median and 90 %. lost: the share of the time in which the score is said to be lost. back: the time
    from a jump until four notes in turn are followed within 150 ms.
    Constants were chosen on the tuning half.
    """
    rows = list(rows_of(given))
    names = ("lag_ms", "error_ms", "worst_ms", "in_50", "in_100")
    lines = []
    for condition, warp in distinct_cases(rows):
        cells = [condition, warp]
        for way in ("follower", "online DTW"):
            mine = [row for row in rows if (row["condition"], row["warp"], row["way"]) == (condition, warp, way)]
            cells += [mean(mine, name) for name in (names if way == "follower" else ("worst_ms", "in_100"))]
            cells += [mean(mine, "lost"), mean(mine, "back_s", ".1f")] if way == "follower" else []
        lines.append(cells)
    head = ["played", "score", "lag, ms", "error, ms", "90 %, ms", "within 50 ms, %", "100 ms, %", "lost, %", "back, s",
            "DTW: 90 %, ms", "DTW: 100 ms, %"]
    heard = []
    for case in ((condition, warp.name) for condition in HEARD for warp in (SMOOTH, JITTER)):
        mine = [row for row in rows if (row["condition"], row["warp"]) == case]
        heard.append([*case, *(mean(mine, name, ".1f") for name in WAYS)])
    return [Table("follow", table(head, lines, 2), rows),
            Table("follow-sdr", table(["played", "score", *WAYS], heard, 2))]
