"""Groups of notes as separate stems: what `--group NAME=SELECTION` selects, and how it changes a routing.

SELECTION is a list of terms with commas between them, and a note must match all of them. Several lists are joined by +. `TERMS`
has the terms; `rtsep render --help` explains them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rtsep.errors import RtsepError
from rtsep.notes.names import find_stem, stem_name, stem_names
from rtsep.notes.pitch import parse_pitch
from rtsep.notes.programs import CHANNELS
from rtsep.notes.routing import IGNORED, Routing, struck
from rtsep.notes.score import Score

NEAR_S = 0.25  # A single note begins at most this many seconds before or after the given time.
MOST_STEMS = 64  # There are at most this many groups and other stems together.
PITCH = r"(?:[A-Ga-g][#♯b♭]?-?[0-9]{1,2}|[0-9]{1,3})"
SECONDS = r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+"

Flags = NDArray[np.bool_]  # [note-on]


@dataclass(frozen=True)
class Strikes:
    """The note-ons of a score, [note-on] each, and the names of its tracks."""

    tracks: tuple[str, ...]
    seconds: NDArray[np.float64]
    part: NDArray[np.uint8]
    channel: NDArray[np.uint8]
    pitch: NDArray[np.uint8]
    velocity: NDArray[np.uint8]


def strikes_of(score: Score) -> Strikes:
    """The note-ons of `score`."""
    at = struck(score)
    part, status, pitch, velocity = score.messages[at].T
    return Strikes(score.track_names, score.seconds[at], part, status & 0x0F, pitch, velocity)


def _track(strikes: Strikes, selector: str) -> Flags:
    return np.asarray(strikes.part == find_stem(selector, stem_names(strikes.tracks)))


def _channel(strikes: Strikes, low: str, high: str | None) -> Flags:
    if not 1 <= int(low) <= int(high or low) <= CHANNELS:
        raise RtsepError(f"channels {low} to {high or low}: allowed is 1 to {CHANNELS}")
    return (strikes.channel >= int(low) - 1) & (strikes.channel <= int(high or low) - 1)


def _velocity(strikes: Strikes, low: str, high: str | None) -> Flags:
    if not 1 <= int(low) <= int(high or low) <= 127:
        raise RtsepError(f"velocities {low} to {high or low}: allowed is 1 to 127")
    return (strikes.velocity >= int(low)) & (strikes.velocity <= int(high or low))


def _pitch(strikes: Strikes, low: str, high: str | None) -> Flags:
    first, last = parse_pitch(low), parse_pitch(high or low)
    if first > last:
        raise RtsepError(f"pitches {low} to {high}: give the lower one first")
    return (strikes.pitch >= first) & (strikes.pitch <= last)


def _time(strikes: Strikes, begin_s: str, end_s: str | None) -> Flags:
    end = float(end_s) if end_s else np.inf
    if end <= float(begin_s):
        raise RtsepError(f"{begin_s} to {end_s} s: give the earlier time first")
    return (strikes.seconds >= float(begin_s)) & (strikes.seconds < end)


def _one_note(strikes: Strikes, pitch: str, at_s: str) -> Flags:
    away = np.where(strikes.pitch == parse_pitch(pitch), np.abs(strikes.seconds - float(at_s)), np.inf)
    if away.min(initial=np.inf) > NEAR_S:
        raise RtsepError(f"no {pitch} begins within {NEAR_S:g} s of {at_s} s")
    return np.asarray(np.arange(len(away)) == away.argmin())


TERMS: tuple[tuple[str, Callable[..., Flags]], ...] = (
    (r"track:(.+)", _track),
    (r"channel:([0-9]+)(?:-([0-9]+))?", _channel),
    (r"velocity:([0-9]+)(?:-([0-9]+))?", _velocity),
    (rf"({PITCH})(?:-({PITCH}))?", _pitch),
    (rf"({SECONDS})s-(?:({SECONDS})s)?", _time),
    (rf"({PITCH})@({SECONDS})s?", _one_note),
)


def _term(strikes: Strikes, text: str) -> Flags:
    for pattern, select in TERMS:
        found = re.fullmatch(pattern, text.strip())
        if found:
            return select(strikes, *found.groups())
    raise RtsepError(f"{text.strip()!r} is not a term; give track:NAME, channel:N, velocity:LOW-HIGH, C4-C5, 10s-12.5s or "
                     "C4@12.5")


def select(strikes: Strikes, selection: str) -> Flags:
    """The note-ons that SELECTION selects. RtsepError, without the name of the group, if it is not valid."""
    either = [np.logical_and.reduce([_term(strikes, term) for term in terms.split(",")]) for terms in selection.split("+")]
    chosen: Flags = np.logical_or.reduce(either)
    return chosen


@dataclass(frozen=True)
class Grouped:
    """A routing with the stems of the groups after all others, and `own`, uint32 [message], for EVENT's field `stem`."""

    routing: Routing
    own: NDArray[np.uint32]


