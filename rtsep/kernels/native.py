"""Intrinsics that Numba lacks: pointers, the bits of numbers, and flushing denormal numbers to zero."""

import os
import platform

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.compiler import Compiler
from numba.extending import intrinsic


class NoAlias(Compiler):
    """Compiles functions whose array arguments do not overlap (`marks.distinct`)."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.state.flags.noalias = True


# The triple can name another system.
_MACHINE = (os.environ.get("RTSEP_TRIPLE") or platform.machine()).partition("-")[0].lower()
_X86_FLUSH = 0x8040  # The bits flush-to-zero and denormals-are-zero of MXCSR.
_ARM_FLUSH = 1 << 24  # The bit flush-to-zero of FPCR.


@intrinsic
def pointer(typing_context, address):
    """int64 address -> void*"""

    def codegen(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], context.get_value_type(types.voidptr))

    return types.voidptr(types.int64), codegen


def bitcast(source, target, kind):
    """A function for compiled code that reads the bits of a `source` as a `target`, whose LLVM type is `kind`."""

    @intrinsic
    def cast(typing_context, value):
        def codegen(context, builder, signature, arguments):
            return builder.bitcast(context.cast(builder, arguments[0], signature.args[0], source), kind)

        return target(source), codegen

    return cast


bits_of = bitcast(types.float32, types.int32, ir.IntType(32))
float_of = bitcast(types.int32, types.float32, ir.FloatType())


def _x86_control_word(builder):
    """A stack slot for the x86 control word, and the functions that store the word there and load it back."""
    slot = cgutils.alloca_once(builder, ir.IntType(32))
    byte_pointer = builder.bitcast(slot, ir.IntType(8).as_pointer())
    function = ir.FunctionType(ir.VoidType(), [ir.IntType(8).as_pointer()])
    store = cgutils.get_or_insert_function(builder.module, function, "llvm.x86.sse.stmxcsr")
    load = cgutils.get_or_insert_function(builder.module, function, "llvm.x86.sse.ldmxcsr")
    return slot, byte_pointer, store, load


def _arm_control_word(builder):
    """The functions that read and write ARM's control word."""
    i64 = ir.IntType(64)
    get = cgutils.get_or_insert_function(builder.module, ir.FunctionType(i64, []), "llvm.aarch64.get.fpcr")
    put = cgutils.get_or_insert_function(builder.module, ir.FunctionType(ir.VoidType(), [i64]), "llvm.aarch64.set.fpcr")
    return get, put


@intrinsic
def flush_to_zero(typing_context):
    """Let this thread treat denormal numbers as zero from now on; give the previous control word."""
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
            get, put = _arm_control_word(builder)
            old = builder.call(get, [])
            builder.call(put, [builder.or_(old, ir.Constant(i64, _ARM_FLUSH))])
            return old
        return ir.Constant(i64, 0)

    return types.int64(), codegen


@intrinsic
def restore_denormals(typing_context, word):
    """Restore the control word that `flush_to_zero` gave."""

    def codegen(context, builder, signature, arguments):
        if _MACHINE in ("x86_64", "amd64"):
            slot, byte_pointer, _store, load = _x86_control_word(builder)
            builder.store(builder.trunc(arguments[0], ir.IntType(32)), slot)
            builder.call(load, [byte_pointer])
        elif _MACHINE in ("aarch64", "arm64"):
            _get, put = _arm_control_word(builder)
            builder.call(put, [arguments[0]])
        return context.get_dummy_value()

    return types.void(types.int64), codegen
