"""Files that are no presets, or harmful on purpose, are refused with one line, never executed and never unpacked."""

import io
import os
import pickle
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from conftest import PITCHES
from preset_bytes import ARRAYS, members, npy, preset_bytes, raw_npy, refusal, write

from rtsep.errors import RtsepError
from rtsep.files.archive import MOST_BYTES
from rtsep.presets.preset import load_preset


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The bytes of a valid preset file."""
    return preset_bytes(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def path(tmp_path):
    """The path for a file that can be refused."""
    return tmp_path / "suspect.npz"


# --- not a preset -----------------------------------------------------------------------------------------------------


def test_missing_file(path):
    assert "no such preset" in refusal(path)


def test_folder(tmp_path):
    refusal(tmp_path)


@pytest.mark.parametrize("data", [
    b"", b"\0", b"PK", b"PK\x03\x04", b"PK\x05\x06" + 18 * b"\0", b"RIFF", bytes(5000), b"\x93NUMPY\x01\x00",
    b"\x80\x04.", b"<html>404</html>",
])
def test_no_zip_at_all(path, data):
    path.write_bytes(data)
    refusal(path)


def test_cut_anywhere(path, whole):
    for length in [*range(0, len(whole), 29), len(whole) - 1]:
        path.write_bytes(whole[:length])
        refusal(path)


def test_bytes_in_front_or_behind_are_harmless_or_refused(path, whole):
    for data in (b"junk" + whole, whole + b"junk"):
        path.write_bytes(data)
        try:
            assert load_preset(path).pitches.tolist() == list(PITCHES)
        except RtsepError as error:
            assert str(path) in str(error)


def test_flipped_bytes(path, whole):
    """If any byte is damaged, the file is refused with one line, or the byte is one that is never read."""
    rng = np.random.default_rng(3)
    unharmed = 0
    for _ in range(600):
        data = bytearray(whole)
        for place in rng.integers(0, len(data), rng.integers(1, 4)):
            data[place] ^= rng.integers(1, 256)
        path.write_bytes(data)
        try:
            load_preset(path)
            unharmed += 1
        except RtsepError as error:
            assert len(str(error).splitlines()) == 1 and str(path) in str(error)
    assert unharmed < 200


@pytest.mark.parametrize("name", ARRAYS)
def test_flipped_bytes_in_array_headers(path, whole, name):
    """The damage comes before the checksum is computed, so the checksum is right."""
    rng = np.random.default_rng(4)
    parts = members(whole)
    for _ in range(150):
        data = bytearray(parts[f"{name}.npy"])
        for place in rng.integers(6, min(len(data), 128), rng.integers(1, 4)):
            data[place] = rng.integers(32, 127)
        write(path, {**parts, f"{name}.npy": bytes(data)}, zipfile.ZIP_STORED)
        try:
            load_preset(path)
        except RtsepError as error:
            assert len(str(error).splitlines()) == 1 and str(path) in str(error)


def test_header_of_python_2(path, whole):
    data = raw_npy("<f4", "(128L,)", bytes(512))
    write(path, {**members(whole), "release_s.npy": data})
    refusal(path)


def test_header_that_does_not_end(path, whole):
    write(path, {**members(whole), "W.npy": raw_npy("<f4", "(2, (3, ")})
    refusal(path)


def test_encrypted_member(path, whole):
    """The flag suffices: the reader must not ask for a password."""
    data = bytearray(whole)
    central = data.rindex(b"PK\x01\x02")
    local = data.rindex(b"PK\x03\x04")
    data[central + 8] |= 1
    data[local + 6] |= 1
    path.write_bytes(data)
    refusal(path, "encrypted", "password")


@pytest.mark.parametrize("method", [9, 97, 99])
def test_unknown_compression(path, whole, method):
    data = bytearray(whole)
    data[data.rindex(b"PK\x01\x02") + 10] = method
    path.write_bytes(data)
    refusal(path)


# --- malice -----------------------------------------------------------------------------------------------------------


class Touch:
    """Unpickled, this creates a file."""

    def __init__(self, target):
        self.target = str(target)

    def __reduce__(self):
        return os.mkdir, (self.target,)


@pytest.fixture
def trap(tmp_path):
    """An object array as .npy that creates the folder `sprung` if it is unpickled; this is checked here."""
    proof, sprung = tmp_path / "proof", tmp_path / "sprung"
    for target in (proof, sprung):
        stream = io.BytesIO()
        np.lib.format.write_array(stream, np.array([Touch(target)], object), allow_pickle=True)
        stream.seek(0)
        if target == proof:
            np.load(stream, allow_pickle=True)
    assert proof.exists() and not sprung.exists()
    return stream.getvalue(), sprung


@pytest.mark.parametrize("name", [*ARRAYS, "something_new"])
def test_pickles_are_never_loaded(path, whole, trap, name):
    data, sprung = trap
    write(path, {**members(whole), f"{name}.npy": data})
    refusal(path, "pickle")
    assert not sprung.exists()


def test_bare_pickles_are_never_loaded(path, tmp_path):
    path.write_bytes(pickle.dumps(Touch(tmp_path / "sprung")))
    refusal(path)
    write(path, {"W": pickle.dumps(Touch(tmp_path / "sprung")), "meta.pkl": pickle.dumps(Touch(tmp_path / "sprung"))})
    refusal(path)
    assert not (tmp_path / "sprung").exists()


def test_names_of_members_reach_no_file(path, whole, tmp_path):
    before = set(tmp_path.iterdir())
    write(path, {**members(whole), "../../escaped.npy": npy(np.zeros(3)), "/escaped.npy": npy(np.zeros(3))})
    load_preset(path)
    assert set(tmp_path.iterdir()) == before | {path} and not (tmp_path.parent / "escaped.npy").exists()


def peak_bytes(path):
    """The greatest memory that is allocated while the file is refused."""
    tracemalloc.start()
    try:
        refusal(path)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_bomb_is_not_unpacked(path, whole):
    """65 MB of zeros in 64 kB of file."""
    contents = members(whole)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in contents.items():
            archive.writestr(name, data)
        with archive.open("zeros.npy", "w") as member:
            for _ in range(65):
                member.write(bytes(2**20))
    assert path.stat().st_size < 2**20
    assert peak_bytes(path) < 4 * 2**20


def test_many_small_bombs(path, whole):
    write(path, {**members(whole), **{f"{i}.npy": npy(np.zeros(3)) for i in range(100)}})
    refusal(path)


@pytest.mark.parametrize("claimed", [0xFFFFFFF0, 10, 0])
def test_sizes_that_lie(path, claimed):
    """The archive's directory tells a wrong size: at most this size is unpacked."""
    write(path, {"W.npy": bytes(2**24)})
    data = bytearray(path.read_bytes())
    central = data.rindex(b"PK\x01\x02")
    data[central + 24 : central + 28] = struct.pack("<I", claimed)
    path.write_bytes(data)
    assert peak_bytes(path) < 2**21


def test_header_that_promises_too_large_an_array(path, whole):
    write(path, {**members(whole), "W.npy": raw_npy("<f2", "(1000000000, 1000000000)", bytes(1000))})
    assert peak_bytes(path) < 2**20


def test_large_file_is_not_even_opened(path):
    with open(path, "wb") as file:
        file.truncate(MOST_BYTES + 1)
    assert "64 MB" in refusal(path)
