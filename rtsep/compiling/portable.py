"""Object files for other computers, compiled for the baseline processor of an architecture."""

from __future__ import annotations

from pathlib import Path

from rtsep.compiling import machine, prebuilt, store
from rtsep.compiling.target import baseline
from rtsep.compiling.units import with_needs
from rtsep.errors import RtsepError


def portable_objects(*names: str, system: str = "") -> dict[str, Path]:
    """The files of these objects, and of those that they call, for every computer with the baseline processor.

    system: one of the SYSTEMS; "": this system. The files came with rtsep, or the first call compiles them into a separate
    folder. RtsepError if that fails.
    """
    target, wanted = baseline(system), with_needs(*names)
    came = prebuilt.whole(target)
    if set(wanted) <= set(came):
        return {name: came[name] for name in wanted}
    folder = store.code_folder(target)
    if folder is None:
        raise RtsepError("no folder can be written to compile portable code into; RTSEP_CACHE_DIR=FOLDER names one")
    machine.compile_into(folder, wanted, target)
    store.touch(folder)
    return {name: machine.object_file(folder, name) for name in wanted}
