"""Notes at other times: their times are multiplied by a factor, then moved."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from rtsep.notes.messages import NOTE_OFF, NOTE_ON
from rtsep.notes.score import Score

NoteArray = npt.NDArray[np.void]  # NOTE [n] of score.py.


@dataclass(frozen=True)
class Timing:
    """When notes sound: a note at t seconds sounds at stretch * t + offset_s."""

    offset_s: float = 0.0
    stretch: float = 1.0

    def at(self, seconds: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """The times of the sound for times of notes."""
        return self.stretch * seconds + self.offset_s


AS_WRITTEN = Timing()


def moved_notes(notes: NoteArray, timing: Timing) -> NoteArray:
    """The notes at other times. Notes that end before 0 are left out; notes that begin before 0 begin at 0."""
    moved = notes.copy()
    moved["onset_s"] = np.maximum(timing.at(notes["onset_s"]), 0)
    moved["offset_s"] = timing.at(notes["offset_s"])
    result: NoteArray = moved[moved["offset_s"] > moved["onset_s"]]
    return result


def moved_score(score: Score, timing: Timing) -> Score:
    """The score at other times. Presses that end before 0 are left out; all other messages from before 0 come at 0."""
    if timing == AS_WRITTEN:
        return score
    seconds = timing.at(score.seconds)
    kept = np.ones(len(seconds), bool)
    for at in np.flatnonzero(seconds < 0).tolist():
        if _ends_before_0(score, seconds, at):
            kept[at] = False
    messages = score.messages[kept]
    count = int((((messages[:, 1] & 0xF0) == NOTE_ON) & (messages[:, 3] > 0)).sum())
    return replace(score, seconds=np.maximum(seconds[kept], 0.0), messages=messages, note_count=count,
                   duration_s=max(timing.stretch * score.duration_s + timing.offset_s, 0.0))


def _ends_before_0(score: Score, seconds: npt.NDArray[np.float64], at: int) -> bool:
    """Whether the message is a note-off, or a note-on of a key that is released or struck again before 0."""
    part, status, key, _velocity = score.messages[at].tolist()
    if status & 0xF0 not in (NOTE_ON, NOTE_OFF):
        return False
    later = score.messages[at + 1 : int(np.searchsorted(seconds, 0.0))]
    same = (later[:, 0] == part) & ((later[:, 1] & 0x0F) == status & 0x0F) & (later[:, 2] == key)
    notes = ((later[:, 1] & 0xF0) == NOTE_ON) | ((later[:, 1] & 0xF0) == NOTE_OFF)
    return bool(_is_off(score.messages[at]) or (same & notes).any())


def _is_off(message: npt.NDArray[np.uint8]) -> bool:
    return bool((message[1] & 0xF0) == NOTE_OFF or not message[3])
