"""`rtsep live --score` by the sound, and perhaps by keys: the listener, and its controls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtsep.engine.separator import Separator
from rtsep.hosts.followed_routes import Followed
from rtsep.hosts.hearing import PAGE_BARS, ScoreListener
from rtsep.hosts.lanes import Lanes
from rtsep.hosts.struck import StruckKeys
from rtsep.listening.cues import AHEAD_S
from rtsep.listening.ears import Ears
from rtsep.listening.follower import Follower
from rtsep.listening.keyboard_parts import KeyboardParts
from rtsep.params import Value

if TYPE_CHECKING:
    from rtsep.hosts.player import Player

# With a lookahead of at least this many milliseconds, a note has been heard before the engine needs it; with less, notes have
# to be told ahead. Found on two tuning pieces of `lab.py follow`.
HEARD_MS = 60.0


def ahead_of(lookahead_ms: float) -> float:
    """How many seconds before they are expected the notes begin."""
    return 0.0 if lookahead_ms >= HEARD_MS else AHEAD_S


def followed_params(lookahead_ms: float = 0.0) -> dict[str, Value]:
    """Parameters that suit a score that is followed, unless others are given.

    Its notes are told before they sound, and at uncertain times, so their levels cannot be predicted.
    """
    return {"early_ms": HEARD_MS if lookahead_ms >= HEARD_MS else 1000 * AHEAD_S, "prediction": 0.0}


def listener_of(followed: Followed, separator: Separator, lanes: Lanes, player: Player,
                say: Callable[[str], object]) -> ScoreListener:
    """The listener that follows the score. RtsepError: there is no bar with the number of --start-bar."""
    presets, ahead_s = separator.presets, ahead_of(float(separator.value("lookahead_ms")))
    score, first = followed.score, followed.keyboards
    follower = Follower(score.notes(), presets, lanes.sample_rate, score.bars.start_s.tolist(), keyboard=first > 0)
    ears = Ears(presets, lanes.sample_rate, lanes.channels)

    def receive(part: int, time_ns: int, message: tuple[int, int, int]) -> None:
        player.receive(first + part, time_ns - round(lanes.delay_ms * 1e6), message)  # Only keys are delayed.

    listener = ScoreListener(score, ears, follower, lanes, receive, say, ahead_s)
    if first:
        listener.hear_keys(StruckKeys(first, lambda: lanes.delay_ms), KeyboardParts(score.notes(), followed.keyboard_parts))
        player.watch.told = listener.key
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
