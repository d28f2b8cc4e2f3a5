"""The face of a session that is steered from elsewhere, too: a screen or lines, with page and OSC beside them."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rtsep.errors import RtsepError
from rtsep.hosts.player import Player
from rtsep.hosts.status import Status


@dataclass(frozen=True)
class Remote:
    """What was asked for: where the page is, and where OSC; None: nowhere."""

    page: tuple[str, int] | None
    osc: tuple[str, int] | None
    renew: bool = False  # Give new links; the old ones are worth nothing then.


def import_remote(osc: bool) -> None:
    """RtsepError if libraries are missing."""
    try:
        import aiohttp
        import segno

        if osc:
            import pythonosc  # noqa: F401
    except ImportError as error:
        raise RtsepError(f"{error.name} is missing: pip install 'rtsep[remote]'") from error
    assert aiohttp and segno


class RemoteFace:
    """Shows and acts as another face does, and lets pages and OSC do it, too. Sockets are bound at once: RtsepError if not.

    `make_face` makes the other one; it is given the page's link as a QR code, lines of text.
    """

    def __init__(self, make_face: Callable[[Sequence[str]], Any], remote: Remote) -> None:
        import_remote(remote.osc is not None)
        from rtsep.remote import access
        from rtsep.remote.hub import Hub
        from rtsep.remote.invite import qr_code
        from rtsep.remote.server import Server, bind

        keys = access.load_keys(access.keys_path(), remote.renew)
        page = None if remote.page is None else bind(*remote.page, socket.SOCK_STREAM, "--remote-port")
        osc = None if remote.osc is None else bind(*remote.osc, socket.SOCK_DGRAM, "--osc")
        self.links = access.links(*remote.page, keys) if remote.page is not None else access.Links("", "")
        self.invitation = [*qr_code(self.links.full), self.links.full] if remote.page is not None else []
        self._face = make_face(self.invitation)
        self._remote = remote
        self._hub = Hub()
        self._server = Server(self._hub, page, osc, keys, self.links)
        self._status: Status | None = None
        self._announced: Any = None

    def __enter__(self) -> RemoteFace:
        from rtsep.remote.announce import announce

        self._server.start()
        if self._remote.osc is not None:
            self._announced = announce(*self._remote.osc)
        self._face.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        from rtsep.remote.announce import retract

        try:
            self._face.__exit__(*error)
        finally:
            retract(self._announced)
            self._server.stop()

    def show(self, status: Status) -> None:
        """Show it where the player is; pages are shown it by `act`, with what was changed meanwhile."""
        self._status = status
        self._face.show(status)

    def act(self, player: Player) -> bool:
        """Do what keys, pages and OSC ask for; False to end, which pages cannot."""
        self._hub.follow(player)
        goes_on = bool(self._face.act(player))
        if self._status is not None:
            self._hub.show(player, self._status)
        return goes_on
