"""The score that a player plays from: which notes belong together as chords, and which part each note belongs to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rtsep.notes.folded import ENGINE_PARTS
from rtsep.notes.score import Score

CHORD_S = 0.035  # Notes that begin within this many seconds of a chord's first note belong to the chord.


@dataclass(frozen=True, eq=False)
class FollowedScore:
    """Notes in the order of the score.

    onset_s: float64 [chord], seconds from the start, ascending. chord, pitch, part: int64 [note], by chord, then part, then
    pitch. Parts are stems, counted from 0. keyboards: the MIDI parts below this one play the score.
    """

    onset_s: NDArray[np.float64]
    chord: NDArray[np.int64]
    pitch: NDArray[np.int64]
    part: NDArray[np.int64]
    keyboards: int = ENGINE_PARTS


NO_SCORE = FollowedScore(np.zeros(0), *np.zeros((3, 0), np.int64))  # An empty score, if none is followed.


def followed_score(score: Score, stem_of: NDArray[np.int8], keyboards: int = ENGINE_PARTS) -> FollowedScore:
    """The notes of `score`; `stem_of` [part, channel, pitch] is the stem of each note, -1: no stem.

    If a part has a pitch twice in one chord, it counts once.
    """
    notes = score.notes()
    stems = stem_of[notes["part"], notes["channel"], notes["pitch"]].astype(np.int64)
    notes, stems = notes[stems >= 0], stems[stems >= 0]
    chord, onset_s = chords_of(notes["onset_s"], CHORD_S)
    rows = np.unique(np.stack([chord, stems, notes["pitch"].astype(np.int64)], axis=1), axis=0)
    chord, stems, pitch = (np.ascontiguousarray(column) for column in rows.T)
    return FollowedScore(onset_s, chord, pitch, stems, keyboards)


def chords_of(onset_s: NDArray[np.float64], within_s: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The chord of each note (notes by onset), and the onset of each chord.

    A chord has all notes that begin within `within_s` seconds of its first note.
    """
    chord, firsts = np.zeros(len(onset_s), np.int64), list[float]()
    for number, onset in enumerate(onset_s.tolist()):
        if not firsts or onset > firsts[-1] + within_s:
            firsts.append(onset)
        chord[number] = len(firsts) - 1
    return chord, np.array(firsts, np.float64)
