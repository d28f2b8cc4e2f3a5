"""The takes in a folder: what is in them; and mending those that were cut off."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rtsep.errors import RtsepError
from rtsep.hosts.takes import MARKER, REPORT, mend


@dataclass(frozen=True)
class FoundTake:
    """One take. `state`: "whole", "being recorded", or a sentence about what is wrong with it."""

    name: str
    seconds: float | None  # None: not known yet.
    bytes: int
    stems: tuple[str, ...]
    state: str


def mend_all(folder: Path) -> list[str]:
    """Mend every take in `folder` that was cut off. Returns a sentence about each. Thread: control."""
    said = []
    for path in _folders(folder):
        try:
            report = mend(path) if os.path.exists(path / MARKER) else None
        except RtsepError as error:
            said.append(str(error))
            continue
        if report is not None and path.exists():
            said.append(f"{path.name} was cut off and has been mended: {report['seconds']:.1f} s")
    return said


def find_takes(folder: Path) -> list[FoundTake]:
    """The takes in `folder` by name, and the folder itself if it is a take."""
    return [found for path in _folders(folder) if (found := _found(path)) is not None]


def _folders(folder: Path) -> list[Path]:
    """The folder and the folders in it; an empty list if it cannot be read."""
    try:
        return [folder.resolve(), *sorted(path for path in folder.iterdir() if os.path.isdir(path))]
    except OSError:
        return []


def _found(path: Path) -> FoundTake | None:
    """The take in the folder `path`, if it is one."""
    marked = os.path.exists(path / MARKER)
    try:
        report: dict[str, Any] = json.loads((path / (MARKER if marked else REPORT)).read_text(encoding="utf-8"))
        stems = {str(stem["name"]): path / str(stem["file"]) for stem in report["stems"]}
        seconds, warnings = float(report["seconds"]), [str(text) for text in report["warnings"]]
    except (OSError, ValueError, LookupError, TypeError, ArithmeticError, RecursionError):
        return FoundTake(path.name, None, _size(path), (), "its marker cannot be read") if marked else None
    if "input" not in stems:
        return None
    missing = [file.name for file in stems.values() if not file.exists()]
    state = "being recorded" if marked else "; ".join(warnings) or "whole"
    if missing:
        state = f"{', '.join(missing)} missing"
    return FoundTake(path.name, None if marked else seconds, _size(path), tuple(stems), state)


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.iterdir() if file.is_file())
