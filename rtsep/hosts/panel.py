"""What each key of the terminal does: it chooses a stem, opens a list, or changes a control of the table."""

from __future__ import annotations

from collections.abc import Sequence

from rtsep.hosts.checkup import Checkup, Measure
from rtsep.hosts.pages import Page, check_page, controls_page, keys_page, link_page, messages_page, presets_page
from rtsep.hosts.player import Player
from rtsep.hosts.screen import Listing
from rtsep.hosts.status import Status
from rtsep.hosts.table import CONTROLS

STEPS = {key: (control, step) for control in CONTROLS for keys, step in ((control.more, 1), (control.less, -1)) for key in keys}
PANIC = (" ", "!")  # Keys that release all notes, even if a list is open.


class Panel:
    """The chosen stem, the open list, and what keys do. A check measures the tuning by `measure_cents`.

    `invitation` is the link of the web page, as lines of text.
    """

    def __init__(self, measure_cents: Measure | None = None, invitation: Sequence[str] = ()) -> None:
        self.selected = 0
        self.status: Status | None = None  # The status that was shown last.
        self._measure_cents, self._invitation = measure_cents, invitation
        self._page: Page | None = None

    @property
    def listing(self) -> Listing | None:
        """The list that covers the meters, if one is open."""
        return self._page.listing() if self._page is not None else None

    def press(self, key: str, player: Player) -> bool:
        """Do what `key` asks for. Returns False to quit; Esc never quits."""
        stems = player.stem_names
        stem = stems[self.selected % len(stems)]
        if key == "escape":
            self._back(player)
        elif self._page is not None and key not in PANIC:
            player.attempt(lambda: self._in_page(key))
        elif key in ("q", "Q"):
            return False
        elif key.isdecimal() and 1 <= int(key) <= len(stems):
            self.selected = int(key) - 1
        elif key in ("down", "\t", "up"):
            self.selected = (self.selected + (-1 if key == "up" else 1)) % len(stems)
        else:
            player.attempt(lambda: self._act(key, stem, player))
        return True

    def _back(self, player: Player) -> None:
        """Stop learning a knob; if none is being learnt, close the list."""
        if player.controls.learning:
            player.controls.learn("")
            player.say("nothing was learnt")
        else:
            self._page = None

    def _in_page(self, key: str) -> None:
        if self._page is not None and self._page.press(key):
            self._page = None

    def _act(self, key: str, stem: str, player: Player) -> None:
        if key in STEPS:
            control, step = STEPS[key]
            if control.wanted(player):
                control.pressed(player, stem, step)
        elif key == "l":
            player.controls.learn(f"gain_db.{stem}")
        elif key == "o":
            self._page = controls_page(player)
        elif key == "/":
            self._page = presets_page(player, stem)
        elif key == "v":
            self._page = messages_page(player)
        elif key == "C" and self._measure_cents is not None:
            self._page = check_page(Checkup(player, self._measure_cents), lambda: self.status)
        elif key == "i" and self._invitation:
            self._page = link_page(self._invitation)
        elif key in ("?", "h"):
            self._page = keys_page(player)
