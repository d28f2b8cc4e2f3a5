"""`rtsep render --score` without `--midi`: the score is brought into line with the recording, and rtsep says how sure it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rtsep.errors import RtsepError
from rtsep.files.sound import SoundReader
from rtsep.fit.align import Alignment, align
from rtsep.notes.build import Note, build_score
from rtsep.notes.moved import NoteArray
from rtsep.notes.programs import DRUM_CHANNEL
from rtsep.notes.read import read_notes
from rtsep.notes.score import Score
from rtsep.notes.score_parts import left_and_right

PASSAGE_S = 10.0  # rtsep says for each passage of this many seconds how sure it is.
# Below SURE rtsep warns. Below LEAST it does not separate. See docs/explanation/alignment.md: the scores of other pieces had at
# most 0.48, and right ones at least 0.44, since much louder music hides the notes. A right score should not be refused.
SURE, LEAST = 0.6, 0.4
LEAST_NOTES = 8  # rtsep can tell whether a score belongs to a recording if it finds at least this many notes.
HANDS = ("left hand", "right hand")  # Names of the tracks with --by hands.


@dataclass(frozen=True, eq=False)
class Aligned:
    """A score in line with a recording. score: at the times of the recording. sureness: of passages of PASSAGE_S, 0 to 1.

    nan: no notes were found there.
    """

    score: Score
    alignment: Alignment
    sureness: npt.NDArray[np.float64]
    written: int

    @property
    def report(self) -> dict[str, Any]:
        """The part of the report about it."""
        passages = [{"start_s": round(PASSAGE_S * number, 3), "sureness": None if np.isnan(sure) else round(float(sure), 3)}
                    for number, sure in enumerate(self.sureness)]
        return {"aligned": {
            "notes": len(self.alignment.notes), "score_notes": self.written,
            "sureness": round(sureness_of(self.alignment.heard), 3), "passages": passages,
            "jumps": [{"at_s": round(at, 2), "from_score_s": round(left, 2), "to_score_s": round(to, 2)}
                      for at, left, to in self.alignment.jumps]}}

    def warnings(self) -> Iterator[str]:
        """Sentences about the whole score, if it hardly fits, and about the passages of which rtsep is not sure."""
        if (sure := sureness_of(self.alignment.heard)) < SURE:
            yield (f"the score hardly fits this recording: its sureness is {sure:.2f}, and right scores mostly have {SURE:g} "
                   "or more. It is another piece or in another key, or other sounds are much louder: check notes.mid and "
                   "path.png")
        found = np.flatnonzero(~np.isnan(self.sureness))
        told = ["" if sure >= SURE else "unsure" if sure >= 0 else "nothing" for sure in self.sureness[: found[-1] + 1]]
        for what, group in groupby(enumerate(told), key=lambda each: each[1]):
            numbers = [number for number, _ in group]
            where = f"from {PASSAGE_S * numbers[0]:g} to {PASSAGE_S * (numbers[-1] + 1):g} s"
            if what == "unsure":
                yield f"{where}, rtsep is not sure where the player is in the score: check notes.mid and path.png"
            elif what == "nothing" and numbers[0] >= found[0]:
                yield f"{where}, rtsep found no notes of the score"


def sureness_of(heard: npt.NDArray[np.float64]) -> float:
    """How much more the notes rise than by chance: 0 is chance, 1 means that no other time has stronger rises."""
    known = heard[~np.isnan(heard)]
    return max(2 * float(known.mean()) - 1, 0.0) if len(known) else float("nan")


def align_score(path: Path, by: str, sound: SoundReader) -> Aligned:
    """The score in a file, in line with a sound. RtsepError: it has no pitched notes, or does not belong to the sound."""
    score = read_notes(path, sound.sample_rate)
    notes = score.notes()
    heard = notes.copy()
    drums = notes["channel"] == DRUM_CHANNEL
    if drums.all():
        raise RtsepError(f"--score {path} has no pitched notes, which rtsep needs to bring it into line: if its notes are in "
                         "time, give --midi instead")
    heard["pitch"][drums] = 0  # No pitch of the aligner: drums go along with the other notes.
    found = align(sound, heard)
    _check(path, found, int((~drums).sum()))
    placed = found.notes.copy()
    placed["pitch"] = notes["pitch"][found.source]
    return Aligned(_score(placed, score, by), found, _passages(found, sound.frames / sound.sample_rate), len(notes))


def _check(path: Path, found: Alignment, written: int) -> None:
    count, sure = int((~np.isnan(found.heard)).sum()), sureness_of(found.heard)
    if written >= LEAST_NOTES and (count < LEAST_NOTES or sure < LEAST):
        what = f"only {count} of its {written} notes" if count < LEAST_NOTES else (
            f"its notes with a sureness of only {sure:.2f}, and needs {LEAST:g}")
        raise RtsepError(f"--score {path} does not seem to belong to this recording: rtsep found {what}. Give the score of "
                         "this recording, in the same key. If it is that, other sounds are too loud; if its notes are in time, "
                         "give --midi instead")


def _score(notes: NoteArray, like: Score, by: str) -> Score:
    """The notes as a score with the tracks of another one; with --by hands, its two tracks are the hands."""
    names = like.track_names
    if by == "hands" and len(names) == 2:
        names = tuple(HANDS[hand] for hand in left_and_right(names))
    built = build_score("notes.mid", [Note(*note) for note in notes.tolist()], names, like.programs)
    return replace(built, warnings=like.warnings)


def _passages(found: Alignment, seconds: float) -> npt.NDArray[np.float64]:
    number = (found.notes["onset_s"] // PASSAGE_S).astype(int)
    return np.array([sureness_of(found.heard[number == each]) for each in range(int(np.ceil(seconds / PASSAGE_S)))])
