"""The stems of a score that is followed: its parts, with the keyboards that play some of them, and the part that a voice sings.

Notes of keyboards come as the first MIDI parts, and the score's own notes as the parts after these.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rtsep.errors import RtsepError
from rtsep.notes.folded import ENGINE_PARTS
from rtsep.notes.followed import followed_score
from rtsep.notes.names import find_stem, stem_name, stem_names
from rtsep.notes.programs import CHANNELS, FAMILIES, FAMILY_SIZE
from rtsep.notes.routing import IGNORED, Routing, by_channel, by_split, by_track, everything, keyboards, only_voice, with_voice
from rtsep.notes.score import Score
from rtsep.notes.told_melody import only_parts
from rtsep.presets.instruments import stem_programs

KEYBOARDS = ("piano", "chromatic percussion", "organ")  # The families of General MIDI that have keys.


@dataclass(frozen=True, eq=False)
class Followed:
    """A score that is followed by the sound. start_bar: where the player begins, from 1; 0: at the first note.

    keyboards: how many MIDI parts are keyboards that play some of its parts. keyboard_parts: these, if they are known. melody:
    the part that a voice sings; None: no part.
    """

    score: Score
    start_bar: int = 0
    keyboards: int = 0
    keyboard_parts: tuple[int, ...] = ()
    melody: int | None = None

    def entries(self) -> dict[str, Any]:
        """The entries of a set-up that ask for this; without those that have their usual values."""
        names = stem_names(self.score.track_names)
        keyed = [names[part] for part in self.keyboard_parts if self.keyboard_parts != parts_with_keys(self.score)]
        melody = {} if self.melody is None else {"melody": names[self.melody]}
        return {"follow": "sound", "start_bar": self.start_bar, "keyboard_part": keyed, **melody}


def named_parts(score: Score, names: Iterable[str]) -> tuple[int, ...]:
    """The parts of the score with these names or numbers. RtsepError: a name that no part has."""
    return tuple(sorted({find_stem(name, stem_names(score.track_names)) for name in names}))


def melody_part(score: Score, name: str) -> int | None:
    """The part with this name; None: no part has it."""
    names = stem_names(score.track_names)
    return names.index(stem_name(name)) if stem_name(name) in names else None


def parts_with_keys(score: Score) -> tuple[int, ...]:
    """The parts for instruments with keys, by their programs; none if all parts are, so that nothing tells them apart."""
    mine = {part for part, channel in keyboards(score)
            if FAMILIES[score.programs.get((part, channel), 0) // FAMILY_SIZE] in KEYBOARDS}
    return tuple(sorted(mine)) if mine < {part for part, _ in keyboards(score)} else ()


def route_followed(followed: Followed, by: str, channels: Collection[int] = (), voice: str = "") -> Routing:
    """The routing of a followed score: each track or staff is a stem, or all notes together, and perhaps a stem for a voice.

    channels: those of the keyboards that count, 1 to 16; none: all. RtsepError: too many tracks.
    """
    score, first = followed.score, followed.keyboards
    most, count = ENGINE_PARTS - first, len(score.track_names)
    if count > most:
        raise RtsepError(f"--score has {count} tracks with notes, allowed are {most}: merge some")
    base = _without_keyboards(followed, by, voice)
    table = np.full_like(base.table, IGNORED)
    table[first : first + count] = base.table[:count]
    if not first:
        return replace(base, table=table)
    mine = np.isin(np.arange(len(base.table)), followed.keyboard_parts or range(count))[:, None, None]
    stems = np.where(mine & (base.table != (base.voice if base.voice is not None else IGNORED)), base.table, IGNORED)
    if (stems == IGNORED).all():
        return replace(base, table=table)
    keys = by_split(None, channels=channels or range(1, CHANNELS + 1)).table[:first] != IGNORED
    table[:first] = np.where(keys, stems[stems != IGNORED].min(), IGNORED)
    return replace(base, table=table, score=followed_score(score, stems, first))


def _without_keyboards(followed: Followed, by: str, voice: str) -> Routing:
    """The routing of the score's own notes, from part 0 on."""
    score = followed.score
    others = [part for part in range(len(score.track_names)) if part != followed.melody]
    if not others:
        found = only_voice(voice)
    elif by == "all":
        found = _with(everything(""), voice)
    else:
        rest = only_parts(score, others)
        found = _with(by_channel(rest) if len(score.track_names) == 1 else by_track(rest), voice)
    table = np.full_like(found.table, IGNORED)
    table[others] = found.table[: len(others)]
    if followed.melody is not None:
        table[followed.melody] = found.names.index(voice)
    return replace(found, table=table)


def _with(routing: Routing, voice: str) -> Routing:
    return with_voice(routing, voice) if voice else routing


def followed_programs(followed: Followed, by: str, voice: str) -> list[int]:
    """The General MIDI program of each stem."""
    score = followed.score
    return stem_programs(_without_keyboards(followed, by, voice), score, np.zeros(len(score.messages), np.uint32))
