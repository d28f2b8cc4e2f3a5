"""Makes a plug-in: data and binary are made in a folder aside, and then moved to their places."""

from __future__ import annotations

import plistlib
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from rtsep.compiling.target import own_system
from rtsep.errors import RtsepError
from rtsep.files.results import write_error
from rtsep.plugin import lv2
from rtsep.plugin.bundle import PluginForm, replace_folder, write_data
from rtsep.plugin.folders import files_of
from rtsep.plugin.link import binary, check_compiler

ENDINGS = {"linux": "so", "windows": "dll", "macos": "dylib", "": "so"}  # The endings of shared libraries on each system.


def make(
    form: PluginForm, places: Mapping[str, Path], overwrite: bool, told: Callable[[str], None], system: str = ""
) -> list[Path]:
    """Make the plug-in in the folder of each format in `places`, for this system or another one, and return what was made.

    Raises RtsepError if the plug-in is there already (unless `overwrite`), or cannot be made. Then nothing has changed.
    """
    for folder in dict.fromkeys(places.values()):
        there = list(files_of(folder, form.slug))
        wanted = [folder / f"{form.slug}.{ending}" for ending in ("lv2", "clap", "rtsep")]
        foreign = [path for path in wanted if path.exists() and path not in there]
        if foreign:
            raise RtsepError(f"{foreign[0]} is there already, and is no plug-in of rtsep: choose another --name")
        if there and not overwrite:
            raise RtsepError(f"{there[0]} is there already: give --overwrite to replace it, or another --name")
    check_compiler(list(places), system)
    try:
        for folder in places.values():
            folder.mkdir(parents=True, exist_ok=True)
        return _make(form, places, told, system)
    except OSError as error:
        raise write_error(error.filename or next(iter(places.values())), error) from error


def _make(form: PluginForm, places: Mapping[str, Path], told: Callable[[str], None], system: str) -> list[Path]:
    made, kind = list[Path](), (system or own_system()).partition("-")[0]
    first = next(iter(places.values()))
    with tempfile.TemporaryDirectory(prefix=".rtsep-", dir=first) as aside:
        data = Path(aside) / "data"
        write_data(form, data, told)
        for format, folder in places.items():
            told(f"the binary for {format}")
            with tempfile.TemporaryDirectory(prefix=".rtsep-", dir=folder) as own:
                linked = Path(own) / "binary"
                binary(format, linked, system)
                ready = shutil.copytree(data, Path(own) / "ready")
                if format == "lv2":
                    name = f"rtsep.{ENDINGS[kind]}"
                    linked.replace(ready / name)
                    for page, text in (("manifest", lv2.manifest(form, name)), ("plugin", lv2.description(form)),
                                       ("presets", lv2.presets(form))):
                        (ready / f"{page}.ttl").write_text(text, encoding="utf-8")
                    made.append(folder / f"{form.slug}.lv2")
                    replace_folder(ready, made[-1])
                elif kind == "macos":
                    made.append(folder / f"{form.slug}.clap")
                    replace_folder(_application(Path(own), ready, linked, form), made[-1])
                else:
                    replace_folder(ready, folder / f"{form.slug}.rtsep")
                    made.append(folder / f"{form.slug}.clap")
                    linked.replace(made[-1])
    return made


def _application(own: Path, data: Path, linked: Path, form: PluginForm) -> Path:
    """A CLAP in the form of macOS: a folder with the binary, the data and a description."""
    contents = own / "application" / "Contents"
    (contents / "MacOS").mkdir(parents=True)
    linked.replace(contents / "MacOS" / form.slug)
    data.replace(contents / "Resources")
    with (contents / "Info.plist").open("wb") as file:
        plistlib.dump({"CFBundleExecutable": form.slug, "CFBundleIdentifier": f"rtsep.{form.slug}", "CFBundleName": form.name,
                       "CFBundlePackageType": "BNDL", "CFBundleVersion": "1"}, file)
    return contents.parent
