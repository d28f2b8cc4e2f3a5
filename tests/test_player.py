"""A player without a device: faders, presets, parameters, knobs, notes, and what is said of them."""

import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import INSTANT, SMALL, make_preset, prepared, two_parts
from native_callback import call, warmed

from rtsep.errors import RtsepError
from rtsep.hosts.controls import Controls
from rtsep.hosts.lanes import CAPACITY, MIX, SILENCE
from rtsep.hosts.live_job import LiveJob, route_live
from rtsep.hosts.notewatch import NoteWatch
from rtsep.hosts.player import Player
from rtsep.hosts.recorder import Recorder
from rtsep.hosts.routes import route_outputs
from rtsep.hosts.takes import TakeForm
from rtsep.notes.routing import everything
from rtsep.presets.preset import load_preset, save_preset


@pytest.fixture
def player(preset, tmp_path):
    separator = prepared(preset, two_parts(), SMALL, 1, max_block=CAPACITY)
    watch = NoteWatch(None, preset.pitches)
    return Player(separator, warmed(separator, [(MIX, 0)]), Controls(tmp_path / "controls.json"), watch, 2)


def gains(player):
    """What the mixer goes to: each stem's factor."""
    return np.round(player.separator.prepared.targets[2:], 3).tolist()


def block(player, count=64):
    """Let the device ask for a block of silence."""
    return call(player.lanes, np.zeros((1, count), np.float32))


def held(player):
    """Pitches that the engine holds."""
    return player.separator.held_pitches


def test_faders_mute_and_solo(player):
    player.gain("left", -6.0206)
    assert gains(player) == [0.5, 1, 1]
    player.solo("right", True)
    assert gains(player) == [0, 1, 0] and player.value("gain_db.left") == -6.0206
    player.solo("left", True)
    assert gains(player) == [0.5, 1, 0]
    player.mute("left", True)
    assert gains(player) == [0, 1, 0], "mute wins"
    for stem in ("left", "right"):
        player.solo(stem, False)
    player.mute("left", False)
    assert gains(player) == [0.5, 1, 1]
    player.gain("left", 999)
    assert player.value("gain_db.left") == 24, "a fader stops at its end"
    assert player.faders()[0] == ("left", 24, False, False)


def test_music_minus_me_is_silent_where_i_play(player, rng):
    player.mute("residual", True)
    for _ in range(60):
        call(player.lanes, rng.standard_normal((1, 64)).astype(np.float32) * 0.1)
    assert not call(player.lanes, rng.standard_normal((1, 64)).astype(np.float32)).any(), "no note: all is residual"


def test_notes_go_to_the_engine_and_panic_ends_them(player):
    for message in ((0x90, 60, 90), (0xB0, 64, 127), (0x90, 67, 90), (0x80, 67, 0), (0xE0, 0, 64)):
        player.receive(1, 0, message)
    block(player)
    assert held(player) == (60, 67) == player.watch.held()
    player.panic()
    block(player)
    assert held(player) == ()


def test_a_lost_port_lets_go_of_its_keys_and_pedals_only(player):
    player.receive(0, 0, (0x90, 60, 90))
    player.receive(1, 0, (0xB0, 64, 127))
    player.receive(1, 0, (0x90, 64, 90))
    player.receive(1, 0, (0x80, 64, 0))
    block(player)
    assert held(player) == (60, 64)
    player.midi_lost(1)
    block(player)
    assert held(player) == (60,) == player.watch.held()


def test_parameters_change_at_once_or_with_a_fade(player):
    before = player.separator.prepared
    player.set("iterations", 3)
    block(player)
    assert player.lanes.arrived and player.value("iterations") == 3 and player.separator.prepared is not before
    player.receive(0, 0, (0x90, 60, 90))
    block(player)
    player.set("latency_samples", 128)
    assert player.separator.latency == 128 and "128" in player.said.text
    player.tick()
    for _ in range(30):
        block(player)
        player.tick()
    block(player)
    assert player.lanes.arrived and held(player) == (60,), "a key that is down is pressed again in the new state"


def test_what_cannot_be_changes_nothing(player):
    kept = player.separator.prepared
    for name, value, told in (("iterations", 0, "1 to 50"), ("nonsense", 1, "no parameter"), ("latency_samples", 100, "100")):
        with pytest.raises(RtsepError, match=told):
            player.set(name, value)
    player.recorder = SimpleNamespace(recording=True)
    with pytest.raises(RtsepError, match="while recording"):
        player.set("latency_samples", 128)
    with pytest.raises(RtsepError):
        player.use_preset("no such preset")
    player.attempt(lambda: player.set("iterations", 0))
    assert player.separator.prepared is kept and "1 to 50" in player.said.text


def test_another_preset_without_a_gap(player, tmp_path):
    save_preset(make_preset(seed=8), tmp_path / "other.npz")
    player.use_preset(str(tmp_path / "other.npz"))
    block(player)
    assert player.lanes.arrived and player.preset_name == "other" and player.said.text == "preset other"


# --- what is played ---------------------------------------------------------------------------------------------------


