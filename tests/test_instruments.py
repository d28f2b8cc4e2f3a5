"""Which preset each stem plays: what was said, General MIDI programs, and the default; in `render` and live."""

import dataclasses
import json

import mido
import numpy as np
import pytest
import soundfile
from conftest import SMALL, make_preset, prepared, two_parts
from midi_bytes import off, on, smf, track
from native_callback import warmed

from rtsep.cli import main
from rtsep.errors import RtsepError
from rtsep.hosts.controls import Controls
from rtsep.hosts.lanes import CAPACITY, MIX
from rtsep.hosts.notewatch import NoteWatch
from rtsep.hosts.player import Player
from rtsep.notes.names import find_stem
from rtsep.notes.programs import DRUMS, describe
from rtsep.notes.routing import Routing, by_channel, by_channels, by_split, by_track
from rtsep.notes.score import read_midi
from rtsep.presets.instruments import choose, covering, programs_by_name
from rtsep.presets.instruments import stem_programs as programs_of_stems
from rtsep.presets.preset import load_preset, read_programs, save_preset
from rtsep.presets.wish import Wish, parse_wish

NAMES = ("left_hand", "cello", "violin_i")


def program(number, channel=0):
    return bytes((0xC0 | channel, number))


def stem_programs(routing, score):
    """Without stems of their own."""
    return programs_of_stems(routing, score, np.zeros(len(score.seconds), np.uint32))


def note(pitch, channel=0, length=480):
    return (0, on(pitch, 64, channel)), (length, off(pitch, channel))


@pytest.fixture
def presets(tmp_path, monkeypatch):
    """The user's folder with `cello` (42) and `strings` (40 to 44, 48), and no bundled presets but the real piano's name."""
    folder = tmp_path / "presets"
    folder.mkdir()
    for name, programs in (("cello", (42,)), ("strings", (48, 40, 41, 42, 43, 44)), ("kit", (DRUMS,)), ("piano", ())):
        save_preset(dataclasses.replace(make_preset(seed=len(name)), programs=programs), folder / f"{name}.npz")
    (folder / "damaged.npz").write_bytes(b"no preset")
    monkeypatch.setattr("rtsep.presets.library.user_folder", lambda: folder)
    monkeypatch.setattr("rtsep.presets.library.bundled_presets", list)
    monkeypatch.setattr("rtsep.presets.instruments.bundled_presets", list)
    return folder


@pytest.fixture
def midi_of(tmp_path):
    def write(*tracks):
        path = tmp_path / "file.mid"
        path.write_bytes(smf(*tracks))
        return read_midi(path)

    return write


# --- programs of a file -----------------------------------------------------------------------------------------------


def test_programs_of_tracks_and_channels(midi_of):
    score = midi_of(
        track((0, program(42)), *note(48), *note(50)),
        track(*note(60, 1), (0, program(73, 1)), *note(62, 1), *note(64, 1)),  # too late for its first note
        track(*note(36, 9), (0, program(8, 9))),
        track(*note(60, 3)))
    assert score.programs == {(0, 0): 42, (1, 1): 73, (2, 9): DRUMS, (3, 3): 0}
    assert stem_programs(by_track(score), score) == [42, 73, DRUMS, 0]
    assert stem_programs(by_channel(score), score) == [42, 73, 0, DRUMS], "channels 1, 2, 4, 10"


def test_a_change_in_a_track_without_notes_counts_unless_there_is_an_own_one(midi_of):
    score = midi_of(track((0, program(40)), (0, program(56, 1))), track(*note(60)), track((0, program(71, 1)), *note(60, 1)))
    assert score.programs == {(0, 0): 40, (1, 1): 71}


def test_tracks_that_share_a_channel_keep_their_own_programs(midi_of):
    score = midi_of(track(*note(60)), track((0, program(42)), *note(48)), track((0, program(40)), *note(72)))
    assert score.programs == {(0, 0): 0, (1, 0): 42, (2, 0): 40}


def test_stems_across_tracks_go_by_most_notes(midi_of):
    score = midi_of(track((0, program(42)), *note(40), *note(70)), track((0, program(40, 1)), *note(72, 1), *note(74, 1)))
    assert stem_programs(by_split(score, 60), score) == [42, 40]


def test_no_note_no_program(midi_of):
    score = midi_of(track((0, program(42)), *note(40)))
    assert stem_programs(by_split(score, 20), score) == [0, 42]


