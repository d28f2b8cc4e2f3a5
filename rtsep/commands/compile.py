"""`rtsep compile`: compiles the machine code for this computer before it is needed."""

from __future__ import annotations

import argparse
from typing import Any


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "compile", help="compile everything for this computer now",
        description="Compiles the engine, live playing, JACK and mosaics for this computer's processor, where that has not "
        "been done yet and the code did not come with rtsep. Other commands do it themselves when they are first used; "
        "installers can do it beforehand. The code is kept in the user's cache folder, or in the folder that RTSEP_CACHE_DIR "
        "names.")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Compile what is missing, and print where the code is."""
    from rtsep.compiling import machine, prebuilt, store
    from rtsep.compiling.units import OBJECTS

    if set(OBJECTS) <= set(prebuilt.usable()):
        print(f"All is compiled: it came with rtsep ({prebuilt.FOLDER})")
        return
    if prebuilt.unusable():
        print(f"The compiled code that came with rtsep is not used: {prebuilt.unusable()}")
    waiting = machine.missing(*OBJECTS)
    machine.compile_objects(*OBJECTS)
    folder = store.code_folder()
    where = "no folder can be written: it will be compiled again at the next start" if folder is None else str(folder)
    print(f"{'Compiled: ' + ', '.join(waiting) if waiting else 'All is compiled'} ({where})")
