"""The table of controls, and knobs and buttons: learnt, picked up without jumps, remembered."""

# ruff: noqa: F811

import json
from pathlib import Path

import pytest
from test_player import block, player  # noqa: F401

from rtsep.errors import RtsepError
from rtsep.hosts.controls import Controls
from rtsep.hosts.table import CONTROLS, fader_db, fader_position, find, targets

CC = 0xB0
KNOB = (CC | 2, 21)


def turn(player, *values, knob=KNOB):
    """Send values of one knob, each in a tick of its own."""
    for value in values:
        player.receive(0, 0, (*knob, value))
        player.tick()


def learn(player, target, value=0, knob=KNOB):
    player.controls.learn(target)
    turn(player, value, knob=knob)


@pytest.mark.parametrize("position, db", [(0, -120), (0.75, 0), (1, 6), (0.375, -30)])
def test_fader_law(position, db):
    assert fader_db(position) == pytest.approx(db) and fader_position(db) == pytest.approx(position)


def test_a_knob_is_learnt_says_so_works_and_is_remembered(player):
    player.controls.learn("gain_db.left")
    turn(player, 127, knob=(CC | 2, 64))
    assert player.controls.learning == "gain_db.left", "a pedal is no knob"
    turn(player, 127)
    assert not player.controls.learning and "learnt: controller 21 on channel 3 is gain_db.left" in player.said.text
    turn(player, 60, 0)
    turn(player, 127, knob=(CC | 3, 21))  # Another channel.
    assert player.value("gain_db.left") == -120
    again = Controls(player.controls.path)
    assert again.bindings == {(2, 21): "gain_db.left"} and again.bound("gain_db.left") == "controller 21 on channel 3"
    learn(player, "wet")
    assert "instead of gain_db.left" in player.said.text and Controls(player.controls.path).bindings == {(2, 21): "wet"}
    player.controls.forget("wet")
    assert Controls(player.controls.path).bindings == {}


def test_a_knob_moves_a_value_only_once_it_has_passed_it(player):
    learn(player, "gain_db.left", 10)
    for value in (20, 60, 90):
        turn(player, value)
        assert player.value("gain_db.left") == 0, "0 dB is at 95"
    assert "waits: move it past gain_db.left's 0 dB" in player.said.text
    waits = sum("waits" in each.text for each in player.said.last)
    turn(player, 100)
    assert player.value("gain_db.left") == pytest.approx(fader_db(100 / 127)) and waits == 1, "said once"
    turn(player, 40)
    assert player.value("gain_db.left") == pytest.approx(fader_db(40 / 127)), "a leap of the knob's own is followed"
    player.gain("left", 3)
    turn(player, 41, 42)
    assert player.value("gain_db.left") == 3, "what a key has moved, the knob must pass again"
    turn(player, 127, 126)
    assert player.value("gain_db.left") == pytest.approx(fader_db(126 / 127))


def test_a_knob_of_an_integer_keeps_hold_of_it(player):
    learn(player, "iterations", 5)
    found = []
    for value in range(6, 128):
        turn(player, value)
        found.append(player.value("iterations"))
    assert found == sorted(found) and found[0] == 5 and found[-1] == 50


def test_of_several_messages_the_last_counts_for_numbers_and_each_for_buttons(player, monkeypatch):
    learn(player, "gain_db.left", 95)
    learn(player, "panic", 127, (CC, 30))
    moved, pressed = [], []
    monkeypatch.setattr(player, "gain", lambda *given: moved.append(given))
    monkeypatch.setattr(player, "panic", lambda: pressed.append(1))
    for value in (94, 93, 92):
        player.receive(0, 0, (*KNOB, value))
    for value in (127, 0, 127, 0):
        player.receive(0, 0, (CC, 30, value))
    player.tick()
    assert moved == [("left", pytest.approx(fader_db(92 / 127)))] and len(pressed) == 2


