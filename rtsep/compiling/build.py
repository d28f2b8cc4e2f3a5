"""`python -m rtsep.compiling.build UNIT FILE`: compiles a unit in a process of its own, and tells on stdout how far it is."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from rtsep.compiling.collect import can_collect, collected, plain
from rtsep.compiling.units import UNITS


def build(unit: str, told: Callable[[str], None], once: bool | None = None) -> bytes:
    """The object file of `unit`; `once`: optimised once, which needs more of Numba than it promises (None: where it can be)."""
    exports = {name: export for module in UNITS[unit]
               for name, export in import_module(f"rtsep.kernels.{module}").EXPORTS.items()}
    return (collected if (can_collect() if once is None else once) else plain)(exports, told)


def main(unit: str, path: str) -> None:
    """Write the unit to `path`, whole or not at all."""
    part = Path(f"{path}.{os.getpid()}.part")
    try:
        part.write_bytes(build(unit, lambda step: print(step, flush=True)))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
