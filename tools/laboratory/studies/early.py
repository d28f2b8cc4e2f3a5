"""Notes that are told before their sound, as a score follower tells them: what that costs, and what waiting for them gives."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from laboratory.company import recording
from laboratory.grid import measure, where
from laboratory.pieces import Piece, one_piano
from laboratory.report import mean_db, shown, table
from laboratory.songs import REPORTING, TUNING
from laboratory.study import Given, Row, Table, option, study
from laboratory.systems import LIVE, preset_named
from laboratory.uncertain import Told, normal, told_as
from laboratory.warped_pieces import reporting_pieces, tuning_pieces

SMOOTH, JITTER = (0.006, 0.017), (0.008, 0.046)
"""The errors of a follower with a score in a smooth tempo, and with jitter: median and 90 % quantile, in seconds."""
WAYS = {
    "in time": Told(),
    **{f"{ms} ms early": Told(ms / 1000, ms / 1000) for ms in (40, 60, 100, 150)},
    "errors of 6 / 17 ms, 60 ms early": Told(0.06, 0.06, *SMOOTH),
    "errors of 8 / 46 ms, 100 ms early": Told(0.1, 0.1, *JITTER),
    "normal errors, 20 ms, 100 ms early": normal(0.02, 0.1, 0.1),
    "normal errors, 50 ms, 150 ms early": normal(0.05, 0.15, 0.15),
}
"""How notes are told."""
PRESET = "gm-piano"
"""It knows none of the pianos."""


def sets_of(given: Given) -> dict[str, Sequence[Piece]]:
    """The pianos alone, each hand a stem; and under a recording whose notes are not told, as one stem."""
    pieces = reporting_pieces(given) if given["role"] == REPORTING else tuning_pieces(given)
    pieces = [replace(piece, preset=preset_named(PRESET)) for piece in pieces]
    company = given.there(partial(recording, shared=given.shared), pieces)
    return {"both hands": pieces, "under a recording": [one_piano(piece) for piece in company]}


ROLE = option("--role", choices=(REPORTING, TUNING), default=REPORTING, help="role of the pieces (default: %(default)s)")


@study("early", ROLE, page="docs/measurements/early.md", seconds=15.0, takes=("seconds", "pieces"))
def early(given: Given) -> list[Table]:
    """Notes that are told early and with errors, and closed as late: SDR in dB, with and without early_ms.

    Mode live with 512 samples and the preset gm-piano. Errors are those of a chord: median and 90 % quantile, or the standard
    deviation. early_ms is the time by which the notes are early.
    """
    rows: list[Row] = []
    sets, lines = sets_of(given), []
    for name, told in WAYS.items():
        ways = {"as told": LIVE, "early_ms": f"{LIVE},early_ms={1000 * told.ahead_s:g}"}
        ways = ways if told.ahead_s else {"as told": LIVE}
        line = [name]
        for group, pieces in sets.items():
            found = measure(given, pieces, ways, {name: partial(told_as, told=told)})
            rows += [{**row, "set": group} for row in found]
            line += [shown(mean_db(where(found, settings=way)), ".2f") for way in ways] + ["–"] * (2 - len(ways))
        lines.append(line)
    head = ["notes", *(f"{group}, {way}" for group in sets for way in ("as told", "early_ms"))]
    return [Table("early" if given["role"] == REPORTING else f"early-{TUNING}", table(head, lines) if rows else "", rows)]
