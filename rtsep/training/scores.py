"""The notes of a recording, from a MIDI file or a table: NOTE [n] in seconds, by onset."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rtsep.errors import RtsepError
from rtsep.notes.score import NOTE, read_midi

NEEDED = ("onset", "offset", "pitch")
USUAL_VELOCITY = 64  # Velocity of notes in files without velocities.
PAUSE_S = 0.25  # Seconds between isolated notes, in which one dies away alone.
LATEST_S = 24 * 3600.0  # Notes end at most this many seconds after the start.
MOST_BYTES = 32_000_000  # A file of notes has at most this many bytes.

NoteArray = npt.NDArray[np.void]


def read_notes(path: Path) -> NoteArray:
    """The notes in `path`: a MIDI file (offsets include the pedals), or a .csv whose first line names its columns.

    Columns: onset, offset (seconds), pitch (0 to 127), and velocity (1 to 127; 64 without), in any order, separated by commas.
    RtsepError: missing, empty, broken, without notes.
    """
    notes = _read_csv(path) if path.suffix.lower() == ".csv" else read_midi(path).notes()
    if not len(notes):
        raise RtsepError(f"{path} has no notes: training needs to know which notes sound when")
    return notes


def read_warnings(path: Path) -> tuple[str, ...]:
    """What the user should know about a MIDI file: what is odd in it, and which notes are bent; nothing about a table."""
    return () if path.suffix.lower() == ".csv" else tuple(f"{path.name}: {text}" for text in read_midi(path).warnings)


def is_isolated(notes: NoteArray) -> bool:
    """Whether the notes sound one by one, each with a pause after it."""
    return bool((notes["onset_s"][1:] - np.maximum.accumulate(notes["offset_s"])[:-1] >= PAUSE_S - 1e-6).all())


def _read_csv(path: Path) -> NoteArray:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise RtsepError(f"{path} has more than {MOST_BYTES // 10**6} MB: cut it into pieces")
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise RtsepError(f"cannot read {path}: {error.strerror}; give a table of notes") from error
    except UnicodeDecodeError:
        raise RtsepError(f"{path} is no text: give a table with the columns onset, offset, pitch, velocity") from None
    if not lines:
        raise RtsepError(f"{path} is empty: give a table with the columns onset, offset, pitch, velocity")
    reader = csv.reader(lines)
    columns = [name.strip().lower() for name in next(reader)]
    missing = [name for name in NEEDED if name not in columns]
    if missing:
        raise RtsepError(f"{path} does not name the column {missing[0]}: its first line must be onset,offset,pitch,velocity")
    found = [_note(path, reader.line_num, columns, row) for row in reader if any(cell.strip() for cell in row)]
    return np.sort(np.array(found, NOTE), order=("onset_s", "pitch"))


def _note(path: Path, line: int, columns: Sequence[str], row: Sequence[str]) -> tuple[float, float, int, int, int, int]:
    """One line of the table as checked values."""
    values = dict(zip(columns, row, strict=False))
    try:
        onset, offset, pitch = (float(values[name]) for name in NEEDED)
        velocity = float(values.get("velocity", USUAL_VELOCITY))
    except (KeyError, ValueError):
        text = ",".join(row)[:60]
        raise RtsepError(f"{path}, line {line}: {text!r} is no note; a line is onset,offset,pitch,velocity") from None
    if not (math.isfinite(onset + offset) and 0 <= onset < offset <= LATEST_S):
        raise RtsepError(f"{path}, line {line}: a note from {onset:g} to {offset:g} s; it must begin at 0 s or later, and "
                         "end after that")
    if not (0 <= pitch <= 127 and pitch == int(pitch) and 1 <= velocity <= 127):
        raise RtsepError(f"{path}, line {line}: pitch {pitch:g}, velocity {velocity:g}; allowed are 0 to 127 and 1 to 127")
    return onset, offset, int(pitch), int(velocity), 0, 0
