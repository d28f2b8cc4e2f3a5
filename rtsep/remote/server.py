"""The thread that serves page and OSC, with an event loop of its own, at a lower priority than all that makes sound."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
import threading
from contextlib import suppress
from typing import Any

from aiohttp import web

from rtsep.errors import RtsepError
from rtsep.remote.access import Keys, Links
from rtsep.remote.audience import Audience
from rtsep.remote.doors import Doors
from rtsep.remote.hub import Hub
from rtsep.remote.osc import Osc
from rtsep.remote.pages import add_pages, guarded
from rtsep.remote.sockets import Sockets
from rtsep.remote.view import View

ENDED_S = 3.0  # The thread ends within this many seconds.
NICE = 5  # Linux: by how much less urgent the thread is than others of this program.
BACKLOG = 64  # So many connections wait to be accepted.
LONGEST_LINE, LONGEST_FIELD = 1024, 4096  # Bytes of a request's first line, and of one of its headers, at most.

_SILENT = logging.getLogger("rtsep.remote")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False


def bind(address: str, port: int, kind: socket.SocketKind, option: str) -> socket.socket:
    """A socket that is bound there. RtsepError, which names the option of its port, if that is not possible."""
    try:
        found = socket.getaddrinfo(address, port, type=kind, flags=socket.AI_PASSIVE | socket.AI_NUMERICHOST)[0]
        bound = socket.socket(found[0], kind)
    except OSError as error:
        raise RtsepError(f"{address} is no address: give an IP address of this computer, or 0.0.0.0 for all") from error
    try:
        if kind == socket.SOCK_STREAM and os.name == "posix":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(found[4])
        if kind == socket.SOCK_STREAM:
            bound.listen(BACKLOG)  # Who comes before the thread runs waits for it.
    except OSError as error:
        bound.close()
        raise RtsepError(f"{option} {port}: {address} cannot be used ({error.strerror}); another program may have it: "
                         "give another port, or an address of this computer") from error
    return bound


class Server:
    """Serves pages at `page`, and OSC at `osc`, where these are sockets. Thread: control."""

    def __init__(
        self, hub: Hub, page: socket.socket | None, osc: socket.socket | None, keys: Keys, links: Links
    ) -> None:
        self._hub, self._page, self._osc_socket = hub, page, osc
        self._thread = threading.Thread(target=self._run, name="rtsep-remote", daemon=True)
        self._loop = asyncio.new_event_loop()
        self._latest: View | None = None
        self._scheduled = False
        self._end = asyncio.Event()
        self._audience = Audience(hub)
        self._sockets = Sockets(hub, self._audience, keys, links)
        self._osc = None if osc is None else Osc(hub)
        self._listening: asyncio.Server | None = None

    def start(self) -> None:
        """Begin to serve."""
        self._hub.listen(self._receive)
        self._thread.start()

    def stop(self) -> None:
        """End it, and close all sockets."""
        self._hub.listen(None)
        with suppress(RuntimeError):  # It has ended already.
            self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(ENDED_S)

    def _receive(self, view: View) -> None:
        """Take a view; only the newest waits for the loop. Called by the control thread."""
        self._latest = view
        if not self._scheduled:
            self._scheduled = True
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._scheduled = False
        view = self._latest
        if view is not None:
            self._audience.see(view)
            self._sockets.seen.set()
            if self._osc is not None:
                self._osc.see(view)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        if sys.platform == "linux":  # Elsewhere threads have no priority of their own there.
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        self._loop.set_exception_handler(self._failed)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    def _failed(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What goes wrong here ends no music: it is written into the log."""
        if self._hub.player is not None:
            self._hub.player.said.log(f"(remote) {context.get('message')}: {context.get('exception')!r}")

    async def _serve(self) -> None:
        runner = await self._open_page(self._page) if self._page is not None else None
        if self._osc is not None:
            osc = self._osc
            await self._loop.create_datagram_endpoint(lambda: osc, sock=self._osc_socket)
        painter = asyncio.ensure_future(self._audience.paint())
        await self._end.wait()
        painter.cancel()
        if self._osc is not None:
            self._osc.close()
        if self._listening is not None:
            self._listening.close()
        await self._sockets.close_all()
        if runner is not None:
            await runner.cleanup()

    async def _open_page(self, page: socket.socket) -> web.AppRunner:
        app = web.Application(middlewares=[guarded], client_max_size=1, logger=_SILENT)
        add_pages(app)
        app.router.add_get("/live", self._sockets.answer)
        runner = web.AppRunner(app, access_log=None, handle_signals=False, logger=_SILENT, keepalive_timeout=10,
                               max_line_size=LONGEST_LINE, max_field_size=LONGEST_FIELD, shutdown_timeout=0.5)
        await runner.setup()
        assert runner.server is not None
        doors = self._sockets.doors = Doors(runner.server)
        self._listening = await self._loop.create_server(doors, sock=page, backlog=BACKLOG)
        return runner
