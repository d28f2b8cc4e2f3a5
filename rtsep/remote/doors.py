"""A limit of open connections, so that no crowd takes the files and sockets that playing and recording need."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

MOST_CONNECTIONS = 48  # So many are open at once; of those without a key the oldest makes room for a new one.


class Doors:
    """Makes the protocol of every connection by `make`, as asyncio's servers want it."""

    def __init__(self, make: Callable[[], Any], most: int = MOST_CONNECTIONS) -> None:
        self._make, self._most = make, most
        self._waiting: dict[Any, None] = {}  # Protocols of connections that have shown no key, oldest first.
        self.admitted: set[Any] = set()  # Those that have.

    def __call__(self) -> asyncio.BaseProtocol:
        """A protocol for a new connection."""
        if len(self._waiting) + len(self.admitted) >= self._most:
            self._forget_closed()
        while self._waiting and len(self._waiting) + len(self.admitted) >= self._most:
            oldest = next(iter(self._waiting))
            del self._waiting[oldest]
            if oldest.transport is not None:
                oldest.transport.abort()
        protocol = self._make()
        self._waiting[protocol] = None
        return protocol  # type: ignore[no-any-return]

    def _forget_closed(self) -> None:
        self._waiting = {each: None for each in self._waiting if each.transport is not None}
        self.admitted = {each for each in self.admitted if each.transport is not None}

    def admit(self, protocol: Any) -> None:
        """This connection has shown a key: it stays."""
        self._waiting.pop(protocol, None)
        self.admitted.add(protocol)

    def leave(self, protocol: Any) -> None:
        """It is over."""
        self.admitted.discard(protocol)
