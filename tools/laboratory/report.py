"""The results of a study: means, tables for a page, CSV files, and the filling of pages."""

import csv
import json
import re
from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path

import numpy as np

from laboratory.grid import distinct, where
from laboratory.study import Row, Table

NAMES = {"sdr_db": "SDR", "si_sdr_db": "SI-SDR", "sir_db": "SIR", "sar_db": "SAR"}
GROUPS = ("two_hands", "demo", "piano_and_others", "drums")

# --- means ------------------------------------------------------------------------------------------------------------


def mean_db(rows: Iterable[Row], measure: str = "sdr_db") -> float:
    """The mean over pieces of the mean over their stems; nan if there are none."""
    pieces: dict[object, list[float]] = {}
    for row in rows:
        if np.isfinite(row[measure]):
            pieces.setdefault((row["set"], row["piece"]), []).append(float(row[measure]))
    return float(np.mean([np.mean(values) for values in pieces.values()])) if pieces else float("nan")


def groups_of(rows: Sequence[Row]) -> list[str]:
    """The sets in the rows, in the order of the tables."""
    there = [group for (group,) in distinct(rows, "set")]
    return [group for group in GROUPS if group in there] + [group for group in there if group not in GROUPS]


# --- tables -----------------------------------------------------------------------------------------------------------


def table(head: Sequence[str], lines: Iterable[Sequence[str]], left: int = 1) -> str:
    """A Markdown table; all columns except the first `left` are aligned right. Empty if there are no lines."""
    if not (lines := list(lines)):
        return ""
    rule = ["---"] * left + ["--:"] * (len(head) - left)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, rule, *lines))


def shown(value: float, form: str = ".1f") -> str:
    """A number for a table; a dash if it was not measured."""
    return format(value, form) if np.isfinite(value) else "–"


def pivot(rows: Sequence[Row], lines: Sequence[str], across: Sequence[str] = (), measures: Sequence[str] = ("sdr_db",),
          form: str = ".2f", joined: str = "", columns: Sequence[tuple] = (), after: Sequence[str] = ()) -> str:
    """A table of means: a line for every value of the fields `lines`, a column for every value of `across` and measure.

    The values of the field `joined` share a cell, separated by slashes. columns: the values of `across`, in another order than
    in the rows. after: fields at the end of a line, each equal in all its rows.
    """
    there = set(distinct(rows, *across))
    nested = (values for values in product(*([one for (one,) in distinct(rows, name)] for name in across)) if values in there)
    columns = list(product(columns or nested, measures))
    heads = [": ".join((*map(str, values), *([NAMES.get(measure, measure)] if len(measures) > 1 else [])))
             for values, measure in columns]

    def cells(mine: Sequence[Row]) -> list[str]:
        found = []
        for values, measure in columns:
            cell = where(mine, **dict(zip(across, values, strict=True)))
            parts = [where(cell, **{joined: part}) for (part,) in distinct(cell, joined)] if joined else [cell]
            found.append(" / ".join(shown(mean_db(part, measure), form) for part in parts) or "–")
        return found

    body = []
    for values in distinct(rows, *lines):
        mine = where(rows, **dict(zip(lines, values, strict=True)))
        body.append([*map(str, values), *cells(mine), *(str(mine[0][name]) for name in after)])
    return table([*lines, *heads, *after], body, len(lines))


# --- files ------------------------------------------------------------------------------------------------------------


def fill_page(page: Path, parts: dict[str, str]) -> None:
    """Put each text between the lines `<!-- begin NAME -->` and `<!-- end NAME -->` of a Markdown page."""
    text = page.read_text(encoding="utf-8")
    for name, part in parts.items():
        pattern = rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)"
        text = re.sub(pattern, lambda match, part=part: f"{match[1]}{part}\n{match[2]}", text, flags=re.DOTALL)
    page.write_text(text, encoding="utf-8")


def publish(tables: Sequence[Table], page: Path, folder: Path) -> None:
    """Fill the page, if it exists, and write rows and files into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    if page.exists():
        fill_page(page, {table.name: table.text for table in tables})
    for table in tables:
        if table.rows:
            write_csv(folder / f"{table.name}.csv", table.rows)
        for name, write in table.files.items():
            write(folder / name)


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """Write rows as CSV: numbers with two decimals, empty cells for what was not measured."""
    fields = list(dict.fromkeys(name for row in rows for name in row))
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fields)
        writer.writeheader()
        writer.writerows({name: _plain(row.get(name), "") for name in fields} for row in rows)


def write_json(path: Path, content: dict) -> None:
    """Write a description of the run, and all rows; null for what was not measured."""
    path.write_text(json.dumps(_plain(content, None), separators=(",", ":")) + "\n", encoding="utf-8")


def _plain(value: object, unknown: object) -> object:
    if isinstance(value, dict):
        return {key: _plain(part, unknown) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part, unknown) for part in value]
    if isinstance(value, float):
        return round(value, 2) if np.isfinite(value) else unknown
    return unknown if value is None else value
