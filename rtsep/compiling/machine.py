"""Gives the machine code of kernels by name: loads it, and compiles it first if it does not exist yet."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import llvmlite.binding as llvm
from filelock import FileLock, Timeout

from rtsep.compiling import prebuilt, store
from rtsep.compiling.loader import LoadedCode
from rtsep.compiling.progress import Progress, tell
from rtsep.compiling.target import FEATURES, NAME, TRIPLE, Processor, processor
from rtsep.compiling.units import CALLED, USUAL_S, with_needs
from rtsep.errors import RtsepError

JOBS = 2  # Number of processes at a time: the engine's two large objects take about as long as all others together.
TELLING_SHARE = 0.2  # Once this share is done, the remaining time is estimated from the time so far.
# Shares of an object's time after which its functions are translated, and after which its code is optimised.
TRANSLATED, OPTIMISED = 0.62, 0.88


_loaded: dict[str, LoadedCode] = {}
_wanted: set[str] = set()
_aside: dict[str, bytes] = {}  # Code that cannot be stored in a file.


def address(name: str, function: str) -> int:
    """Address of the compiled `function` of object `name`. The first call on a computer compiles it.

    RtsepError if that fails. Call it from any thread except the audio thread.
    """
    if name not in _loaded:
        compile_objects(name)
        for needed in with_needs(name):
            if needed not in _loaded:
                _loaded[needed] = LoadedCode(_code(needed), CALLED.get(needed, ()))
    return _loaded[name].address(function)


def load_library(path: str) -> None:
    """Make the functions of a shared library available to compiled code, by name. RuntimeError if it cannot be loaded."""
    llvm.load_library_permanently(path)


def missing(*names: str) -> list[str]:
    """The objects that are not compiled yet, among these and those that they call."""
    others = [name for name in with_needs(*names)
              if name not in _loaded and name not in _aside and name not in prebuilt.usable()]
    folder = store.code_folder() if others else None
    return others if folder is None else _lacking(folder, others)


def estimate_s(*names: str) -> float:
    """Estimated seconds for compiling these objects: as last time on this computer, else the usual time."""
    return _estimate_s(missing(*names))


def want(*names: str) -> None:
    """Announce that this program will also need these objects: they are compiled together with the next ones."""
    _wanted.update(names)


def compile_objects(*names: str) -> None:
    """Compile the missing ones of these objects. RtsepError if that fails."""
    if not missing(*names):
        return
    names = (*names, *_wanted)
    wanted, folder = missing(*names), store.code_folder()
    if folder is not None:
        compile_into(folder, wanted)
        return
    with tempfile.TemporaryDirectory(prefix="rtsep-") as aside:
        _build(wanted, Path(aside))
        _aside.update({name: object_file(Path(aside), name).read_bytes() for name in wanted})


def compile_into(folder: Path, names: Sequence[str], target: Processor | None = None) -> None:
    """Compile the objects that `folder` lacks, for the processor `target` (None: that of this process)."""
    with _alone(folder, names):
        wanted = _lacking(folder, names)
        if wanted:
            _build(wanted, folder, target)
            store.remove_unused(folder)


def object_file(folder: Path, name: str) -> Path:
    """The file of object `name` in a folder of code."""
    return folder / f"{name}.o"


def _lacking(folder: Path, names: Sequence[str]) -> list[str]:
    return [name for name in names if not object_file(folder, name).is_file()]


def _code(name: str) -> bytes:
    if name in _aside:
        return _aside[name]
    if name in prebuilt.usable():
        return prebuilt.usable()[name].read_bytes()
    folder = store.code_folder()
    if folder is None:
        raise RtsepError("the folder of the compiled code is gone; start again, or set RTSEP_CACHE_DIR to another folder")
    store.touch(folder)
    return object_file(folder, name).read_bytes()


@contextmanager
def _alone(folder: Path, names: Sequence[str] = ()) -> Iterator[None]:
    """Wait until no other process compiles into `folder`, and keep others out."""
    lock = FileLock(folder / "lock", mode=0o600)
    while True:
        try:
            lock.acquire(timeout=0.5)
            break
        except Timeout:
            tell(Progress(0.0, _estimate_s(_lacking(folder, names)), waits=True))
    try:
        yield
    finally:
        lock.release()


def _seconds() -> dict[str, float]:
    return {**USUAL_S, **store.last_times()}


def _estimate_s(names: Sequence[str]) -> float:
    jobs = _shared_out(names, _seconds())
    return max((sum(_seconds()[name] for name in job) for job in jobs), default=0.0)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _shared_out(names: Sequence[str], seconds: dict[str, float]) -> list[list[str]]:
    """The objects, in one list for each process, so that the lists take about equal times."""
    jobs: list[list[str]] = [[] for _ in range(min(JOBS, _processors(), len(names)))]
    for name in sorted(names, key=lambda name: -seconds[name]):
        min(jobs, key=lambda job: sum(seconds[one] for one in job)).append(name)
    return jobs


@dataclass
class _Work:
    """The progress of every object, as its process reports it. One thread for each process writes it."""

    seconds: dict[str, float]
    kept: bool
    temporary: bool = False
    target: str = ""
    done: dict[str, float] = field(default_factory=dict)
    translated: dict[str, int] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)
    took: dict[str, float] = field(default_factory=dict)

    def note(self, line: str, functions: dict[str, int], job_began: float) -> None:
        """Take in a builder's line: the name of an object, and the step that is done."""
        name, _, step = line.strip().partition(" ")
        if step in ("optimise", "emit", "done"):
            self.done[name] = {"optimise": TRANSLATED, "emit": OPTIMISED, "done": 1.0}[step]
        else:
            self.translated[name] = self.translated.get(name, 0) + 1
            self.done[name] = TRANSLATED * min(self.translated[name] / functions.get(name, 50), 1)
        if step == "done":
            self.took[name] = time.monotonic() - job_began

    def progress(self) -> Progress:
        """The progress of all objects."""
        share = sum(self.seconds[name] * self.done.get(name, 0.0) for name in self.seconds) / sum(self.seconds.values())
        share = min(share, 0.999)  # Only `_build` reports the end.
        elapsed, usual = time.monotonic() - self.began, sum(self.seconds.values()) / min(JOBS, _processors())
        return Progress(share, elapsed * (1 - share) / share if share > TELLING_SHARE else max(usual - elapsed, 1.0),
                        kept=self.kept, temporary=self.temporary, target=self.target)


