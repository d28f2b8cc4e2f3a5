"""Plan files: a plan from `design`, in which places in the file replace addresses. A plug-in loads the file and plays.

| part | content |
| --- | --- |
| header | HEADER: the kind of file, its size, a checksum of all that follows, and the places of the other parts |
| plan | one word for each field of PLAN: the number, or the array's place in the file |
| starts | (number of STATE's field, place, bytes): the content of arrays after a reset; all other arrays are zero |
| knobs | (hash of its name, number of PLAN's field, first and last value, values, ...): the field at each value of the knob |
| rows | (rows, columns, place of their magnitudes, place of their halves): templates in half precision |
| arrays | at multiples of 64 bytes; equal arrays are stored once |

When a plug-in loads the file, it unpacks all templates into one memory; places from UNPACKED on lie in this memory.
All numbers are little-endian. native/plan.c checks them against `LIMITS` in layout.py.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rtsep.engine.design import Plan
from rtsep.kernels.fields import ALIGNMENT
from rtsep.plugin.layout import fingerprint
from rtsep.presets.halves import half_rows, whole_rows
from rtsep.stages.records import PLAN, STATE

MAGIC, VERSION = b"RTSEPLAN", 2
UNPACKED = 1 << 30  # Places from this number on lie in the memory of unpacked templates; every file has fewer bytes.
HEADER = np.dtype([
    ("magic", "S8"), ("version", "<i8"), ("layout", "u1", 16), ("bytes", "<i8"), ("checksum", "<i8"), ("sample_rate", "<f8"),
    ("plan_words", "<i8"), ("state_words", "<i8"), ("plan_at", "<i8"), ("starts_at", "<i8"), ("starts", "<i8"),
    ("knobs_at", "<i8"), ("knob_words", "<i8"), ("rows_at", "<i8"), ("rows", "<i8")])


@dataclass(frozen=True)
class Knob:
    """How a word of the plan follows a parameter.

    values [n]: the word at n equally spaced values of the parameter, from `first` to `last`.
    """

    name: str
    word: str
    first: float
    last: float
    values: npt.NDArray[np.float64]


def hash_of(name: str) -> int:
    """The number by which hosts and files know the parameter `name`: FNV-1a of 32 bits (Fowler, Noll, Vo)."""
    found = 0x811C9DC5
    for octet in name.encode():
        found = (found ^ octet) * 0x01000193 % (1 << 32)
    return found


class _Body:
    """What follows the header; equal arrays are stored once."""

    def __init__(self) -> None:
        self.data, self.rows = bytearray(), list[tuple[int, ...]]()
        self._unpacked, self._places = UNPACKED, dict[bytes, int]()

    def place(self, content: bytes) -> int:
        """The place of `content` in the file, where it is stored if it is new."""
        if content not in self._places:
            self.data += bytes(-(HEADER.itemsize + len(self.data)) % ALIGNMENT)
            self._places[content] = HEADER.itemsize + len(self.data)
            self.data += content
        return self._places[content]

    def array(self, array: npt.NDArray[Any]) -> int:
        """The place of `array`: among the unpacked templates if half precision stores its rows without loss."""
        content = array.tobytes()
        if content in self._places or array.ndim != 2 or array.dtype != np.float32 or array.size == 0:
            return self.place(content)
        halves, peaks = half_rows(array)
        if whole_rows(halves, peaks).tobytes() != content:
            return self.place(content)
        self.rows.append((*array.shape, self.place(peaks.tobytes()), self.place(halves.tobytes())))
        self._places[content] = self._unpacked
        self._unpacked += len(content) + -len(content) % ALIGNMENT
        return self._places[content]


def plan_bytes(plan: Plan, sample_rate: float, knobs: Iterable[Knob] = ()) -> bytes:
    """The content of a plan file."""
    body, words = _Body(), np.zeros(1, PLAN.dtype)
    for name, value in plan.values.items():
        one = PLAN.fields[name]
        words[name] = value if one.shape is None else body.array(np.ascontiguousarray(value, one.kind))
    starts = _starts(plan.values, body)
    knob_words, rows = b"".join(map(_knob, knobs)), np.array(body.rows, np.int64)
    header = np.zeros(1, HEADER)
    header["magic"], header["version"], header["sample_rate"] = MAGIC, VERSION, sample_rate
    header["layout"] = np.frombuffer(bytes.fromhex(fingerprint()), np.uint8)
    header["plan_words"], header["state_words"], header["starts"] = len(PLAN.fields), len(STATE.fields), len(starts)
    header["plan_at"] = body.place(words.tobytes())
    header["starts_at"] = body.place(starts.tobytes())
    header["knobs_at"], header["knob_words"] = body.place(knob_words), len(knob_words) // 8
    header["rows_at"], header["rows"] = body.place(rows.tobytes()), len(rows)
    header["checksum"], header["bytes"] = zlib.crc32(body.data), HEADER.itemsize + len(body.data)
    return header.tobytes() + bytes(body.data)


def _starts(values: Mapping[str, Any], body: _Body) -> npt.NDArray[np.int64]:
    """[n, 3]: the field, the place and the bytes of each array of STATE that does not start with zeros."""
    arrays, found = STATE.arrays(values), []
    STATE.start(arrays, values)
    for number, name in enumerate(STATE.fields):
        if name in arrays and arrays[name].tobytes().strip(b"\0"):
            found.append((number, body.array(arrays[name]), arrays[name].nbytes))
    return np.array(found, np.int64).reshape(-1, 3)


def _knob(knob: Knob) -> bytes:
    number = list(PLAN.fields).index(knob.word)
    whole = PLAN.fields[knob.word].word == "<i8"
    values = knob.values.astype(np.int64 if whole else np.float64)
    return (np.array([hash_of(knob.name), number], np.int64).tobytes() + np.array([knob.first, knob.last], np.float64).tobytes()
            + np.array([len(values)], np.int64).tobytes() + values.tobytes())
