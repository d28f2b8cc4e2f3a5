"""What a player says about the hands, with --by hands: it goes to the engine between the notes, as a message of its own."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtsep.kernels.memory import CLAIM_LEFT, CLAIM_RIGHT, CORRECTION, SWAP_HANDS

if TYPE_CHECKING:
    from rtsep.hosts.player import Player


@dataclass(frozen=True)
class Correction:
    """A control that tells the engine `what`; `key` is the terminal's key for it."""

    name: str
    help: str
    what: int
    key: str

    def do(self, player: Player, of: str = "") -> None:
        """Tell it."""
        player.lanes.send(time.monotonic_ns(), 0, (CORRECTION, self.what, 0))
        player.say(self.help)


CORRECTIONS = (
    Correction("swap_hands", "left and right hand change places", SWAP_HANDS, "x"),
    Correction("claim_left", "the keys that are down are the left hand's", CLAIM_LEFT, "L"),
    Correction("claim_right", "the keys that are down are the right hand's", CLAIM_RIGHT, "R"),
)


def has_hands(player: Player) -> bool:
    """Whether notes are given to two hands."""
    return player.separator.routing.hands is not None
