"""Divides the notes of a file between the hands that play them, and writes a MIDI file with a track for each hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rtsep.engine.note_path import Given, give_to_hands
from rtsep.errors import RtsepError
from rtsep.files.results import atomic_write
from rtsep.notes.hands_midi import DRUMS, LEFT, RIGHT, hands_midi
from rtsep.notes.read import read_notes
from rtsep.notes.routing import Routing, by_hands, struck
from rtsep.notes.score import Score
from rtsep.notes.score_parts import by_score, left_and_right
from rtsep.stages.hands import SURE

ENDINGS = (".mid", ".midi")


@dataclass(frozen=True)
class Job:
    """The options of `rtsep hands`. offline: look ahead. score: a score to be followed."""

    source: Path
    out: Path | None = None
    offline: bool = False
    score: Path | None = None
    overwrite: bool = False


def divide(job: Job) -> dict[str, Any]:
    """Divide the notes of `job.source`, and write the file if `job` asks for one. Returns the report.

    RtsepError: anything that the user can correct; then no file is left behind.
    """
    _check(job)
    score = read_notes(job.source)
    if not score.note_count:
        raise RtsepError(f"{job.source} has no notes: give a file with notes")
    routing = by_hands(score) if job.score is None else by_score(job.score, "hands", score)
    given = give_to_hands(score, routing)
    given = _looking_ahead(given, routing) if job.offline else given
    left, right = routing.hands or (LEFT, RIGHT)
    players = np.select([given.stem == left, given.stem == right], [LEFT, RIGHT], DRUMS)
    if job.out is not None:
        atomic_write(job.out, hands_midi(job.source, score, players.tolist()))
    return _report(job, score, given, players)


def _check(job: Job) -> None:
    if job.offline and job.score is not None:
        raise RtsepError("--offline and --score do not go together: leave out one of them")
    out = job.out
    if out is None:
        return
    if out.suffix.lower() not in ENDINGS:
        raise RtsepError(f"--out {out}: give a name that ends in {' or '.join(ENDINGS)}")
    if not out.parent.is_dir():
        raise RtsepError(f"--out {out}: there is no folder {out.parent}; make it, or choose another one")
    if out.exists() and job.source.exists() and out.samefile(job.source):
        raise RtsepError(f"{out} is the input: choose another name")
    if out.is_dir():
        raise RtsepError(f"{out} is a folder: choose another name")
    if (out.exists() or out.is_symlink()) and not job.overwrite:
        raise RtsepError(f"{out} is there already: choose another name, or give --overwrite")


def _strikes(score: Score) -> npt.NDArray[np.uint8]:
    """Part, status, pitch and velocity of the note-ons."""
    found: npt.NDArray[np.uint8] = score.messages[struck(score)]
    return found


def _looking_ahead(given: Given, routing: Routing) -> Given:
    """The same, decided with the notes that follow."""
    right = given.at_last
    stem = np.where(np.isnan(right), -1, np.array(routing.hands)[(right >= 0.5).astype(int)])
    return Given(stem, right, right, 0)


def _report(job: Job, score: Score, given: Given, players: npt.NDArray[np.int64]) -> dict[str, Any]:
    counts = {name: int((players == player).sum()) for name, player in (
        ("left_hand", LEFT), ("right_hand", RIGHT), ("drums", DRUMS))}
    notes = counts["left_hand"] + counts["right_hand"]
    uncertain = int(((given.right > 1 - SURE) & (given.right < SURE)).sum())
    return {
        "source": str(job.source), "out": None if job.out is None else str(job.out),
        "told_by": "the score" if job.score is not None else "all notes" if job.offline else "the notes so far",
        "notes": notes, **counts, "revised": given.revised, "uncertain": uncertain,
        "revised_share": round(given.revised / max(notes, 1), 4), "uncertain_share": round(uncertain / max(notes, 1), 4),
        "tracks": _agreement(score, players), "warnings": list(score.warnings),
    }


def _agreement(score: Score, players: npt.NDArray[np.int64]) -> dict[str, Any] | None:
    """How well the hands agree with the two tracks of the file; None: the file does not have two tracks with notes."""
    of_track = _strikes(score)[:, 0]
    parts: Sequence[int] = np.unique(of_track[players != DRUMS]).tolist()
    if len(parts) != 2:
        return None
    names = [score.track_names[part] for part in parts]
    hands = left_and_right(names)
    agree = sum(int(((of_track == part) & (players == hand)).sum()) for part, hand in zip(parts, hands, strict=True))
    notes = int((players != DRUMS).sum())
    return {"left": names[hands.index(LEFT)], "right": names[hands.index(RIGHT)], "agree": agree, "notes": notes,
            "share": round(agree / notes, 4)}
