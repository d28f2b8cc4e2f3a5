"""The plug-in's binary: the compiled engine and the sources in `native`, linked by a C compiler, or as it came with rtsep."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from rtsep.compiling import prebuilt
from rtsep.compiling.portable import portable_objects
from rtsep.compiling.target import baseline, own_system
from rtsep.errors import RtsepError
from rtsep.plugin.layout import header

NATIVE = Path(__file__).parent / "native"
ENGINE = ("engine", "estimate", "fft", "notes")  # The compiled objects that the plug-in calls.
SHARED = ("bundle.c", "engine.c", "learnt.c", "plan.c", "plugin.c", "programs.c")
FORMATS = {"lv2": (("lv2.c",), "lv2_lib_descriptor"),  # A format's sources, and what hosts call.
           "clap": (("clap.c", "clap_params.c", "clap_ports.c", "clap_process.c", "clap_state.c"), "clap_entry")}
MANIFEST = "plugin.json"  # In the folder of what came compiled: the hash of the sources, and of every binary.
# The systems in zig's words; 2.17 is the least glibc that binaries ask for: that of the oldest Linux in use in 2024.
ZIG = {"linux": "linux-gnu.2.17", "windows": "windows-gnu", "macos": "macos"}


def binary(format: str, target: Path, system: str = "") -> None:
    """Put the binary of a format at `target`, for this system or another one. RtsepError: no compiler, or it fails."""
    came = None if system else _came(format)
    if came is not None:
        shutil.copyfile(came, target)
    else:
        link(portable_objects("engine", system=system), format, target, compiler_for(system), system or own_system())


def check_compiler(formats: Sequence[str], system: str = "") -> None:
    """RtsepError if a binary has to be linked, and there is no compiler."""
    if system or any(_came(format) is None for format in formats):
        compiler_for(system)


def compiler_for(system: str) -> list[str]:
    """The command of a compiler for this system, or for another one. RtsepError: there is none."""
    if not system:
        return system_compiler()
    if find_spec("ziglang") is None:
        raise RtsepError(f"a plug-in for {system} is linked by ziglang: pip install 'rtsep[plugin]'")
    name, _, machine = system.partition("-")
    return [sys.executable, "-m", "ziglang", "cc", "-target", f"{machine}-{ZIG[name]}"]


def system_compiler() -> list[str]:
    """The command of a C compiler: the system's, or ziglang of PyPI. RtsepError: there is none."""
    for name in ("cc", "gcc", "clang"):
        if (found := shutil.which(name)) is not None:
            return [found]
    if find_spec("ziglang") is not None:
        return [sys.executable, "-m", "ziglang", "cc"]
    raise RtsepError("making a plug-in needs a C compiler: install one, or pip install 'rtsep[plugin]'")


def portable_compiler() -> list[str]:
    """ziglang's, for computers that are older than this one; the system's where it is not installed, or not for Linux."""
    return compiler_for(own_system() if find_spec("ziglang") is not None and sys.platform == "linux" else "")


def link(objects: Mapping[str, Path], format: str, target: Path, compiler: Sequence[str], system: str) -> None:
    """Link `objects` and the C sources into the shared library `target` for a system. RtsepError if that fails."""
    sources, entry = FORMATS[format]
    with tempfile.TemporaryDirectory(prefix="rtsep-") as folder:
        work = Path(folder)
        (work / "layout.h").write_text(header())
        (work / "exports").write_text(f"{{ global: {entry}; local: *; }};\n")
        if system.startswith("linux"):  # The engine's own names are hidden; others hide them by themselves, or export them.
            more = ["-fPIC", f"-Wl,--version-script={work}/exports", "-lm"]
        else:
            more = [] if system.startswith("windows") else ["-fPIC", "-lm"]
        headers = Path("/usr/include/lv2")  # Alone: others there are not for every compiler.
        if headers.is_dir():
            (work / "system").mkdir()
            (work / "system" / "lv2").symlink_to(headers)
        command = [*compiler, "-std=c11", "-O2", "-s", "-shared", "-fvisibility=hidden", "-fno-math-errno",
                   f"-I{work}", f"-I{NATIVE}", "-isystem", f"{work}/system",
                   *(str(NATIVE / each) for each in (*SHARED, *sources)), *(str(objects[name]) for name in ENGINE),
                   *more, "-o", str(target)]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        wrong = next((line for line in done.stderr.splitlines() if "error" in line), done.stderr[-200:])
        hint = " (apt install lv2-dev)" if "lv2" in wrong else ""
        raise RtsepError(f"the plug-in could not be linked: {wrong.strip()}{hint}")


def write_binaries(folder: Path, objects: Mapping[str, Path]) -> None:
    """Put the binaries of all formats into `folder`, for who has no compiler."""
    for format in FORMATS:
        link(objects, format, folder / f"plugin-{format}.so", portable_compiler(), own_system())
    digests = {format: prebuilt.digest(folder / f"plugin-{format}.so") for format in FORMATS}
    (folder / MANIFEST).write_text(json.dumps({"native": _sources(), "binaries": digests}, indent=1) + "\n")


def _came(format: str) -> Path | None:
    """The binary that came with rtsep, if it is of these sources, and as it was written."""
    try:
        told = json.loads((prebuilt.FOLDER / MANIFEST).read_text())
        path = prebuilt.FOLDER / f"plugin-{format}.so"
        fits = prebuilt.whole(baseline()) and told["native"] == _sources() and told["binaries"][format] == prebuilt.digest(path)
    except (OSError, ValueError, LookupError, TypeError, RtsepError):
        return None
    return path if fits else None


def _sources() -> str:
    """A hash of the C sources and of the records' layout."""
    digest = hashlib.sha256(header().encode())
    for path in sorted(NATIVE.iterdir()):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()
