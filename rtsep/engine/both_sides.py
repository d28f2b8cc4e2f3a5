"""Which hand plays each note of a whole piece, told by the notes before and after it: for files."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rtsep.engine.note_path import give_to_hands
from rtsep.notes.messages import NOTE_OFF, NOTE_ON
from rtsep.notes.routing import by_hands
from rtsep.notes.score import Score


def both_sides(notes: npt.NDArray[np.void]) -> npt.NDArray[np.float64]:
    """How likely, from 0 to 1, the right hand plays each of NOTE [n], which are one player's, by onset."""
    count = len(notes)
    seconds = np.concatenate([notes["onset_s"], notes["offset_s"]])
    messages = np.zeros((2 * count, 4), np.uint8)
    messages[:, 1] = np.repeat((NOTE_ON, NOTE_OFF), count)
    messages[:, 2] = np.tile(notes["pitch"], 2)
    messages[:count, 3] = notes["velocity"]
    order = np.lexsort((messages[:, 1], seconds))  # Keys go up before they are struck again.
    score = Score(("notes",), seconds[order], messages[order], (0,), count, float(seconds.max(initial=0)), 0)
    right = np.empty(count)
    right[order[order < count]] = give_to_hands(score, by_hands(score)).right
    return right
