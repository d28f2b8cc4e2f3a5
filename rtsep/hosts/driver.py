"""What all drivers share: a driver can be missing, print text, stop calling, or hang when it is closed."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any, Protocol

from rtsep.errors import RtsepError
from rtsep.hosts.advice import Words
from rtsep.hosts.ending import forget_gone_terminals
from rtsep.hosts.lanes import Lanes

CLOSING_S = 2.0  # A driver has this many seconds to close its device.


class Opened(Protocol):
    """An open device, as every backend provides it."""

    name: str
    sample_rate: float
    inputs: int
    outputs: int
    warning: str  # A message for the user, or "".
    has_midi: bool  # Whether notes come in through the device itself.
    block: int  # Samples in a block; 0: unknown.
    words: Words  # The names of its settings.
    objects: tuple[str, ...]  # Compiled objects that it needs besides those of the engine and "live".

    def settings(self) -> Mapping[str, Any]:
        """Entries of a set-up that open this device again."""
        ...

    def start(self, lanes: Lanes) -> None:
        """Start the callback. RtsepError if the device refuses."""

    def trouble(self) -> str:
        """Why the device no longer plays, or ""."""
        ...

    def measure_latency_ms(self) -> float:
        """Measure the round trip through a cable, before `start`. RtsepError if this is not possible."""
        ...

    def latency_ms(self) -> float | None:
        """Input plus output latency of the device in ms; None: unknown."""
        ...

    def sources(self, stems: Sequence[str]) -> list[tuple[int, int]] | None:
        """The (stem, channel) that each output plays; None if the device does not decide this."""
        ...

    def midi_ports(self) -> tuple[str, ...]:
        """Names of the ports that send notes through the device itself; empty without `has_midi`."""
        ...

    def midi_parted(self) -> bool:
        """Whether a port that sends notes through the device was disconnected since the last call."""
        ...

    def close(self) -> bool:
        """Stop within two seconds. Returns whether it did."""
        ...


class _Silence:
    """Points file descriptor 2 to nothing while a thread wants silence. Several threads can want it at the same time.

    `listener`: a file descriptor that takes the text instead; -1: there is none.
    """

    def __init__(self) -> None:
        self._lock, self._wanted, self._kept, self._listener = threading.Lock(), 0, -1, -1

    def begin(self) -> None:
        with self._lock:
            self._wanted += 1
            if self._kept < 0:
                self._kept = os.dup(2)
                self._point()

    def send_to(self, listener: int) -> None:
        """From now on, send the text to this file descriptor; -1: to nothing."""
        with self._lock:
            self._listener = listener
            if self._kept >= 0:
                self._point()

    def _point(self) -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere if self._listener < 0 else self._listener, 2)
        os.close(nowhere)

    def end(self, at_once: bool = False) -> None:
        """End the silence. `at_once`: even if another thread still wants it, such as a driver that hangs while it closes."""
        with self._lock:
            self._wanted -= 1
            if self._kept >= 0 and (at_once or not self._wanted):
                os.dup2(self._kept, 2)
                os.close(self._kept)
                self._kept = -1


_silence = _Silence()


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Silence file descriptor 2: ALSA, JACK and PortAudio write there. Real problems reach the user as errors."""
    sys.stderr.flush()
    _silence.begin()
    try:
        yield
    finally:
        _silence.end()


@contextmanager
def libraries_told(say: Callable[[str], None]) -> Iterator[None]:
    """Send the text of silenced libraries to `say`, line by line, on a separate thread. The libraries never wait."""
    source, sink = os.pipe()
    os.set_blocking(sink, False)  # If a library writes more than the pipe holds, the rest is lost.

    def read() -> None:
        with open(source, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                say(line.rstrip())

    reader = threading.Thread(target=read, name="libraries", daemon=True)
    reader.start()
    _silence.send_to(sink)
    try:
        yield
    finally:
        _silence.send_to(-1)
        os.close(sink)
        reader.join(CLOSING_S)


@contextmanager
def quiet_session() -> Iterator[None]:
    """Silence libraries while a screen is shown, whichever thread they write from. Messages of Python still appear."""
    ours = sys.stderr
    ours.flush()
    kept = open(os.dup(2), "w", buffering=1, encoding=ours.encoding, errors=ours.errors)  # noqa: SIM115
    _silence.begin()
    if _writes_to_2(ours):
        sys.stderr = kept
    try:
        yield
    finally:
        sys.stderr = ours
        with suppress(OSError):  # Perhaps its terminal is gone.
            kept.close()
        _silence.end(at_once=True)
        forget_gone_terminals()


def _writes_to_2(stream: Any) -> bool:
    try:
        return bool(stream.fileno() == 2)
    except (OSError, AttributeError, ValueError):
        return False


def import_library(name: str, missing: str, kind: type[RtsepError] = RtsepError) -> Any:
    """The module `name`. If it or its system library is missing: an error of `kind`, with the text `missing`.

    The reason is put in the place of {} in this text.
    """
    try:
        with quiet_libraries():
            return import_module(name)
    except (ImportError, OSError) as error:
        raise kind(missing.format(error)) from error


class Heartbeat:
    """Tells whether a device still asks for blocks: for the first one within `starting_s`, for others within `patience_s`."""

    def __init__(self, lanes: Lanes, patience_s: float, starting_s: float) -> None:
        self._lanes, self._patience_s = lanes, patience_s
        self._beats, self._until_s = lanes.heartbeat, time.monotonic() + starting_s
        self._asked_s = time.monotonic()

    def stopped(self) -> bool:
        """Whether the device has asked for no block for too long.

        Call it often: after a long pause between two calls it assumes that the program itself was stopped.
        """
        beats, now_s = self._lanes.heartbeat, time.monotonic()
        if now_s > self._asked_s + self._patience_s / 2:
            self._until_s = max(self._until_s, now_s + self._patience_s)
        self._asked_s = now_s
        if beats != self._beats:
            self._beats, self._until_s = beats, now_s + self._patience_s
        return now_s > self._until_s


def closed_in_time(close: Callable[[], None]) -> bool:
    """Call `close`. Returns whether it ended within two seconds; if it hangs, it is left alone."""
    closing = threading.Thread(target=close, daemon=True)
    closing.start()
    closing.join(CLOSING_S)
    return not closing.is_alive()
