"""A limit of open connections, so that no crowd takes the files and sockets that playing and recording need."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

MOST_CONNECTIONS = 48  # So many are open at once; of those without a key the oldest makes room for a new one.


class Doors:
    """Makes the protocol of every connection by `make`, as asyncio's servers want it, and watches when each comes and goes."""

    def __init__(self, make: Callable[[], Any], most: int = MOST_CONNECTIONS) -> None:
        self._make, self._most = make, most
        self._waiting: dict[Any, asyncio.BaseTransport] = {}  # Connections that have shown no key, oldest first.
        self._admitted: set[Any] = set()  # Protocols of those that have.

    def __call__(self) -> asyncio.Protocol:
        """A protocol for a new connection."""
        return Door(self._make(), self)

    def enter(self, protocol: Any, transport: asyncio.BaseTransport) -> None:
        """A connection is open: if there are too many, the one that has waited longest without a key is closed."""
        self._waiting[protocol] = transport
        if len(self._waiting) + len(self._admitted) > self._most:
            self._waiting.pop(next(iter(self._waiting))).abort()  # type: ignore[attr-defined]

    def admit(self, protocol: Any) -> None:
        """This connection has shown a key: it stays."""
        if self._waiting.pop(protocol, None) is not None:
            self._admitted.add(protocol)

    def leave(self, protocol: Any) -> None:
        """It is closed."""
        self._waiting.pop(protocol, None)
        self._admitted.discard(protocol)


class Door(asyncio.Protocol):
    """Hands everything on to the protocol behind it."""

    def __init__(self, inner: Any, doors: Doors) -> None:
        self._inner, self._doors = inner, doors
        self.data_received = inner.data_received  # type: ignore[method-assign]
        self.eof_received = inner.eof_received  # type: ignore[method-assign]
        self.pause_writing = inner.pause_writing  # type: ignore[method-assign]
        self.resume_writing = inner.resume_writing  # type: ignore[method-assign]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        self._inner.connection_made(transport)
        self._doors.enter(self._inner, transport)

    def connection_lost(self, error: Exception | None) -> None:
        """It is closed."""
        self._doors.leave(self._inner)
        self._inner.connection_lost(error)
