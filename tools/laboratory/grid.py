"""The loop of most studies: settings x conditions x pieces, each separated and judged, with a row for every stem."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product

from laboratory.pieces import Piece
from laboratory.study import Given, MissingError, Row, Settings
from laboratory.systems import Stems, judge_told, separate

Alter = Callable[[Piece], Piece]
AS_IT_IS: Mapping[str, Alter] = {"": lambda piece: piece}


def measure(
    given: Given, pieces: Iterable[Piece], settings: Settings, conditions: Mapping[str, Alter] = AS_IT_IS,
    judge: Callable[[Piece, Stems], Mapping[str, Mapping[str, float]]] = judge_told,
) -> list[Row]:
    """A row for every setting, condition, piece and stem, with the figures that `judge` gives.

    Missing parts are noted in `given`; everything else is measured.
    """
    rows: list[Row] = []
    pieces = list(pieces)
    for number, ((label, text), (condition, alter), piece) in enumerate(
            product(settings.items(), conditions.items(), pieces), start=1):
        tell(number, len(settings) * len(conditions) * len(pieces), f"{label} {condition} {piece.name}")
        try:
            altered = alter(piece)
            figures = judge(altered, separate(altered, text))
        except MissingError as error:
            given.miss(error)
            continue
        rows += [{"settings": label, "condition": condition, "set": piece.group, "role": piece.role, "piece": piece.name,
                  "stem": stem, **found} for stem, found in figures.items()]
    tell(0, 0, "")
    return rows


def tell(number: int, of: int, what: str) -> None:
    """Show progress on a terminal, in one line that is overwritten."""
    if sys.stderr.isatty():
        print(f"\r\033[K{f'{number} of {of}: {what[:90]}' if of else ''}", end="", file=sys.stderr, flush=True)


def where(rows: Iterable[Row], **wanted: object) -> list[Row]:
    """The rows whose fields have these values."""
    return [row for row in rows if all(row[name] == value for name, value in wanted.items())]


def distinct(rows: Iterable[Row], *names: str) -> list[tuple]:
    """The different values of these fields, in the order of their first row."""
    return list(dict.fromkeys(tuple(row[name] for name in names) for row in rows))


def with_field(rows: Sequence[Row], name: str, value: Callable[[Row], object]) -> list[Row]:
    """The rows with one more field."""
    return [{**row, name: value(row)} for row in rows]
