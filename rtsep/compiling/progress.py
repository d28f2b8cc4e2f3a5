"""Reports the progress of compiling to listeners. Loads nothing, so a program that has its code starts fast."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """The progress of compiling. done: 0 to 1; left_s: seconds left; waits: for another program that compiles the same; kept:
    whether the code is stored for the next time; temporary: in a folder that may be emptied; target: the name of the processor
    that it is for, if not this computer's."""

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
    """Within this context `told` receives the progress of any compiling."""
    _listeners.append(told)
    try:
        yield
    finally:
        _listeners.remove(told)


def tell(progress: Progress) -> None:
    """Send the progress to all listeners."""
    for told in _listeners:
        told(progress)
