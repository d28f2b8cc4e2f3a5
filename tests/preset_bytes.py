"""Preset files member by member: reads, changes and writes them, and checks how they are refused."""

from __future__ import annotations

import io
import json
import struct
import zipfile

import numpy as np
import pytest
from conftest import make_preset

from rtsep.errors import RtsepError
from rtsep.presets.preset import load_preset, save_preset

ARRAYS = ("meta", "W", "row_pitch", "row_role", "release_s", "decay_s")


def preset_bytes(folder):
    """The bytes of a valid preset file, which is written into `folder`."""
    path = folder / "whole.npz"
    save_preset(make_preset(), path)
    return path.read_bytes()


def members(data):
    """{name: bytes of the .npy} of a preset file."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    return stream.getvalue()


def raw_npy(descr, shape, payload=b"", version=b"\x01\x00", order="False"):
    """An .npy with any text as its header."""
    header = f"{{'descr': {descr!r}, 'fortran_order': {order}, 'shape': {shape}, }}"
    header = header.ljust((-(10 + len(header) + 1) % 64) + len(header)) + "\n"
    size = struct.pack("<H" if version == b"\x01\x00" else "<I", len(header))
    return b"\x93NUMPY" + version + size + header.encode() + payload


def write(path, contents, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in contents.items():
            archive.writestr(name, data)


def refusal(path, *words):
    """Check that the file is refused with one line: it names the file, contains one of the words, and says what to do."""
    with pytest.raises(RtsepError) as caught:
        load_preset(path)
    message = str(caught.value)
    assert len(message.splitlines()) == 1 and str(path) in message
    assert any(word in message for word in words) or not words, message
    return message


def arrays_of(whole):
    return {name[:-4]: np.load(io.BytesIO(data)) for name, data in members(whole).items()}


def with_array(whole, name, array):
    return {**members(whole), f"{name}.npy": npy(array)}


def with_meta(whole, **changes):
    meta = json.loads(arrays_of(whole)["meta"].tobytes())
    meta.update(changes)
    meta = {key: value for key, value in meta.items() if value is not ...}
    return with_array(whole, "meta", np.frombuffer(json.dumps(meta).encode(), np.uint8))
