"""Loads object files into this process. Needs llvmlite, not Numba."""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Iterable
from typing import Any

import llvmlite.binding as llvm

PREFIX = "rtsep_"  # Prefix of exported names.
# Compiled code calls these functions of the C library, which the process has nearly always loaded; else they are searched.
MATHEMATICS = ("exp", "expf", "log2f", "logf", "powf", "sincosf", "sqrtf")

_called: list[Any] = []  # Code that other code may call is never freed: their calls lead to it for good.


class LoadedCode:
    """The functions of one object file, while this object lives. Objects loaded later may call its `exports`: these stay."""

    def __init__(self, code: bytes, exports: Iterable[str] = ()) -> None:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        _find_mathematics()
        machine = llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(jit=True)
        self._engine: Any = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
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
