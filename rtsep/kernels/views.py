"""Records in compiled code: `view.name` reads one field, where the code uses it.

A view is the address of a record (fields.py). So a function receives everything in one register, whatever the record
holds. An array is made from its address and its sizes where the code uses it.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AttributeTemplate
from numba.extending import infer_getattr, intrinsic, lower_getattr_generic, lower_setattr_generic, models, register_model
from numba.np.arrayobj import populate_array
from numba.np.numpy_support import from_dtype

from rtsep.kernels.fields import Record, terms
from rtsep.kernels.memory import EVENT

_I64, _BYTES = ir.IntType(64), ir.IntType(8).as_pointer()


class View(types.Type):
    """The type of a record's address; code sees all of the record, or one part."""

    def __init__(self, record, part=None):
        self.record, self.part = record, part
        self.seen = frozenset(record.fields) if part is None else record.seen_by(part)
        self.parts = frozenset() if part is not None else frozenset(one.name for one in record.parts)
        super().__init__(f"rtsep.{record.name}" + (f".{part}" if part else ""))


register_model(View)(models.OpaqueModel)


def _kind(field):
    """The type of a field."""
    if isinstance(field.kind, Record):
        return View(field.kind)
    if field.shape is None or field.cell:
        return getattr(types, field.kind)
    return types.Array(from_dtype(np.dtype(field.kind)), len(field.shape), "C")


@infer_getattr
class _Fields(AttributeTemplate):
    key = View

    def generic_resolve(self, view, name):
        if name in view.parts:
            return View(view.record, name)
        return _kind(view.record.fields[name]) if name in view.seen else None


def _at(builder, record, base, name):
    """Address of a field's word."""
    return builder.gep(base, [ir.Constant(_I64, record.dtype.fields[name][1])])


def _load(builder, record, base, name):
    """The word of a field. If the field does not vary, the compiler can read it once before a loop and keep it."""
    field = record.fields[name]
    kind = ir.DoubleType() if field.word == "<f8" else _I64
    word = builder.load(builder.bitcast(_at(builder, record, base, name), kind.as_pointer()), align=8)
    if not field.varies:
        word.set_metadata("invariant.load", builder.module.add_metadata([]))
    return word


def _size(builder, record, base, name):
    """The size `name` of a record, or of a record that it links to."""
    field = record.fields.get(name)
    if field is not None and field.shape is None and field.kind == "int64":
        return _load(builder, record, base, name)
    for linked in record.fields.values():
        if isinstance(linked.kind, Record) and name in linked.kind.fields:
            inner = builder.inttoptr(_load(builder, record, base, linked.name), _BYTES)
            return _size(builder, linked.kind, inner, name)
    raise NotImplementedError(f"{record.name} knows no size {name}")


def _dimension(builder, record, base, text):
    total = ir.Constant(_I64, 0)
    for sign, word in terms(text):
        value = ir.Constant(_I64, int(word)) if word.isdigit() else _size(builder, record, base, word)
        total = builder.add(total, value) if sign > 0 else builder.sub(total, value)
    return total


def _array(context, builder, kind, address, shape):
    """An array without an owner, so that the code counts no references."""
    array = context.make_array(kind)(context, builder)
    itemsize = context.get_abi_sizeof(context.get_data_type(kind.dtype))
    strides, step = [], ir.Constant(_I64, itemsize)
    for size in reversed(shape):
        strides.insert(0, step)
        step = builder.mul(step, size, flags=["nsw"])
    data = builder.inttoptr(address, context.get_data_type(kind.dtype).as_pointer())
    populate_array(array, data=data, shape=shape, strides=strides, itemsize=ir.Constant(_I64, itemsize), meminfo=None)
    return array._getvalue()


def _cell(context, builder, field, word):
    """Address of a cell's number."""
    return builder.inttoptr(word, context.get_value_type(_kind(field)).as_pointer())


@lower_getattr_generic(View)
def _read(context, builder, view, base, name):
    if name in view.parts:
        return base
    record = view.record
    field, word = record.fields[name], _load(builder, record, base, name)
    if field.cell:
        return builder.load(_cell(context, builder, field, word))
    if isinstance(field.kind, Record):
        return builder.inttoptr(word, _BYTES)
    if field.shape is not None:
        shape = [_dimension(builder, record, base, text) for text in field.shape]
        return _array(context, builder, _kind(field), word, shape)
    return builder.fptrunc(word, ir.FloatType()) if field.kind == "float32" else word


@lower_setattr_generic(View)
def _write(context, builder, signature, arguments, name):
    (view, kind), record, (base, value) = signature.args, signature.args[0].record, arguments
    field = record.fields[name]
    if field.cell:
        number = context.cast(builder, value, kind, _kind(field))
        builder.store(number, _cell(context, builder, field, _load(builder, record, base, name)))
        return
    if not field.varies:
        raise NotImplementedError(f"{view}.{name} does not vary within a call")
    if isinstance(kind, types.Array):
        word = builder.ptrtoint(context.make_array(kind)(context, builder, value).data, _I64)
    else:
        word = context.cast(builder, value, kind, types.int64)
    builder.store(word, builder.bitcast(_at(builder, record, base, name), _I64.as_pointer()))


@intrinsic
def data_of(typing_context, array):
    """Address of an array's elements, int64."""

    def codegen(context, builder, signature, arguments):
        return builder.ptrtoint(context.make_array(signature.args[0])(context, builder, arguments[0]).data, _I64)

    return types.int64(array), codegen


def viewer(record):
    """A function for compiled code: int64 address -> view of the `record` at the address."""
    view = View(record)

    @intrinsic
    def at(typing_context, address):
        def codegen(context, builder, signature, arguments):
            return builder.inttoptr(context.cast(builder, arguments[0], signature.args[0], types.int64), _BYTES)

        return view(address), codegen

    return at


def _maker(dtype):
    """A function for compiled code: int64 address and a tuple of int64 -> array of that shape at the address."""

    @intrinsic
    def at(typing_context, address, shape):
        kind = types.Array(from_dtype(np.dtype(dtype)), len(shape), "C")

        def codegen(context, builder, signature, arguments):
            return _array(context, builder, kind, arguments[0], cgutils.unpack_tuple(builder, arguments[1]))

        return kind(types.int64, types.UniTuple(types.int64, len(shape))), codegen

    return at


floats_at, integers_at, octets_at, events_at = (_maker(kind) for kind in ("float32", "int64", "uint8", EVENT))
