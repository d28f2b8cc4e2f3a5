"""Watches the device that plays: it notices a loss, and opens the device again when it returns."""

from __future__ import annotations

import time
from collections.abc import Callable

from rtsep.errors import RtsepError
from rtsep.hosts.driver import Opened
from rtsep.hosts.lanes import Lanes

FIRST_RETRY_S, LONGEST_RETRY_S = 0.1, 1.0  # Seconds between attempts to reopen a device, at first and at most.
RETRY_GROWTH = 1.5  # Each of these intervals is this many times as long as the one before.


class WatchedDevice:
    """The device that plays, reopened after a loss."""

    def __init__(self, open_device: Callable[[bool], Opened], say: Callable[[str], None]) -> None:
        self.state = "playing"
        self.losses = 0
        self.stem_names: tuple[str, ...] = ()
        self.opened = open_device(False)
        self._open, self._say = open_device, say
        self._retry_at, self._delay_s = 0.0, FIRST_RETRY_S
        self._closed = True  # Whether all streams are closed: a rescan would hang if one of them hangs.

    def watch(self, lanes: Lanes) -> bool:
        """Notice a lost device, and try to reopen it at growing intervals. Returns whether it was lost in this call."""
        lost = False
        if self.state == "playing":
            reason = self.opened.trouble()
            if not reason:
                return False
            lost = True
            self.losses += 1
            self.state = f"lost {self.opened.name} ({reason}): trying to open it again"
            self._say(self.state)
            self._closed = self.opened.close() and self._closed
            self._retry_at, self._delay_s = time.monotonic() + FIRST_RETRY_S, FIRST_RETRY_S
        if time.monotonic() >= self._retry_at:
            self._delay_s = min(RETRY_GROWTH * self._delay_s, LONGEST_RETRY_S)
            self._try(lanes)
            self._retry_at = time.monotonic() + self._delay_s
        return lost

    def _try(self, lanes: Lanes) -> None:
        before = self.opened
        try:
            found = self._open(self._closed)
        except RtsepError:
            return
        if (found.sample_rate, found.inputs, found.outputs) != (before.sample_rate, before.inputs, before.outputs):
            self._closed = found.close() and self._closed
            self.state = (f"{found.name} came back with {found.sample_rate:g} Hz, {found.inputs} inputs and {found.outputs} "
                          "outputs: restore its settings, or start again")
            return
        self.opened = found
        try:
            found.sources(self.stem_names)
            lanes.new_thread()
            found.start(lanes)
        except RtsepError as error:
            self.state = str(error)
            self._closed = found.close() and self._closed
            return
        self.state = "playing"
        self._say(f"{found.name} is back" + (f": {found.warning}" if found.warning else ""))
