"""What a player sees, and what keys do."""

import dataclasses
import io
import json
import os
import pty
import sys

import pytest
from rich.console import Console

from rtsep.hosts.display import LineFace, keyboard, latency_text, losses_text, meter, screen, status_json, status_line
from rtsep.hosts.keys import Keys, Panel, split_keys
from rtsep.hosts.status import Status, StemStatus

STATUS = Status(
    seconds=12.3, state="playing", device="Scarlett 2i2 (ALSA)", sample_rate=44100, block_samples=64, mode="live",
    mode_chosen="instant takes 70 % of a block", latency_samples=512, device_latency_ms=5.8,
    device_latency_source="reported by the driver", load=0.1, peak_load=0.25, peak_work=0.2, worst_load=0.5, losses=0,
    late_blocks=0, late_by_work=0, underflows=0, overflows=0, xruns=0, bad_samples=0, dropped_notes=0, clipped_samples=0,
    input_db=(-12.0, -120.0), output_db=(-6.0, -6.0),
    stems=(StemStatus("left_hand", -20, -3, True, False), StemStatus("residual", -120, -120, False, True)),
    notes=7, held=(60, 64), midi=("Roland FP-30", "pads (gone)"), hint="no note for 10 s", preset="piano", bypass=False,
    wet=1.0, recording="session: 12 s", message="preset piano", counters={"blocks": 7},
)


def text_of(thing, width=100, **options):
    console = Console(file=io.StringIO(), width=width, **options)
    console.print(thing)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [40, 60, 80, 88, 120, 200])
def test_everything_is_on_the_screen_at_any_width(width):
    text = text_of(screen(STATUS, 0, width), width)
    for word in ("Scarlett", "left_hand", "residual", "reported by the driver", "Roland FP-30", "piano", "recording session",
                 "no note for 10 s", "panic", "mode live since instant takes 70 %"):
        assert word in " ".join(text.split()) or width < 60, word
    assert max(map(len, text.splitlines())) <= width
    assert "›" in text.split("left_hand")[0].splitlines()[-1], "the selected stem is marked"


def test_it_can_be_read_without_colours():
    assert "\x1b" not in text_of(screen(STATUS, 0, 100), no_color=True)


def test_trouble_is_told():
    lost = dataclasses.replace(STATUS, state="lost Scarlett: trying to open it again", late_blocks=3, dropped_notes=2, xruns=4)
    assert "lost Scarlett" in text_of(screen(lost, 0, 100)) and "lost Scarlett" in status_line(lost)
    assert losses_text(lost).endswith("3 late blocks (3 waited for other programs), 4 xruns, 2 notes dropped")
    assert "worst 25 % in 10 s, 50 % in all" in losses_text(lost) and "xruns 4" in status_line(lost)
    for own, told in ((3, "3 late blocks,"), (2, "3 late blocks (1 waited for other programs),"), (None, "3 late blocks,")):
        assert told in losses_text(dataclasses.replace(lost, late_by_work=own))


def test_latency_says_how_it_is_known():
    assert latency_text(STATUS) == "mode live, latency 11.6 ms (512 samples) + 5.8 ms (reported by the driver) = 17.4 ms"
    assert "is unknown" in latency_text(dataclasses.replace(STATUS, device_latency_ms=None))


@pytest.mark.parametrize("db, filled", [(-120, 0), (-60, 0), (-30, 5), (0, 10), (6, 10)])
def test_meters(db, filled):
    assert meter(db, 10).plain == "█" * filled + "·" * (10 - filled)


def test_the_keyboard_has_88_keys():
    assert len(keyboard(()).plain) == 88
    strip = keyboard((21, 60, 108)).plain
    assert [at for at, key in enumerate(strip) if key == "█"] == [0, 39, 87]


def test_one_line_for_headless_machines():
    line = status_line(dataclasses.replace(STATUS, stems=(StemStatus("é", -1, 0, False, False),)))
    assert line.isascii() and len(line) < 160 and "\n" not in line
    assert "load 10/50 %" in line and "latency 17.4 ms" in line and "xruns" not in line


def test_json_has_every_field():
    found = json.loads(status_json(STATUS))
    assert set(found) == {field.name for field in dataclasses.fields(Status)}
    assert found["stems"][0]["name"] == "left_hand" and found["counters"] == {"blocks": 7}


def test_lines_come_once_a_second_and_news_at_once():
    console = Console(file=io.StringIO(), width=300)
    face = LineFace(False, console)
    for message in ("", "", "preset piano", "preset piano"):
        face.show(dataclasses.replace(STATUS, message=message))
    lines = console.file.getvalue().splitlines()
    assert lines[1:] == ["preset piano"] and lines[0].startswith("12 s:") and face.act(None)


# --- keys -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("typed, keys", [
    ("ab", ["a", "b"]), ("\x1b[A\x1b[Bq", ["up", "down", "q"]), ("\x1bOC", ["right"]), ("\x1b", ["escape"]),
    ("\x1b[15~x", ["x"]), ("", []),
])
def test_keys_are_told_apart(typed, keys):
    assert split_keys(typed) == keys


def test_keys_from_a_terminal_which_is_left_as_it_was(monkeypatch):
    import termios

    master, slave = pty.openpty()
    with os.fdopen(slave) as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        before = termios.tcgetattr(slave)
        with pytest.raises(KeyError), Keys() as keys:
            assert termios.tcgetattr(slave) != before and keys.read() == []
            os.write(master, b"s\x1b[A")
            assert keys.read() == ["s", "up"]
            raise KeyError
        assert termios.tcgetattr(slave) == before
    os.close(master)


def test_no_terminal_no_keys(monkeypatch):
    with open(os.devnull) as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        with Keys() as keys:
            assert keys.read() == []


class Pressed:
    """A player that remembers what was asked of it."""

    stem_names = ("left", "right", "residual")
    muted, soloed = {"left"}, set()

    def __init__(self):
        self.asked = []
        self.controls = self

    def __getattr__(self, name):
        return lambda *given: self.asked.append((name, *given))

    def value(self, name):
        return 0.0

    def preset_of(self, stem):
        return "piano"

    def attempt(self, act):
        act()


@pytest.mark.parametrize("key, asked", [
    ("+", ("gain", "left", 1.0)), ("left", ("gain", "left", -1.0)), ("s", ("solo", "left", True)),
    ("m", ("mute", "left", False)), ("b", ("bypass", True)), ("W", ("set", "wet", 0.1)), ("w", ("set", "wet", 0.0)),
    (" ", ("panic",)),
    ("l", ("learn", "gain_db.left")), ("p", ("use_preset", "violin", "left")), ("x", None),
])
def test_what_keys_do(key, asked, monkeypatch):
    monkeypatch.setattr("rtsep.hosts.keys._next_preset", lambda name: "violin")
    player = Pressed()
    assert Panel().press(key, player)
    assert player.asked[:1] == ([asked] if asked else [])


def test_selecting_stems_and_leaving():
    panel, player = Panel(), Pressed()
    for key, selected in (("down", 1), ("\t", 2), ("down", 0), ("up", 2), ("2", 1), ("9", 1)):
        assert panel.press(key, player) and panel.selected == selected
    assert not panel.press("q", player) and not panel.press("escape", player)
