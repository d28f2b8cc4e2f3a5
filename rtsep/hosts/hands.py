"""Corrections by the player about the hands, with --by hands. They go to the engine between the notes, as messages."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtsep.kernels.memory import CLAIM_LEFT, CLAIM_RIGHT, CORRECTION, SWAP_HANDS

if TYPE_CHECKING:
    from rtsep.hosts.player import Player


@dataclass(frozen=True)
class Correction:
    """A control that sends the correction `what` to the engine; `key` is its key on the terminal."""

    name: str
    help: str
    what: int
    key: str

    def do(self, player: Player, of: str = "") -> None:
        """Send it, and say so."""
        player.lanes.send(time.monotonic_ns(), 0, (CORRECTION, self.what, 0))
        player.say(self.help)

    def wanted(self, player: Player) -> bool:
        """Whether the player has it."""
        return has_hands(player)


CORRECTIONS = (
    Correction("swap_hands", "left and right hand change places", SWAP_HANDS, "x"),
    Correction("claim_left", "the keys that are down belong to the left hand", CLAIM_LEFT, "L"),
    Correction("claim_right", "the keys that are down belong to the right hand", CLAIM_RIGHT, "R"),
)


def has_hands(player: Player) -> bool:
    """Whether notes are given to two hands."""
    return player.separator.routing.hands is not None
