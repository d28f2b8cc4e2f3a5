"""The workers of a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, TypeVar

from distributed import Client, as_completed
from distributed.scheduler import KilledWorker

from rtsep.batch.engines import Lost, Wish
from rtsep.errors import RtsepError

S = TypeVar("S")
T = TypeVar("T")
R = TypeVar("R")
WAIT_S = 30  # So many seconds the scheduler has to answer, and the first worker to be there.
AHEAD = 3  # Each worker has so many tasks before it, so that none waits for the network.


class OnDask:
    """See `Engine`. What tasks share is a task too, so that it can be had again when its worker dies."""

    def __init__(self, client: Client, address: str) -> None:
        self._client = client
        self.workers = len(_workers(client))
        self.where = f"{self.workers} Dask workers of {address}"

    def map(self, function: Callable[[S, T], R], shared: S, tasks: Iterable[T]) -> Iterator[tuple[T, R | Lost]]:
        """See `Engine`. Dask blames all tasks of a worker that dies, so what it gives up is tried once more, alone."""
        left, suspects = iter(tasks), list[T]()
        held = self._client.submit(_same, shared, pure=False)
        running: dict[Any, T] = {}
        ended = as_completed(loop=self._client.loop)

        def submit(task: T) -> None:
            future = self._client.submit(function, held, task, pure=False)
            running[future] = task
            ended.add(future)

        try:
            while True:
                for task in islice(left, max(AHEAD * len(_workers(self._client)) - len(running), 0 if running else 1)):
                    submit(task)
                alone = not running
                if alone:
                    if not suspects:
                        return
                    submit(suspects.pop())
                future = next(ended)
                task, error = running.pop(future), future.exception()
                if isinstance(error, KilledWorker) and not alone:
                    suspects.append(task)
                elif isinstance(error, KilledWorker):
                    yield task, Lost(f"{error.allowed_failures + 1} workers died of it")
                elif error is not None:
                    raise RtsepError(f"the Dask workers cannot do this: {type(error).__name__}: {error} (is the same rtsep "
                                     "installed there?)")
                else:
                    yield task, future.result()
                future.release()
        finally:
            if running:
                self._client.cancel([*running], force=True)


def _same(value: S) -> S:
    return value


def _workers(client: Client) -> dict[str, Any]:
    return dict(client.scheduler_info(n_workers=-1)["workers"])


@contextmanager
def opened(wish: Wish) -> Iterator[OnDask]:
    """The cluster at the address, while `with` lasts. RtsepError: nobody is there, or workers have several threads."""
    try:
        client = Client(wish.address, timeout=WAIT_S, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise RtsepError(f"no Dask scheduler answers at {wish.address}: {error}") from error
    with client:
        try:
            client.wait_for_workers(1, timeout=WAIT_S)
        except TimeoutError as error:
            raise RtsepError(f"the Dask scheduler at {wish.address} has no workers: dask worker {wish.address} --nthreads 1 "
                             "starts one") from error
        wide = [name for name, worker in _workers(client).items() if worker["nthreads"] > 1]
        if wide:
            raise RtsepError(f"the Dask worker {wide[0]} has several threads, and rtsep does one item at a time in each "
                             "process: start workers with --nthreads 1 --nworkers auto")
        yield OnDask(client, str(wish.address))
