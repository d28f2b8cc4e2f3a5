"""Preset files: reading gives back what was written, and presets are found by name, with any files in the folders."""

import dataclasses
import os
import zipfile

import numpy as np
import pytest
from conftest import PITCHES, make_preset
from preset_bytes import ARRAYS, members, preset_bytes, refusal, with_array, with_meta, write

from rtsep.errors import RtsepError
from rtsep.presets.library import bundled_presets, find_preset, user_presets
from rtsep.presets.preset import load_preset, save_preset


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The bytes of a valid preset file."""
    return preset_bytes(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def path(tmp_path):
    """The path for a file that can be refused."""
    return tmp_path / "suspect.npz"


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


# --- finding ----------------------------------------------------------------------------------------------------------


def test_find_by_path_and_by_name(tmp_path, monkeypatch, whole):
    monkeypatch.setattr("rtsep.presets.library.user_folder", lambda: tmp_path)
    (tmp_path / "my-spinet.npz").write_bytes(whole)
    assert find_preset("my-spinet") == tmp_path / "my-spinet.npz"
    assert user_presets() == [tmp_path / "my-spinet.npz"]
    assert str(find_preset("there/here.npz")) == os.path.join("there", "here.npz")
    with pytest.raises(RtsepError, match="my-spinet"):
        find_preset("my-cembalo")


def test_a_users_preset_goes_before_a_bundled_one(tmp_path, monkeypatch, whole):
    monkeypatch.setattr("rtsep.presets.library.user_folder", lambda: tmp_path)
    monkeypatch.setattr("rtsep.presets.library.bundled_presets", lambda: [tmp_path / "elsewhere" / "piano.npz"])
    assert find_preset("piano") == tmp_path / "elsewhere" / "piano.npz"
    (tmp_path / "piano.npz").write_bytes(whole)
    assert find_preset("piano") == tmp_path / "piano.npz"


def test_no_user_folder_is_no_error(tmp_path, monkeypatch):
    monkeypatch.setattr("rtsep.presets.library.user_folder", lambda: tmp_path / "nowhere")
    assert user_presets() == []


def test_bundled_presets_are_valid():
    for path in bundled_presets():
        preset = load_preset(path)
        assert preset.notes == () and preset.title and len(preset.pitches) > 0


def test_saving_where_one_cannot(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RtsepError):
        save_preset(make_preset(), tmp_path / "file" / "below.npz")


def test_mixer_settings_are_not_kept_in_presets(path, whole):
    """Levels, dry/wet and bypass belong to the listener, not to an instrument."""
    for name, value in (("wet", 0.5), ("bypass", True), ("gain_db.left", -6)):
        write(path, with_meta(whole, defaults={name: value}))
        refusal(path, "mixer")
