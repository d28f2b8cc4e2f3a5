"""A melody that is told: a file, or a track of the notes, whose notes limit the pitch of the voice's stem.

`--melody FILE`, `--melody FILE@TRACK` or, of the notes that are given anyway, `--melody TRACK`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rtsep.errors import RtsepError
from rtsep.notes.names import find_stem, stem_names
from rtsep.notes.read import read_notes
from rtsep.notes.routing import IGNORED, Routing, struck
from rtsep.notes.score import Score

ALONE = {"background_memory_s": 0.25}
"""Defaults where only a melody is told: the background then has to follow every note of the other instruments."""


def take_melody(text: str, score: Score | None, sample_rate: float) -> tuple[Score | None, Score]:
    """The notes without the melody (None: there are none), and the melody: one part. RtsepError: it cannot be found."""
    path, track = _split(text)
    if path is not None:
        return score, _one_part(read_notes(path, sample_rate), track, str(path))
    if score is None:
        raise RtsepError(f"--melody {text}: there is no such file; to name a track of the notes, give --midi FILE, too")
    part = _named(score, track, f"--melody {track}")
    rest = only_parts(score, [number for number in range(len(score.track_names)) if number != part])
    return rest if rest.note_count else None, only_parts(score, [part])


def melody_file(text: str) -> Path | None:
    """The file that --melody names, if it names one."""
    return _split(text)[0] if text else None


def _split(text: str) -> tuple[Path | None, str]:
    """The file and the name of the track in FILE, FILE@TRACK or TRACK; an empty name: none is given."""
    if Path(text).exists():
        return Path(text), ""
    name, at, track = text.rpartition("@")
    return (Path(name), track) if at and Path(name).exists() else (None, text)


def _named(score: Score, track: str, what: str) -> int:
    try:
        return find_stem(track, stem_names(score.track_names))
    except RtsepError as error:
        raise RtsepError(f"{what}: {error}") from None


def _one_part(score: Score, track: str, path: str) -> Score:
    """The part of a file that is the melody."""
    if not score.note_count:
        raise RtsepError(f"--melody {path}: the file has no notes")
    if not track and len(score.track_names) > 1:
        raise RtsepError(f"--melody {path}: the file has the tracks {', '.join(score.track_names)}; say which one is the "
                         f"melody, such as --melody {path}@{score.track_names[0]}")
    return only_parts(score, [_named(score, track, f"--melody {path}@{track}") if track else 0])


def only_parts(score: Score, parts: list[int]) -> Score:
    """The score with only these parts, which get new numbers."""
    mine = np.isin(score.messages[:, 0], parts)
    messages = score.messages[mine].copy()
    messages[:, 0] = np.searchsorted(parts, messages[:, 0])

    def of_parts(values: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(values[part] for part in parts) if values else ()

    programs = {(parts.index(part), channel): program for (part, channel), program in score.programs.items() if part in parts}
    zoned = frozenset((parts.index(part), channel) for part, channel in score.zoned if part in parts)
    found = replace(score, track_names=of_parts(score.track_names), messages=messages, seconds=score.seconds[mine],
                    stems=of_parts(score.stems), ports=tuple(score.ports[part] for part in parts) if score.ports else (),
                    programs=programs, zoned=zoned)
    at = struck(found)
    return replace(found, note_count=int(at.sum()), channels=tuple(sorted({int(status) & 0x0F for status in messages[at, 1]})))


def with_melody(
    routing: Routing, events: NDArray[np.void], melody: NDArray[np.void], free: int | None = None
) -> tuple[Routing, NDArray[np.void], list[tuple[int, int]]]:
    """The routing of `events` with one more part, the melody, whose notes go to the voice's stem; all events by time.

    Also the (part, channel) pairs of the melody. free: a part without notes, which becomes the melody's; else a new one.
    """
    part = len(routing.table) if free is None else free
    table = np.concatenate([routing.table, np.full((1, *routing.table.shape[1:]), IGNORED, routing.table.dtype)])
    table = table[: max(part + 1, len(routing.table))]
    table[part] = routing.voice
    line = melody.copy()
    line["part"] = part
    both = np.concatenate([events, line])
    channels = sorted({int(status) & 0x0F for status in line["status"]})
    return replace(routing, table=table), both[np.argsort(both["sample"], kind="stable")], [(part, each) for each in channels]
