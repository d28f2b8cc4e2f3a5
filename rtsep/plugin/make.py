"""Makes a plug-in: data and binary aside, then everything in its place at once."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from rtsep.errors import RtsepError
from rtsep.files.results import write_error
from rtsep.plugin import lv2
from rtsep.plugin.bundle import PluginForm, replace_folder, write_data
from rtsep.plugin.folders import files_of
from rtsep.plugin.link import binary, check_compiler


def make(form: PluginForm, places: Mapping[str, Path], overwrite: bool, told: Callable[[str], None]) -> list[Path]:
    """Make the plug-in in the folder of each format in `places`; gives what was made.

    RtsepError, and nothing has changed, if one is there already (unless `overwrite`) or it cannot be made.
    """
    for folder in dict.fromkeys(places.values()):
        there = list(files_of(folder, form.slug))
        wanted = [folder / f"{form.slug}.{ending}" for ending in ("lv2", "clap", "rtsep")]
        foreign = [path for path in wanted if path.exists() and path not in there]
        if foreign:
            raise RtsepError(f"{foreign[0]} is there already, and no plug-in of rtsep: choose another --name")
        if there and not overwrite:
            raise RtsepError(f"{there[0]} is there already: give --overwrite to replace it, or another --name")
    check_compiler(list(places))
    try:
        for folder in places.values():
            folder.mkdir(parents=True, exist_ok=True)
        return _make(form, places, told)
    except OSError as error:
        raise write_error(error.filename or next(iter(places.values())), error) from error


def _make(form: PluginForm, places: Mapping[str, Path], told: Callable[[str], None]) -> list[Path]:
    made = list[Path]()
    first = next(iter(places.values()))
    with tempfile.TemporaryDirectory(prefix=".rtsep-", dir=first) as aside:
        data = Path(aside) / "data"
        write_data(form, data, told)
        for format, folder in places.items():
            told(f"the binary for {format}")
            with tempfile.TemporaryDirectory(prefix=".rtsep-", dir=folder) as own:
                linked = Path(own) / "binary"
                binary(format, linked)
                ready = shutil.copytree(data, Path(own) / "ready")
                if format == "lv2":
                    linked.replace(ready / lv2.BINARY)
                    for name, text in (("manifest", lv2.manifest), ("plugin", lv2.description), ("presets", lv2.presets)):
                        (ready / f"{name}.ttl").write_text(text(form), encoding="utf-8")
                    made.append(folder / f"{form.slug}.lv2")
                    replace_folder(ready, made[-1])
                else:
                    replace_folder(ready, folder / f"{form.slug}.rtsep")
                    made.append(folder / f"{form.slug}.clap")
                    linked.replace(made[-1])
    return made
