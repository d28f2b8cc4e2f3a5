"""Several files of notes as one score: `--midi` may be given once for each, as FILE or as FILE@STEM."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from rtsep.errors import RtsepError
from rtsep.notes.names import stem_name
from rtsep.notes.read import USUAL_HZ, read_notes
from rtsep.notes.score import MAX_PARTS, Score


def split_stem(text: str) -> tuple[Path, str]:
    """The file, and the stem that all of its notes shall form, empty if none is named. RtsepError: no usable name."""
    name, at, stem = text.rpartition("@")
    if not at or Path(text).exists() or re.search(r"/|\.[A-Za-z0-9]{2,8}$", stem):  # The @ is part of the path.
        return Path(text), ""
    if not name or not stem_name(stem):
        raise RtsepError(f"--midi {text}: give FILE or FILE@STEM, such as left.mid@left; a stem needs letters or digits and "
                         "must not be called residual or like another result")
    return Path(name), stem_name(stem)


def read_scores(given: Sequence[str], sample_rate: float = USUAL_HZ) -> Score:
    """The notes of all files, each FILE or FILE@STEM, which begin together; times in samples count at `sample_rate`.

    RtsepError as for `read_notes`.
    """
    scores = []
    for text in given:
        path, stem = split_stem(text)
        scores.append(_named(read_notes(path, sample_rate), path, stem, len(given) > 1))
    return scores[0] if len(scores) == 1 else _merged(scores, given)


def _named(score: Score, path: Path, stem: str, several: bool) -> Score:
    """The score of one file; where there are several, tracks without a name are called after it, and warnings tell it."""
    names, parts = score.track_names, len(score.track_names)
    if several:
        unnamed = [name == f"track_{part + 1}" for part, name in enumerate(names)]
        names = tuple((path.stem if parts == 1 else f"{path.stem} {name}") if bare else name
                      for name, bare in zip(names, unnamed, strict=True))
    warnings = tuple(f"{path.name}: {text}" for text in score.warnings) if several else score.warnings
    return replace(score, track_names=names, stems=(stem,) * parts, warnings=warnings,
                   ports=score.ports or (0,) * parts)


def _merged(scores: Sequence[Score], given: Sequence[str]) -> Score:
    """All scores as one: their parts one after another, their messages by time."""
    parts = sum(len(score.track_names) for score in scores)
    if parts > MAX_PARTS:
        raise RtsepError(f"{', '.join(given)} have {parts} tracks with notes together, allowed are {MAX_PARTS}: leave some out")
    firsts = np.cumsum([0, *(len(score.track_names) for score in scores)])[:-1].tolist()
    seconds = np.concatenate([score.seconds for score in scores])
    messages = np.concatenate([score.messages + np.array([first, 0, 0, 0], np.uint8)
                               for first, score in zip(firsts, scores, strict=True)])
    order = np.argsort(seconds, kind="stable")  # Stable: files in their order at equal times.

    def of_all(field: str) -> tuple[str, ...]:
        return tuple(each for score in scores for each in getattr(score, field))

    zoned = [(first + part, channel) for first, score in zip(firsts, scores, strict=True) for part, channel in score.zoned]
    return Score(
        of_all("track_names"), seconds[order], messages[order],
        tuple(sorted({channel for score in scores for channel in score.channels})),
        sum(score.note_count for score in scores), max(score.duration_s for score in scores),
        sum(score.tracks_without_notes for score in scores),
        {(first + part, channel): program for first, score in zip(firsts, scores, strict=True)
         for (part, channel), program in score.programs.items()},
        tuple(port for score in scores for port in score.ports), of_all("stems"), frozenset(zoned), of_all("warnings"))
