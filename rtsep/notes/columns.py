"""The meaning of each column in a table of notes: by the names in its first line, or, without names, by its numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from rtsep.errors import RtsepError
from rtsep.notes.pitch import parse_pitch

# Names of columns, in lower case letters without units and signs; earlier names are preferred.
NAMES = {
    "onset": ("onset", "onsettime", "start", "starttime", "begin", "begintime", "timestart", "tstart", "noteon",
              "noteonset", "onsets", "from", "time", "t", "on"),
    "offset": ("offset", "offsettime", "end", "endtime", "stop", "stoptime", "timeend", "tend", "noteoff",
               "noteoffset", "offsets", "to", "off"),
    "duration": ("duration", "dur", "length", "notelength"),
    "pitch": ("midipitch", "midinote", "midinumber", "notemidi", "pitchmidi", "midinotenumber", "midi", "notenumber", "pitch",
              "notepitch", "note", "notename", "key", "value", "f"),
    "velocity": ("velocity", "midivelocity", "vel", "level", "loudness"),
    "tempo": ("tempo", "bpm"),
    "track": ("track", "trackname", "part", "partname", "hand", "instrument", "instrumentname", "staff", "channel", "label"),
}
TIMES = ("onset", "offset", "duration")  # The fields that have a unit of time.
UNITS = {
    "s": ("s", "sec", "secs", "second", "seconds"),
    "ms": ("ms", "msec", "msecs", "millisecond", "milliseconds"),
    "samples": ("sample", "samples", "frame", "frames"),
    "beats": ("beat", "beats", "quarter", "quarters", "quarterlength", "ql"),
    "hz": ("hz", "freq", "frequency", "f0"),
}
ALONE = {"hz": "pitch", "samples": "onset"}  # The meaning of a column whose name is only a unit.
NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d{1,3})?", re.ASCII)
LOWEST, HIGHEST = 12, 120  # A column without a name holds pitches if most of its numbers lie in this range.
LOWEST_HZ, HIGHEST_HZ = 20.0, 8000.0  # It holds frequencies, in Hz, if most of its numbers lie in this range.
USUAL = "onset,offset,pitch,velocity"
MUSICNET = {"start_time", "end_time", "instrument", "note", "start_beat", "end_beat"}  # MusicNet's columns: times in samples.


class Column(NamedTuple):
    """A column: its place, its name in the file, and its unit, or "" if it has none."""

    place: int
    name: str
    unit: str


@dataclass(frozen=True)
class Layout:
    """The columns of a table by their meaning (see `NAMES`), their number, and whether the table is from MusicNet."""

    columns: dict[str, Column]
    width: int
    musicnet: bool = False

    @cached_property
    def needed(self) -> int:
        """The smallest number of columns that a line must have."""
        return 1 + max(column.place for field, column in self.columns.items() if field not in ("velocity", "track"))

    def text(self, field: str, row: Sequence[str]) -> str:
        """The cell of this field in a row; empty if there is none."""
        column = self.columns.get(field)
        return row[column.place].strip() if column is not None and column.place < len(row) else ""

    def line(self) -> str:
        """The columns of a line as text, for messages."""
        return ",".join(column.name for column in sorted(self.columns.values()))


def number(text: str) -> float | None:
    """The number in a cell, with point or comma; None if the cell holds no number."""
    word = text.strip()
    return float(word.replace(",", ".")) if NUMBER.fullmatch(word) else None


def named(path: object, header: Sequence[str]) -> Layout:
    """The layout by the names in the first line. RtsepError: a needed column is missing."""
    found: dict[str, list[Column]] = {}
    for field, _, column in sorted(entry for place, cell in enumerate(header) for entry in _fields(place, cell)):
        found.setdefault(field, []).append(column)
    columns = {field: several[0] for field, several in found.items() if field not in TIMES} | _times(found)
    if "onset" in found and found.keys() & TIMES[1:] and "onset" not in columns:
        raise RtsepError(f"{path} names onset and end in different units in {','.join(header)[:60]!r}: give both in seconds")
    missing = next((name for name in ("onset", "offset", "pitch") if name not in columns
                    and not (name == "offset" and "duration" in columns)), None)
    if missing:
        given = ",".join(header)[:60]
        raise RtsepError(f"{path} does not name the column {missing}: its first line is {given!r}, but must name its columns, "
                         f"such as {USUAL} or onset,duration,pitch")
    return Layout(columns, len(header), {cell.strip().lower() for cell in header} >= MUSICNET)


def _fields(place: int, cell: str) -> list[tuple[str, int, Column]]:
    """The fields that a column can be by its name, each with the rank of this name."""
    words = re.findall(r"[a-z]+[0-9]?", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", cell).lower())
    unit = next((unit for unit, names in UNITS.items() for word in words if word in names), "")
    key = "".join(word for word in words if not any(word in names for names in UNITS.values()))
    if not key and unit in ALONE:
        return [(ALONE[unit], len(NAMES["pitch"]), Column(place, cell.strip(), unit))]
    return [(field, names.index(key), Column(place, cell.strip(), unit)) for field, names in NAMES.items() if key in names]


def _times(found: dict[str, list[Column]]) -> dict[str, Column]:
    """Onset and end in one unit, seconds if possible. A column without a unit has the unit of the other one."""
    for unit in ("s", "ms", "samples", "beats"):
        for end in ("offset", "duration"):
            pairs = [(onset, other) for onset in found.get("onset", []) for other in found.get(end, [])
                     if {onset.unit, other.unit} <= {unit, ""} and (unit == "s" or onset.unit or other.unit)]
            if pairs:
                onset, other = pairs[0]
                known = onset.unit or other.unit
                return {"onset": onset._replace(unit=known), end: other._replace(unit=known)}
    return {}


def guessed(path: object, rows: Sequence[tuple[int, list[str]]]) -> Layout:
    """The layout of a table without names: onset, then offset or duration, then pitch; or onset, pitch, duration.

    RtsepError: its numbers do not decide it.
    """
    cells = [(row + [""] * 5)[:5] for _, row in rows]
    first, second = ([number(row[place]) for row in cells] for place in (0, 1))
    later = _mostly([a is not None and b is not None and b > a for a, b in zip(first, second, strict=True)])
    pitches = [_mostly([_is_pitch(row[place]) for row in cells]) for place in (0, 1, 2)]
    if _mostly([number(row[4]) is not None for row in cells]):
        raise _untold(path, rows[0])
    if pitches[2] and (later or not pitches[1]):
        return _unnamed("onset", "offset" if later else "duration", "pitch", cells)
    if pitches[1] and not pitches[2]:
        return _unnamed("onset", "pitch", "duration", cells)
    if not pitches[2] and _mostly([_is_hz(value) for value in second]):
        return _unnamed("onset", "pitch", "duration", cells, "hz")
    raise _untold(path, rows[0])


def _untold(path: object, first: tuple[int, list[str]]) -> RtsepError:
    return RtsepError(f"{path}, line {first[0]}: {','.join(first[1])[:60]!r} does not show what is onset, offset and pitch: "
                      f"name the columns in the first line, such as {USUAL}, and separate decimal commas by semicolons")


def _unnamed(first: str, second: str, third: str, cells: list[list[str]], pitch_unit: str = "") -> Layout:
    columns = {name: Column(place, name, pitch_unit if name == "pitch" else "")
               for place, name in enumerate((first, second, third))}
    if _mostly([number(row[3]) is not None for row in cells]):
        columns["velocity"] = Column(3, "velocity", "")
    return Layout(columns, max(len(cells[0]), 5))


def _mostly(truths: Sequence[bool]) -> bool:
    return 2 * sum(truths) > len(truths)


def _is_pitch(cell: str) -> bool:
    value = number(cell)
    if value is not None:
        return value == round(value) and LOWEST <= value <= HIGHEST if abs(value) < 1e6 else False
    try:
        return parse_pitch(cell) >= 0
    except RtsepError:
        return False


def _is_hz(value: float | None) -> bool:
    return value is not None and LOWEST_HZ <= value <= HIGHEST_HZ and value != round(value)
