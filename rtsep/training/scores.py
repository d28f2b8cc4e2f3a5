"""Reads the notes of a recording from any file of notes: NOTE [n] in seconds, by onset."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from rtsep.errors import RtsepError
from rtsep.notes.read import read_notes

PAUSE_S = 0.25  # Between isolated notes there are at least this many seconds, in which a note dies away alone.

NoteArray = npt.NDArray[np.void]


def training_notes(path: Path, sample_rate: float) -> tuple[NoteArray, tuple[str, ...]]:
    """The notes in `path`, and warnings: what is odd in the file, and which notes are bent.

    The file is a MIDI file (offsets include the pedals), or another file of notes (see `read_notes`). RtsepError: it is
    missing, empty, broken, or without notes.
    """
    score = read_notes(path, sample_rate)
    notes = score.notes()
    if not len(notes):
        raise RtsepError(f"{path} has no notes: training needs to know which notes sound when")
    return notes, tuple(f"{path.name}: {text}" for text in score.warnings)


def is_isolated(notes: NoteArray) -> bool:
    """Whether the notes sound one by one, with a pause after each."""
    return bool((notes["onset_s"][1:] - np.maximum.accumulate(notes["offset_s"])[:-1] >= PAUSE_S - 1e-6).all())
