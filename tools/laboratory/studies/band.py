"""A piano alone and under an unknown band: what background, adaptation and prediction give."""

from dataclasses import replace

from laboratory.grid import measure
from laboratory.pieces import Piece, bands, group_of, one_piano, pianos
from laboratory.report import pivot
from laboratory.study import Given, Table, option, study
from laboratory.systems import preset_named

SETTINGS = {
    "as it ships": "", "mode=instant": "mode=instant", "mode=instant,latency_samples=256": "mode=instant,latency_samples=256",
    "mode=quality": "mode=quality", "adapt=off": "adapt=off", "prediction=0": "prediction=0",
    "background=0 (one flat row)": "background=0", "32 rows that learn, and nothing else": "plain",
    "oracle ratio mask, 512 samples": "oracle",
}


def with_velocity(piece: Piece, velocity: int | None) -> Piece:
    """The piece with `velocity` for every note."""
    if velocity is None:
        return piece
    messages = piece.score.messages.copy()  # part, status, data1, data2
    messages[(messages[:, 1] & 0xF0 == 0x90) & (messages[:, 3] > 0), 3] = velocity
    return replace(piece, score=replace(piece.score, messages=messages))


@study("background", option("--velocity", type=int, metavar="V", choices=range(1, 128), help="tell every note with velocity V"))
def background(given: Given) -> list[Table]:
    """Background, adaptation and prediction: a piano alone, beside a cello, and under an unknown band; SDR in dB.

    alone: the two hands of a piano and nothing else, mean of both (two_hands; piano_and_others without its cello). cello, band:
    the piano when only its notes are told: piano_and_others with its cello; two_hands with singing, saxophone or cello at 0 dB,
    where the residual has the same SDR: one's error is the other's. right, wrong: `grand-piano`, which knows the piano of
    two_hands, and `gm-piano`; elsewhere `piano`.
    """
    right, wrong = preset_named("grand-piano"), preset_named("gm-piano")
    pieces = [*pianos(given, "two_hands", right, "alone, right"), *pianos(given, "two_hands", wrong, "alone, wrong"),
              *pianos(given, "piano_and_others", called="piano_and_others alone"),
              *map(one_piano, group_of(given, "piano_and_others", called="cello")),
              *bands(given, right, "band, right"), *bands(given, wrong, "band, wrong")]
    pieces = [with_velocity(piece, given["velocity"]) for piece in pieces]
    rows = measure(given, pieces, given.chosen(SETTINGS))
    if not (given.settings or given["velocity"] or given.missing):
        rows += measure(given, [with_velocity(piece, 64) for piece in pieces], {"every note told with velocity 64": ""})
    return [Table("background", pivot(rows, ["settings"], ["set"]), rows)]
