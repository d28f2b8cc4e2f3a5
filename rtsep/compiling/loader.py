"""Loads object files into this process. It needs llvmlite, but not Numba."""

from __future__ import annotations

import ctypes
import ctypes.util
import mmap
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import llvmlite.binding as llvm

PREFIX = "rtsep_"  # Prefix of all exported names.
# Compiled code calls these functions of the C library. Nearly always the process has loaded them; otherwise they are searched
# for.
MATHEMATICS = ("exp", "expf", "log2f", "logf", "powf", "sincosf", "sqrtf")

# Sections of one object must lie within 2 GB of each other; this many bytes apart is near.
NEAR = 2**30
ROOM, HOLES, MOST_HOLES = 2**26, (2**20, 2**16, 2**12), 4096  # Bytes of a large room; of holes to fill, and how many at most.

_called: list[Any] = []  # Code that other code can call is never freed, since the other code may outlive it.


class LoadedCode:
    """The functions of one object file. Object files that are loaded later can call its `exports`, which then stay loaded."""

    def __init__(self, code: bytes, exports: Iterable[str] = ()) -> None:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        _find_mathematics()
        machine = llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(jit=True)
        self._engine: Any = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
        with _without_holes():
            self._engine.add_object_file(llvm.ObjectFileRef.from_data(code))
            self._engine.finalize_object()
        for name in exports:
            llvm.add_symbol(PREFIX + name, self.address(name))
            _called.append(self._engine)

    def address(self, name: str) -> int:
        """Address of the exported function `name`; 0: it is not exported."""
        return int(self._engine.get_function_address(PREFIX + name))


def _find_mathematics() -> None:
    missing = [name for name in MATHEMATICS if not llvm.address_of_symbol(name)]
    path = ctypes.util.find_library("m") if missing else None
    if path is not None:
        library = ctypes.CDLL(path)
        for name in missing:
            if hasattr(library, name):
                llvm.add_symbol(name, ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0)


@contextmanager
def _without_holes() -> Iterator[None]:
    """Memory that is asked for here lies together.

    LLVM asks for each section by itself. Where gigabytes are mapped with small holes before them, as Ray does, Linux puts small
    sections into the holes and large ones behind, too far apart, and LLVM ends the program. So holes are filled first.
    """
    if sys.platform != "linux":
        yield
        return
    room = mmap.mmap(-1, ROOM)
    place = _address(room)
    room.close()
    filled = list[mmap.mmap]()
    for size in HOLES:
        for _ in range(MOST_HOLES):
            filled.append(mmap.mmap(-1, size))
            if abs(_address(filled[-1]) - place) < NEAR:
                break
    try:
        yield
    finally:
        for each in filled:
            each.close()


def _address(memory: mmap.mmap) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))
