"""What the computer's keys do: stems, the controls of the table, and lists that open over the meters."""

# ruff: noqa: F811

import pytest
from test_controls import turn
from test_player import player  # noqa: F401

from rtsep.hosts.panel import Panel
from rtsep.presets.families import by_family, neighbour


def press(panel, player, *keys):
    return all([panel.press(key, player) for key in keys])


def rows(panel):
    return [row.split()[0] for row in panel.listing.rows]


@pytest.mark.parametrize("keys, then", [
    (("+",), lambda p: p.value("gain_db.left") == 1), (("left",), lambda p: p.value("gain_db.left") == -1),
    (("s",), lambda p: p.soloed == {"left"}), (("m",), lambda p: p.muted == {"left"}),
    (("down", "m"), lambda p: p.muted == {"right"}), (("m", "m"), lambda p: not p.muted),
    (("b",), lambda p: p.value("bypass") is True), (("w",), lambda p: p.value("wet") == 0.9),
    (("w", "W", "W"), lambda p: p.value("wet") == 1), (("f",), lambda p: p.frozen), (("f", "f"), lambda p: not p.frozen),
    ((" ",), lambda p: "panic" in p.said.text), (("r",), lambda p: "nothing can be recorded" in p.said.text),
    (("l",), lambda p: p.controls.learning == "gain_db.left"), (("x",), lambda p: p.said.text == ""),
])
def test_what_keys_do(player, keys, then):
    assert press(Panel(), player, *keys) and then(player)


def test_selecting_stems_and_leaving(player):
    panel = Panel()
    for key, selected in (("down", 1), ("\t", 2), ("down", 0), ("up", 2), ("2", 1), ("9", 1)):
        assert panel.press(key, player) and panel.selected == selected
    assert panel.press("escape", player), "Esc never quits"
    assert not panel.press("q", player)


def test_esc_cancels_learning_then_closes_the_list(player):
    panel = Panel()
    press(panel, player, "o", "\t")
    assert player.controls.learning == "gain_db.left" and panel.listing is not None
    press(panel, player, "escape")
    assert not player.controls.learning and panel.listing is not None and player.said.text == "nothing was learnt"
    turn(player, 5)
    assert not player.controls.bindings
    press(panel, player, "escape")
    assert panel.listing is None


def test_all_controls_are_searched_changed_learnt_and_forgotten(player):
    panel = Panel()
    press(panel, player, "o", *"iterat")
    assert rows(panel) == ["iterations"] and "search: iterat" in panel.listing.title and "updates" in panel.listing.note
    press(panel, player, "right", "right", "left")
    assert player.value("iterations") == 6 and panel.listing.rows[0].split()[1] == "6"
    press(panel, player, "\t")
    turn(player, 64)
    assert "controller 21 on channel 3" in panel.listing.rows[0]
    press(panel, player, "delete")
    assert not player.controls.bindings
    press(panel, player, *"\x7f" * 6, *"mute.", "down", "\n")
    assert rows(panel) == ["mute.left", "mute.right", "mute.residual"] and player.muted == {"right"}
    press(panel, player, *"zzz", "\n", "up")
    assert rows(panel) == [] and panel.listing.note
    press(panel, player, "!")
    assert "panic" in player.said.text, "panic works everywhere"


def test_presets_are_ordered_by_family_and_searched(player, monkeypatch):
    used = []
    monkeypatch.setattr(player, "use_preset", lambda *given: used.append(given))
    panel = Panel()
    press(panel, player, "/")
    names = rows(panel)
    assert names == [name for _family, name in by_family()]
    assert sorted(("drum-kit", "tuba", "violin", "organ", "gm-piano"), key=names.index) == [
        "gm-piano", "organ", "violin", "tuba", "drum-kit"]
    press(panel, player, *"viol", "down", "\n")
    assert used == [("violin", "left")] and panel.listing is None, "the viola comes first"


def test_presets_are_stepped_both_ways(player, monkeypatch):
    used = []
    monkeypatch.setattr(player, "use_preset", lambda *given: used.append(given))
    monkeypatch.setattr(player, "preset_of", lambda stem: "viola")
    press(Panel(), player, "p", "P")
    assert used == [("violin", "left"), ("strings", "left")]
    names = [name for _family, name in by_family()]
    assert neighbour(names[-1], 1) == names[0] and neighbour(names[0], -1) == names[-1] and neighbour("nobody's", 1) == names[0]


def test_messages_can_be_read_back(player):
    panel = Panel()
    for number in range(30):
        player.say(f"message {number}")
    press(panel, player, "v")
    assert [row.split()[-1] for row in panel.listing.rows] == [str(number) for number in range(29, 9, -1)]


def test_keys_are_listed(player):
    panel = Panel()
    press(panel, player, "?")
    text = "\n".join(panel.listing.rows)
    for word in ("panic", "next_preset", "Esc", "quit", "+ = right", "record:"):
        assert word in text
    assert "pause" not in text and "split:" not in text, "the hands' keys do nothing here"
    player.playback, panel = object(), Panel()
    press(panel, player, "?")
    assert "pause" in "\n".join(panel.listing.rows)
