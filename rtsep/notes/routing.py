"""Routings: which stem each note belongs to, and the names of the stems."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rtsep.errors import RtsepError
from rtsep.notes.drum_maps import DRUM_GROUPS, group_of, stand_ins
from rtsep.notes.folded import ENGINE_PARTS
from rtsep.notes.followed import NO_SCORE, FollowedScore
from rtsep.notes.hands import hands, is_drums
from rtsep.notes.messages import NOTE_ON
from rtsep.notes.names import stem_names
from rtsep.notes.programs import CHANNELS, DRUMS, FAMILIES, family
from rtsep.notes.score import Score

PITCHES = 128  # MIDI has this many pitches.
IGNORED = -1  # In a routing, the stem of notes that belong to no stem.
MAX_STEMS = 32  # Notes make at most this many stems, since each stem costs time and a file.


@dataclass(frozen=True, eq=False)
class Routing:
    """Stems and the notes that belong to them.

    names: file names of the stems without ending, and without the residual. table: int8 [32 parts, 16 channels, 128 pitches],
    the index of the stem; -1 = the note is ignored. Scores with more parts have larger tables, see `folded`. hands: the stems
    of the left and of the right hand, if a tracker divides the notes of both during play. score: the score that is played, if
    there is one; then notes that the table does not ignore get their stem from this score. voice: the stem of a singing voice,
    which is found without notes.
    """

    names: tuple[str, ...]
    table: NDArray[np.int8]
    hands: tuple[int, int] | None = None
    score: FollowedScore = NO_SCORE
    voice: int | None = None

    @property
    def told_while_played(self) -> tuple[int, ...]:
        """The stems whose notes are found only during play: both hands, or the parts of a score."""
        return self.hands or tuple(np.unique(self.score.part).tolist())


def _nothing(score: Score | None = None) -> NDArray[np.int8]:
    """A table that ignores all notes, with as many parts as the engine has, or more if `score` has more."""
    parts = 0 if score is None else len(score.track_names)
    return np.full((max(parts, ENGINE_PARTS), CHANNELS, PITCHES), IGNORED, np.int8)


def struck(score: Score) -> NDArray[np.bool_]:
    """Which messages of `score` are note-ons, bool [message]."""
    flags: NDArray[np.bool_] = ((score.messages[:, 1] & 0xF0) == NOTE_ON) & (score.messages[:, 3] > 0)
    return flags


def keyboards(score: Score) -> list[tuple[int, int]]:
    """The (part, channel) pairs that play notes, ascending."""
    return sorted({(part, status & 0x0F) for part, status in score.messages[struck(score), :2].tolist()})


def count_stems(score: Score, by: str) -> int:
    """How many stems there would be by track, or by channel."""
    return len(set(_tracks(score))) if by == "track" else len(_channels(score))


def _tracks(score: Score) -> list[tuple[int, str]]:
    """What the stem of each part is made by: the stem that the user gave to its file, else the part itself."""
    return [(0, name) if name else (1 + part, "") for part, name in enumerate(score.stems or [""] * len(score.track_names))]


def _channels(score: Score) -> list[tuple[int, int]]:
    """Ports and channels that play notes."""
    if len(set(score.ports)) < 2:
        return [(0, channel) for channel in score.channels]
    return sorted({(score.ports[part], channel) for part, channel in keyboards(score)})


def by_track(score: Score) -> Routing:
    """One stem per track with notes, named after the track. Tracks of a file given as FILE@STEM share this stem."""
    table, made = _nothing(score), _tracks(score)
    stems = list(dict.fromkeys(made))
    _refuse_many(len(stems))
    for part, each in enumerate(made):
        table[part] = stems.index(each)
    return Routing(stem_names(name or score.track_names[part - 1] for part, name in stems), table)


def _refuse_many(stems: int) -> None:
    if stems > MAX_STEMS:
        raise RtsepError(f"{stems} stems, allowed are {MAX_STEMS}: use --by family")


def by_channel(score: Score) -> Routing:
    """One stem per channel that plays notes: channel_1 to channel_16, and port_2_channel_1 ... for further ports."""
    table, made = _nothing(score), _channels(score)
    _refuse_many(len(made))
    for stem, (port, channel) in enumerate(made):
        for part in range(len(table)):
            if (score.ports[part] if part < len(score.ports) else port) == port:
                table[part, channel] = stem
    first = min((port for port, _ in made), default=0)
    return Routing(tuple(("" if port == first else f"port_{port + 1}_") + f"channel_{channel + 1}" for port, channel in made),
                   table)


def by_family(score: Score) -> Routing:
    """One stem per General MIDI family that plays notes, such as strings, and one for drums."""
    table, families = _nothing(score), dict[str, list[tuple[int, int]]]()
    for keyboard in keyboards(score):
        program = DRUMS if is_drums(keyboard, score.programs) else score.programs.get(keyboard, 0)
        families.setdefault(family(program), []).append(keyboard)
    names = [name for name in FAMILIES if name in families]
    for stem, name in enumerate(names):
        for part, channel in families[name]:
            table[part, channel] = stem
    return Routing(stem_names(names), table)


def by_split(score: Score | None = None, split_pitch: int = 60, channels: Iterable[int] = range(1, CHANNELS + 1)) -> Routing:
    """Two stems: `low`, the keys below `split_pitch`, and `high`, this key and those above. Drums belong to neither.

    They take the parts of `score`; without a score (live playing), all parts and these `channels`, 1 to 16.
    """
    table = _nothing(score)
    if score is None:
        playing, programs = [(part, channel - 1) for part in range(len(table)) for channel in channels], {}
    else:
        parts = range(len(score.track_names))
        playing, programs = [(part, channel) for part in parts for channel in range(CHANNELS)], dict(score.programs)
        if set(hands(keyboards(score), programs)) & {each for each in keyboards(score) if is_drums(each, programs)}:
            programs = dict.fromkeys(playing, 0)  # Only the channel of drums plays.
    for part, channel in hands(playing, programs):
        table[part, channel] = np.arange(PITCHES) >= split_pitch
    return Routing(("low", "high"), table)


def by_hands(score: Score | None = None, channels: Iterable[int] = range(1, CHANNELS + 1)) -> Routing:
    """Two stems, `left_hand` and `right_hand`, for the notes of `by_split`: a tracker divides them during play."""
    return Routing(("left_hand", "right_hand"), by_split(score, channels=channels).table, (0, 1))


def everything(name: str, score: Score | None = None) -> Routing:
    """One stem for all notes, called `name`."""
    return Routing(stem_names([name]), np.zeros_like(_nothing(score)))


def drum_keyboards(score: Score) -> list[tuple[int, int]]:
    """The (part, channel) pairs of drums for --by drum: kits, or all if there is no kit (pads on other channels)."""
    played = keyboards(score)
    return [keyboard for keyboard in played if is_drums(keyboard, score.programs)] or played


def by_drum(score: Score | None = None, own: Mapping[int, str] | None = None) -> Routing:
    """One stem per group of drums that `score` plays: kick, snare, hihat, toms, cymbals, percussion.

    If channel 10 plays, only this channel counts; else (pads on another channel, or live) every channel counts. `own`: the
    groups of keys in a drum map; they come before those of General MIDI and of electronic kits.
    """
    table, names = _nothing(score), list[str]()
    playing = None if score is None else set(drum_keyboards(score))
    played = set(range(PITCHES))
    if score is not None:
        played = {pitch for part, status, pitch in score.messages[struck(score), :3].tolist()
                  if (part, status & 0x0F) in (playing or ())}
    instead = stand_ins(played if score is not None else (), own)
    for name in DRUM_GROUPS:
        if mine := sorted(pitch for pitch in played if group_of(pitch, instead) == name):
            channels = range(CHANNELS) if playing is None else sorted({channel for _, channel in playing})
            table[np.ix_(range(len(table)), channels, mine)] = len(names)
            names.append(name)
    return Routing(tuple(names), table)


def by_port(names: Iterable[str]) -> Routing:
    """One stem per MIDI port, named after the port. Each port is a part."""
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
    """The same stems, without notes on channels other than these, 1 to 16."""
    table = routing.table.copy()
    table[:, [channel for channel in range(CHANNELS) if channel + 1 not in set(channels)]] = IGNORED
    return replace(routing, table=table)


def with_voice(routing: Routing, name: str) -> Routing:
    """The same stems, and after them one for a singing voice, called `name`."""
    (name,) = stem_names([name])
    if name in routing.names:
        raise RtsepError(f"--voice-name {name}: there is already a stem of this name; give another one")
    _refuse_many(len(routing.names) + 1)
    return replace(routing, names=(*routing.names, name), voice=len(routing.names))


def only_voice(name: str) -> Routing:
    """One stem for a singing voice, called `name`, and none for notes."""
    return with_voice(Routing((), _nothing()), name)
