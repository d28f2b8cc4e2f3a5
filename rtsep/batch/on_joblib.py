"""joblib's worker processes (loky) on this computer. Each has its own executor, so it is known which task a worker died of."""

from __future__ import annotations

import pickle
import signal
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from joblib.externals.loky import ProcessPoolExecutor

from rtsep.batch.engines import DEATHS, THREADS, Lost, Wish, processors
from rtsep.errors import RtsepError

S = TypeVar("S")
T = TypeVar("T")
R = TypeVar("R")
MOST_WORKERS = 1024  # As many workers can be asked for.
IDLE_S = 30  # A worker without a task, or whose program has gone, ends after so many seconds.


class OnJoblib:
    """See `Engine`."""

    def __init__(self, workers: int, folder: Path) -> None:
        self.workers, self._folder = workers, folder
        self.where = f"{workers} {'process' if workers == 1 else 'processes'} of this computer"
        self._executors = [_executor() for _ in range(workers)]
        self._shared = 0

    def map(self, function: Callable[[S, T], R], shared: S, tasks: Iterable[T]) -> Iterator[tuple[T, R | Lost]]:
        """See `Engine`."""
        self._shared += 1
        file = self._folder / f"shared-{self._shared}"
        file.write_bytes(pickle.dumps(shared))
        left, again = iter(tasks), deque[tuple[T, int]]()
        idle, running = [*range(self.workers)], dict[Future[Any], tuple[int, T, int]]()
        try:
            while True:
                while idle and (found := _next(again, left)):
                    worker = idle.pop()
                    running[self._submit(worker, function, file, found[0][0])] = (worker, *found[0])
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    worker, task, deaths = running.pop(future)
                    idle.append(worker)
                    error = future.exception()
                    if isinstance(error, BrokenExecutor):
                        self._renew(worker)
                        if deaths + 1 < DEATHS:
                            again.append((task, deaths + 1))
                        else:
                            yield task, Lost(f"{DEATHS} workers died of it: {_one_line(error)}")
                    elif error is not None:
                        raise RtsepError(f"the workers cannot do this: {type(error).__name__}: {error}") from error
                    else:
                        yield task, future.result()
        finally:
            for worker in {worker for worker, _, _ in running.values()}:
                self._renew(worker)  # What is under way is stopped.
            file.unlink(missing_ok=True)

    def _submit(self, worker: int, function: Callable[..., Any], file: Path, task: Any) -> Future[Any]:
        try:
            return self._executors[worker].submit(_called, function, file, task)  # type: ignore[no-any-return]
        except BrokenExecutor:  # It died while it had nothing to do.
            self._renew(worker)
            return self._executors[worker].submit(_called, function, file, task)  # type: ignore[no-any-return]

    def _renew(self, worker: int) -> None:
        _end(self._executors[worker])
        self._executors[worker] = _executor()

    def close(self) -> None:
        """End all workers."""
        for executor in self._executors:
            _end(executor)


def _next(again: deque[tuple[T, int]], left: Iterator[T]) -> list[tuple[T, int]]:
    """The next task and how many workers have died of it, or nothing."""
    if again:
        return [again.popleft()]
    return [(task, 0) for task in [*_first(left)]]


def _first(left: Iterator[T]) -> Iterator[T]:
    for task in left:
        yield task
        return


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())


def _executor() -> Any:
    return ProcessPoolExecutor(max_workers=1, timeout=IDLE_S, env=THREADS, initializer=_begin)


def _end(executor: Any) -> None:
    """End the worker at once, and wait for it. (loky's own kill_workers sometimes fails just after a task was submitted.)"""
    for process in [*executor._processes.values()]:
        process.terminate()
    executor.shutdown(wait=True)


def _begin() -> None:
    """Ctrl-C is the main program's affair."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


_held: list[tuple[Path, Any]] = []  # In a worker: what all tasks share, as read last.


def _called(function: Callable[[Any, Any], Any], file: Path, task: Any) -> Any:
    if not _held or _held[0][0] != file:
        _held[:] = [(file, pickle.loads(file.read_bytes()))]
    return function(_held[0][1], task)


@contextmanager
def opened(wish: Wish) -> Iterator[OnJoblib]:
    """The workers, while `with` lasts."""
    workers = processors() if wish.workers is None else wish.workers
    if not 1 <= workers <= MOST_WORKERS:
        raise RtsepError(f"--workers {workers}: allowed are 1 to {MOST_WORKERS}")
    with tempfile.TemporaryDirectory(prefix="rtsep-batch-", ignore_cleanup_errors=True) as folder:
        engine = OnJoblib(workers, Path(folder))
        try:
            yield engine
        finally:
            engine.close()
