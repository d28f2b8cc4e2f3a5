"""Archives of arrays (.npz: a zip of .npy files) that are safe to open, even from unknown sources."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rtsep.files.sound import atomic_write

MOST_BYTES = 64 * 2**20  # A file has at most this many bytes, and so have its unpacked arrays together.
MOST_MEMBERS = 64  # An archive has at most this many members.

Arrays = Mapping[str, npt.NDArray[Any]]


class DamagedError(Exception):
    """A file is damaged; the message says how."""


def need(condition: object, reason: str) -> None:
    """Raise DamagedError with this reason unless `condition` holds."""
    if not condition:
        raise DamagedError(reason)


def write_archive(path: Path, arrays: Arrays) -> None:
    """Write the arrays to `path`, whole or not at all; the same arrays give the same bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            unpacked = io.BytesIO()
            np.lib.format.write_array(unpacked, np.ascontiguousarray(array), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), unpacked.getvalue(), zipfile.ZIP_DEFLATED, 9)
    atomic_write(path, packed.getvalue())


def read_archive(path: Path, wanted: Container[str] | None = None) -> dict[str, npt.NDArray[Any]]:
    """The arrays of the archive, or the `wanted` ones. Nothing larger than MOST_BYTES is unpacked, and nothing is executed.

    It raises FileNotFoundError, DamagedError, or any other error that a damaged or malicious file causes.
    """
    if not path.is_file():
        path.stat()  # This raises an error if there is nothing.
        raise DamagedError("not a file")
    need(path.stat().st_size <= MOST_BYTES, f"larger than {MOST_BYTES >> 20} MB")
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if len(members) > MOST_MEMBERS or sum(member.file_size for member in members) > MOST_BYTES:
            raise DamagedError(f"unpacks to more than {MOST_BYTES >> 20} MB")
        arrays = {}
        for member in members:
            name = member.filename.removesuffix(".npy")
            if name != member.filename and (wanted is None or name in wanted):
                with archive.open(member) as unpacked:  # Only as many bytes are read as the archive says.
                    arrays[name] = _read_array(unpacked.read(member.file_size))
        return arrays


def _read_array(data: bytes) -> npt.NDArray[Any]:
    """One .npy array; its header must match the number of bytes."""
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    need(version == (1, 0), f"array format {version}")
    shape, _fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    need(not dtype.hasobject, "it holds pickled objects, which rtsep never loads")
    need(math.prod(shape) * dtype.itemsize == len(data) - stream.tell(), "an array is cut off")
    stream.seek(0)
    array: npt.NDArray[Any] = np.lib.format.read_array(stream, allow_pickle=False)
    return array
