"""Where hosts look for plug-ins, and the plug-ins of rtsep that are there."""

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
    """The folder of this user in which hosts look for plug-ins of a format: LV2's filesystem conventions, CLAP's entry.h."""
    home = Path.home()
    if sys.platform == "darwin":
        return home / "Library/Audio/Plug-Ins" / format.upper()
    if sys.platform == "win32":
        data = Path(os.environ.get("APPDATA", home / "AppData/Roaming")) / "LV2"
        local = Path(os.environ.get("LOCALAPPDATA", home / "AppData/Local")) / "Programs/Common/CLAP"
        return data if format == "lv2" else local
    return home / f".{format}"


def files_of(folder: Path, slug: str) -> Iterator[Path]:
    """What a plug-in of rtsep with this short name may consist of in `folder`, where it is there."""
    for name, marks in ((f"{slug}.lv2", [f"{slug}.lv2"]), (f"{slug}.rtsep", [f"{slug}.rtsep"]),
                        (f"{slug}.clap", [f"{slug}.rtsep", f"{slug}.clap/Contents/Resources"])):
        if (folder / name).exists() and any((folder / mark / TEXT).exists() for mark in marks):
            yield folder / name


def remove(slug: str, folders: list[Path]) -> list[Path]:
    """Remove the plug-in from `folders`; gives what was removed. RtsepError if none is there, or it cannot be removed."""
    found = [path for folder in folders for path in files_of(folder, slug)]
    if not found:
        known = sorted({path.stem for folder in folders if folder.is_dir() for path in folder.iterdir()
                        if (path / TEXT).exists()})
        there = f"there are: {', '.join(known)}" if known else "none of rtsep's is there"
        raise RtsepError(f"no plug-in of rtsep is called {slug!r} in {' or '.join(map(str, folders))}; {there}")
    for path in sorted(found, key=lambda path: path.suffix != ".clap"):  # Its folder of data tells whose it is: last.
        try:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        except OSError as error:
            raise write_error(path, error) from error
    return found
