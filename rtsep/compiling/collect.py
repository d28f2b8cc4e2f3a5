"""Numba functions -> one module of LLVM code -> one object file. Only this module uses Numba's internal names.

Numba optimises and compiles every function separately, each together with all functions that it calls. So the whole engine
would go through the optimiser about six times. `collected` avoids that: Numba only translates functions to LLVM code, which is
then linked, optimised and compiled once. That needs names that Numba does not promise to keep. If one of them is missing, Numba
works in its usual way (`plain`), which takes two to three times as long.
"""

from __future__ import annotations

import gc
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import llvmlite.binding as llvm
import numba
from numba.core import cgutils, codegen
from numba.core.registry import cpu_target

from rtsep.compiling.loader import PREFIX
from rtsep.compiling.target import processor, triple
from rtsep.compiling.units import CALLED, JACK

TESTED = ((0, 61), (0, 68))  # The oldest and the newest version of Numba with which `collected` is known to work.

Told = Callable[[str], None]
Exports = Mapping[str, tuple[Callable[..., Any], Any]]  # Name -> function and Numba signature.


def can_collect() -> bool:
    """Whether this Numba has all names that `collected` needs."""
    version = tuple(int(part) for part in numba.__version__.split(".")[:2])
    library = getattr(codegen, "JITCodeLibrary", None)
    names = ("finalize", "add_ir_module", "get_pointer_to_function", "add_linking_library", "_raise_if_finalized")
    engine = getattr(cpu_target.target_context, "_internal_codegen", None)
    return (TESTED[0] <= version <= TESTED[1] and all(hasattr(library, name) for name in names)
            and getattr(engine, "_library_class", None) is library and hasattr(engine, "set_env")
            and hasattr(llvm, "create_pass_builder"))


def _library_class(told: Told) -> type:
    """Numba's library with the code of one function, without optimisation and without machine code."""

    class Raw(codegen.JITCodeLibrary):  # type: ignore[misc]
        def add_ir_module(self, module: Any) -> None:
            self._raise_if_finalized()
            text = cgutils.normalize_ir_text(str(module))
            if "cfunc." in text:  # Otherwise LLVM does not see that no kernel fails, and keeps the code for errors.
                text = text.replace(" noinline", "")
            code = llvm.parse_assembly(text)
            code.data_layout = self._codegen._data_layout
            self._final_module.link_in(code)

        def finalize(self) -> None:
            self._raise_if_finalized()
            self._finalized = True
            told(self.name)

        def get_pointer_to_function(self, name: str) -> int:
            return 1  # Numba asks for an address, but never calls it.

    return Raw


@contextmanager
def _collecting(told: Told) -> Iterator[None]:
    """Within this context Numba compiles into raw libraries."""
    engine = cpu_target.target_context._internal_codegen
    engine._library_class, engine.set_env = _library_class(told), lambda name, environment: None
    gc.collect()
    gc.disable()  # Half of the time would be spent on searching objects that are all needed.
    try:
        yield
    finally:
        gc.enable()
        del engine._library_class, engine.set_env


def _without_wrappers(**options: Any) -> None:
    """Let all kernels be compiled without wrappers for Python, without Numba's cache, and with additional `options`."""
    for name, module in list(sys.modules.items()):
        if name.startswith("rtsep."):
            for value in vars(module).values():
                if isinstance(value, numba.core.dispatcher.Dispatcher):
                    value.targetoptions.update(no_cpython_wrapper=True, no_cfunc_wrapper=True, **options)
                    value._cache = numba.core.dispatcher.NullCache()  # Whatever NUMBA_CACHE_DIR says.


def _linked(libraries: list[Any]) -> Any:
    """One module with everything that the libraries need, each function once."""
    module, seen, waiting = llvm.parse_assembly(""), set(), list(libraries)
    module.triple, module.data_layout = libraries[0]._final_module.triple, str(libraries[0]._codegen._data_layout)
    while waiting:
        library = waiting.pop()
        if id(library) not in seen:
            seen.add(id(library))
            module.link_in(library._final_module, preserve=True)
            waiting += library._linking_libraries
    return module


