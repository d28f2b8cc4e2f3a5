"""`rtsep live --score` without a keyboard: which stems there are, the listener, and its controls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rtsep.errors import RtsepError
from rtsep.hosts.hearing import PAGE_BARS, ScoreListener
from rtsep.hosts.lanes import Lanes
from rtsep.listening.cues import AHEAD_S
from rtsep.listening.ears import Ears
from rtsep.listening.follower import Follower
from rtsep.notes.folded import ENGINE_PARTS
from rtsep.notes.routing import Routing, by_channel, by_track, everything
from rtsep.notes.score import Score
from rtsep.params import Value
from rtsep.presets.instruments import stem_programs
from rtsep.presets.preset import Preset

if TYPE_CHECKING:
    from rtsep.hosts.player import Player

# Parameters that suit a score that is followed, unless others are given: its notes are told before they sound, and at uncertain
# times, so their levels cannot be predicted.
FOLLOWED_PARAMS: Mapping[str, Value] = {"early_ms": 1000 * AHEAD_S, "prediction": 0.0}


@dataclass(frozen=True, eq=False)
class Followed:
    """A score that is followed by the sound. start_bar: where the player begins, from 1; 0: at the first note."""

    score: Score
    start_bar: int = 0


def route_followed(score: Score, by: str) -> Routing:
    """The routing of a followed score: each track or staff is a stem, or all notes together. RtsepError: too many tracks."""
    if len(score.track_names) > ENGINE_PARTS:
        raise RtsepError(f"--score has {len(score.track_names)} tracks with notes, allowed are {ENGINE_PARTS}: merge some")
    if by == "all":
        return everything("")
    return by_channel(score) if len(score.track_names) == 1 else by_track(score)


def followed_programs(score: Score, routing: Routing) -> list[int]:
    """The General MIDI program of each stem."""
    return stem_programs(routing, score, np.zeros(len(score.messages), np.uint32))


def listener_of(followed: Followed, presets: tuple[Preset, ...], lanes: Lanes, player: Player,
                say: Callable[[str], object]) -> ScoreListener:
    """The listener that follows the score. RtsepError: there is no bar with the number of --start-bar."""
    score = followed.score
    follower = Follower(score.notes(), presets, lanes.sample_rate, score.bars.start_s.tolist())
    ears = Ears(presets, lanes.sample_rate, lanes.channels)

    def receive(part: int, time_ns: int, message: tuple[int, int, int]) -> None:
        player.receive(part, time_ns, message)

    listener = ScoreListener(score, ears, follower, lanes, receive, say)
    if followed.start_bar:
        listener.go_to_bar(followed.start_bar)
    return listener


# --- controls ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Move:
    """A control that tells the listener that the player goes on from a bar `bars` bars later, or earlier."""

    name: str
    help: str
    bars: int
    key: str

    def do(self, player: Player, of: str = "") -> None:
        """Tell it."""
        if player.listener is not None:
            player.listener.move_bars(self.bars)

    def wanted(self, player: Player) -> bool:
        """Whether the player has it."""
        return player.listener is not None


MOVES = (
    Move("next_bar", "the player goes on from the next bar of the score", 1, "g"),
    Move("previous_bar", "the player goes on from the bar before", -1, "d"),
    Move("next_page", f"the player goes on {PAGE_BARS} bars later in the score", PAGE_BARS, "G"),
    Move("previous_page", f"the player goes on {PAGE_BARS} bars earlier in the score", -PAGE_BARS, "D"),
)