def _build(names: Sequence[str], folder: Path, target: Processor | None = None) -> None:
    """Build the objects into `folder` in separate processes; Ctrl-C ends these, and leaves no incomplete file."""
    kept = store.code_folder(target)
    work = _Work({name: _seconds()[name] for name in names}, kept is not None, store.is_temporary(kept),
                 target[0] if target else "")
    tell(work.progress())
    with tempfile.TemporaryFile("w+") as complaints:
        builders = [_builder(job, folder, complaints, target or processor()) for job in _shared_out(names, work.seconds)]
        readers = [threading.Thread(target=_read, args=(builder, work), daemon=True) for builder in builders]
        try:
            for reader in readers:
                reader.start()
            while any(reader.is_alive() for reader in readers):
                readers[0].join(0.1) if readers[0].is_alive() else readers[-1].join(0.1)
                tell(work.progress())
            if any([builder.wait() for builder in builders]):
                complaints.seek(0)
                last = (complaints.read().strip().splitlines() or ["it was ended"])[-1]
                raise RtsepError(f"compiling failed: {last} (python -m rtsep.compiling.build . {' '.join(names)} tells more)")
        finally:
            for builder in builders:
                builder.kill()
                builder.wait()
                if builder.stdout is not None:
                    builder.stdout.close()
                for part in folder.glob(f"*.{builder.pid}.part"):
                    part.unlink(missing_ok=True)
    store.keep_times(work.took, work.translated)
    tell(Progress(1.0, 0.0, kept=work.kept))


def _builder(job: Sequence[str], folder: Path, complaints: IO[str], target: Processor) -> subprocess.Popen[str]:
    # The builder's working folder is `folder`: Python searches the working folder first, and that can be another checkout.
    here = str(Path(__file__).parents[2])
    path = os.pathsep.join(os.path.abspath(entry or here) for entry in sys.path)
    name, features, *triple = target
    environment = {**os.environ, "PYTHONPATH": path, NAME: name, FEATURES: features, TRIPLE: "".join(triple)}
    command = [sys.executable, "-m", "rtsep.compiling.build", os.path.abspath(folder), *job]
    return subprocess.Popen(command, cwd=folder, env=environment, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=complaints, start_new_session=True)


def _read(builder: subprocess.Popen[str], work: _Work) -> None:
    functions, began = store.last_functions(), time.monotonic()
    for line in builder.stdout or ():
        work.note(line, functions, began)
        if line.endswith(" done\n"):
            began = time.monotonic()
