"""Who does the work: joblib's processes on this computer, or a cluster of Dask or Ray. All of them have the same few lines."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, TypeVar, cast

from rtsep.errors import RtsepError

S = TypeVar("S")
T = TypeVar("T")
R = TypeVar("R")
ENGINES = ("joblib", "dask", "ray")
DEATHS = 4  # A task that so many workers died of is given up. It is the default of Dask and of Ray, too.
# Every worker is one process with one thread.
THREADS = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "VECLIB", "NUMBA", "NUMEXPR")}


@dataclass(frozen=True)
class Lost:
    """A task that was given up, and why, in one line."""

    reason: str


class Engine(Protocol):
    """Workers. `where`: what they are, in words."""

    workers: int
    where: str

    def map(self, function: Callable[[S, T], R], shared: S, tasks: Iterable[T]) -> Iterator[tuple[T, R | Lost]]:
        """`function(shared, task)` for every task, in the order in which they end.

        `shared` goes to every worker once. A task whose worker dies is done again by another. Tasks are taken from the iterable
        as workers get free. If the caller stops, nothing further begins. RtsepError: the workers cannot do it at all.
        """


@dataclass(frozen=True)
class Wish:
    """Which engine is asked for. workers None: all there are."""

    name: str = "joblib"
    address: str | None = None
    workers: int | None = None


def open_engine(wish: Wish) -> AbstractContextManager[Engine]:
    """The engine, while `with` lasts. RtsepError: it is not installed, or cannot be reached."""
    if wish.name == "joblib" and wish.address is not None:
        raise RtsepError(f"--address {wish.address}: joblib works on this computer alone; give --engine dask or --engine ray")
    if wish.name == "dask" and wish.address is None:
        raise RtsepError("--engine dask needs the address of a scheduler: give --address tcp://HOST:8786")
    if wish.name != "joblib" and wish.workers is not None:
        raise RtsepError(f"--workers {wish.workers}: the cluster has the workers that it has; leave it out")
    try:
        module = import_module(f"rtsep.batch.on_{wish.name}")
    except ImportError as error:
        extra = "batch" if wish.name == "joblib" else wish.name
        raise RtsepError(f"--engine {wish.name} needs {wish.name}: pip install 'rtsep[{extra}]'") from error
    return cast(AbstractContextManager[Engine], module.opened(wish))


def processors() -> int:
    """The processors that this program can use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