def with_groups(groups: Sequence[str], score: Score, routing: Routing) -> Grouped:
    """`routing` with a stem for each of `groups`, NAME=SELECTION. Stems that lose all of their notes to groups disappear.

    RtsepError: there are no such notes, or a name is invalid or taken.
    """
    strikes = strikes_of(score)
    names, group_of = list[str](), np.full(len(strikes.pitch), IGNORED)
    for text in groups:
        name, _, selection = text.partition("=")
        names.append(_name(name, text, names))
        group_of[_selected(strikes, text, selection, group_of)] = len(names) - 1
    kept = _without_emptied(routing, strikes, group_of)
    if len(kept.names) + len(names) > MOST_STEMS:
        raise RtsepError(f"{len(groups)} --group and {len(kept.names)} other stems, allowed are {MOST_STEMS} together: join "
                         "selections with +, or use --by all")
    taken = set(names) & set(kept.names)
    if taken:
        raise RtsepError(f"--group {', '.join(sorted(taken))}: a stem with other notes has this name; choose another")
    own = np.zeros(len(score.seconds), np.uint32)
    own[struck(score)] = np.where(group_of == IGNORED, 0, len(kept.names) + group_of + 1)
    return Grouped(replace(kept, names=(*kept.names, *names)), own)


def _name(raw: str, text: str, names: Sequence[str]) -> str:
    name = stem_name(raw)
    if not name or "=" not in text:
        raise RtsepError(f"--group {text}: give NAME=SELECTION, such as chord=C4@12.5+E4@12.5")
    if name in names:
        raise RtsepError(f"--group {text}: {name} is there already; join selections with +")
    return name


def _selected(strikes: Strikes, text: str, selection: str, group_of: NDArray[np.int64]) -> Flags:
    try:
        chosen = select(strikes, selection)
    except RtsepError as error:
        raise RtsepError(f"--group {text}: {error}") from None
    if not chosen.any():
        raise RtsepError(f"--group {text}: it selects no note of the score")
    free: Flags = chosen & (group_of == IGNORED)
    if not free.any():
        raise RtsepError(f"--group {text}: all of these notes belong to earlier groups; put this group before them")
    return free


def _without_emptied(routing: Routing, strikes: Strikes, group_of: NDArray[np.int64]) -> Routing:
    """The routing without stems that have lost all notes to groups. If stems are found during play, all of them stay."""
    if routing.told_while_played:
        return routing
    stems = routing.table[strikes.part, strikes.channel, strikes.pitch]
    emptied = set(stems[group_of != IGNORED].tolist()) - set(stems[group_of == IGNORED].tolist())
    kept = [stem for stem in range(len(routing.names)) if stem not in emptied]
    renumbered = np.full(len(routing.names) + 1, IGNORED, np.int8)  # The last entry keeps ignored notes, -1, ignored.
    renumbered[kept] = np.arange(len(kept))
    return Routing(tuple(routing.names[stem] for stem in kept), renumbered[routing.table])
