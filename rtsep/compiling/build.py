"""`python -m rtsep.compiling.build FOLDER OBJECT ...`: compiles objects in a separate process.

It reports finished functions and steps of each object on standard output.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from rtsep.compiling.collect import can_collect, collected, plain
from rtsep.compiling.units import OBJECTS
from rtsep.kernels.marks import redeem


def build(name: str, told: Callable[[str], None], once: bool | None = None) -> bytes:
    """The object file `name`. once: optimise only once, which needs internal names of Numba (None: if these exist)."""
    exports = {export: what for module in OBJECTS[name] for export, what in import_module(module).EXPORTS[name].items()}
    redeem()
    return (collected if (can_collect() if once is None else once) else plain)(exports, told)


def main(folder: str, *names: str) -> None:
    """Write the objects into `folder`, each completely or not at all."""
    for name in names:
        part = Path(folder) / f"{name}.{os.getpid()}.part"
        try:
            code = build(name, lambda step, name=name: print(name, step, flush=True))  # type: ignore[misc]
            with part.open("wb") as file:
                file.write(code)
                file.flush()
                os.fsync(file.fileno())  # Otherwise a power failure could leave a file without code.
            part.replace(Path(folder) / f"{name}.o")
        finally:
            part.unlink(missing_ok=True)
        print(name, "done", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
