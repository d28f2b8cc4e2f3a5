"""Which rtsep this is: programs that work together must be the same, and results belong to one engine."""

from __future__ import annotations

import hashlib
import platform
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rtsep import __version__
from rtsep.compiling.store import sources


@dataclass(frozen=True)
class Stamp:
    """The version, and a hash of all of rtsep's Python sources."""

    version: str
    sources: str

    def __str__(self) -> str:
        return f"rtsep {self.version} ({self.sources})"


@cache
def own_stamp() -> Stamp:
    """The stamp of this program."""
    top, digest = Path(__file__).parents[1], hashlib.sha256()
    for path in sorted(top.rglob("*.py")):
        digest.update(path.relative_to(top).as_posix().encode() + path.read_bytes())
    return Stamp(__version__, digest.hexdigest()[:12])


def other_stamp(wanted: Stamp) -> str:
    """What a worker says that is another rtsep than the program."""
    return (f"the worker on {platform.node()} runs {own_stamp()}, and the program that gave it work is {wanted}: install the "
            "same on both")


@cache
def engine_version() -> str:
    """What the sound of results depends on: the version, and the sources that are compiled."""
    return f"{__version__} {sources()[:12]}"
