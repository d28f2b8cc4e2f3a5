"""Preset files whose arrays or meta data are missing, damaged or unknown."""

import numpy as np
import pytest
from conftest import PITCHES, PROVENANCE, make_preset
from preset_bytes import ARRAYS, arrays_of, members, npy, preset_bytes, raw_npy, refusal, with_array, with_meta, write

from rtsep.errors import RtsepError
from rtsep.presets.halves import half_rows, whole_rows
from rtsep.presets.preset import FORMAT_VERSION, ROWS_PER_PITCH, load_preset, save_preset


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The bytes of a valid preset file."""
    return preset_bytes(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def path(tmp_path):
    """The path for a file that can be refused."""
    return tmp_path / "suspect.npz"


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
    """A function that changes one element (or slice) of an array, or its dtype."""

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
    """This version cannot judge what W means in a later format."""
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


def test_half_precision_loses_only_once(rng):
    """Rows that were in half precision once stay as they are. Their errors are at most one step of half precision."""
    rows = (rng.standard_normal((40, 300)) * 10.0 ** rng.integers(-9, 1, (40, 300)) * 10.0 ** rng.integers(-6, 6, (40, 1)))
    rows[3], rows[4, 5:] = 0, 0
    rows = rows.astype(np.float32)
    once = whole_rows(*half_rows(rows))
    assert np.array_equal(whole_rows(*half_rows(once)), once) and not once[3].any()
    peaks = np.abs(rows).max(axis=1, keepdims=True)
    assert (np.abs(once - rows) <= np.maximum(np.abs(rows) * 2.0**-11, peaks * 2.0**-25) * 1.001).all()
