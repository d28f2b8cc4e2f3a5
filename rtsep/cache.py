"""Where compiled code is kept: a folder for exactly these kernel sources, so that an edit never runs stale code."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from platformdirs import user_cache_path

_KERNELS = Path(__file__).parent / "kernels"


def _fingerprint() -> str:
    """A name for the kernels' sources, where they lie, and for what compiles them: the compiler asks for all of it."""
    digest = hashlib.sha256(str(sys.version_info[:2]).encode())
    for source in sorted(_KERNELS.glob("*.py")):
        digest.update(source.read_bytes())
        digest.update(f"{source} {source.stat().st_mtime_ns}".encode())
    for package in ("numba", "llvmlite", "rocket-fft", "numpy"):
        digest.update(version(package).encode())
    return digest.hexdigest()[:16]


def _usable(folder: Path) -> bool:
    """Whether `folder` exists or can be made, is ours alone, and takes files (the cache holds executable code)."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if hasattr(os, "getuid") and folder.stat().st_uid != os.getuid():
            return False
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _usual_bases() -> list[Path]:
    name = f"rtsep-{os.getuid()}" if hasattr(os, "getuid") else "rtsep"
    bases = []
    with contextlib.suppress(RuntimeError):  # a user without a home
        bases.append(user_cache_path("rtsep", appauthor=False))
    with contextlib.suppress(FileNotFoundError):  # nor a temporary folder
        bases.append(Path(tempfile.gettempdir()) / name)
    return bases


def cache_folder() -> Path | None:
    """The folder for compiled code: below NUMBA_CACHE_DIR, the user's cache, or the temporary folder; None if none can
    be written (then everything compiles anew at each start)."""
    given = os.environ.get("NUMBA_CACHE_DIR")
    for base in [Path(given)] if given else _usual_bases():
        folder = base / f"kernels-{_fingerprint()}"
        if _usable(base) and _usable(folder):
            return folder
    return None


def is_compiled(folder: Path | None, function: str = "entry.entry") -> bool:
    """Whether `folder` already holds a compiled function, by default the engine's entry."""
    return folder is not None and any(folder.rglob(f"{function}-*.nbc"))
