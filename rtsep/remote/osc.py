"""OSC over UDP: messages become wishes, and what changes goes to subscribers. The tree of addresses is in tree.py."""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pythonosc.osc_message_builder import build_msg
from pythonosc.osc_packet import OscPacket, ParseError

from rtsep.errors import RtsepError
from rtsep.params import Value
from rtsep.remote import tree
from rtsep.remote.hub import Hub
from rtsep.remote.messages import Allowance
from rtsep.remote.view import View, control_of
from rtsep.remote.wishes import Wish

Peer = tuple[str, int]
LONGEST = 4096  # Bytes of a datagram, at most; longer ones are left out.
MOST_MESSAGES = 64  # So many messages of a bundle are followed.
RATE, BURST = 500.0, 1000.0  # Datagrams that are read each second, and at once after a pause; further ones are left out.
MOST_SUBSCRIBERS = 8
SUBSCRIBED_S = 60.0  # A subscription ends after this many seconds, unless it is renewed.
MOST_RATE, USUAL_RATE = 50.0, 10.0  # Times a second at which a subscriber is told, at most, and if it does not say.


@dataclass
class Subscriber:
    """Who is told what changes: how often, until when, whether by numbers of stems, and what was told last."""

    every_s: float
    until_s: float
    numbers: bool
    sent: dict[str, tuple[Value, ...]] = field(default_factory=dict)
    task: asyncio.Task[None] | None = None


