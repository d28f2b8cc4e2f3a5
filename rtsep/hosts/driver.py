"""What every driver has in common: it may be missing, it may print, it may die, and it may hang when it is closed."""

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
    """A device that was opened; every backend has one."""

    name: str
    sample_rate: float
    inputs: int
    outputs: int
    warning: str  # "" or what the user should know
    has_midi: bool  # whether notes come in through the device itself
    block: int  # samples that it hands over at a time; 0: it does not tell
    objects: tuple[str, ...]  # compiled code that it needs beside the engine's and "live" (rtsep.compiling.units)

    def start(self, lanes: Lanes) -> None:
        """Begin to call. RtsepError if the device refuses."""

    def trouble(self) -> str:
        """Why it is dead, or ""."""
        ...

    def measure_latency_ms(self) -> float:
        """Through a cable, before `start`. RtsepError if that cannot be."""
        ...

    def latency_ms(self) -> float | None:
        """Input and output of the device together; None = unknown."""
        ...

    def sources(self, stems: Sequence[str]) -> list[tuple[int, int]] | None:
        """What its outputs play, (stem, channel) each, if it is the one to decide."""
        ...

    def close(self) -> bool:
        """Stop, in two seconds at most; whether it did."""
        ...


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """ALSA, JACK and PortAudio write to file descriptor 2 whatever they meet; what they mean reaches the user as errors."""
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
    """The module `name`; where it or its system library is missing, an error of `kind`: `missing` with the reason for {}."""
    try:
        with quiet_libraries():
            return import_module(name)
    except (ImportError, OSError) as error:
        raise kind(missing.format(error)) from error


class Heartbeat:
    """Whether a device still asks for blocks. It may take `starting_s` until the first one and `patience_s` between two."""

    def __init__(self, lanes: Lanes, patience_s: float, starting_s: float) -> None:
        self._lanes, self._patience_s = lanes, patience_s
        self._beats, self._until_s = lanes.heartbeat, time.monotonic() + starting_s

    def stopped(self) -> bool:
        """Whether it has been silent for too long. To be called often."""
        beats, now_s = self._lanes.heartbeat, time.monotonic()
        if beats != self._beats:
            self._beats, self._until_s = beats, now_s + self._patience_s
        return now_s > self._until_s


def closed_in_time(close: Callable[[], None]) -> bool:
    """Whether `close` came back within two seconds; one that hangs is left alone."""
    closing = threading.Thread(target=close, daemon=True)
    closing.start()
    closing.join(CLOSING_S)
    return not closing.is_alive()
