"""Finds presets: the bundled ones, the user's own ones, or any file."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

from platformdirs import user_data_path

from rtsep.errors import RtsepError

FOLDER = "RTSEP_PRESETS_DIR"  # This environment variable names another folder for the user's own presets.


def bundled_presets() -> list[Path]:
    """The presets that come with rtsep."""
    folder = Path(str(resources.files("rtsep_presets")))
    return sorted(folder.glob("*.npz"))


def user_presets() -> list[Path]:
    """The presets in the user's own folder."""
    try:
        return sorted(user_folder().glob("*.npz"))
    except RuntimeError:  # The user has no home.
        return []


def user_folder() -> Path:
    """The folder of the user's own presets (it need not exist): RTSEP_PRESETS_DIR if set, else one in the user's data."""
    if os.environ.get(FOLDER):
        return Path(os.environ[FOLDER])
    return user_data_path("rtsep", appauthor=False) / "presets"


def is_path(name: str) -> bool:
    """Whether `name` is the path of a file, and not the name of a preset."""
    return name.endswith(".npz") or os.sep in name or "/" in name


def new_preset(name: str) -> Path:
    """The file for a new preset: the path `name`, or a file in the user's own folder, in which rtsep finds it by its name.

    RtsepError: there is no name, or it is that of a bundled preset.
    """
    if is_path(name):
        return Path(name) if name.endswith(".npz") else Path(name + ".npz")
    if not name.strip() or name.startswith("."):
        raise RtsepError(f"a preset called {name!r}: give a name such as my-piano, or the path of a file")
    if name in {path.stem for path in bundled_presets()}:
        raise RtsepError(f"{name} is a bundled preset, which would be hidden: choose another name, or give a path such as "
                         f"./{name}.npz")
    return user_folder() / f"{name}.npz"


def find_preset(name: str) -> Path:
    """The file of preset `name`: a path to a file, one of the user's own presets, or a bundled one."""
    if is_path(name):
        return Path(name)
    known = {path.stem: path for path in [*bundled_presets(), *user_presets()]}
    if name not in known:
        raise RtsepError(f"no preset is called {name!r}; there are: {', '.join(sorted(known)) or 'none'}; "
                         "or give the path of a preset file")
    return known[name]
