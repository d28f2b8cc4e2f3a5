"""The websocket of each page: what it asks for goes to the control thread, what has changed comes back."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from contextlib import suppress
from typing import Any

import segno
from aiohttp import WSCloseCode, WSMsgType, web

from rtsep.remote import messages
from rtsep.remote.access import Keys, Links, is_own_origin
from rtsep.remote.audience import Audience
from rtsep.remote.doors import Doors
from rtsep.remote.hub import Hub
from rtsep.remote.messages import Allowance, BadMessageError, Watch
from rtsep.remote.outbox import Outbox
from rtsep.remote.picture import sources

MOST_PAGES = 12  # So many pages look at once.
SLOW_S = 5.0  # A page that takes nothing for this many seconds is given up; it connects again if it still lives.
HEARTBEAT_S = 10.0  # Pages are asked at intervals of this many seconds whether they are still there.
KERNEL_BYTES = 1 << 16  # Of what was sent and not received yet, the system keeps about so many bytes.


class Sockets:
    """Answers requests for websockets. Thread: the server's."""

    def __init__(self, hub: Hub, audience: Audience, keys: Keys, links: Links) -> None:
        self._hub, self._audience, self._keys, self._links = hub, audience, keys, links
        self.seen = asyncio.Event()  # Set by every view.
        self.doors: Doors | None = None
        self._open: set[web.WebSocketResponse] = set()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Serve a page until it goes."""
        role = self._keys.admits(request.query.get("key", ""))
        if not role or not is_own_origin(request.headers.get("Origin"), request.headers.get("Host", "")):
            raise web.HTTPForbidden
        if len(self._open) >= MOST_PAGES:
            raise web.HTTPServiceUnavailable
        ws = web.WebSocketResponse(max_msg_size=messages.LONGEST, heartbeat=HEARTBEAT_S, compress=False)
        self._open.add(ws)
        outbox = Outbox()
        try:
            await ws.prepare(request)
            self._settle(request)
            await self._serve(ws, request, outbox, role == "guest")
        finally:
            self._open.discard(ws)
            self._audience.watched.pop(outbox, None)
        return ws

    def _settle(self, request: web.Request) -> None:
        if self.doors is not None:
            self.doors.admit(request.protocol)
        if request.transport is not None and (wire := request.transport.get_extra_info("socket")) is not None:
            with suppress(OSError):
                wire.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BYTES)

    async def _serve(self, ws: web.WebSocketResponse, request: web.Request, outbox: Outbox, guest: bool) -> None:
        sender = asyncio.ensure_future(self._send(ws, request, outbox, guest))
        try:
            await self._receive(ws, outbox, guest)
        finally:
            sender.cancel()
            with suppress(asyncio.CancelledError, ConnectionError):
                await sender

    async def _send(self, ws: web.WebSocketResponse, request: web.Request, outbox: Outbox, guest: bool) -> None:
        try:
            while self._audience.view is None:  # Until it plays.
                self.seen.clear()
                await self.seen.wait()
            hello = self._audience.hello(self._audience.view, guest) | ({} if guest else self._invitation())
            self._audience.watched[outbox] = ()
            outbox.put_frame(self._audience.notes_frame())
            await asyncio.wait_for(ws.send_str(json.dumps(hello)), SLOW_S)
            while True:
                packets = await outbox.take()
                await asyncio.wait_for(_send_all(ws, packets), SLOW_S)
        except (asyncio.TimeoutError, ConnectionError):
            if request.transport is not None:
                request.transport.abort()

    def _invitation(self) -> dict[str, Any]:
        code = segno.make(self._links.guest, error="l", micro=False)
        return {"invitation": {"link": self._links.guest, "picture": code.svg_data_uri(scale=6, border=3, light="#fff")}}

    async def _receive(self, ws: web.WebSocketResponse, outbox: Outbox, guest: bool) -> None:
        """Take what the page sends until it goes; end with it if it sends too much, or what no page of ours sends."""
        allowance = Allowance(time.monotonic())
        async for message in ws:
            if message.type != WSMsgType.TEXT:
                await ws.close(code=WSCloseCode.UNSUPPORTED_DATA, message=b"text only")
            elif not allowance.spend(time.monotonic()):
                await ws.close(code=WSCloseCode.POLICY_VIOLATION, message=b"too many messages")
            else:
                await self._take(ws, message.data, outbox, guest)

    async def _take(self, ws: web.WebSocketResponse, text: str, outbox: Outbox, guest: bool) -> None:
        try:
            wish = messages.parse(text)
            if isinstance(wish, Watch):
                self._watch(outbox, wish)
                return
        except BadMessageError as error:
            await ws.close(code=WSCloseCode.INVALID_TEXT, message=str(error).encode())
            return
        if guest:
            outbox.put_changes({}, {"refused": "guests can look, and not touch"})
        elif not self._hub.ask([wish]):
            outbox.put_changes({}, {"refused": "too much was asked for at once: some of it was left out"})

    def _watch(self, outbox: Outbox, watch: Watch) -> None:
        view = self._audience.view
        if view is None or outbox not in self._audience.watched:
            return
        if not set(watch.sources) <= set(sources(view)):
            raise BadMessageError("nothing is called so")
        self._audience.watched[outbox] = watch.sources

    async def close_all(self) -> None:
        """Say good-bye to every page."""
        for ws in list(self._open):
            with suppress(asyncio.TimeoutError, ConnectionError, RuntimeError):  # It may not be open yet.
                await asyncio.wait_for(ws.close(code=WSCloseCode.GOING_AWAY, message=b"rtsep has ended"), 0.5)


async def _send_all(ws: web.WebSocketResponse, packets: list[str | bytes]) -> None:
    for packet in packets:
        await (ws.send_str(packet) if isinstance(packet, str) else ws.send_bytes(packet))
