"""Where the control thread and the server's thread meet: wishes go one way, views the other, and neither waits."""

from __future__ import annotations

import queue
from collections.abc import Callable, Sequence
from functools import partial

from rtsep.hosts.player import Player
from rtsep.hosts.status import Status
from rtsep.remote.view import View, look
from rtsep.remote.wishes import Wish, fulfil

MOST_WAITING = 256  # So many groups of wishes wait for the control thread; further ones are refused.

Listener = Callable[[View], None]


class Hub:
    """`ask` belongs to the server's thread, `follow` and `show` to the control thread."""

    def __init__(self) -> None:
        self.player: Player | None = None  # Once it plays.
        self._wishes: queue.Queue[Sequence[Wish]] = queue.Queue(MOST_WAITING)
        self._listener: Listener | None = None

    def ask(self, wishes: Sequence[Wish]) -> bool:
        """Have these wishes fulfilled together, within a tick of the control thread; False if too many wait."""
        try:
            self._wishes.put_nowait(tuple(wishes))
        except queue.Full:
            return False
        return True

    def listen(self, listener: Listener | None) -> None:
        """Tell every view to `listener`, which the control thread calls; None: nobody looks any more."""
        self._listener = listener

    def follow(self, player: Player) -> None:
        """Fulfil what was asked for. What is not possible is said as a message. Of wishes for one value the last counts."""
        self.player = player
        waiting = [wish for _ in range(self._wishes.qsize()) for wish in self._wishes.get_nowait()]
        last = {wish.target: at for at, wish in enumerate(waiting) if wish.kind in ("value", "position")}
        for at, wish in enumerate(waiting):
            if wish.kind in ("step", "press") or at == last[wish.target]:
                player.attempt(partial(fulfil, player, wish))

    def show(self, player: Player, status: Status) -> None:
        """Show what is set now to whoever looks."""
        listener = self._listener
        if listener is not None:
            listener(look(player, status))
