"""Intrinsics for threads and clocks: acquire and release, a call by address, and the time.

Numba has no atomic operations for the CPU. Without them the compiler moves the read of another thread's word out of a waiting
loop, and the loop waits for ever.
"""

import platform

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from rtsep.kernels.marks import numeric

_WINDOWS = platform.system() == "Windows"
# The numbers of two clocks: that of time.monotonic (CLOCK_UPTIME_RAW, CLOCK_MONOTONIC), and that of a thread's processor time.
_CLOCK, _THREAD_CLOCK = (8, 16) if platform.system() == "Darwin" else (1, 3)


def _element(context, builder, signature, arguments):
    array = context.make_array(signature.args[0])(context, builder, arguments[0])
    index = context.cast(builder, arguments[1], signature.args[1], types.intp)
    return builder.gep(array.data, [index])


@intrinsic
def load_acquire(typing_context, array, index):
    """array[index] (1-D, int64); afterwards everything is visible that its writer wrote before `store_release`."""

    def codegen(context, builder, signature, arguments):
        return builder.load_atomic(_element(context, builder, signature, arguments), "acquire", 8)

    return array.dtype(array, index), codegen


@intrinsic
def store_release(typing_context, array, index, value):
    """array[index] = value (1-D, int64), after everything that was written before it."""

    def codegen(context, builder, signature, arguments):
        word = context.cast(builder, arguments[2], signature.args[2], signature.args[0].dtype)
        builder.store_atomic(word, _element(context, builder, signature, arguments), "release", 8)
        return context.get_dummy_value()

    return types.void(array, index, value), codegen


@intrinsic
def address_of(typing_context, pointer):
    """A view or void* -> int64"""

    def codegen(context, builder, signature, arguments):
        return builder.ptrtoint(arguments[0], ir.IntType(64))

    return types.int64(pointer), codegen


@intrinsic
def call_address(typing_context, function, argument):
    """Call the machine code at the address `function`, void (*)(void*), with the address `argument`."""

    def codegen(context, builder, signature, arguments):
        byte_pointer = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [byte_pointer]).as_pointer()
        builder.call(builder.inttoptr(arguments[0], kind), [builder.inttoptr(arguments[1], byte_pointer)])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), codegen


def _clock(number):
    """A function that reads a clock of the system: (seconds, nanoseconds), or (count, count per second) on Windows."""
    i64 = ir.IntType(64)
    @intrinsic
    def read(typing_context):
        def codegen(context, builder, signature, arguments):
            first, second = (cgutils.alloca_once(builder, ir.ArrayType(i64, 2)) for _ in range(2))
            pair = [builder.bitcast(slot, i64.as_pointer()) for slot in (first, second)]
            if _WINDOWS:
                kind = ir.FunctionType(ir.IntType(32), [i64.as_pointer()])
                for name, slot in zip(("QueryPerformanceCounter", "QueryPerformanceFrequency"), pair, strict=True):
                    builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [slot])
                values = [builder.load(slot) for slot in pair]
            else:
                kind = ir.FunctionType(ir.IntType(32), [ir.IntType(32), i64.as_pointer()])
                function = cgutils.get_or_insert_function(builder.module, kind, "clock_gettime")
                builder.call(function, [ir.Constant(ir.IntType(32), number), pair[0]])
                values = [builder.load(builder.gep(pair[0], [ir.Constant(ir.IntType(32), i)])) for i in range(2)]
            return context.make_tuple(builder, signature.return_type, values)

        return types.UniTuple(types.int64, 2)(), codegen

    return read


_now, _worked = _clock(_CLOCK), _clock(_THREAD_CLOCK)


@numeric
def now_ns():
    """Nanoseconds of a clock that never goes back; on Linux and macOS it is the clock of `time.monotonic_ns`."""
    first, second = _now()
    if _WINDOWS:
        return first // second * 1_000_000_000 + first % second * 1_000_000_000 // max(second, np.int64(1))
    return first * 1_000_000_000 + second


@numeric
def thread_ns():
    """Nanoseconds of processor time that this thread has used; 0 on Windows, whose clock has steps of 16 ms."""
    if _WINDOWS:
        return np.int64(0)
    first, second = _worked()
    return first * 1_000_000_000 + second
