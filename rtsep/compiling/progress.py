"""Who hears how far compiling is. Loads nothing: a program that has its code need not wait for this."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """How far compiling is. done: 0 to 1; left_s: seconds until it is; waits: for another program that compiles the same;
    kept: whether the code will be there the next time; temporary: but in a folder that may be emptied."""

    done: float
    left_s: float
    waits: bool = False
    kept: bool = True
    temporary: bool = False


Told = Callable[[Progress], None]
_listeners: list[Told] = []


@contextmanager
def listening(told: Told) -> Iterator[None]:
    """Within this, `told` hears how far compiling is, whoever asks for code."""
    _listeners.append(told)
    try:
        yield
    finally:
        _listeners.remove(told)


def tell(progress: Progress) -> None:
    """Tell all that listen."""
    for told in _listeners:
        told(progress)
