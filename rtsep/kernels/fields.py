"""The fields that Python and compiled code share. Each is declared once; layout, allocation, views and tables follow from that.

A `Record` is a row of 8-byte words: numbers stand in their words; of arrays and other records the words hold the address.
Python allocates the arrays and writes the words (`Record.arrays`, `Record.new`). Compiled code gets only the record's address,
and reads each field where it uses it (views.py). So one compiled entry works for all sizes, and hosts without Python can call
it.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

# Arrays begin at multiples of this many bytes, a cache line: SIMD loads that cross two lines take twice as long.
ALIGNMENT = 64
# The dtype of a number's word in a record: a float32 is stored as 8 bytes, and read as 4.
NUMBERS = {"int64": "<i8", "float32": "<f8", "float64": "<f8"}


@dataclass(frozen=True)
class Field:
    """One field of a record.

    kind: a dtype, or the `Record` whose address the field holds. shape: of an array; each dimension is a sum of numbers and of
    sizes in this record or in records that it links to; None: a number. cell: an array of one element, which compiled code
    reads and writes as a number. varies: the value can change within a call. For arrays of a state: `start` computes the
    content after a reset from the plan's values (None: zeros); `bound` arrays have no meaning under another plan, and all
    others are carried over.
    """

    name: str
    kind: Any
    meaning: str
    shape: tuple[str, ...] | None = None
    varies: bool = False
    start: Callable[[Mapping[str, Any]], Any] | None = None
    bound: bool = False
    cell: bool = False

    @property
    def word(self) -> str:
        """The dtype of its word in the record."""
        return NUMBERS[self.kind] if self.shape is None and isinstance(self.kind, str) else "<i8"


def size(name: str, meaning: str, varies: bool = False) -> Field:
    """A whole number."""
    return Field(name, "int64", meaning, varies=varies)


def number(name: str, meaning: str, kind: str = "float32") -> Field:
    """A real number."""
    return Field(name, kind, meaning)


def array(
    name: str, kind: Any, shape: str, meaning: str, *, varies: bool = False, bound: bool = False,
    start: Callable[[Mapping[str, Any]], Any] | None = None,
) -> Field:
    """An array; commas separate its dimensions: "stems, open_limit + background"."""
    return Field(name, kind, meaning, tuple(part.strip() for part in shape.split(",")), varies, start, bound)


def cell(
    name: str, kind: str, meaning: str, *, bound: bool = False, start: Callable[[Mapping[str, Any]], Any] | None = None
) -> Field:
    """A number that compiled code changes; Python sees an array of one element."""
    return Field(name, kind, meaning, ("1",), False, start, bound, True)


def link(name: str, record: "Record", meaning: str, varies: bool = False) -> Field:
    """The address of another record; 0: none."""
    return Field(name, record, meaning, varies=varies)


def terms(dimension: str) -> list[tuple[int, str]]:
    """A dimension as (sign, size or number): "stems - 1" is [(1, "stems"), (-1, "1")]."""
    return [(-1 if sign == "-" else 1, word) for sign, word in re.findall(r"([-+]?)\s*(\w+)", dimension)]


def dimensions(shape: tuple[str, ...], sizes: Mapping[str, Any]) -> tuple[int, ...]:
    """The dimensions as numbers."""
    return tuple(sum(sign * (int(word) if word.isdigit() else int(sizes[word])) for sign, word in terms(dimension))
                 for dimension in shape)


def zeros(shape: tuple[int, ...], kind: Any) -> np.ndarray:
    """An array of zeros that begins at a multiple of ALIGNMENT bytes."""
    dtype = np.dtype(kind)
    count = int(np.prod(shape)) * dtype.itemsize
    room = np.zeros(count + ALIGNMENT, np.uint8)
    begin = -room.ctypes.data % ALIGNMENT
    return room[begin : begin + count].view(dtype).reshape(shape)


@dataclass(frozen=True)
class Part:
    """One stage's fields of a record. Compiled code that receives the part sees only them and the fields of parts in `sees`."""

    name: str
    fields: tuple[Field, ...]
    sees: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Record:
    """Fields in the order of their words, part after part."""

    name: str
    parts: tuple[Part, ...]
    fields: dict[str, Field] = field(init=False)
    dtype: np.dtype = field(init=False)

    def __post_init__(self) -> None:
        fields = [one for part in self.parts for one in part.fields]
        names = [one.name for one in fields] + [part.name for part in self.parts]
        if len(set(names)) != len(names):
            raise ValueError(f"{self.name}: declared twice: {', '.join(sorted({n for n in names if names.count(n) > 1}))}")
        object.__setattr__(self, "fields", {one.name: one for one in fields})
        object.__setattr__(self, "dtype", np.dtype([(one.name, one.word) for one in fields]))

    def part(self, name: str) -> Part:
        """The part called `name`. KeyError if there is none."""
        return {part.name: part for part in self.parts}[name]

    def seen_by(self, name: str) -> frozenset[str]:
        """Names of the fields that code sees if it receives the part `name`."""
        own = self.part(name)
        return frozenset(one.name for each in (own, *map(self.part, own.sees)) for one in each.fields)

    def arrays(self, sizes: Mapping[str, Any], part: Part | None = None) -> dict[str, np.ndarray]:
        """Arrays of zeros by name, for all array fields, or for those of a part."""
        fields = self.fields.values() if part is None else part.fields
        return {one.name: zeros(dimensions(one.shape, sizes), one.kind) for one in fields if one.shape is not None}

    def start(self, arrays: Mapping[str, np.ndarray], values: Mapping[str, Any]) -> None:
        """Fill `arrays`, by name, with their content after a reset under a plan with these values."""
        for name, one in arrays.items():
            start = self.fields[name].start
            one[:] = 0 if start is None else start(values)

    def new(self, values: Mapping[str, Any]) -> np.ndarray:
        """One record: numbers directly, arrays and other records by address. Fields that are not given are 0.

        The caller must keep the arrays alive while the record is used.
        """
        result = np.zeros(1, self.dtype)
        for name, value in values.items():
            result[name] = value.ctypes.data if isinstance(value, np.ndarray) else value
        return result

    def table(self) -> str:
        """The fields as a Markdown table."""
        rows = [f"| {part.name} | `{one.name}` | {_described(one)} | {one.meaning} |"
                for part in self.parts for one in part.fields]
        return "\n".join(["| part | field | what | meaning |", "| --- | --- | --- | --- |", *rows])


def _described(one: Field) -> str:
    if isinstance(one.kind, Record):
        return f"address of a `{one.kind.name}`"
    kind = one.kind if isinstance(one.kind, str) else "record"
    if one.cell:
        return f"{kind}, changes"
    return kind if one.shape is None else f"{kind} [{', '.join(one.shape)}]"