@pytest.mark.parametrize("target, value, then", [
    ("mute.left", 127, lambda p: p.muted == {"left"}), ("mute.left", 0, lambda p: not p.muted),
    ("solo.right", 64, lambda p: p.soloed == {"right"}), ("bypass", 127, lambda p: p.value("bypass") is True),
    ("panic", 127, lambda p: "panic" in p.said.text), ("panic", 0, lambda p: p.said.text == ""),
    ("preset.gone", 127, lambda p: "gone" in p.said.text), ("freeze", 127, lambda p: p.frozen),
    ("gain_db.nobody", 127, lambda p: p.said.text == ""), ("mask", 127, lambda p: p.value("mask") == "power"),
    ("nonsense", 127, lambda p: "no control" in p.said.text), ("mute", 127, lambda p: "no control" in p.said.text),
    ("mosaic_polyphony", 127, lambda p: p.said.text == ""), ("record", 127, lambda p: "nothing can be recorded" in p.said.text),
])
def test_targets(player, target, value, then):
    player.controls.bindings[0, 1] = target
    turn(player, value, knob=(CC, 1))
    assert then(player)


def test_everything_in_the_table_can_be_learnt_and_moved(player, monkeypatch):
    for name in ("keep_preset", "use_preset", "step_preset", "record", "next_take"):
        monkeypatch.setattr(player, name, lambda *given: player.say("done"))
    everything, written = [*targets(player), "preset.piano"], []
    assert {"gain_db.residual", "mute.left", "wet", "bypass", "panic", "record", "next_preset", "iterations"} <= {*everything}
    for target in everything:
        control, of = find(target, player)
        before = control.read(player, of)
        learn(player, target, 0)
        assert player.controls.bindings == {(2, 21): target}
        with monkeypatch.context() as context:
            context.setitem(control.__dict__, "write", lambda p, of, value: written.append(value))
            turn(player, 64, 127, 0)
        assert written, target
        written.clear()
        assert control.text(before) or control.kind == "press"


def test_no_key_has_two_meanings():
    keys = [key for control in CONTROLS for key in (*control.more, *control.less)]
    assert len(keys) == len(set(keys)) and not {*keys} & {"q", "o", "/", "v", "l", "?", "h", "up", "down", "\t", "escape"}


@pytest.mark.parametrize("name", [control.name for control in CONTROLS if control.kind == "number"])
def test_positions_and_values_belong_together(name):
    control = next(each for each in CONTROLS if each.name == name)
    values = [control.value_at(at / 127) for at in range(128)]
    assert values == sorted(values) and values[0] <= values[-1] <= control.high and control.low <= values[0]
    assert control.position(values[-1]) == pytest.approx(1) and control.position(values[0]) == pytest.approx(0)
    for value in values:
        assert control.low <= control.stepped(value, -1) <= value <= control.stepped(value, 1) <= control.high


@pytest.mark.parametrize("text", ["{", "[]", '{"controls": {"wet": [0, 1]}}', '{"controls": {"wet": "x"}}', "\xff", ""])
def test_a_broken_file_is_told_and_kept(player, tmp_path, text):
    path = tmp_path / "deep" / "controls.json"
    path.parent.mkdir()
    path.write_bytes(text.encode("latin-1"))
    player.controls = controls = Controls(path)
    assert len(controls.notes) == 1 and not controls.bindings
    learn(player, "wet", 1, (CC, 7))
    assert (path.parent / "controls.json.broken").read_bytes() == text.encode("latin-1")
    assert json.loads(path.read_text()) == {"controls": {"wet": [1, 7]}}


def test_what_cannot_be_saved_holds_until_the_end(player, tmp_path):
    (tmp_path / "file").write_text("")
    player.controls = Controls(tmp_path / "file" / "controls.json")
    learn(player, "mute.left", 0)
    assert "cannot be written" in player.said.text
    turn(player, 127)
    assert player.muted == {"left"}


def test_a_control_that_nobody_has_is_refused(player):
    for wrong in ("gain_db", "wet.left", "mute.", "x"):
        with pytest.raises(RtsepError, match="no control is called"):
            find(wrong, player)


def test_the_page_about_controls_lists_them_all():
    text = (Path(__file__).parent.parent / "docs" / "reference" / "controls.md").read_text(encoding="utf-8")
    listed = [line.split("`")[1] for line in text.splitlines() if line.startswith("| `")]
    assert listed == [control.name + f".{control.per.upper()}" * bool(control.per) for control in CONTROLS]
