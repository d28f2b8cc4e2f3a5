"""The folders in which hosts look for plug-ins, and the plug-ins of rtsep in them."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from rtsep.errors import RtsepError
from rtsep.files.results import write_error
from rtsep.plugin.bundle import TEXT


def host_folder(format: str) -> Path:
    """This user's folder for plug-ins of a format, as LV2's file system conventions and CLAP's entry.h define it."""
    home = Path.home()
    if sys.platform == "darwin":
        return home / "Library/Audio/Plug-Ins" / format.upper()
    if sys.platform == "win32":
        data = Path(os.environ.get("APPDATA", home / "AppData/Roaming")) / "LV2"
        local = Path(os.environ.get("LOCALAPPDATA", home / "AppData/Local")) / "Programs/Common/CLAP"
        return data if format == "lv2" else local
    return home / f".{format}"


def files_of(folder: Path, slug: str) -> Iterator[Path]:
    """The files and folders in `folder` that belong to rtsep's plug-in with this short name."""
    for name, marks in ((f"{slug}.lv2", [f"{slug}.lv2"]), (f"{slug}.rtsep", [f"{slug}.rtsep"]),
                        (f"{slug}.clap", [f"{slug}.rtsep", f"{slug}.clap/Contents/Resources"])):
        if (folder / name).exists() and any((folder / mark / TEXT).exists() for mark in marks):
            yield folder / name


def remove(slug: str, folders: list[Path]) -> list[Path]:
    """Remove the plug-in from `folders`, and return what was removed.

    Raises RtsepError if the plug-in is in none of them, or cannot be removed.
    """
    found = [path for folder in folders for path in files_of(folder, slug)]
    if not found:
        known = sorted({path.stem for folder in folders if folder.is_dir() for path in folder.iterdir()
                        if (path / TEXT).exists()})
        there = f"there are: {', '.join(known)}" if known else "there is none at all"
        raise RtsepError(f"no plug-in of rtsep is called {slug!r} in {' or '.join(map(str, folders))}; {there}")
    # A .clap file is removed before its folder of data: only that folder shows that the file is rtsep's.
    for path in sorted(found, key=lambda path: path.suffix != ".clap"):
        try:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        except OSError as error:
            raise write_error(path, error) from error
    return found