def test_programs_for_people():
    assert describe([40, 0, 2, 1, DRUMS, 7, 8]) == (
        "0 to 2 (piano), 7 (piano), 8 (chromatic percussion), 40 (strings), 128 (drums)")


# --- what a preset says of itself -------------------------------------------------------------------------------------


def test_programs_are_kept_in_the_file(tmp_path, capsys):
    save_preset(dataclasses.replace(make_preset(), programs=(DRUMS, 0, 5)), tmp_path / "p.npz")
    assert load_preset(tmp_path / "p.npz").programs == (0, 5, DRUMS) == read_programs(tmp_path / "p.npz")
    assert main(["presets", "show", str(tmp_path / "p.npz")]) == 0
    assert "0 (piano), 5 (piano), 128 (drums)" in capsys.readouterr().out


@pytest.mark.parametrize("programs", [3, "0", [-1], [129], [0.5], [True], [None], {"drums": True}])
def test_programs_that_are_none(tmp_path, programs):
    path = tmp_path / "p.npz"
    save_preset(make_preset(), path)
    with np.load(path) as archive:
        arrays = dict(archive)
    meta = {**json.loads(arrays["meta"].tobytes()), "programs": programs}
    np.savez(path, **{**arrays, "meta": np.frombuffer(json.dumps(meta).encode(), np.uint8)})
    for read in (load_preset, read_programs):
        with pytest.raises(RtsepError, match="programs"):
            read(path)


# --- the choice -------------------------------------------------------------------------------------------------------


def chosen(wish, programs, names=NAMES):
    routing = Routing(names, np.full((32, 16, 128), -1, np.int8))
    found = choose(parse_wish(wish), routing, programs)
    return [preset.name for preset in found.presets], list(found.warnings)


def test_by_program_the_most_specific_then_the_family_then_the_piano(presets):
    names, warnings = chosen([], [0, 42, 40])
    assert names == ["piano", "cello", "strings"] and not warnings
    names, warnings = chosen([], [7, 45, 73])
    assert names == ["piano", "strings", "piano"]
    assert len(warnings) == 2 and "45 (strings): cello is played with strings" in warnings[0]
    assert "73 (pipe): violin_i is played with piano; give --preset NAME@violin_i" in warnings[1]
    assert chosen([], [DRUMS, 42, 42])[0] == ["kit", "cello", "cello"]


def test_stems_of_one_preset_share_it(presets):
    routing = Routing(NAMES, np.full((32, 16, 128), -1, np.int8))
    first, second, third = choose(parse_wish([]), routing, [42, 0, 42]).presets
    assert first is third is not second


@pytest.mark.parametrize("wish, names", [
    (["strings"], ["strings", "strings", "strings"]),
    (["kit", "strings@cello"], ["kit", "strings", "kit"]),
    (["kit@Violin I"], ["piano", "cello", "kit"]), (["kit@CELLO", "kit@3"], ["piano", "kit", "kit"]),
    (["kit@1"], ["kit", "cello", "piano"]),
])
def test_what_is_said_goes_before_programs(presets, wish, names):
    assert chosen(wish, [0, 42, 5]) == (names, [])


def test_a_path_with_an_at(presets):
    folder = presets / "me@home"
    folder.mkdir()
    path = (presets / "cello.npz").rename(folder / "cello.npz")
    assert chosen([str(path), f"{path}@2"], [0, 0, 0])[0] == ["cello"] * 3


@pytest.mark.parametrize("wish, words", [
    (["piano", "cello"], ["piano", "cello", "@"]), (["piano@"], ["NAME@STEM"]), (["@2"], ["NAME@STEM"]),
    (["piano@2", "cello@2"], ["2 already plays piano"]), (["piano@2", "strings@cello"], ["same stem"]),
    (["piano@flute"], ["flute", "1 left_hand", "2 cello", "3 violin_i"]), (["piano@0"], ["called 0"]),
    (["piano@4"], ["called 4"]), (["piano@residual"], ["residual"]), (["trombone@2"], ["trombone", "strings"]),
])
def test_wishes_that_cannot_be(presets, wish, words):
    with pytest.raises(RtsepError) as error:
        chosen(wish, [0, 0, 0])
    assert all(word in str(error.value) for word in words) and "\n" not in str(error.value)


