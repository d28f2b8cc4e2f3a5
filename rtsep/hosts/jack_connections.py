"""The connections of a JACK client's ports, remembered even after the end of the server."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from rtsep.hosts.driver import quiet_libraries

# A connection that is cut for this many seconds while both ports exist was cut on purpose: a client that leaves goes sooner.
CUT_S = 0.5


class Connections:
    """All connections of our ports. After the end of the server they are made again, as soon as the other ports exist.

    A connection that is cut while both ports exist is forgotten. Thread: control, except `note`, which any thread can call.
    """

    def __init__(self) -> None:
        self._known: set[tuple[str, str]] = set()  # Our port's short name, and the other port's name.
        self._missing: set[tuple[str, str]] = set()  # Connections that have yet to be made again.
        self._cut: dict[tuple[str, str], float] = {}  # Connections that are cut now, and when this was noticed.
        self._changed = threading.Event()
        self._error: type[Exception] = Exception
        self._client: Any = None
        self._ports: dict[str, Any] = {}

    def begin(self, client: Any, ports: Iterable[Any], error: type[Exception]) -> bool:
        """Go on with a new client, which is active. Returns whether it is the first one. `error`: what its methods raise."""
        first = self._client is None
        self._client, self._error = client, error
        self._ports = {port.shortname: port for port in ports}
        self._missing, self._cut = set(self._known), {}
        self.note()
        return first

    def note(self) -> None:
        """Note that a connection was made or cut."""
        self._changed.set()

    def attend(self) -> None:
        """Look for changes, and make missing connections again. Call it often, while the server runs."""
        with suppress(self._error):  # Perhaps the server is going away now.
            if self._changed.is_set():
                self._changed.clear()
                now = self._now()
                self._known |= now
                self._missing -= now
                self._cut = {pair: self._cut.get(pair, time.monotonic()) for pair in self._known - now - self._missing}
            for pair in [each for each, since in self._cut.items() if time.monotonic() > since + CUT_S]:
                del self._cut[pair]
                if self._exists(pair[1]):
                    self._known.discard(pair)
            for pair in [each for each in self._missing if each[0] in self._ports and self._exists(each[1])]:
                self._make(*pair)

    def _now(self) -> set[tuple[str, str]]:
        return {(name, other.name) for name, port in self._ports.items() for other in port.connections}

    def _exists(self, name: str) -> bool:
        with suppress(self._error):
            return bool(self._client.get_port_by_name(name))
        return False

    def _make(self, ours: str, other: str) -> None:
        """Connect two ports. This fails while the other client is not active, or if the connection exists already."""
        port = self._ports[ours]
        with suppress(self._error), quiet_libraries():
            self._client.connect(*((port.name, other) if port.is_output else (other, port.name)))
        self.note()
