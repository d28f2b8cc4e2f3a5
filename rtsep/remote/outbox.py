"""What waits to be sent to one page. It never grows: newer values and levels replace older ones, pictures are dropped."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from typing import Any

MOST_COLUMNS = 25  # So many columns of the picture wait, a second's; older ones are left out.

Packet = str | bytes


class Outbox:
    """One page's. Thread: the server's."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}
        self._told: dict[str, Any] = {}
        self._frames: dict[int, bytes] = {}
        self._columns: deque[bytes] = deque(maxlen=MOST_COLUMNS)
        self._something = asyncio.Event()

    def put_changes(self, values: dict[str, Any], told: dict[str, Any]) -> None:
        """Changed values of controls, and changed parts of the status."""
        self._values |= values
        self._told |= told
        if values or told:
            self._something.set()

    def put_frame(self, frame: bytes) -> None:
        """Levels or notes."""
        self._frames[frame[0]] = frame
        self._something.set()

    def put_columns(self, frame: bytes) -> None:
        """Columns of the picture."""
        self._columns.append(frame)
        self._something.set()

    async def take(self) -> list[Packet]:
        """Everything that waits; waits for something."""
        await self._something.wait()
        self._something.clear()
        packets: list[Packet] = []
        if self._values or self._told:
            packets.append(json.dumps({"values": self._values, "status": self._told}))
        packets += [*self._frames.values(), *self._columns]
        self._values, self._told, self._frames = {}, {}, {}
        self._columns.clear()
        return packets