def test_numbers_are_channels_where_stems_are_channels():
    names = ("channel_3", "channel_10")
    assert [find_stem(selector, names) for selector in ("3", "10", "Channel 3")] == [0, 1, 0]
    with pytest.raises(RtsepError, match="channel_10"):
        find_stem("1", names)
    assert programs_by_name(by_channels([10, 1])) == [0, DRUMS]


def test_nearest_of_the_family_and_no_other():
    catalogue = {"organ": (16,), "guitar": (24,), "steel": (25,)}
    assert covering(31, catalogue) == "steel" and covering(23, catalogue) == "organ" and covering(32, catalogue) is None
    assert covering(3, {}) is None


def test_bundled_pianos_play_pianos():
    assert chosen([], [0, 1, 3]) == (["piano"] * 3, [])
    assert Wish(None, {}).name == "piano"


# --- render -----------------------------------------------------------------------------------------------------------


def band_of_two(folder, rate=44100):
    """mix.wav and notes.mid: tracks `Piano` (no program) and `Solo` (program 42)."""
    sound = 0.1 * np.sin(2 * np.pi * 261.6 * np.arange(rate) / rate)
    soundfile.write(folder / "mix.wav", sound, rate, "FLOAT")
    file = mido.MidiFile(ticks_per_beat=480)
    for number, name in enumerate(("Piano", "Solo")):
        change = [mido.Message("program_change", program=42)] if number else []
        file.tracks.append(mido.MidiTrack([
            mido.MetaMessage("track_name", name=name), *change, mido.Message("note_on", note=60 + 4 * number),
            mido.Message("note_off", note=60 + 4 * number, time=480)]))
    file.save(folder / "notes.mid")


def render(folder, *options):
    """Run the command in-process; report.json, and its exit code."""
    small = [word for name, value in SMALL.items() for word in ("--set", f"{name}={value}")]
    code = main(["render", str(folder / "mix.wav"), "--midi", str(folder / "notes.mid"), "--out", str(folder / "out"),
                 "--overwrite", *small, *options])
    return json.loads((folder / "out" / "report.json").read_text()) if code == 0 else None


def test_render_tells_each_stems_preset(presets, tmp_path, capsys):
    band_of_two(tmp_path)
    report = render(tmp_path)
    assert [(stem["name"], stem.get("preset")) for stem in report["stems"]] == [
        ("piano", "piano"), ("solo", "cello"), ("residual", None)]
    assert report["preset"] == "piano, cello" and report["warnings"] == []
    assert "piano with piano, solo with cello" in capsys.readouterr().out
    report = render(tmp_path, "--preset", "strings", "--preset", "kit@solo")
    assert [stem.get("preset") for stem in report["stems"]] == ["strings", "kit", None]
    (presets / "cello.npz").unlink()
    (presets / "strings.npz").unlink()
    assert any("42 (strings): solo is played with piano" in warning for warning in render(tmp_path)["warnings"])


def test_render_refuses_a_stem_that_is_not_there(presets, tmp_path, capsys):
    band_of_two(tmp_path)
    assert render(tmp_path, "--preset", "cello@Oboe") is None
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1 and "1 piano, 2 solo" in told[0] and not (tmp_path / "out").exists()


# --- live -------------------------------------------------------------------------------------------------------------


def test_another_preset_for_one_instrument_while_playing(presets, tmp_path):
    hands = load_preset(presets / "piano.npz")
    table = np.full((32, 16, 128), -1, np.int8)
    table[:3] = np.arange(3)[:, None, None]
    separator = prepared([hands, load_preset(presets / "cello.npz"), hands], Routing(("left", "cello", "right"), table),
                         SMALL, 1, max_block=CAPACITY)
    player = Player(separator, warmed(separator, [(MIX, 0)]), Controls(tmp_path / "controls.json"), NoteWatch(None, ()), 1)
    player.use_preset("strings", "right")
    assert [player.preset_of(stem) for stem in player.stem_names] == ["strings", "cello", "strings", "strings"]
    player.use_preset("strings", "cello")
    player.use_preset("kit", "cello")
    assert player.preset_name == "strings, kit" and player.said.text == "preset strings, kit"
    player.use_preset("cello")
    assert player.preset_name == "cello"


def test_separator_with_the_presets_of_two_stems(presets):
    found = choose(parse_wish(["cello@2"]), two_parts(), [0, 0])
    separator = prepared(found.presets, two_parts())
    assert [preset.name for preset in separator.instruments] == ["piano", "cello"]
