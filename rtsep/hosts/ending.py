"""An orderly end, after Ctrl-C, after a signal of the system, or when the terminal is closed."""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

ENDING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class GoneError(Exception):
    """The terminal was closed, or no program reads the output any more."""


@contextmanager
def telling_gone() -> Iterator[None]:
    """Turn an OSError of the terminal or of standard output into GoneError. Do nothing else within it."""
    try:
        yield
    except OSError as error:
        raise GoneError(str(error)) from error


@contextmanager
def stop_signals(playing: threading.Event) -> Iterator[threading.Event]:
    """An event that SIGINT, SIGTERM and SIGHUP set, for an orderly end. Before `playing` is set, they interrupt at once."""
    stop = threading.Event()

    def ask(*_: object) -> None:
        if not playing.is_set():
            raise KeyboardInterrupt
        stop.set()
        forget_gone_terminals()

    numbers = ENDING if threading.current_thread() is threading.main_thread() else []
    before = {number: signal.signal(number, ask) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def forget_gone_terminals() -> None:
    """Send text for a terminal that is gone to nowhere, since writing to it would fail."""
    numbers = {1, 2}
    with suppress(OSError, AttributeError, ValueError):
        numbers.add(sys.stderr.fileno())  # While libraries are silenced, it has another number.
    with suppress(OSError):
        for number in filter(_is_gone, numbers):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, number)
            os.close(nowhere)


def _is_gone(number: int) -> bool:
    """Whether this is a terminal that was closed. Files and pipes are not terminals."""
    if os.name != "posix":
        return False
    import termios

    try:
        termios.tcgetattr(number)
    except termios.error as error:
        return bool(error.args[0] == errno.EIO)
    return False
