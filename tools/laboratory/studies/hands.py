"""The hand of each note, found by the notes alone, and its effect on the separation."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from laboratory.grid import measure
from laboratory.hand_baselines import best_split, by_centres, by_split_at
from laboratory.hand_pieces import (
    FIFTH,
    REPORTED,
    HandPiece,
    hand_pieces,
    read_hands,
    slower,
    transposed,
    with_wrong_notes,
    without_pedal,
)
from laboratory.hand_training import answers
from laboratory.pieces import Piece, pianos
from laboratory.report import pivot, table
from laboratory.study import Given, Row, Table, need_file, study
from laboratory.systems import LIVE, preset_named
from rtsep.notes.routing import Routing, by_hands, by_split
from rtsep.stages.hand_tracker import hand_net

PAGE = "docs/measurements/hands.md"
TOLD = ("at once", "after 50 ms", "at last")
COLUMNS = ("split at C4", "best split", "two centres", *TOLD)
HARDSHIPS: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "as it was played": lambda played, rng: played,
    "20 % slower": lambda played, rng: slower(played, 1.2),
    "20 % faster": lambda played, rng: slower(played, 1 / 1.2),
    "a fifth higher": lambda played, rng: transposed(played, FIFTH),
    "a fifth lower": lambda played, rng: transposed(played, -FIFTH),
    "3 % wrong notes": lambda played, rng: with_wrong_notes(played, 0.03, rng),
    "without the pedal": lambda played, rng: without_pedal(played)}


def found(piece: HandPiece) -> Row:
    """The share of a piece's notes whose hand is found, in percent, for every way."""
    told = [right > 0.5 for right in answers(piece.played, len(piece.right), hand_net())]
    rules = by_split_at(piece), by_split_at(piece, best_split(piece)), by_centres(piece)
    return {"composer": piece.composer, "piece": piece.name, "notes": len(piece.right),
            **{way: 100 * float(np.mean(right == piece.right)) for way, right in zip(COLUMNS, (*rules, *told), strict=True)}}


def summaries(rows: Sequence[Row], columns: Sequence[str]) -> Iterator[list[str]]:
    """Lines with the means over pieces and over notes, and with the worst piece."""
    def line(name: str, over: Callable[[Sequence[float]], float]) -> list[str]:
        return [name, str(len(rows)), str(sum(row["notes"] for row in rows)),
                *(f"{over([row[column] for row in rows]):.1f}" for column in columns)]
    yield line("**mean of the pieces**", np.mean)
    yield line("of all notes", lambda values: np.average(values, weights=[row["notes"] for row in rows]))
    yield line("the worst piece", np.min)


@study("hands-found", page=PAGE, takes=())
def hands_found(given: Given) -> list[Table]:
    """The share of notes whose hand is found, in percent, in pieces by composers from whom nothing was learnt.

    split at C4, best split: the right hand plays all keys from there on; the best split of each piece is known only afterwards.
    two centres: 20 lines of code; the nearer hand plays a note, and moves towards it. at once: the tracker when the note
    begins; after 50 ms: when the rest of a chord has come; at last: after 48 more notes, which is too late for playing.
    """
    pieces = hand_pieces(given.shared, REPORTED)
    rows = [found(piece) for piece in pieces]
    lines = []
    for composer in sorted({row["composer"] for row in rows}):
        mine = [row for row in rows if row["composer"] == composer]
        lines.append([composer, *next(summaries(mine, COLUMNS))[1:]])
    return [Table("hands-found", table(["composer", "pieces", "notes", *COLUMNS], [*lines, *summaries(rows, COLUMNS)]), rows)]


@study("hands-hard", page=PAGE, takes=())
def hands_hard(given: Given) -> list[Table]:
    """The share of notes whose hand is found, in percent, if the same pieces are played differently."""
    rows = []
    for name, hardship in HARDSHIPS.items():
        for number, piece in enumerate(hand_pieces(given.shared, REPORTED)):
            played = hardship(piece.played, np.random.default_rng(number))
            rows.append({"hardship": name, **found(replace(piece, played=played))})
    lines = []
    for name in HARDSHIPS:
        mine = [row for row in rows if row["hardship"] == name]
        mean, _, worst = summaries(mine, ["two centres", *TOLD[:2]])
        lines.append([name, *mean[3:], worst[-1]])
    return [Table("hands-hard", table(["played", "two centres", *TOLD[:2], "worst piece after 50 ms"], lines), rows)]


# --- what comes of it --------------------------------------------------------------------------------------------------


def given_to(piece: Piece, routing: Routing) -> Piece:
    """The piece with its notes on one keyboard; the first stem of the routing is the left hand, as in the piece."""
    return replace(piece, routing=replace(routing, names=tuple(piece.told)))


def ways(given: Given, piece: Piece) -> Iterator[Piece]:
    """The piece with every way to tell its notes."""
    path = need_file(given.shared / "two_hands" / piece.name / "both.mid")
    heard = HandPiece(piece.name, "", read_hands(path))
    yield replace(piece, group="true tracks")
    yield replace(given_to(piece, by_hands(piece.score)), group="--by hands")
    yield replace(given_to(piece, by_split(piece.score)), group="split at C4")
    yield replace(given_to(piece, by_split(piece.score, best_split(heard))), group="best split, known afterwards")


@study("hands-sdr", takes=("settings",))
def hands_sdr(given: Given) -> list[Table]:
    """SDR in dB of the left / right hand of two_hands, live with 512 samples, with different ways to find the hand of a note.

    The preset is `grand-piano`, which knows the piano. The tracker learnt nothing by the composers of these pieces.
    """
    told = [way for piece in pianos(given, "two_hands", preset_named("grand-piano")) for way in ways(given, piece)]
    rows = measure(given, told, given.chosen({LIVE: LIVE}))
    means = [{**row, "piece": "mean"} for row in rows]
    return [Table("hands-sdr", pivot(rows + means, ["set"], ["piece"], form=".1f", joined="stem"), rows)]
