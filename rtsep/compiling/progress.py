"""Reports the progress of compiling to listeners. It loads nothing, so a program whose code exists starts fast."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """The progress of compiling.

    done: 0 to 1. left_s: remaining seconds. waits: whether it waits for another program that compiles the same code. kept:
    whether the code is stored for the next time. temporary: whether the system can empty its folder. target: the name of the
    processor, if it is not this computer's.
    """

    done: float
    left_s: float
    waits: bool = False
    kept: bool = True
    temporary: bool = False
    target: str = ""


Told = Callable[[Progress], None]
_listeners: list[Told] = []


@contextmanager
def listening(told: Told) -> Iterator[None]:
    """Within this context, `told` receives the progress of all compiling."""
    _listeners.append(told)
    try:
        yield
    finally:
        _listeners.remove(told)


def tell(progress: Progress) -> None:
    """Send the progress to all listeners."""
    for told in _listeners:
        told(progress)
