"""Page and OSC of a player without a device, served in this process; a thread of its own is the control thread."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from dataclasses import replace

import aiohttp
from test_display import STATUS

from rtsep.hosts.status import Hold, StemStatus
from rtsep.remote.access import Keys, links
from rtsep.remote.hub import Hub
from rtsep.remote.server import Server, bind

KEYS = Keys("k" * 16, "g" * 16)
WATCHDOG_S = 60


def status_of(player):
    """The status of a player that plays, with levels of its own."""
    stems = tuple(StemStatus(name, -20.0 - at, Hold(-11.5, at == 1), gain, muted, soloed)
                  for at, (name, gain, muted, soloed) in enumerate(player.faders()))
    said = tuple(player.said.last)
    return replace(STATUS, state="playing", stems=stems, messages=said, message=said[-1].text if said else "",
                   bypass=bool(player.value("bypass")))


class Served:
    """`player`, followed every 5 ms, and when `turn` is set; leaving `with` ends it."""

    def __init__(self, player):
        self.player, self.hub = player, Hub()
        page, osc = bind("127.0.0.1", 0, socket.SOCK_STREAM, ""), bind("127.0.0.1", 0, socket.SOCK_DGRAM, "")
        self.host = f"127.0.0.1:{page.getsockname()[1]}"
        self.osc_port = osc.getsockname()[1]
        self._server = Server(self.hub, page, osc, KEYS, links("127.0.0.1", page.getsockname()[1], KEYS))
        self._end, self.turn = threading.Event(), threading.Event()
        self._control = threading.Thread(target=self._follow)

    def _follow(self):
        while not self._end.is_set():
            self.turn.wait(0.005)
            self.turn.clear()
            self.hub.follow(self.player)
            self.hub.show(self.player, status_of(self.player))

    def __enter__(self):
        self._server.start()
        self._control.start()
        return self

    def __exit__(self, *_error):
        self._end.set()
        self._control.join()
        self._server.stop()

    def url(self, key=KEYS.full):
        """Of the websocket."""
        return f"http://{self.host}/live?key={key}"


def until(condition):
    """Wait until the control thread has done something."""
    until_s = time.monotonic() + WATCHDOG_S
    while not condition():
        assert time.monotonic() < until_s
        time.sleep(0.002)


def talk(conversation):
    """Run `conversation(session)`, a coroutine, with a client of HTTP and websockets."""
    async def run():
        async with aiohttp.ClientSession() as session:
            return await asyncio.wait_for(conversation(session), WATCHDOG_S)

    return asyncio.run(run())


async def told(ws, wanted):
    """The first message of JSON that fulfils `wanted`."""
    async for message in ws:
        if message.type == aiohttp.WSMsgType.TEXT and wanted(found := message.json()):
            return found
    raise AssertionError(("closed", ws.close_code))


async def frame(ws, kind, wanted=lambda data: True):
    """The first binary message of this kind."""
    async for message in ws:
        if message.type == aiohttp.WSMsgType.BINARY and message.data[0] == kind and wanted(message.data):
            return message.data
    raise AssertionError(("closed", ws.close_code))