class Osc(asyncio.DatagramProtocol):
    """The endpoint. Thread: the server's."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._view: View | None = None
        self._known: Mapping[str, str] = {}
        self._wire: asyncio.DatagramTransport | None = None
        self._subscribers: dict[Peer, Subscriber] = {}
        self._allowance = Allowance(time.monotonic(), RATE, BURST)
        self._failed: str = ""

    def connection_made(self, transport: Any) -> None:
        """The socket is ready."""
        self._wire = transport

    def see(self, view: View) -> None:
        """Take the newest view."""
        if self._view is None or self._view.values.keys() != view.values.keys():
            self._known = tree.addresses(view)
        self._view = view

    def close(self) -> None:
        """End all subscriptions, and the socket."""
        for peer in list(self._subscribers):
            self._unsubscribe(peer)
        if self._wire is not None:
            self._wire.close()

    def datagram_received(self, data: bytes, peer: Any) -> None:
        """Follow a message, or a bundle: its messages together, whatever times it tells."""
        if len(data) > LONGEST or not self._allowance.spend(time.monotonic()):
            return
        try:
            messages = [each.message for each in OscPacket(data).messages[:MOST_MESSAGES]]
        except (ParseError, ValueError, IndexError, TypeError, OverflowError, RecursionError, struct.error):
            return  # Whatever came, it is no OSC: there is nobody to answer.
        try:
            wishes = [wish for message in messages for wish in self._wishes(message.address, list(message.params), peer)]
        except RtsepError as error:
            self._send(peer[:2], f"{tree.ROOT}/error", (str(error),))
            return
        if wishes and not self._hub.ask(wishes):
            self._send(peer[:2], f"{tree.ROOT}/error", ("too much was asked for at once: this was left out",))

    # --- what comes ---

    def _wishes(self, address: str, given: list[Any], peer: Any) -> Iterable[Wish]:
        """What one message asks for; questions are answered at once. RtsepError if nothing is called so."""
        command = {"subscribe": self._subscribe, "unsubscribe": self._end, "list": self._list}.get(
            address.removeprefix(f"{tree.ROOT}/"))
        if command is not None:
            command(given, peer)
            return ()
        if address in (f"{tree.ROOT}/preset", f"{tree.ROOT}/scene") and given:
            name = address.rpartition("/")[2]
            return [Wish(f"{name}.{'@'.join(map(str, given[:2])) if name == 'preset' else _whole(given[0])}", "press")]
        if not given and (answers := self._answers(address)):
            for at, value in answers.items():
                self._send(peer[:2], at, value)
            return ()
        return self._set(address, given)

    def _set(self, address: str, given: list[Any]) -> list[Wish]:
        kind, base = "value", address
        if address not in self._known:
            base, _, last = address.rpartition("/")
            if last in (tree.POSITION, tree.STEP):
                kind = last
            else:
                base = address
        targets = tree.matching(base, self._known)
        if not targets:
            raise RtsepError(f"{address}: nothing is called so; {tree.ROOT}/list sends all addresses")
        if len(given) > 1 or (given and not isinstance(given[0], bool | int | float | str)):
            raise RtsepError(f"{address}: give one number or text")
        value: Value = given[0] if given else 1
        wishes = [Wish(target, kind, value) for target in targets]
        return [wish for wish in wishes if not _is_release(wish, self._view)]

    def _answers(self, pattern: str) -> dict[str, tuple[Value, ...]]:
        """The values of an address, or of a pattern."""
        if self._view is None:
            return {}
        found = {**tree.state(self._view, True), **tree.state(self._view, False)}
        return {at: found[at] for at in tree.matching(pattern, {each: each for each in found})}

    # --- subscribers ---

    def _subscribe(self, given: list[Any], peer: Any) -> None:
        """PORT, RATE, and perhaps "numbers": only to the address that asks."""
        port = _whole(given[0] if given else None)
        rate = float(given[1]) if len(given) > 1 and isinstance(given[1], int | float) else USUAL_RATE
        if not 1 <= port <= 65535 or not 0 < rate <= MOST_RATE:
            raise RtsepError(f"{tree.ROOT}/subscribe {port} {rate:g}: give a port, and a rate up to {MOST_RATE:g} a second")
        to = (str(peer[0]), port)
        self._unsubscribe(to)  # What was subscribed to is renewed, and all told anew.
        if len(self._subscribers) >= MOST_SUBSCRIBERS:
            raise RtsepError(f"{tree.ROOT}/subscribe: {MOST_SUBSCRIBERS} subscribe already")
        new = Subscriber(1 / rate, time.monotonic() + SUBSCRIBED_S, "numbers" in given)
        self._subscribers[to] = new
        new.task = asyncio.ensure_future(self._tell(to, new))

    def _end(self, given: list[Any], peer: Any) -> None:
        self._unsubscribe((str(peer[0]), _whole(given[0] if given else None)))

    def _unsubscribe(self, to: Peer) -> None:
        gone = self._subscribers.pop(to, None)
        if gone is not None and gone.task is not None:
            gone.task.cancel()

    def _list(self, _given: list[Any], peer: Any) -> None:
        for at, kind, _text in tree.listing():
            self._send(peer[:2], f"{tree.ROOT}/list", (at, kind))

    async def _tell(self, to: Peer, subscriber: Subscriber) -> None:
        """Send what has changed, until the subscription ends."""
        while time.monotonic() < subscriber.until_s:
            if self._view is not None:
                now = tree.state(self._view, subscriber.numbers)
                for at, value in now.items():
                    if subscriber.sent.get(at) != value:
                        self._send(to, at, value)
                subscriber.sent = now
            await asyncio.sleep(subscriber.every_s)
        self._subscribers.pop(to, None)

    def _send(self, to: Peer, address: str, values: Sequence[Value]) -> None:
        if self._wire is not None and not self._wire.is_closing():
            self._wire.sendto(build_msg(address, [tree.sendable(value) for value in values]).dgram, to)

    def error_received(self, _error: Exception) -> None:
        """Nobody listens at a subscriber's port, perhaps for now: its subscription ends by itself."""


def _whole(given: Any) -> int:
    try:
        return int(given)
    except (TypeError, ValueError) as error:
        raise RtsepError(f"{given}: give a whole number") from error


def _is_release(wish: Wish, view: View | None) -> bool:
    """Whether this is a button that is let go, which means nothing: only presses count."""
    is_press = view is not None and control_of(wish.target).kind == "press"
    return (is_press or wish.kind == tree.STEP) and wish.value in (0, False)
