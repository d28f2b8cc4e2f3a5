"""Keys of drum kits: General MIDI's, those of electronic kits, and a user's own map."""

import dataclasses

import numpy as np
import pytest
from conftest import make_preset
from midi_bytes import END, TICKS, meta, off, on, read_bytes, smf, track
from render_files import fill, refused, render, report_of, sounds_of

from rtsep.errors import RtsepError
from rtsep.hosts.live_job import LiveJob, route_live
from rtsep.notes.drum_maps import DRUM_GROUPS, group_of, read_drum_map, stand_ins
from rtsep.notes.hints import drum_keys
from rtsep.notes.routing import by_drum
from rtsep.presets.preset import save_preset
from rtsep.presets.stand_ins import with_stand_ins

ROLAND = {36: "kick", 38: "snare", 40: "snare", 37: "snare", 48: "toms", 50: "toms", 45: "toms", 47: "toms", 43: "toms",
          58: "toms", 46: "hihat", 26: "hihat", 42: "hihat", 22: "hihat", 44: "hihat", 49: "cymbals", 55: "cymbals",
          57: "cymbals", 52: "cymbals", 51: "cymbals", 59: "cymbals", 53: "cymbals"}
ALESIS = {36: "kick", 38: "snare", 40: "snare", 48: "toms", 45: "toms", 43: "toms", 58: "toms", 41: "toms", 46: "hihat",
          23: "hihat", 42: "hihat", 44: "hihat", 21: "hihat", 49: "cymbals", 57: "cymbals", 51: "cymbals", 53: "cymbals"}
YAMAHA = {33: "kick", 31: "snare", 34: "snare", 37: "snare", 48: "toms", 47: "toms", 43: "toms", 46: "hihat", 42: "hihat",
          44: "hihat", 78: "hihat", 79: "hihat", 83: "hihat", 49: "cymbals", 57: "cymbals", 51: "cymbals", 53: "cymbals"}


