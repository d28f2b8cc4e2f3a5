"""Set-ups that are written while playing: new scenes, renamed stems, and a recording that plays."""

import numpy as np
import pytest
import soundfile
from midi_bytes import off, on, smf, track
from pretended_card import RATE, Card, Face, job
from test_setup_live import show
from test_setups import options

from rtsep.errors import RtsepError
from rtsep.hosts.live import live
from rtsep.hosts.panel import Panel
from rtsep.hosts.recording import open_recording
from rtsep.hosts.setup_reading import read_setup

NAMED = """# Friday
by = "all"
route = "piano=1-2"
mute = ["residual"]
[parameters]
mode = "live"
window_samples = 1024
latency_samples = 256
[controls]
"gain_db.piano" = [1, 7]
[[scene]]
name = "Intro"   # slowly
preset = "piano"
[[scene]]
gains = {piano = -20}
preset = ["piano@piano"]
"""




def play(job, *steps):
    """Play live; at each tick comes the next key or function. Returns the face."""
    panel, face = Panel(), Face()
    face.steps = [step if callable(step) else lambda player, key=step: panel.press(key, player) for step in steps]
    live(job, lambda rescan: Card(), face)
    return face


def again(tmp_path, name="show.toml"):
    """Read the set-up that was written, and check that all its scenes can be played."""
    setup = read_setup(str(tmp_path / name))
    told = []

    def note(player):
        told.append((player.setlist.told, player.separator.plays, {stem: player.value(f"gain_db.{stem}")
                     for stem in player.stem_names if player.value(f"gain_db.{stem}")}, set(player.muted)))

    steps = [note] + [step for _ in setup.scenes[1:] for step in ("}", note)]
    play(show(tmp_path, setup.text, by=setup.options.get("by", "port"), routes=setup.options.get("route", ())), *steps)
    return setup, told


def test_a_key_adds_what_is_set_as_a_scene_and_keeps_the_file_s_comments(tmp_path):
    face = play(show(tmp_path, NAMED, by="all"), "}", "-", "-", "A", "{", "}", "}")
    text = (tmp_path / "show.toml").read_text()
    assert text.startswith(NAMED.rstrip()), "the comments stay, too"
    assert (tmp_path / "show.toml~").read_text() == NAMED
    assert any(each.text.endswith("show.toml: scene 3 of 3: 3") for each in face.statuses[-1].messages)
    assert face.statuses[-1].scene == "scene 3 of 3: 3", "the new scene can be chosen at once"
    setup, told = again(tmp_path)
    assert [scene.name for scene in setup.scenes] == ["Intro", "2", "3"]
    assert told == [("scene 1 of 3: Intro", ("piano",), {}, {"residual"}),
                    ("scene 2 of 3: 2", ("piano",), {"piano": -20.0}, {"residual"}),
                    ("scene 3 of 3: 3", ("piano",), {"piano": -22.0}, {"residual"})]


def test_a_scene_in_which_nothing_is_muted_is_told_from_those_before(tmp_path):
    play(show(tmp_path, NAMED, by="all"), lambda player: player.mute("residual", False), "A")
    _setup, told = again(tmp_path)
    assert [muted for *_, muted in told] == [{"residual"}, {"residual"}, set()]


def test_the_first_scene_of_a_session_without_a_set_up_is_written_too(tmp_path):
    face = play(job(tmp_path, save_setup=str(tmp_path / "new.toml")), "-", "A", "-", "A", "{")
    assert face.statuses[-1].scene == "scene 1 of 2: 1"
    _setup, told = again(tmp_path, "new.toml")
    assert [gains for _, _, gains, _ in told] == [{"low": -1.0}, {"low": -2.0}]


def test_scenes_that_stand_in_one_line_are_written_below_each_other(tmp_path):
    play(show(tmp_path, 'by = "split"\nscene = [{name = "one"}]\n'), "-", "A")
    setup, told = again(tmp_path)
    assert [scene.name for scene in setup.scenes] == ["one", "2"] and told[1][2] == {"low": -1.0}


def test_a_saved_preset_renames_its_stem_in_all_scenes_routes_and_knobs(tmp_path):
    """The first scene's preset gives the stem its name, so the other scenes must use this name, too."""
    def stem(player):
        return player.shown_names[0]

    names = []
    play(show(tmp_path, NAMED, by="all", routes=("piano=1-2",)), "p", lambda player: names.append(stem(player)), "S", "}", "-",
         "S", "A")
    [name] = names
    assert name != "piano"
    setup, told = again(tmp_path)
    assert setup.options["route"] == (f"{name}=1-2",) and setup.knobs == {(0, 7): f"gain_db.{name}"}
    assert [scene.gains.get(name, 0) for scene in setup.scenes] == [0, -21, -21]
    assert [plays for _, plays, *_ in told] == [(setup.scenes[0].presets[0],), ("piano",), ("piano",)]
    assert [gains.get(name, 0) for _, _, gains, _ in told] == [0, -21, -21], "what was saved in scene 1 is still there"


@pytest.fixture
def song(tmp_path, rng):
    soundfile.write(tmp_path / "song.wav", (0.1 * rng.standard_normal((9 * RATE, 2))).astype(np.float32), RATE)
    (tmp_path / "song.mid").write_bytes(smf(track((960, on(60)), (960, off(60)), (0, b"\xff\x2f\x00"))))
    return open_recording(tmp_path / "song.wav", tmp_path / "song.mid")


def test_a_recording_that_plays_belongs_to_the_set_up(tmp_path, song):
    saved = str(tmp_path / "song.toml")
    play(job(tmp_path, save_setup=saved, recording=song, loop=(1.0, 2.5)), "S")
    setup = read_setup(saved)
    assert setup.options["play"] == tmp_path / "song.wav" and setup.options["play_midi"] == tmp_path / "song.mid"
    assert setup.options["loop"] == "1.000-2.500" and "speed" not in setup.options
    told = options([saved], setup)
    assert (told.play, told.play_midi) == (tmp_path / "song.wav", tmp_path / "song.mid")
    assert (told.loop, told.speed) == ("1.000-2.500", 1)
    other = options([saved, "--play", str(tmp_path / "other.wav")], setup)
    assert (other.play_midi, other.loop) == (None, None), "they belong to the recording of the file"
    (tmp_path / "slow.toml").write_text('play = "song.wav"\nspeed = 0.5\nloop = "0:01-0:02"\n')
    slow = options(["slow"], read_setup(str(tmp_path / "slow.toml")))
    assert (slow.play, slow.speed, slow.loop) == (tmp_path / "song.wav", 0.5, "0:01-0:02")
    (tmp_path / "bad.toml").write_text("speed = 'fast'\n")
    with pytest.raises(RtsepError, match="line 1: speed = 'fast': give a number"):
        read_setup(str(tmp_path / "bad.toml"))
