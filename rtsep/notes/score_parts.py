"""Routings of one keyboard by the score that the player plays from: the parts of the score, or its two hands, are the stems."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rtsep.errors import RtsepError
from rtsep.notes.followed import followed_score
from rtsep.notes.hands import hands
from rtsep.notes.programs import CHANNELS
from rtsep.notes.read import read_notes
from rtsep.notes.routing import IGNORED, Routing, by_channel, by_hands, by_split, by_track, keyboards
from rtsep.notes.score import Score

# Words for the hand in the name of a track, in several languages.
LEFT_WORDS = frozenset(["left", "lh", "links", "linke", "linken", "gauche", "sinistra", "izquierda", "lower"])
RIGHT_WORDS = frozenset(["right", "rh", "rechts", "rechte", "rechten", "droite", "destra", "derecha", "upper"])


def by_score(
    path: str | os.PathLike[str], by: str, played: Score | None = None, channels: Iterable[int] = range(1, CHANNELS + 1)
) -> Routing:
    """The routing by the score in the file `path`: each of its parts is a stem; with `by` "hands", each of its two hands.

    It takes the keyboards of `played` that are not drums; without `played` (live), all parts and these `channels`, 1 to 16.
    RtsepError: there is no score, it has only one part, or, for hands, not two parts.
    """
    score = read_notes(path)
    parts = _parts(score)
    if len(parts.names) < 2:
        raise RtsepError(f"--score {path} has {'one part' if parts.names else 'no notes'}; give a score in which each hand or "
                         "part has its own track or staff, or leave out --score")
    if by == "hands":
        if len(parts.names) != 2:
            raise RtsepError(f"--score {path} has {len(parts.names)} parts ({', '.join(parts.names)}), and --by hands needs "
                             "two, the right and the left hand: leave out --by hands, then every part is a stem")
        routing = by_hands(played, channels)
        stem_of = np.array(routing.hands)[left_and_right(parts.names)]
        return replace(routing, score=followed_score(score, _renumbered(parts.table, stem_of)))
    table = np.where(by_split(played, channels=channels).table == IGNORED, IGNORED, 0).astype(np.int8)
    return Routing(parts.names, table, score=followed_score(score, parts.table))


def _parts(score: Score) -> Routing:
    """The parts of a score as stems: tracks, or channels if there is only one track. Drums belong to no stem."""
    found = by_channel(score) if len(score.track_names) == 1 else by_track(score)
    pitched, table = hands(keyboards(score), score.programs), np.full_like(found.table, IGNORED)
    for keyboard in pitched:
        table[keyboard] = found.table[keyboard]
    stems = np.unique(table[table != IGNORED])
    return Routing(tuple(found.names[stem] for stem in stems), _renumbered(table, np.arange(len(stems)), stems))


def _renumbered(table: NDArray[np.int8], to: NDArray[np.int64], stems: NDArray[np.int8] | None = None) -> NDArray[np.int8]:
    """The table with stem `to[i]` for stem `stems[i]`, or for stem i."""
    found = np.full_like(table, IGNORED)
    for number, stem in enumerate(to.tolist()):
        found[table == (number if stems is None else stems[number])] = stem
    return found


def left_and_right(names: Sequence[str]) -> list[int]:
    """The hand of each of two parts (0: left): the names decide, else the first part is the right hand."""
    first, second = ({*re.split(r"[\W_\d]+", name.lower())} for name in names)
    swapped = (first & LEFT_WORDS or second & RIGHT_WORDS) and not (first & RIGHT_WORDS or second & LEFT_WORDS)
    return [0, 1] if swapped else [1, 0]