def target_machine(**how: Any) -> Any:
    """A target for the `processor` with position-independent code, which can be loaded, or linked into a library."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    target, (cpu, features) = llvm.Target.from_triple(triple()), processor()
    return target.create_target_machine(cpu=cpu, features=features, opt=3, reloc="pic", codemodel="default", **how)


def _only(module: Any, names: Mapping[str, str]) -> None:
    """Hide all functions except `names` (name in the module -> name to export)."""
    for function in module.functions:
        if not function.is_declaration:
            function.linkage = llvm.Linkage.external if function.name in names else llvm.Linkage.internal
    for variable in module.global_variables:
        if not variable.is_declaration:
            variable.linkage = llvm.Linkage.internal
    for old, new in names.items():
        module.get_function(old).name = PREFIX + new


def _optimise(module: Any, machine: Any) -> None:
    """Inline small functions first, and then run all of LLVM's optimisations for speed.

    After these LLVM knows that no kernel fails. So the last passes remove the code that would report failures to Python.
    """
    for level in (0, 3):
        _run(module, machine, level)
    last = llvm.create_new_module_pass_manager()
    if not hasattr(last, "add_ipsccp_pass"):  # llvmlite before 0.45 has no single passes; running all of them takes 1.5 s more.
        _run(module, machine, 1)
        return
    last.add_ipsccp_pass()
    last.add_simplify_cfg_pass()
    last.add_global_dead_code_eliminate_pass()
    last.add_strip_dead_prototype_pass()
    last.run(module, llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=0)))


def _run(module: Any, machine: Any, level: int) -> None:
    """Run LLVM's usual passes for an optimisation level."""
    options = llvm.create_pipeline_tuning_options(speed_level=level)
    options.loop_vectorization = options.loop_unrolling = options.slp_vectorization = level == 3
    builder = llvm.create_pass_builder(machine, options)
    manager = builder.getModulePassManager()
    if level == 0:
        manager.add_loop_rotate_pass()
        manager.add_instruction_combine_pass()
        manager.add_jump_threading_pass()
    manager.run(module, builder)


def collected(exports: Exports, told: Told) -> bytes:
    """An object file with `exports`, optimised once. `told` is called for every function and step."""
    _without_wrappers(inline="never")
    with _collecting(told):
        compiled = {name: numba.cfunc(signature, error_model="numpy")(function)
                    for name, (function, signature) in exports.items()}
    module, machine = _linked([one._library for one in compiled.values()]), target_machine()
    module.triple, module.data_layout = triple(), str(machine.target_data)
    _only(module, {one.native_name: name for name, one in compiled.items()})
    told("optimise")
    _optimise(module, machine)
    told("emit")
    return bytes(machine.emit_object(module))


def plain(exports: Exports, told: Told) -> bytes:
    """An object file with `exports` in Numba's usual way: every function is optimised separately, and then all together."""
    _without_wrappers()
    for outside in (*JACK, *(PREFIX + name for names in CALLED.values() for name in names)):
        # Numba searches for the functions that are called, although it calls none here.
        if not llvm.address_of_symbol(outside):
            llvm.add_symbol(outside, 1)
    machine, module = target_machine(), None
    names = {}
    for name, (function, signature) in exports.items():
        compiled = numba.cfunc(signature, error_model="numpy")(function)
        told(name)
        names[compiled.native_name] = name
        # The group must not become empty.
        text = re.sub(r"(attributes #\d+ = \{[^}]*)\bnoinline\b", r'\1"inline"', compiled.inspect_llvm())
        code = llvm.parse_assembly(text)
        if module is None:
            module = code
        else:
            module.link_in(code)
    _only(module, names)
    told("optimise")
    _optimise(module, machine)
    told("emit")
    return bytes(machine.emit_object(module))
