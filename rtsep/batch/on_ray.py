"""The workers of a Ray cluster."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, TypeVar

import ray

from rtsep.batch.engines import DEATHS, Lost, Wish
from rtsep.errors import RtsepError

S = TypeVar("S")
T = TypeVar("T")
R = TypeVar("R")
WAIT_S = 10  # So many seconds a cluster has to answer.
AHEAD = 2  # Each processor has so many tasks before it, so that none waits for the network.


class OnRay:
    """See `Engine`. A task takes one processor, and Ray gives it one thread."""

    def __init__(self, address: str) -> None:
        self.where = f"{self.workers} processors of the Ray cluster {address}"

    @property
    def workers(self) -> int:
        """The processors that the cluster has now."""
        return max(int(ray.cluster_resources().get("CPU", 1)), 1)

    def map(self, function: Callable[[S, T], R], shared: S, tasks: Iterable[T]) -> Iterator[tuple[T, R | Lost]]:
        """See `Engine`."""
        left, remote = iter(tasks), ray.remote(num_cpus=1, max_retries=DEATHS - 1)(function)
        held = ray.put(shared)
        running: dict[Any, T] = {}
        try:
            while True:
                for task in islice(left, max(AHEAD * self.workers - len(running), 0)):
                    running[remote.remote(held, task)] = task
                if not running:
                    return
                for reference in ray.wait([*running], num_returns=1)[0]:
                    yield running.pop(reference), _result(reference)
        finally:
            for reference in running:
                ray.cancel(reference, force=True)


def _result(reference: Any) -> Any:
    """The result. RtsepError: the function itself failed."""
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise RtsepError(f"the Ray workers cannot do this: {error.cause} (is the same rtsep installed there?)") from error
    except ray.exceptions.RayError as error:  # Its worker, or its computer, died again and again.
        return Lost(f"{DEATHS} workers died of it: {' '.join(str(error).split())}"[:300])


def _knock(address: str) -> None:
    """OSError if nobody listens there: Ray itself would try for minutes."""
    host, colon, port = address.rpartition("//")[2].rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=WAIT_S).close()


@contextmanager
def opened(wish: Wish) -> Iterator[OnRay]:
    """The cluster at the address (the one of this computer, or a new one, if there is none), while `with` lasts."""
    address = wish.address or "auto"
    try:
        _knock(address)
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, RuntimeError, ValueError, ImportError) as error:
        raise RtsepError(f"no Ray cluster answers at {address}: {' '.join(str(error).split())} (ray start --head starts "
                         "one)") from error
    try:
        yield OnRay(address)
    finally:
        ray.shutdown()
