"""Stores compiled code: in a folder for exactly these kernels, this compiler and this processor.

The folder's name is a hash of everything on which the code depends. So a copied or moved environment finds the code again, and
an edited kernel never runs old code.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import llvmlite.binding as llvm
from platformdirs import user_cache_path

from rtsep.compiling.target import Processor, processor

T = TypeVar("T")

_SOURCES = Path(__file__).parents[1]
COMPILED = ("kernels", "methods", "stages", "callbacks", "grains")  # The folders that contain kernels.
BUILDERS = ("build.py", "collect.py", "loader.py", "units.py")  # Compiled code also depends on these files.
UNUSED_S = 30 * 86400  # Code that was not loaded for this many seconds, 30 days, is removed when new code is stored.


@cache
def sources() -> str:
    """A hash of all sources on which compiled code depends: kernels, records, and the modules that compile and load them."""
    digest = hashlib.sha256()
    compiled = [source for room in COMPILED for source in (_SOURCES / room).rglob("*.py")]
    for source in sorted([*compiled, *(_SOURCES / "compiling" / name for name in BUILDERS)]):
        digest.update(source.relative_to(_SOURCES).as_posix().encode() + source.read_bytes())
    return digest.hexdigest()


@cache
def fingerprint(target: Processor | None = None) -> str:
    """A hash of the sources, of the compiler, and of the processor `target` (None: that for which this process compiles)."""
    digest = hashlib.sha256(sources().encode())
    for package in ("numba", "llvmlite", "numpy"):
        digest.update(version(package).encode())
    name, features, *triple = target or processor()
    digest.update("".join((*(triple or [llvm.get_process_triple()]), name, features)).encode())
    return digest.hexdigest()[:16]


def _usable(folder: Path) -> bool:
    """Whether `folder` exists or can be made, belongs to this user (it contains executable code), and can be written."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if hasattr(os, "getuid") and folder.stat().st_uid != os.getuid():
            return False
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _own_name() -> str:
    return f"rtsep-{os.getuid()}" if hasattr(os, "getuid") else "rtsep"


def _bases() -> list[Path]:
    given = os.environ.get("RTSEP_CACHE_DIR")
    if given:
        return [Path(given)]
    bases = []
    with contextlib.suppress(RuntimeError):  # The user has no home.
        bases.append(user_cache_path("rtsep", appauthor=False))
    with contextlib.suppress(FileNotFoundError):  # There is no temporary folder.
        bases.append(Path(tempfile.gettempdir()) / _own_name())
    return bases


def cache_base() -> Path | None:
    """The folder for everything stored: RTSEP_CACHE_DIR if it is set, else the user's cache, or the temporary folder.

    None if none of them can be written: then everything is compiled anew at each start.
    """
    return next((base for base in _bases() if _usable(base)), None)


def code_folder(target: Processor | None = None) -> Path | None:
    """The folder for the code of these kernels and the processor `target`; None as in `cache_base`."""
    base = cache_base()
    if base is None:
        return None
    folder = base / f"code-{fingerprint(target)}"
    return folder if _usable(folder) else None


def is_temporary(folder: Path | None) -> bool:
    """Whether `folder` is temporary, so that the system can empty it."""
    return folder is None or folder.parent == Path(tempfile.gettempdir()) / _own_name()


def touch(folder: Path) -> None:
    """Mark the code in `folder` as used now."""
    with contextlib.suppress(OSError):
        os.utime(folder)


def remove_unused(folder: Path) -> None:
    """Remove code beside `folder` that was not used for a long time: of other versions, and of 0.1 (`kernels-*`)."""
    for other in folder.parent.glob("*-*"):
        old = other.name.startswith(("code-", "kernels-")) and other != folder
        with contextlib.suppress(OSError):
            if old and time.time() - other.stat().st_mtime > UNUSED_S:
                shutil.rmtree(other)


def kept_file(name: str) -> Path | None:
    """The file for stored figures of this name; None if nothing can be stored."""
    base = cache_base()
    return None if base is None else base / name


def read_kept(path: Path | None, value: Callable[[Any], T]) -> dict[str, T]:
    """The values that `write_kept` stored, each passed through `value`; empty if there is no such file."""
    try:
        found = json.loads(path.read_text()) if path is not None else {}
        return {str(key): value(kept) for key, kept in found.items()}
    except (OSError, ValueError, TypeError, AttributeError, LookupError):
        return {}


def write_kept(path: Path | None, values: Mapping[str, Any]) -> None:
    """Store `values` at `path`, if possible."""
    if path is not None:
        part = path.with_name(f"{path.stem}.{os.getpid()}.part")
        with contextlib.suppress(OSError):
            part.write_text(json.dumps(values, indent=1))
            part.replace(path)


def _kept() -> dict[str, tuple[float, int]]:
    return read_kept(kept_file("compiled.json"), lambda pair: (float(pair[0]), int(pair[1])))


def last_times() -> dict[str, float]:
    """Seconds that compiling each object took last time on this computer."""
    return {name: seconds for name, (seconds, _) in _kept().items()}


def last_functions() -> dict[str, int]:
    """The number of functions of each object last time."""
    return {name: functions for name, (_, functions) in _kept().items()}


def keep_times(seconds: Mapping[str, float], functions: Mapping[str, int]) -> None:
    """Store the seconds and the numbers of functions for the next time."""
    now = {name: (round(took, 1), functions.get(name, 0)) for name, took in seconds.items()}
    write_kept(kept_file("compiled.json"), {**_kept(), **now})
