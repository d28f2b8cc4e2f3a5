"""The notes of a recording, from any file of notes: NOTE [n] in seconds, by onset."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from rtsep.errors import RtsepError
from rtsep.notes.read import read_notes

PAUSE_S = 0.25  # Seconds between isolated notes, in which one dies away alone.

NoteArray = npt.NDArray[np.void]


def training_notes(path: Path, sample_rate: float) -> tuple[NoteArray, tuple[str, ...]]:
    """The notes in `path`, a MIDI file (offsets include the pedals) or another file of notes (see `read_notes`), and what the
    user should know of them: what is odd in the file, and which notes are bent.

    RtsepError: missing, empty, broken, without notes.
    """
    score = read_notes(path, sample_rate)
    notes = score.notes()
    if not len(notes):
        raise RtsepError(f"{path} has no notes: training needs to know which notes sound when")
    return notes, tuple(f"{path.name}: {text}" for text in score.warnings)


def is_isolated(notes: NoteArray) -> bool:
    """Whether the notes sound one by one, each with a pause after it."""
    return bool((notes["onset_s"][1:] - np.maximum.accumulate(notes["offset_s"])[:-1] >= PAUSE_S - 1e-6).all())
