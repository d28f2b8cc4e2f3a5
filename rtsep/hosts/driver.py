"""Common to all drivers: they may be missing, print, stop calling, or hang when they are closed."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Protocol

from rtsep.errors import RtsepError
from rtsep.hosts.lanes import Lanes

CLOSING_S = 2.0  # A driver has this many seconds to close its device.


class Opened(Protocol):
    """An open device, as every backend provides it."""

    name: str
    sample_rate: float
    inputs: int
    outputs: int
    warning: str  # What the user should know, or "".
    has_midi: bool  # Whether notes come in through the device itself.
    block: int  # Samples that it hands over at a time; 0: unknown.
    objects: tuple[str, ...]  # Compiled objects that it needs beside the engine's and "live".

    def start(self, lanes: Lanes) -> None:
        """Start the callback. RtsepError if the device refuses."""

    def trouble(self) -> str:
        """Why the device no longer plays, or ""."""
        ...

    def measure_latency_ms(self) -> float:
        """Measure the round trip through a cable, before `start`. RtsepError if that is not possible."""
        ...

    def latency_ms(self) -> float | None:
        """Input and output latency of the device together; None: unknown."""
        ...

    def sources(self, stems: Sequence[str]) -> list[tuple[int, int]] | None:
        """What each of its outputs plays, (stem, channel), if the device decides that."""
        ...

    def close(self) -> bool:
        """Stop within two seconds; gives whether it did."""
        ...


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Silence file descriptor 2, to which ALSA, JACK and PortAudio write; real problems reach the user as errors."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def import_library(name: str, missing: str, kind: type[RtsepError] = RtsepError) -> Any:
    """The module `name`. If it or its system library is missing: an error of `kind`, `missing` with the reason for {}."""
    try:
        with quiet_libraries():
            return import_module(name)
    except (ImportError, OSError) as error:
        raise kind(missing.format(error)) from error


class Heartbeat:
    """Tells whether a device still asks for blocks: within `starting_s` for the first one, then within `patience_s`."""

    def __init__(self, lanes: Lanes, patience_s: float, starting_s: float) -> None:
        self._lanes, self._patience_s = lanes, patience_s
        self._beats, self._until_s = lanes.heartbeat, time.monotonic() + starting_s

    def stopped(self) -> bool:
        """Whether the device has asked for no block for too long. Call it often."""
        beats, now_s = self._lanes.heartbeat, time.monotonic()
        if beats != self._beats:
            self._beats, self._until_s = beats, now_s + self._patience_s
        return now_s > self._until_s


def closed_in_time(close: Callable[[], None]) -> bool:
    """Call `close`; gives whether it returned within two seconds. One that hangs is left alone."""
    closing = threading.Thread(target=close, daemon=True)
    closing.start()
    closing.join(CLOSING_S)
    return not closing.is_alive()
