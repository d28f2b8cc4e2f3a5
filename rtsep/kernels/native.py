"""What compiled real-time code needs from the compiler: arrays at addresses, and denormals flushed to zero."""

import platform

from llvmlite import ir
from numba import config, njit, types
from numba.core import cgutils
from numba.core.compiler import Compiler
from numba.extending import intrinsic

# Sums may be reordered (that is what makes them SIMD); NaN and infinity keep their meaning.
FAST = {"contract", "reassoc", "nsz", "arcp"}
# `_nrt` off: arrays have no owner here, so no references are counted and none of Numba's run-time functions is called.
OPTIONS = {"error_model": "numpy", "nogil": True, "cache": bool(config.CACHE_DIR), "fastmath": FAST, "_nrt": False}
# Of kernels that work on views: only other kernels call them, never Python, so nothing need unpack Python's objects for them.
INNER = {**OPTIONS, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


class _NoAlias(Compiler):
    """Compiles functions whose array arguments do not overlap where they are written."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.state.flags.noalias = True


# Of functions with so many arrays that LLVM gives up asking at run time whether they overlap. They must not.
DISTINCT = {**INNER, "pipeline_class": _NoAlias}

_MACHINE = platform.machine().lower()
_X86_FLUSH = 0x8040  # MXCSR: flush-to-zero and denormals-are-zero
_ARM_FLUSH = 1 << 24  # FPCR: flush-to-zero


@intrinsic
def pointer(typing_context, address):
    """int64 address -> void*"""

    def codegen(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], context.get_value_type(types.voidptr))

    return types.voidptr(types.int64), codegen


# Of the trunk that all others hang on: where Numba optimises functions one by one, these become part of their callers before,
# or the whole engine would be optimised at each of them.
TRUNK = {**INNER, "inline": "always"}

# Slice assignments are loops here: Numba compiles a message about shapes that do not fit into each of them.


@njit(**OPTIONS)
def copy(source, target):
    """target [n] = source [n or more]"""
    for i in range(target.shape[0]):
        target[i] = source[i]


@njit(**OPTIONS)
def fill(target, value):
    """target [n] = value"""
    for i in range(target.shape[0]):
        target[i] = value


def _x86_control_word(builder):
    """A stack slot for the x86 control word, and the functions that store it there and load it back."""
    slot = cgutils.alloca_once(builder, ir.IntType(32))
    byte_pointer = builder.bitcast(slot, ir.IntType(8).as_pointer())
    function = ir.FunctionType(ir.VoidType(), [ir.IntType(8).as_pointer()])
    store = cgutils.get_or_insert_function(builder.module, function, "llvm.x86.sse.stmxcsr")
    load = cgutils.get_or_insert_function(builder.module, function, "llvm.x86.sse.ldmxcsr")
    return slot, byte_pointer, store, load


@intrinsic
def flush_to_zero(typing_context):
    """Denormal numbers become zero on this thread from here on; gives the control word as it was."""
    i64 = ir.IntType(64)

    def codegen(context, builder, signature, arguments):
        if _MACHINE in ("x86_64", "amd64"):
            slot, byte_pointer, store, load = _x86_control_word(builder)
            builder.call(store, [byte_pointer])
            old = builder.load(slot)
            builder.store(builder.or_(old, ir.Constant(ir.IntType(32), _X86_FLUSH)), slot)
            builder.call(load, [byte_pointer])
            return builder.zext(old, i64)
        if _MACHINE in ("aarch64", "arm64"):
            get = ir.InlineAsm(ir.FunctionType(i64, []), "mrs $0, fpcr", "=r", side_effect=True)
            put = ir.InlineAsm(ir.FunctionType(ir.VoidType(), [i64]), "msr fpcr, $0", "r", side_effect=True)
            old = builder.call(get, [])
            builder.call(put, [builder.or_(old, ir.Constant(i64, _ARM_FLUSH))])
            return old
        return ir.Constant(i64, 0)

    return types.int64(), codegen


@intrinsic
def restore_denormals(typing_context, word):
    """Set the control word back to what `flush_to_zero` gave."""

    def codegen(context, builder, signature, arguments):
        if _MACHINE in ("x86_64", "amd64"):
            slot, byte_pointer, _store, load = _x86_control_word(builder)
            builder.store(builder.trunc(arguments[0], ir.IntType(32)), slot)
            builder.call(load, [byte_pointer])
        elif _MACHINE in ("aarch64", "arm64"):
            function = ir.FunctionType(ir.VoidType(), [ir.IntType(64)])
            builder.call(ir.InlineAsm(function, "msr fpcr, $0", "r", side_effect=True), [arguments[0]])
        return context.get_dummy_value()

    return types.void(types.int64), codegen