def test_hints():
    watch, now = NoteWatch(frozenset((1,)), frozenset(range(40, 80))), time.monotonic_ns()
    assert watch.hint(now) == ""
    assert "no note for 11 s" in watch.hint(now + 11 * 10**9)
    watch.receive(0, now, (0x91, 60, 90))
    assert "channel 2, but rtsep listens only to 1" in watch.hint(now)
    watch.receive(0, now, (0x90, 60, 90))
    assert watch.hint(now + 60 * 10**9) == "" and watch.held() == (60,), "a held note is a note"
    watch.receive(0, now, (0x80, 60, 0))
    for _ in range(3):
        watch.receive(0, now, (0x90, 100, 90))
    assert "outside the preset (40 to 79)" in watch.hint(now)
    watch.lost(0)
    assert watch.held() == ()


# --- stems and outputs ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options, names", [
    ({"midi": ("a",)}, ("small",)), ({"midi": ("Left Keys", "b")}, ("left_keys", "b")), ({"by": "split"}, ("low", "high")),
    ({"by": "channel", "channels": (3, 1)}, ("channel_1", "channel_3")), ({"by": "all", "midi": ("a", "b")}, ("small",)),
])
def test_stems_of_a_keyboard(options, names):
    assert route_live(LiveJob(**options), "small", True).names == names


def test_channels_that_are_not_listened_to():
    table = route_live(LiveJob(midi=("a",), channels=(2,)), "small", True).table
    assert (table[:, 1] == 0).all() and (np.delete(table, 1, axis=1) == -1).all()
    with pytest.raises(RtsepError, match="needs the channels"):
        route_live(LiveJob(by="channel"), "small", True)


def test_outputs_that_stems_are_routed_to():
    stems = ("left", "right", "residual")
    assert route_outputs(("left=1-2", "mix=4"), stems, 2, 4) == [(0, 0), (0, 1), (SILENCE, 0), (MIX, 0)]
    assert route_outputs(("right=2-3",), stems, 1, 3) == [(SILENCE, 0), (1, 0), (1, 0)]


@pytest.mark.parametrize("route", ["left", "left=", "left=0", "left=2-1", "left=3", "left=x", "left=1-x", "nobody=1"])
def test_routes_that_cannot_be(route):
    with pytest.raises(RtsepError, match="--route"):
        route_outputs((route,), ("left", "residual"), 1, 2)


def test_a_player_freezes_lets_go_and_keeps(player, tmp_path, monkeypatch):
    monkeypatch.setattr("rtsep.hosts.keep.user_folder", lambda: tmp_path / "mine")
    assert not player.frozen
    player.freeze(True)
    assert player.frozen and not player.value("adapt")
    player.freeze(False)
    assert not player.frozen and player.value("background_learns")
    player.keep_preset("left", False)
    player.keep_preset("right", True)
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == ["small-adapted-1.npz", "small-adapted.npz"]
    assert load_preset(tmp_path / "mine" / "small-adapted.npz").background is None
    assert load_preset(tmp_path / "mine" / "small-adapted-1.npz").background is not None
    assert "small-adapted-1.npz" in player.said.text


def test_a_stem_that_bears_its_presets_name_changes_it(preset, tmp_path):
    separator = prepared(preset, everything("small"), SMALL, 1, max_block=CAPACITY)
    player = Player(separator, warmed(separator, [(MIX, 0)]), Controls(tmp_path / "controls.json"), NoteWatch(None, ()), 1)
    player.recorder = Recorder(player.lanes, tmp_path / "take", TakeForm(
        player.stem_names, 44100, 1, separator.routing.table, about={"mode": "live"}), player.say)
    save_preset(make_preset(seed=8), tmp_path / "other.npz")
    player.gain("small", -3)
    player.use_preset(str(tmp_path / "other.npz"), "small")
    assert player.faders()[0] == ("other", -3, False, False) and player.shown_names == ("other", "residual")
    block(player)
    player.record()
    assert {path.name for path in (tmp_path / "take").glob("*.wav")} == {"input.wav", "other.wav", "residual.wav"}
    player.recorder.close()
    player.mute("small", True)
    assert gains(player)[0] == 0, "it is still the same stem"


def test_a_preset_with_other_filters_fades_in(preset, tmp_path):
    separator = prepared(preset, two_parts(), INSTANT, 1, max_block=CAPACITY)
    player = Player(separator, warmed(separator, [(MIX, 0)]), Controls(tmp_path / "controls.json"), NoteWatch(None, ()), 1)
    save_preset(replace(make_preset(seed=8), defaults={"filter_taps": 64}), tmp_path / "short.npz")
    player.recorder = SimpleNamespace(recording=True)
    with pytest.raises(RtsepError, match="while recording"):
        player.use_preset(str(tmp_path / "short.npz"))
    assert player.separator is separator and player.preset_name == "small"
    player.recorder = None
    player.use_preset(str(tmp_path / "short.npz"))
    assert player.separator is not separator and player.preset_name == "short"


def test_counters_go_on_when_the_engine_is_another_one(player):
    for _ in range(20):
        block(player)
    player.receive(0, 0, (0x90, 100, 90))  # No template plays it.
    block(player)
    before = player.counters()
    assert before["unmatched_notes"] == 1 and before["frames"]
    player.set("latency_samples", 128)
    assert player.counters() == before
