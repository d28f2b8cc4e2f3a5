"""Routings: to which stem each note belongs, and the names of the stems."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rtsep.errors import RtsepError
from rtsep.notes.messages import NOTE_ON
from rtsep.notes.programs import DRUM_CHANNEL
from rtsep.notes.score import MAX_PARTS, Score

CHANNELS, PITCHES = 16, 128  # MIDI's numbers of channels and of pitches.
IGNORED = -1  # Stands in a routing for notes that belong to no stem.
LONGEST_NAME = 64  # Names of stems have at most this many letters.
# These names are used for other files, or mean devices on Windows whatever their ending.
RESERVED = frozenset(("residual", "mixdown", "report", "picture", "con", "prn", "aux", "nul")) | {
    f"{port}{number}" for port in ("com", "lpt") for number in range(10)
}
DRUM_GROUPS = {  # General MIDI's percussion keys.
    "kick": (35, 36), "snare": (37, 38, 39, 40), "hihat": (42, 44, 46), "toms": (41, 43, 45, 47, 48, 50),
    "cymbals": (49, 51, 52, 53, 55, 57, 59), "percussion": (54, 56, 58, *range(60, 82)),
}


@dataclass(frozen=True, eq=False)
class Routing:
    """Stems and the notes that belong to them.

    names: file names of the stems without ending, the residual excluded. table: int8 [32 parts, 16 channels,
    128 pitches], the index of the stem; -1 = the note is ignored.
    """

    names: tuple[str, ...]
    table: NDArray[np.int8]


def _nothing() -> NDArray[np.int8]:
    return np.full((MAX_PARTS, CHANNELS, PITCHES), IGNORED, np.int8)


def struck(score: Score) -> NDArray[np.bool_]:
    """Which messages of `score` are note-ons, bool [message]."""
    flags: NDArray[np.bool_] = ((score.messages[:, 1] & 0xF0) == NOTE_ON) & (score.messages[:, 3] > 0)
    return flags


def by_track(score: Score) -> Routing:
    """One stem per note-carrying track, named after it."""
    table = _nothing()
    for part in range(len(score.track_names)):
        table[part] = part
    return Routing(stem_names(score.track_names), table)


def by_channel(score: Score) -> Routing:
    """One stem per channel that plays notes: channel_1 to channel_16."""
    table = _nothing()
    for stem, channel in enumerate(score.channels):
        table[:, channel] = stem
    return Routing(tuple(f"channel_{channel + 1}" for channel in score.channels), table)


def by_split(score: Score | None = None, split_pitch: int = 60) -> Routing:
    """Two stems: `low`, the keys below `split_pitch`, and `high`, that key and those above.

    They take the parts of `score`, or without one (live playing) all parts.
    """
    table = _nothing()
    parts = MAX_PARTS if score is None else len(score.track_names)
    table[:parts] = np.arange(PITCHES) >= split_pitch
    return Routing(("low", "high"), table)


def everything(name: str) -> Routing:
    """One stem for all notes, called `name`, for sound without a score."""
    return Routing(stem_names([name]), np.zeros_like(_nothing()))


def by_drum(score: Score | None = None) -> Routing:
    """One stem per group of General MIDI drums that `score` plays: kick, snare, hihat, toms, cymbals, percussion.

    If channel 10 plays, only that channel counts; else (pads on another channel, live) every channel does.
    """
    notes = () if score is None else score.notes()
    kit = score is not None and DRUM_CHANNEL in score.channels
    channels = [DRUM_CHANNEL] if kit else list(range(CHANNELS))
    played = {int(note["pitch"]) for note in notes if note["channel"] in channels} if score else set(range(PITCHES))
    table, names = _nothing(), list[str]()
    for name, pitches in DRUM_GROUPS.items():
        if mine := sorted(played.intersection(pitches)):
            table[np.ix_(range(MAX_PARTS), channels, mine)] = len(names)
            names.append(name)
    return Routing(tuple(names), table)


def by_port(names: Iterable[str]) -> Routing:
    """One stem per MIDI port, each of which is a part, named after it."""
    found, table = stem_names(names), _nothing()
    for part in range(len(found)):
        table[part] = part
    return Routing(found, table)


def by_channels(channels: Iterable[int]) -> Routing:
    """One stem for each of these channels, 1 to 16, from any port."""
    wanted, table = sorted(set(channels)), _nothing()
    for stem, channel in enumerate(wanted):
        table[:, channel - 1] = stem
    return Routing(tuple(f"channel_{channel}" for channel in wanted), table)


def only_channels(routing: Routing, channels: Iterable[int]) -> Routing:
    """The same stems, ignoring notes on channels other than these, 1 to 16."""
    table = routing.table.copy()
    table[:, [channel for channel in range(CHANNELS) if channel + 1 not in set(channels)]] = IGNORED
    return Routing(routing.names, table)


def stem_name(raw: str) -> str:
    """A track's name as a file name: lower case, "_" for all but a-z0-9, at most 64 characters.

    Empty if nothing legible is left, or if the name is reserved.
    """
    name = re.sub("[^a-z0-9]", "_", raw.lower())[:LONGEST_NAME]
    return "" if name in RESERVED or not name.strip("_") else name


def stem_names(raw_names: Iterable[str]) -> tuple[str, ...]:
    """A file name for each track, all different: "track_N" if its own is unusable, and _2, _3 ... for duplicates."""
    taken: list[str] = []
    for number, raw in enumerate(raw_names, 1):
        taken.append(_free(stem_name(raw) or f"track_{number}", taken))
    return tuple(taken)


def _free(name: str, taken: Iterable[str]) -> str:
    """`name`, or the first of name_2, name_3 ... that is not taken."""
    found, number = name, 1
    while found in taken:
        number += 1
        found = f"{name[: LONGEST_NAME - len(f'_{number}')]}_{number}"
    return found


def find_stem(selector: str, names: Sequence[str]) -> int:
    """The index in `names` (of stems or tracks) of `selector`: a name of track, port or file, or a number, which is that of
    the channel if all of them are channels, else counts from 1. RtsepError lists the names."""
    wanted = stem_name(selector)
    for name in (wanted, f"channel_{wanted}"):
        if name in names:
            return names.index(name)
    counted = not all(re.fullmatch("channel_[0-9]+", name) for name in names)
    if counted and selector.isdecimal() and 1 <= int(selector) <= len(names):
        return int(selector) - 1
    told = ", ".join(f"{number} {name}" if counted else name for number, name in enumerate(names, 1))
    raise RtsepError(f"nothing is called {selector}; there are: {told or 'none, for there are no notes'}")
