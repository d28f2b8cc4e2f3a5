"""Several files of notes as one score: `--midi` can be given once for each file, as FILE or as FILE@STEM."""

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
    """The file, and the name of the stem for all of its notes; empty if there is none. RtsepError: the name cannot be used."""
    name, at, stem = text.rpartition("@")
    if not at or Path(text).exists() or re.search(r"/|\.[A-Za-z0-9]{2,8}$", stem):  # The @ is part of the path.
        return Path(text), ""
    if not name or not stem_name(stem):
        raise RtsepError(f"--midi {text}: give FILE or FILE@STEM, such as left.mid@left; the name of a stem needs letters or "
                         "digits, and cannot be residual or the name of another result")
    return Path(name), stem_name(stem)


def read_scores(given: Sequence[str], sample_rate: float = USUAL_HZ) -> Score:
    """The notes of all files, each given as FILE or FILE@STEM. The files begin together; `sample_rate` is for times in samples.

    RtsepError as for `read_notes`.
    """
    scores = []
    for text in given:
        path, stem = split_stem(text)
        scores.append(_named(read_notes(path, sample_rate), path, stem, len(given) > 1))
    return scores[0] if len(scores) == 1 else _merged(scores, given)


def _named(score: Score, path: Path, stem: str, several: bool) -> Score:
    """The score of one file. If there are several files, tracks without a name, and warnings, get the name of the file."""
    names, parts = score.track_names, len(score.track_names)
    if several:
        unnamed = [name == f"track_{part + 1}" for part, name in enumerate(names)]
        names = tuple((path.stem if parts == 1 else f"{path.stem} {name}") if bare else name
                      for name, bare in zip(names, unnamed, strict=True))
    warnings = tuple(f"{path.name}: {text}" for text in score.warnings) if several else score.warnings
    return replace(score, track_names=names, stems=(stem,) * parts, warnings=warnings,
                   ports=score.ports or (0,) * parts)


def _merged(scores: Sequence[Score], given: Sequence[str]) -> Score:
    """All scores as one: parts one after another, messages by time."""
    parts = sum(len(score.track_names) for score in scores)
    if parts > MAX_PARTS:
        raise RtsepError(f"{', '.join(given)} have {parts} tracks with notes together, allowed are {MAX_PARTS}: leave some out")
    firsts = np.cumsum([0, *(len(score.track_names) for score in scores)])[:-1].tolist()
    seconds = np.concatenate([score.seconds for score in scores])
    messages = np.concatenate([score.messages + np.array([first, 0, 0, 0], np.uint8)
                               for first, score in zip(firsts, scores, strict=True)])
    order = np.argsort(seconds, kind="stable")  # The sort is stable: at equal times, files keep their order.

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
