"""Whether the follower by ear notices that the player plays other music, and finds the score again."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from laboratory import heard_score
from laboratory.grid import tell
from laboratory.report import shown, table
from laboratory.studies.follow import HALVES, PRESET, conditions
from laboratory.study import Given, MissingError, Row, Table, option, study
from laboratory.systems import preset_named
from laboratory.warped_pieces import reporting_pieces, tuning_pieces
from laboratory.warps import JITTER, REPORTING_SEEDS, SMOOTH, TUNING_SEEDS, Warped, warped
from rtsep.listening.ears import STEP_S

AT_S, OTHER_S = 10.0, 15.0
"""After this many seconds the player plays this many seconds of another piece, and then goes on."""
CONDITIONS = {"alone": (SMOOTH, JITTER), "in a room: living room, 0.5 s": (SMOOTH,), "beside a recording": (SMOOTH,)}
"""Where and beside whom the pieces are played, and how."""
IN_PLACE_S = 0.5
"""The follower is in place within this many seconds of the score."""


def cases(given: Given) -> Iterator[tuple[str, str, Warped, np.ndarray]]:
    """Condition, warp, a piece with its score, and the sound [channel, sample] of another piece in the same condition."""
    tuning = given["half"] == "tuning"
    pieces, seed = (tuning_pieces if tuning else reporting_pieces)(given), TUNING_SEEDS[0] if tuning else REPORTING_SEEDS[2]
    for condition, alter in conditions(given).items():
        if condition not in CONDITIONS:
            continue
        try:
            altered = [alter(piece) for piece in pieces]
        except MissingError as error:
            given.miss(error)
            continue
        for warp in CONDITIONS[condition]:
            for number, piece in enumerate(altered):
                yield condition, warp.name, warped(piece, warp, seed), altered[number - 1].mix


def interrupted(sound: np.ndarray, other: np.ndarray, rate: int) -> np.ndarray:
    """The sound with a part of another one in between."""
    at = round(AT_S * rate)
    return np.concatenate([sound[:, :at], other[:, at : at + round(OTHER_S * rate)], sound[:, at:]], axis=1)


def row_of(case: Warped, other: np.ndarray) -> Row:
    """The figures of one case; what never happens counts as the whole time."""
    told = heard_score.follow(interrupted(case.piece.mix, other, case.piece.sample_rate), case.piece.sample_rate, case.score,
                              [preset_named(PRESET)])
    lost, place = np.array([each.lost for each in told]), np.array([each.seconds for each in told])
    first, last = round(AT_S / STEP_S), round((AT_S + OTHER_S) / STEP_S)
    played_s = STEP_S * (np.arange(len(told)) - np.where(np.arange(len(told)) < first, 0, last - first))
    away = np.abs(place - np.interp(played_s, case.told["onset_s"], case.written_s)) > IN_PLACE_S
    noticed, found = np.flatnonzero(lost[first:last]), np.flatnonzero(~(lost | away)[last:])
    return {"noticed_s": STEP_S * noticed[0] if len(noticed) else OTHER_S, "lost": 100 * float(lost[first:last].mean()),
            "found_s": STEP_S * found[0] if len(found) else STEP_S * (len(told) - last)}


@study("follow-other", option("--half", choices=HALVES, default=HALVES[0],
                              help="which pieces and seeds: those of the report, or those for tuning (default: %(default)s)"),
       takes=("seconds", "pieces"), page="docs/measurements/follow.md")
def follow_other(given: Given) -> list[Table]:
    """Whether the follower by ear notices other music: the player breaks off after 10 s, and plays 15 s of another piece.

    noticed: seconds until the score is lost. lost: the share of the other music in which it is. found: seconds from the return
    until the place is right and the score not lost.
    """
    rows, found = [], list(cases(given))
    for number, (condition, warp, case, other) in enumerate(found, start=1):
        tell(number, len(found), f"{condition} {warp} {case.piece.name}")
        rows.append({"condition": condition, "warp": warp, "piece": case.piece.name, **row_of(case, other)})
    tell(0, 0, "")
    lines = []
    for condition, warp in dict.fromkeys((row["condition"], row["warp"]) for row in rows):
        mine = [row for row in rows if (row["condition"], row["warp"]) == (condition, warp)]
        figures = {name: [row[name] for row in mine] for name in ("noticed_s", "lost", "found_s")}
        lines.append([condition, warp, shown(float(np.median(figures["noticed_s"]))), shown(max(figures["noticed_s"])),
                      shown(float(np.mean(figures["lost"])), ".0f"), shown(float(np.median(figures["found_s"]))),
                      shown(max(figures["found_s"]))])
    head = ["played", "score", "noticed, s: median", "last", "lost in other music, %", "found, s: median", "last"]
    return [Table("follow-other", table(head, lines, 2), rows)]