def kit(*pitches, channel=9):
    """A MIDI file with one stroke of each key, a quarter of a second apart."""
    events = [event for pitch in pitches for event in ((TICKS // 4, on(pitch, 90, channel)), (TICKS // 4, off(pitch, channel)))]
    return smf(track((0, meta(3, b"TD-11")), *events, END), style=0)


@pytest.mark.parametrize("keys", [ROLAND, ALESIS, YAMAHA])
def test_kits_of_three_makers(tmp_path, keys):
    routing = by_drum(read_bytes(tmp_path / "x.mid", kit(*keys)))
    assert {key: routing.names[routing.table[0, 9, key]] for key in keys} == keys
    assert list(routing.names) == [name for name in DRUM_GROUPS if name in keys.values()]


def test_general_midi_keeps_its_own_keys(tmp_path):
    score = read_bytes(tmp_path / "x.mid", kit(36, 58, 78, 79))
    routing = by_drum(score)
    assert [routing.names[routing.table[0, 9, key]] for key in (36, 58, 78, 79)] == ["kick", *["percussion"] * 3]
    assert drum_keys(score, "drum", None) == {}


def test_every_stand_in_is_a_drum():
    assert all(group_of(like, {}) for played in (ROLAND, ALESIS, YAMAHA) for like in stand_ins(played).values())


def test_keys_of_drums_only(tmp_path):
    assert drum_keys(read_bytes(tmp_path / "x.mid", kit(22, 36)), "track", None) == {22: 42}
    pads = read_bytes(tmp_path / "x.mid", kit(22, 36, channel=0))
    assert drum_keys(pads, "track", None) == {} and drum_keys(pads, "drum", None) == {22: 42}


# --- your own map -----------------------------------------------------------------------------------------------------


def test_a_map(tmp_path):
    path = tmp_path / "kit.csv"
    path.write_text("\ufeffNote,Group\n# my pads\n\n22,toms\nF#1 , Kick # left foot\n60;cymbals\n61\tsnare\n\"62\",hihat\n")
    found = read_drum_map(path)
    assert found == {22: "toms", 30: "kick", 60: "cymbals", 61: "snare", 62: "hihat"}
    routing = by_drum(read_bytes(tmp_path / "x.mid", kit(22, 30, 60, 61, 62, 36)), found)
    assert [routing.names[routing.table[0, 9, key]] for key in (22, 30, 60, 61, 62, 36)] == [
        "toms", "kick", "cymbals", "snare", "hihat", "kick"]


@pytest.mark.parametrize("text, words", [
    ("", "names no drum"), ("note,group\n", "names no drum"), ("22,bongo", "line 1"), ("36,kick\n22", "line 2"),
    ("H9,kick", "line 1: pitch 'H9'"), ("200,kick", "line 1"), ("36,kick\nnote,group", "line 2"),
])
def test_maps_that_cannot_be(tmp_path, text, words):
    (tmp_path / "kit.csv").write_text(text)
    with pytest.raises(RtsepError, match=words) as error:
        read_drum_map(tmp_path / "kit.csv")
    assert "22,hihat" in str(error.value) or "C4" in str(error.value)


def test_files_that_are_no_map(tmp_path):
    (tmp_path / "x").write_bytes(b"\xff\xfe\0\0")
    (tmp_path / "long").write_text("36,kick\n" * 20000)
    for name in ("x", "long", "missing", "."):
        with pytest.raises(RtsepError, match="drum map"):
            read_drum_map(tmp_path / name)


# --- presets ----------------------------------------------------------------------------------------------------------


def test_a_preset_plays_keys_that_it_lacks():
    preset = make_preset((36, 42, 46))
    found = with_stand_ins(preset, {22: 42, 26: 46, 33: 36, 58: 43, 36: 42})
    assert found.pitches.tolist() == [22, 26, 33, 36, 42, 46]
    assert np.array_equal(found.W[found.row_pitch == 22], preset.W[preset.row_pitch == 42])
    assert np.array_equal(found.W[found.row_pitch == 36], preset.W[preset.row_pitch == 36]), "a drum of the preset stays"
    assert found.release_s[26] == preset.release_s[46] and found.choke[22] == preset.choke[42]
    assert len(found.row_role) == len(found.row_age_s) == len(found.W)
    assert with_stand_ins(preset, {58: 43}) is preset


@pytest.fixture
def folder(tmp_path):
    """A folder with mix.wav and kit.npz, which plays 36, 38 and 60."""
    fill(tmp_path)
    save_preset(dataclasses.replace(make_preset((38, 42, 60), window=2048, rate=22050.0)), tmp_path / "kit.npz")
    return tmp_path


@pytest.mark.parametrize("by, stem", [("drum", "hihat"), ("track", "td_11")])
def test_hihat_edges_sound_like_the_hihat(folder, by, stem):
    for key in (42, 22):
        (folder / f"{key}.mid").write_bytes(kit(key, key, key))
        assert render(folder, "--by", by, midi=f"{key}.mid", preset="kit.npz", out=f"{key}") == 0
        assert not report_of(folder, f"{key}")["notes_out_of_range"]
    edge, hat = sounds_of(folder, "22")[stem], sounds_of(folder, "42")[stem]
    assert np.sum((edge - hat) ** 2) < 0.01 * np.sum(hat**2) > 0


def test_a_map_in_render(folder, capsys):
    (folder / "map.txt").write_text("70,hihat\n")
    (folder / "70.mid").write_bytes(kit(70, 70))
    assert render(folder, "--by", "drum", "--drum-map", str(folder / "map.txt"), midi="70.mid", preset="kit.npz") == 0
    assert list(sounds_of(folder)) == ["hihat", "residual"] and np.abs(sounds_of(folder)["hihat"]).max() > 0
    (folder / "map.txt").write_text("70,bell\n")
    capsys.readouterr()
    code = render(folder, "--by", "drum", "--drum-map", str(folder / "map.txt"), midi="70.mid", preset="kit.npz", out="bad")
    refused(capsys, folder, code, "map.txt, line 1", "hihat", out="bad")


def test_a_map_live(tmp_path):
    (tmp_path / "map.txt").write_text("100,kick\n")
    routing = route_live(LiveJob(by="drum", drum_map=tmp_path / "map.txt"), "x", True)
    assert routing.names[routing.table[0, 0, 100]] == "kick" and routing.names[routing.table[0, 0, 22]] == "hihat"
