"""Compiled object files in an installed wheel: the folder `rtsep/prebuilt`, which `tools/build_wheel.py` makes.

rtsep uses them if they were made from exactly these sources, and if this computer can run them. The versions of numba, llvmlite
and numpy do not matter: the code is finished, calls only the C library, and works on records whose layout is part of the
sources. llvmlite loads it. All versions from 0.44 on, the oldest one for the supported versions of Numba, know all relocations
in such code.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from rtsep.compiling import target
from rtsep.compiling.store import sources

FOLDER = Path(__file__).parents[1] / "prebuilt"
MANIFEST = "prebuilt.json"


def write(folder: Path, objects: Mapping[str, Path], processor: target.Processor) -> None:
    """Put object files for `processor` into the new `folder`, with a manifest of what they depend on."""
    folder.mkdir()
    for name, path in objects.items():
        shutil.copyfile(path, folder / f"{name}.o")
    manifest = {"sources": sources(), "platform": target.platform(), "processor": processor[0], "features": processor[1],
                "objects": {name: digest(path) for name, path in objects.items()}}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")


def whole(processor: target.Processor) -> dict[str, Path]:
    """The object files in the wheel for `processor`, whether or not this computer has that processor."""
    came = _manifest()
    return {} if _of_something_else(came) or (came.get("processor"), came.get("features")) != processor else _files(came)


@cache
def usable() -> dict[str, Path]:
    """The object files that this computer can run."""
    return {} if unusable() else _files(_manifest())


def unusable() -> str:
    """Why the compiled files of the wheel are not used; "" if they are used, or if there are none."""
    came = _manifest()
    if not came or _of_something_else(came):
        return _of_something_else(came)
    asked = os.environ.get(target.NAME)
    if asked and asked != came["processor"]:
        return f"{target.NAME} asks for {asked}"
    lacking = target.lacking(came["features"])
    return f"this processor lacks {', '.join(lacking)}" if lacking else ""


def _of_something_else(came: Mapping[str, Any]) -> str:
    if came and came["platform"] != target.platform():
        return f"it is for {came['platform']}"
    return "it is of other sources" if came and came["sources"] != sources() else ""


@cache
def _manifest() -> dict[str, Any]:
    """The manifest; empty if there is none, or if it cannot be read."""
    try:
        found = json.loads((FOLDER / MANIFEST).read_text())
        texts = {key: str(found[key]) for key in ("sources", "platform", "processor", "features")}
        return {**texts, "objects": {str(name): str(digest) for name, digest in found["objects"].items()}}
    except (OSError, ValueError, TypeError, AttributeError, LookupError):
        return {}


def _files(came: Mapping[str, Any]) -> dict[str, Path]:
    """The object files that are unchanged: LLVM ends the process if it loads damaged ones."""
    found = {name: FOLDER / f"{name}.o" for name in came.get("objects", ())}
    return {name: path for name, path in found.items() if digest(path) == came["objects"][name]}


def digest(path: Path) -> str:
    """A hash of the file; "" if the file cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
