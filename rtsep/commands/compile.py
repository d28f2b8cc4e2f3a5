"""`rtsep compile`: compiles the engine's code for this computer before it is needed."""

from __future__ import annotations

import argparse
from typing import Any


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "compile", help="compile all code for this computer now",
        description="Compiles the code of the engine, of live playing, of JACK and of mosaics for the processor of this "
        "computer. Code that is already compiled, or that came with rtsep, is left as it is. Other commands compile when they "
        "are first used; an installer can do it earlier with this command. The code is kept in your cache folder, or in the "
        "folder that the environment variable RTSEP_CACHE_DIR names.")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Compile what is missing, and print where the code is."""
    from rtsep.compiling import machine, prebuilt, store
    from rtsep.compiling.units import OBJECTS

    if set(OBJECTS) <= set(prebuilt.usable()):
        print(f"All code is compiled: it came with rtsep ({prebuilt.FOLDER})")
        return
    if prebuilt.unusable():
        print(f"The compiled code that came with rtsep is not used: {prebuilt.unusable()}")
    waiting = machine.missing(*OBJECTS)
    machine.compile_objects(*OBJECTS)
    folder = store.code_folder()
    where = "rtsep can write to no folder, so the next start compiles again" if folder is None else str(folder)
    print(f"{'Compiled: ' + ', '.join(waiting) if waiting else 'All code is compiled'} ({where})")
