"""The machine code of a unit, by name: loaded, and compiled before where it is not there yet."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import llvmlite.binding as llvm
from filelock import FileLock

from rtsep.compiling import store
from rtsep.compiling.loader import LoadedCode
from rtsep.compiling.units import UNITS, USUAL
from rtsep.errors import RtsepError

# Share of the time after which functions are translated, and the code is optimised: measured for the engine.
TRANSLATED, OPTIMISED = 0.62, 0.88


@dataclass(frozen=True)
class Progress:
    """How far compiling is. done: 0 to 1; left_s: seconds until it is; waits: another program does it."""

    unit: str
    done: float
    left_s: float
    waits: bool = False


Told = Callable[[Progress], None]
_loaded: dict[str, LoadedCode] = {}
_listeners: list[Told] = []


@contextmanager
def listening(told: Told) -> Iterator[None]:
    """Within this, `told` hears how far compiling is, whoever asks for the code."""
    _listeners.append(told)
    try:
        yield
    finally:
        _listeners.remove(told)


def address(unit: str, name: str) -> int:
    """Where the compiled function `name` of `unit` is. RtsepError if it cannot be compiled. Any thread but that of sound."""
    return load(unit).address(name)


def load_library(name: str) -> None:
    """Make the functions of a shared library known to compiled code by their names. RuntimeError if it cannot be loaded."""
    llvm.load_library_permanently(name)


def load(unit: str) -> LoadedCode:
    """The unit's code in this process; it is compiled if this is the first time on this computer."""
    if unit not in _loaded:
        _loaded[unit] = LoadedCode(_code(unit))
    return _loaded[unit]


def is_compiled(*units: str) -> bool:
    """Whether the code of all these is there."""
    folder = store.code_folder()
    return all(unit in _loaded or (folder is not None and _file(folder, unit).is_file()) for unit in units)


def estimate_s(*units: str) -> float:
    """Seconds that compiling will take: as the last time on this computer, else as usual."""
    times = store.last_times(store.cache_base())
    return sum(times.get(unit, USUAL[unit])[0] for unit in units if not is_compiled(unit))


def compile_units(*units: str) -> None:
    """Compile what is not there yet. RtsepError if that fails."""
    for unit in units:
        if not is_compiled(unit):
            _code(unit)


def _file(folder: Path, unit: str) -> Path:
    return folder / f"{unit}.o"


def _code(unit: str) -> bytes:
    """The unit's object file."""
    folder = store.code_folder()
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="rtsep-") as aside:
            return _built(unit, Path(aside), None)
    path = _file(folder, unit)
    if not path.is_file():
        lock = FileLock(folder / f"{unit}.lock", mode=0o600)
        while not _acquired(lock):
            _tell(Progress(unit, 0.0, estimate_s(unit), waits=True))
        try:
            if not path.is_file():
                _built(unit, folder, folder.parent)
                store.remove_unused(folder)
        finally:
            lock.release()
    store.touch(folder)
    return path.read_bytes()


def _acquired(lock: FileLock) -> bool:
    """Whether nobody else compiles this; waits half a second for that."""
    try:
        lock.acquire(timeout=0.5)
        return True
    except TimeoutError:
        return False


def _tell(progress: Progress) -> None:
    for told in _listeners:
        told(progress)


def _built(unit: str, folder: Path, base: Path | None) -> bytes:
    """Build the unit into `folder` in a process of its own, which Ctrl-C ends; nothing half done is left."""
    path, environment = _file(folder, unit), {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    started = time.monotonic()
    seconds, functions = store.last_times(base).get(unit, USUAL[unit])
    _tell(Progress(unit, 0.0, seconds))
    with tempfile.TemporaryFile("w+") as complaints, subprocess.Popen(
            [sys.executable, "-m", "rtsep.compiling.build", unit, str(path)], env=environment, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=complaints, start_new_session=True) as builder:
        try:
            translated = _follow(unit, builder, started, seconds, functions)
            if builder.wait():
                complaints.seek(0)
                last = complaints.read().strip().splitlines()[-1:]
                raise RtsepError(f"compiling {unit} failed ({' '.join(last) or f'exit code {builder.returncode}'}): "
                                 "reinstall rtsep, or tell its makers with the output of: "
                                 f"python -m rtsep.compiling.build {unit} x.o")
        finally:
            builder.kill()
            for part in folder.glob(f"{path.name}.{builder.pid}.part"):
                part.unlink(missing_ok=True)
    if base is not None:
        store.keep_time(base, unit, time.monotonic() - started, translated)
    _tell(Progress(unit, 1.0, 0.0))
    return path.read_bytes()


def _follow(unit: str, builder: subprocess.Popen[str], started: float, usual_s: float, functions: int) -> int:
    """Tell how far the builder is, by what it says; gives how many functions it had."""
    translated, done = 0, 0.0
    for line in builder.stdout or ():
        step = line.strip()
        translated += step not in ("optimise", "emit")
        reached = {"optimise": TRANSLATED, "emit": OPTIMISED}.get(step, TRANSLATED * min(translated / functions, 1))
        done, elapsed = max(done, reached), time.monotonic() - started
        left = elapsed * (1 - done) / done if done > 0.2 else max(usual_s - elapsed, 1.0)
        _tell(Progress(unit, done, left))
    return translated


def forget() -> None:
    """Load everything anew the next time: for tests."""
    _loaded.clear()


assert set(UNITS) == set(USUAL)
