"""Notes from tables: text with one note per line; names, order and separators of the columns can vary."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from rtsep.errors import RtsepError
from rtsep.notes.build import (
    MOST_CHARACTERS,
    MOST_NOTES,
    USUAL_VELOCITY,
    Note,
    Path,
    build_score,
    pitch_of_hz,
    seconds_of_beats,
)
from rtsep.notes.columns import Layout, guessed, named, number
from rtsep.notes.pitch import parse_pitch
from rtsep.notes.score import MAX_DURATION_S, MAX_PARTS, Score

SEPARATORS = ("\t", ";", "|", ",", None)  # Separators of columns, the clearest first; None: spaces.
COMMENTS = ("#", "%", "//", "sep=")  # Lines that begin with one of these hold no notes; spreadsheets write the last one.
MUSICNET_HZ = 44100.0  # MusicNet counts in samples at this rate, in Hz.
LONGEST_S = 20.0  # Whole numbers without a unit are not seconds if they make most notes longer than this many seconds.
MOST_TEMPO = 1000.0  # The fastest tempo, in beats per minute.

Row = tuple[int, list[str]]  # Number of the line, and its cells.


def read_table(path: Path, text: str, sample_rate: float) -> Score:
    """The notes of a table. `sample_rate` is that of the recording, for times in samples. A column can name the tracks.

    RtsepError: a line is not a note; the message shows the line, and what it must be.
    """
    rows = list(_rows(path, text))
    if not rows:
        raise RtsepError(f"{path} is empty: give a table with the columns onset, offset, pitch, velocity")
    if number(rows[0][1][0]) is not None:
        layout = guessed(path, rows)
    else:
        layout, rows = named(path, rows[0][1]), rows[1:]
    return _Table(path, layout, rows, MUSICNET_HZ if layout.musicnet else sample_rate).score()


def _rows(path: Path, text: str) -> Iterator[Row]:
    """The lines that are not empty, divided into cells."""
    lines = [(line, words) for line, words in enumerate(text.splitlines(), 1)
             if words.strip(" \t,;|") and not words.lstrip().startswith(COMMENTS)]
    if len(lines) > MOST_NOTES:
        raise RtsepError(f"{path} has {len(lines)} lines, allowed are {MOST_NOTES}: cut it into pieces")
    separator = _separator(lines[0][1]) if lines else ","
    for line, words in lines:
        try:
            yield line, _cells(words, separator)
        except csv.Error as error:
            raise RtsepError(f"{path}, line {line}: {words[:MOST_CHARACTERS]!r} is not a line of a table ({error})") from None


def _separator(line: str) -> str | None:
    """The separator of the columns in this line. Runs of tabs, and decimal commas between spaces, count as spaces."""
    spaced = line.split()
    if len(spaced) > 2 and all(number(cell) is not None for cell in spaced):
        return None
    return next((sign for sign in SEPARATORS if len(_cells(line, sign)) > 2), ",")


def _cells(line: str, separator: str | None) -> list[str]:
    if separator is None or not line:
        return line.split()
    return [cell.strip() for cell in next(csv.reader([line], delimiter=separator, skipinitialspace=True))] or [""]


@dataclass(frozen=True)
class _Table:
    path: Path
    layout: Layout
    rows: Sequence[Row]
    sample_rate: float

    def score(self) -> Score:
        """All rows as notes."""
        onsets, offsets = self._seconds()
        for row, onset, offset in zip(self.rows, onsets, offsets, strict=True):
            if not (math.isfinite(onset + offset) and 0 <= onset < offset <= MAX_DURATION_S):
                raise self._fault(row, f"is a note from {onset:g} to {offset:g} s; it must begin at 0 s or later, end after "
                                       "that, and within 24 hours")
        self._check_unit(onsets, offsets)
        parts, names = self._tracks()
        velocities, hertz = self._velocities(), self._counts_hertz()
        pitches = [self._pitch(row, hertz) for row in self.rows]
        notes = [Note(*each) for each in zip(onsets, offsets, pitches, velocities, parts, strict=True)]
        return build_score(self.path, notes, names, self._programs(names))

    def _fault(self, row: Row, reason: str) -> RtsepError:
        return RtsepError(f"{self.path}, line {row[0]}: {','.join(row[1])[:MOST_CHARACTERS]!r} {reason}")

    def _number(self, field: str, row: Row) -> float:
        value = number(self.layout.text(field, row[1]))
        if any(row[1][self.layout.width :]):
            raise self._fault(row, f"has more columns than {self.layout.line()}: separate decimal commas by semicolons")
        if value is None or len(row[1]) < self.layout.needed:
            raise self._fault(row, f"is not a note; a line is {self.layout.line()}")
        return value

    def _seconds(self) -> tuple[list[float], list[float]]:
        """Onsets and offsets in seconds."""
        end = "offset" if "offset" in self.layout.columns else "duration"
        onsets = [self._number("onset", row) for row in self.rows]
        ends = [self._number(end, row) for row in self.rows]
        if end == "duration":
            ends = [onset + duration for onset, duration in zip(onsets, ends, strict=True)]
        unit = self.layout.columns["onset"].unit
        if unit == "beats":
            return self._from_beats(onsets), self._from_beats(ends)
        scale = {"ms": 1000.0, "samples": self.sample_rate}.get(self._true_unit(unit), 1.0)
        return [onset / scale for onset in onsets], [offset / scale for offset in ends]

    def _true_unit(self, unit: str) -> str:
        return "samples" if self.layout.musicnet else unit

    def _from_beats(self, beats: list[float]) -> list[float]:
        """Seconds by the column of tempos; each tempo holds from the onset of its line on."""
        if not self.rows:
            return []
        if "tempo" not in self.layout.columns:
            raise self._fault(self.rows[0], "counts in beats: add a column tempo (beats per minute), or give seconds")
        tempos = []
        for row in self.rows:
            onset, tempo = self._number("onset", row), self._number("tempo", row)
            if not (0 < tempo <= MOST_TEMPO and math.isfinite(onset)):
                raise self._fault(row, f"has the tempo {tempo:g}; allowed are 1 to {MOST_TEMPO:g} beats per minute")
            tempos.append((onset, tempo))
        first = min(tempos)
        return [float(second) for second in seconds_of_beats(beats, [(0.0, first[1]), *tempos])]

    def _check_unit(self, onsets: list[float], offsets: list[float]) -> None:
        """RtsepError if whole numbers without a unit give absurdly long notes: then they are milliseconds or samples."""
        if self.layout.columns["onset"].unit or self.layout.musicnet or not self.rows:
            return
        whole = all(onset == round(onset) and offset == round(offset) for onset, offset in zip(onsets, offsets, strict=True))
        if whole and float(np.median(np.subtract(offsets, onsets))) > LONGEST_S:
            raise self._fault(self.rows[0], f"would be a note of {offsets[0] - onsets[0]:g} s: say the unit in the first line, "
                                            "such as onset_ms,offset_ms,pitch or onset_samples, or onset_s if it is seconds")

    def _pitch(self, row: Row, hertz: bool) -> int:
        """The pitch from a MIDI number, the name of a note, or a frequency if the column holds frequencies."""
        text, column = self.layout.text("pitch", row[1]), self.layout.columns["pitch"]
        value = number(text)
        if value is None:
            try:
                return parse_pitch(text)
            except RtsepError:
                raise self._fault(row, f"is not a note; a line is {self.layout.line()}; a pitch is 0 to 127 or C-1 to "
                                       "G9") from None
        if hertz and 1 < value < 20000:
            value = pitch_of_hz(value)
        if "midi" in column.name.lower() and math.isfinite(value):
            value = round(value)
        if not (0 <= value <= 127 and value == round(value)):
            raise self._fault(row, f"has pitch {text}; allowed are 0 to 127 and names such as C4; name the column frequency_hz "
                                   "if it is in Hz")
        return int(value)

    def _counts_hertz(self) -> bool:
        """Whether pitches are frequencies: the column says it, or it is Sonic Visualiser's and has a number above 127."""
        column = self.layout.columns["pitch"]
        values = [number(self.layout.text("pitch", row[1])) or 0.0 for row in self.rows]
        return column.unit == "hz" or (column.name.lower() == "value" and max(values, default=0.0) > 127)

    def _velocities(self) -> list[int]:
        """MIDI velocities. If the largest number in the column is at most 1, the column has a scale from 0 to 1."""
        if "velocity" not in self.layout.columns:
            return [USUAL_VELOCITY] * len(self.rows)
        given = [number(self.layout.text("velocity", row[1]) or str(USUAL_VELOCITY)) for row in self.rows]
        known = [value for value in given if value is not None]
        scale = 127.0 if known and 0 < max(known) <= 1 <= len(known) and min(known) >= 0 else 1.0
        found = []
        for row, value in zip(self.rows, given, strict=True):
            if value is None or not (1 <= value <= 127 or (scale > 1 and value >= 0)):
                raise self._fault(row, f"has velocity {self.layout.text('velocity', row[1])}; allowed are 1 to 127, or 0 to 1 "
                                       "in the whole column")
            found.append(max(round(value * scale), 1))
        return found

    def _tracks(self) -> tuple[list[int], list[str]]:
        """The track of each row, and the names of the tracks in order of appearance."""
        column = self.layout.columns.get("track")
        labels = [self.layout.text("track", row[1]) for row in self.rows]
        free = column is not None and column.name.lower() == "label"  # A label can also be a remark.
        if column is None or (free and (len(set(labels)) > MAX_PARTS or any(_is_remark(label) for label in labels))):
            return [0] * len(self.rows), [""]
        numbers = {label: place for place, label in enumerate(dict.fromkeys(labels))}
        names = [label if not label or number(label) is None else f"{column.name} {label}" for label in numbers]
        return [numbers[label] for label in labels], names

    def _programs(self, names: Sequence[str]) -> dict[tuple[int, int], int]:
        """The programs of MusicNet's instruments, which are General MIDI programs counted from 1."""
        if not self.layout.musicnet:
            return {}
        programs = [number(name.rpartition(" ")[2]) for name in names]
        return {(part, 0): int(program) - 1 for part, program in enumerate(programs) if program and 1 <= program <= 128}


def _is_remark(label: str) -> bool:
    """Whether a label is the default text of Sonic Visualiser, or a pitch or a number."""
    try:
        return number(label) is not None or label.lower() in ("", "new point") or parse_pitch(label) >= 0
    except RtsepError:
        return False
