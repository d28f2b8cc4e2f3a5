"""The plug-in's binary: the compiled engine and the sources in `native`, linked by a C compiler."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from rtsep.errors import RtsepError
from rtsep.plugin.layout import header

NATIVE = Path(__file__).parent / "native"
ENGINE = ("engine", "estimate", "fft", "notes")  # The compiled objects that the plug-in calls.
SHARED = ("bundle.c", "engine.c", "plan.c", "plugin.c")


def compiler() -> list[str]:
    """The command of a C compiler: the system's, or ziglang of PyPI. RtsepError: there is none."""
    for name in ("cc", "gcc", "clang"):
        if (found := shutil.which(name)) is not None:
            return [found]
    if find_spec("ziglang") is not None:
        return [sys.executable, "-m", "ziglang", "cc"]
    raise RtsepError("making a plug-in needs a C compiler: install one, or pip install 'rtsep[plugin]'")


def link(objects: Mapping[str, Path], sources: Sequence[str], target: Path) -> None:
    """Link `objects` and the C `sources` into the shared library `target`. RtsepError if that fails."""
    with tempfile.TemporaryDirectory(prefix="rtsep-") as work:
        (Path(work) / "layout.h").write_text(header())
        (Path(work) / "exports").write_text("{ global: lv2_lib_descriptor; clap_entry; local: *; };\n")
        hiding = [f"-Wl,--version-script={work}/exports"] if sys.platform == "linux" else []  # The engine's own names.
        command = [*compiler(), "-std=c11", "-O2", "-fPIC", "-shared", "-fvisibility=hidden", "-fno-math-errno", f"-I{work}",
                   f"-I{NATIVE}", *(str(NATIVE / source) for source in (*SHARED, *sources)),
                   *(str(objects[name]) for name in ENGINE), *hiding, "-lm", "-o", str(target)]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        wrong = next((line for line in done.stderr.splitlines() if "error" in line), done.stderr[-200:])
        hint = " (apt install lv2-dev)" if "lv2" in wrong else ""
        raise RtsepError(f"the plug-in could not be linked: {wrong.strip()}{hint}")
