"""Ending in order, whoever asks for it: Ctrl-C, a signal of the system, or the terminal when it is closed."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

ENDING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


@contextmanager
def stop_signals(playing: threading.Event) -> Iterator[threading.Event]:
    """An event that SIGINT, SIGTERM and SIGHUP set, so that all ends properly; before `playing` they interrupt at once."""
    stop = threading.Event()

    def ask(*_: object) -> None:
        if not playing.is_set():
            raise KeyboardInterrupt
        stop.set()

    numbers = ENDING if threading.current_thread() is threading.main_thread() else []
    before = {number: signal.signal(number, ask) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def outlive_terminal() -> Iterator[None]:
    """Afterwards, text goes nowhere that is meant for a terminal which has gone meanwhile: writing to it would fail."""
    terminals = [number for number in (1, 2) if os.isatty(number)]
    try:
        yield
    finally:
        for number in terminals:
            if not os.isatty(number):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, number)
                os.close(nowhere)
