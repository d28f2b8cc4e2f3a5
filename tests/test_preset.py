"""Preset files: what is written comes back; whatever else comes is refused in one line and never executed."""

import dataclasses
import io
import json
import os
import pickle
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from conftest import PITCHES, PROVENANCE, make_preset

from rtsep.errors import RtsepError
from rtsep.files.archive import MOST_BYTES
from rtsep.presets.library import bundled_presets, find_preset, user_presets
from rtsep.presets.preset import (
    FORMAT_VERSION,
    ROWS_PER_PITCH,
    load_preset,
    save_preset,
)

ARRAYS = ("meta", "W", "row_pitch", "row_role", "release_s", "decay_s")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A sound preset file's bytes."""
    path = tmp_path_factory.mktemp("whole") / "whole.npz"
    save_preset(make_preset(), path)
    return path.read_bytes()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "suspect.npz"


def members(data):
    """{name: bytes of the .npy} of a preset file."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    return stream.getvalue()


def raw_npy(descr, shape, payload=b"", version=b"\x01\x00", order="False"):
    """An .npy whose header says what it likes."""
    header = f"{{'descr': {descr!r}, 'fortran_order': {order}, 'shape': {shape}, }}"
    header = header.ljust((-(10 + len(header) + 1) % 64) + len(header)) + "\n"
    size = struct.pack("<H" if version == b"\x01\x00" else "<I", len(header))
    return b"\x93NUMPY" + version + size + header.encode() + payload


def write(path, contents, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in contents.items():
            archive.writestr(name, data)


def refusal(path, *words):
    """The one line that names the file, says one of the words, and what to do."""
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


# --- round trip -------------------------------------------------------------------------------------------------------


def test_round_trip(tmp_path):
    preset = dataclasses.replace(make_preset(rows=4), defaults={"iterations": 7, "mask_power": 1.5, "gate": False})
    path = tmp_path / "mine.npz"
    save_preset(preset, path)
    loaded = load_preset(path)
    np.testing.assert_allclose(loaded.W, preset.W, atol=6e-4 * preset.W.max())
    np.testing.assert_allclose(loaded.W.sum(axis=1), 1, atol=1e-5)
    assert loaded.W.dtype == np.float32 and loaded.row_pitch.dtype == np.int16 and loaded.name == "mine"
    assert loaded.pitches.tolist() == list(PITCHES)
    for field in ("title", "sample_rate", "window_size", "overlap", "row_role", "provenance", "defaults", "notes"):
        assert getattr(loaded, field) == getattr(preset, field), field
    for field in ("row_pitch", "release_s", "decay_s"):
        assert np.array_equal(getattr(loaded, field), getattr(preset, field)), field


def test_ages_and_groups_come_back(tmp_path):
    preset, rng = make_preset(), np.random.default_rng(3)
    age_s = np.sort(rng.random((len(preset.W), 2)), axis=1).astype(np.float32)
    age_s[3] = preset.row_age_s[3]
    choke = rng.integers(0, 3, 128).astype(np.int8)
    save_preset(dataclasses.replace(preset, row_age_s=age_s, choke=choke), tmp_path / "kit.npz")
    loaded = load_preset(tmp_path / "kit.npz")
    assert np.array_equal(loaded.row_age_s, age_s) and np.array_equal(loaded.choke, choke) and loaded.notes == ()


@pytest.mark.parametrize("name, array, word", [
    ("row_age_s", np.zeros((12, 2), np.float32), "row_age_s"), ("row_age_s", np.ones((3, 2), np.float32), "row_age_s"),
    ("row_age_s", np.tile(np.float32([-1, 2]), (12, 1)), "row_age_s"),
    ("row_age_s", np.full((12, 2), np.nan, np.float32), "row_age_s"),
    ("row_age_s", np.tile([0, 1], (12, 1)), "row_age_s"), ("choke", np.zeros(12, np.int8), "choke"),
    ("choke", np.zeros(128, np.float32), "choke"),
])
def test_odd_ages_and_groups_are_damage(tmp_path, whole, name, array, word):
    write(tmp_path / "odd.npz", with_array(whole, name, array))
    refusal(tmp_path / "odd.npz", word)


def test_saved_again_nothing_changes(tmp_path, whole):
    one, two = tmp_path / "one.npz", tmp_path / "two.npz"
    one.write_bytes(whole)
    save_preset(load_preset(one), two)
    first, second = load_preset(one), load_preset(two)
    np.testing.assert_allclose(first.W, second.W, rtol=2e-3, atol=1e-9)


def test_same_preset_same_bytes(tmp_path, whole):
    for name in ("b.npz", "c.npz"):
        save_preset(make_preset(), tmp_path / name)
        assert (tmp_path / name).read_bytes() == whole


def test_numpy_reads_it_without_pickles(tmp_path, whole):
    (tmp_path / "a.npz").write_bytes(whole)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as archive:
        assert set(archive.files) == set(ARRAYS)
        assert archive["W"].dtype == np.float16 and (archive["W"].max(axis=1) == 1).all()


def test_quiet_rows_survive_half_precision(tmp_path):
    preset = make_preset()
    W = preset.W.copy()
    W[0] = 1e-9
    W[0, 40] = 1
    save_preset(dataclasses.replace(preset, W=W), tmp_path / "a.npz")
    loaded = load_preset(tmp_path / "a.npz")
    assert np.isfinite(loaded.W).all() and loaded.W[0, 40] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_packing_does_not_matter(path, whole, compression):
    write(path, members(whole), compression)
    assert load_preset(path).pitches.tolist() == list(PITCHES)


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
    """Whatever byte is damaged: refused in one line, or it was one that nobody reads."""
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
    """Damage that the checksum does not know of."""
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
    """The flag alone will do: it must not ask for a password."""
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


# --- arrays that are missing or wrong ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ARRAYS)
def test_missing_array(path, whole, name):
    contents = members(whole)
    del contents[f"{name}.npy"]
    write(path, contents)
    refusal(path, f"no {name}")


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("data", [
    b"", b"\x93NUMPY", b"\x93NUMPY\x01\x00\xff\xff", b"not an array", raw_npy("<f4", "(3,)"), raw_npy("<f4", "(0, 0)"),
    raw_npy("<f4", "()", bytes(4)), raw_npy("<f4", "(-1,)", bytes(4)), raw_npy("<f4", "(-1, -1)", bytes(4)),
    raw_npy("<f4", "(1000000000000, 1000000)", bytes(100)), raw_npy("<f4", f"({10**30},)", bytes(100)),
    raw_npy("<f4", "('a',)"), raw_npy("<f4", "{}"), raw_npy("|S9", "(128,)", bytes(9 * 128)),
    raw_npy("<U1", "(2,)", bytes(8)), raw_npy("|V8", "(2,)", bytes(16)), raw_npy("<M8[s]", "(2,)", bytes(16)),
    raw_npy("|b1", "(128,)", bytes(128)), raw_npy("bogus", "(1,)", bytes(8)), raw_npy([("a", "<f4")], "(1,)", bytes(4)),
    raw_npy("<f4", "(1,)", bytes(4), b"\x02\x00"), raw_npy("<f4", "(1,)", bytes(4), b"\x09\x00"),
    raw_npy("<f4", "(0,)", order="'maybe'"), npy(np.zeros((2, 2, 2), np.float32)),
], ids=lambda data: str(len(data)))
def test_array_that_is_none_or_of_another_kind(path, whole, name, data):
    write(path, {**members(whole), f"{name}.npy": data})
    refusal(path)


@pytest.mark.parametrize("name", [
    *ARRAYS
])
def test_complex_array(path, whole, name):
    write(path, {**members(whole), f"{name}.npy": raw_npy("<c8", "(2,)", bytes(16))})
    refusal(path)


def changed(index, value, dtype=None):
    """A change to an array: one element (or slice), or its dtype."""

    def change(array):
        array = array.astype(dtype or array.dtype)
        array[index] = value
        return array

    return change


@pytest.mark.parametrize("name, change, words", [
    ("W", changed((0, 3), np.nan), ["missing numbers"]),
    ("W", changed((5, 100), np.inf), ["missing numbers"]),
    ("W", changed((0, 3), -1e-3), ["negative"]),
    ("W", changed(4, 0), ["empty row"]),
    ("W", lambda W: W[:-1], ["fit"]),
    ("W", lambda W: W[:, :-1], ["fit"]),
    ("W", lambda W: W.T, ["fit"]),
    ("W", lambda W: W[:0], ["shape"]),
    ("W", lambda W: W[0], ["table"]),
    ("W", lambda W: W.astype(np.int16), ["table"]),
    ("W", lambda W: W.astype(np.complex64), ["table"]),
    ("W", lambda W: np.ones((4097, 513), np.float16), ["shape"]),
    ("W", lambda W: np.ones((12, 8195), np.float16), ["shape"]),
    ("row_pitch", changed(0, 70), ["order"]),
    ("row_pitch", changed(-1, 128), ["order"]),
    ("row_pitch", changed(0, -1), ["order"]),
    ("row_pitch", changed(slice(None), 60), [f"{ROWS_PER_PITCH} rows"]),
    ("row_pitch", changed(0, 48.5, np.float32), ["fit"]),
    ("row_pitch", lambda pitch: pitch[:-1], ["fit"]),
    ("row_pitch", lambda pitch: pitch[:, None], ["fit"]),
    ("row_role", changed(0, 200), ["fit"]),
    ("row_role", changed(0, -1, np.int8), ["fit"]),
    ("row_role", lambda role: role[:-1], ["fit"]),
    ("release_s", changed(127, np.nan), ["120 s"]),
    ("release_s", changed(0, -0.1), ["120 s"]),
    ("release_s", lambda times: times[:-1], ["128"]),
    ("decay_s", changed(60, np.inf), ["120 s"]),
    ("decay_s", changed(60, 121), ["120 s"]),
    ("decay_s", lambda times: times.astype(int), ["128"]),
    ("meta", lambda meta: meta[:-1], []),
    ("meta", lambda meta: np.frombuffer(b"[1]", np.uint8), ["format version"]),
    ("meta", lambda meta: np.frombuffer(b"\xff\xfe{}", np.uint8), []),
    ("meta", lambda meta: np.frombuffer(b"[" * 100000, np.uint8), []),
    ("meta", lambda meta: np.frombuffer(b'{"format_version": ' + b"9" * 5000 + b"}", np.uint8), []),
])
def test_damaged_array(path, whole, name, change, words):
    write(path, with_array(whole, name, change(arrays_of(whole)[name].copy())))
    refusal(path, *words)


@pytest.mark.parametrize("value, dtype", [(1e300, np.float64), (3e38, np.float32)])
def test_templates_beyond_single_precision(path, whole, value, dtype):
    write(path, with_array(whole, "W", np.full((12, 513), value, dtype)))
    try:
        np.testing.assert_allclose(load_preset(path).W.sum(axis=1), 1, atol=1e-5)
    except RtsepError as error:
        assert str(path) in str(error)


def test_just_as_many_rows_per_pitch_as_allowed(tmp_path):
    save_preset(make_preset(rows=ROWS_PER_PITCH), tmp_path / "a.npz")
    assert load_preset(tmp_path / "a.npz").W.shape[0] == 6 * ROWS_PER_PITCH
    save_preset(make_preset(rows=ROWS_PER_PITCH + 1), tmp_path / "b.npz")
    refusal(tmp_path / "b.npz", f"{ROWS_PER_PITCH} rows")


@pytest.mark.parametrize("changes, words", [
    ({"format_version": ...}, ["format version"]),
    ({"format_version": "1"}, ["format version"]),
    ({"format_version": None}, ["format version"]),
    ({"format_version": FORMAT_VERSION + 1}, ["update rtsep"]),
    ({"format_version": 10**30, "W": "elsewhere"}, ["update rtsep"]),
    ({"title": ...}, ["title"]),
    ({"sample_rate": ...}, ["sample_rate"]),
    ({"sample_rate": 0}, ["sample rate"]),
    ({"sample_rate": 7999}, ["sample rate"]),
    ({"sample_rate": 1e9}, ["sample rate"]),
    ({"sample_rate": float("nan")}, ["sample rate"]),
    ({"sample_rate": "44100"}, ["sample rate"]),
    ({"sample_rate": True}, ["sample rate"]),
    ({"sample_rate": [44100]}, ["sample rate"]),
    ({"window_size": 2048}, ["window_size"]),
    ({"window_size": 1025}, ["window_size"]),
    ({"window_size": 1024.0}, ["window_size"]),
    ({"window_size": "1024"}, ["window_size"]),
    ({"overlap": 0}, ["overlap"]),
    ({"overlap": 1025}, ["overlap"]),
    ({"overlap": None}, ["overlap"]),
    ({"roles": ["attack"]}, ["row_role"]),
    ({"roles": "attack"}, ["roles"]),
    ({"roles": [1, 2]}, ["roles"]),
    ({"provenance": []}, ["provenance"]),
    ({"provenance": {**PROVENANCE, "licence": 3}}, ["provenance"]),
    ({"provenance": {"source": "x"}}, ["provenance"]),
    ({"defaults": []}, ["defaults"]),
    ({"defaults": {"iterations": 5, "loudness": 11}}, ["loudness"]),
    ({"defaults": {"iterations": 0}}, ["iterations = 0"]),
    ({"defaults": {"iterations": 51}}, ["iterations = 51"]),
    ({"defaults": {"iterations": "many"}}, ["iterations = many"]),
    ({"defaults": {"mask_power": 0.7}}, ["mask_power"]),
    ({"defaults": {"mode": "slow"}}, ["mode = slow"]),
    ({"defaults": {"gain_db": 3}}, ["gain_db.STEM"]),
    ({"defaults": {"iterations": None}}, []),
    ({"defaults": {"iterations": [5]}}, []),
    ({"defaults": {"wet\nred": 1}}, ["defaults"]),
])
def test_damaged_meta(path, whole, changes, words):
    write(path, with_meta(whole, **changes))
    refusal(path, *words)


def test_endless_default(path, whole):
    write(path, with_meta(whole, defaults={"iterations": 10**400}))
    refusal(path, "iterations")


def test_future_version_says_so_even_if_the_arrays_are_unknown(path, whole):
    """What a later format means by W is not ours to judge."""
    contents = with_meta(whole, format_version=FORMAT_VERSION + 1)
    contents["W.npy"] = npy(np.zeros((3, 3, 3)))
    write(path, contents)
    message = refusal(path, "update rtsep")
    assert str(FORMAT_VERSION + 1) in message


def test_unknown_arrays_are_ignored_with_a_note(path, whole):
    write(path, {**members(whole), "envelope.npy": npy(np.zeros(3)), "README.txt": b"hello"})
    loaded = load_preset(path)
    assert len(loaded.notes) == 1 and "envelope" in loaded.notes[0]
    assert loaded.pitches.tolist() == list(PITCHES)


def test_unknown_meta_is_ignored(path, whole):
    write(path, with_meta(whole, colour="blue"))
    assert load_preset(path).title == "A small instrument"


def test_long_texts_are_cut(path, whole):
    write(path, with_meta(whole, title="x" * 10**6, provenance={**PROVENANCE, "source": "y" * 10**6}))
    loaded = load_preset(path)
    assert len(loaded.title) <= 200 and len(loaded.provenance["source"]) <= 2000


# --- malice -----------------------------------------------------------------------------------------------------------


class Touch:
    """Unpickled, this creates a file."""

    def __init__(self, target):
        self.target = str(target)

    def __reduce__(self):
        return os.mkdir, (self.target,)


@pytest.fixture
def trap(tmp_path):
    """An object array as .npy whose loading creates the folder `sprung`; with proof that it would."""
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
    """What loading allocates at most while the file is refused."""
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
    """The directory promises more or less than there is: no more than the promise is unpacked."""
    write(path, {"W.npy": bytes(2**24)})
    data = bytearray(path.read_bytes())
    central = data.rindex(b"PK\x01\x02")
    data[central + 24 : central + 28] = struct.pack("<I", claimed)
    path.write_bytes(data)
    assert peak_bytes(path) < 2**21


def test_header_that_promises_the_moon(path, whole):
    write(path, {**members(whole), "W.npy": raw_npy("<f2", "(1000000000, 1000000000)", bytes(1000))})
    assert peak_bytes(path) < 2**20


def test_large_file_is_not_even_opened(path):
    with open(path, "wb") as file:
        file.truncate(MOST_BYTES + 1)
    assert "64 MB" in refusal(path)


# --- finding ----------------------------------------------------------------------------------------------------------


def test_find_by_path_and_by_name(tmp_path, monkeypatch, whole):
    monkeypatch.setattr("rtsep.presets.library.user_folder", lambda: tmp_path)
    (tmp_path / "my-spinet.npz").write_bytes(whole)
    assert find_preset("my-spinet") == tmp_path / "my-spinet.npz"
    assert user_presets() == [tmp_path / "my-spinet.npz"]
    assert str(find_preset("there/here.npz")) == os.path.join("there", "here.npz")
    with pytest.raises(RtsepError, match="my-spinet"):
        find_preset("my-cembalo")


def test_users_preset_goes_before_a_bundled_one(tmp_path, monkeypatch, whole):
    monkeypatch.setattr("rtsep.presets.library.user_folder", lambda: tmp_path)
    monkeypatch.setattr("rtsep.presets.library.bundled_presets", lambda: [tmp_path / "elsewhere" / "piano.npz"])
    assert find_preset("piano") == tmp_path / "elsewhere" / "piano.npz"
    (tmp_path / "piano.npz").write_bytes(whole)
    assert find_preset("piano") == tmp_path / "piano.npz"


def test_no_user_folder_is_no_error(tmp_path, monkeypatch):
    monkeypatch.setattr("rtsep.presets.library.user_folder", lambda: tmp_path / "nowhere")
    assert user_presets() == []


def test_bundled_presets_are_sound():
    for path in bundled_presets():
        preset = load_preset(path)
        assert preset.notes == () and preset.title and len(preset.pitches) > 0


def test_saving_where_one_cannot(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RtsepError):
        save_preset(make_preset(), tmp_path / "file" / "below.npz")


def test_mixer_settings_are_the_players(path, whole):
    """Levels, dry/wet and bypass belong to who listens, not to an instrument."""
    for name, value in (("wet", 0.5), ("bypass", True), ("gain_db.left", -6)):
        write(path, with_meta(whole, defaults={name: value}))
        refusal(path, "mixer")
