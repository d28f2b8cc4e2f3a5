"""What is printed if there is no screen, and keys read from a terminal."""

import dataclasses
import io
import json
import os
import pty
import sys

import pytest
from rich.console import Console

from rtsep.hosts.display import LineFace, status_json, status_line
from rtsep.hosts.keys import Keys, split_keys
from rtsep.hosts.said import Message
from rtsep.hosts.status import Hold, Status, StemStatus

STATUS = Status(
    seconds=12.3, state="playing", device="Scarlett 2i2 (ALSA)", sample_rate=44100, block_samples=64, mode="live",
    mode_chosen="instant takes 70 % of a block", latency_samples=512, device_latency_ms=5.8,
    device_latency_source="reported by the driver", load=0.1, peak_load=0.25, peak_work=0.2, worst_load=0.5, losses=0,
    late_blocks=0, late_by_work=0, underflows=0, overflows=0, xruns=0, bad_samples=0, dropped_notes=0, clipped_samples=0,
    input_db=(-12.0, -120.0), output_db=(-6.0, -6.0), input_holds=(Hold(-9, False), Hold(-120, False)),
    output_holds=(Hold(0.2, True), Hold(-5, False)),
    stems=(StemStatus("left_hand", -20, Hold(-11, False), -3, True, False),
           StemStatus("residual", -120, Hold(-120, False), -120, False, True)),
    notes=7, held=(60, 64), midi=("Roland FP-30", "pads (gone)"), hint="no note for 10 s", preset="piano", bypass=False,
    wet=1.0, recording="session: 12 s", frozen=False, learning="", message="preset piano",
    messages=(Message(1, "21:14:07", "an older one", 1.0), Message(2, "21:14:09", "preset piano", 3.0)), shown=1,
    counters={"blocks": 7},
)


def test_one_line_for_headless_machines():
    line = status_line(dataclasses.replace(STATUS, stems=(StemStatus("é", -1, Hold(-1, False), 0, False, False),)))
    assert line.isascii() and len(line) < 160 and "\n" not in line
    assert "load 10/50 %" in line and "latency 17.4 ms" in line and "xruns" not in line


def test_json_has_every_field():
    found = json.loads(status_json(STATUS))
    assert set(found) == {field.name for field in dataclasses.fields(Status)}
    assert found["stems"][0]["name"] == "left_hand" and found["counters"] == {"blocks": 7}


def test_lines_come_once_a_second_and_news_at_once():
    console = Console(file=io.StringIO(), width=300)
    face = LineFace(False, console)
    said = [Message(number, "21:14:07", "preset piano", 1.0) for number in (1, 2)]
    for messages in (), (), said[:1], said[:1], said:
        face.show(dataclasses.replace(STATUS, messages=tuple(messages)))
    lines = console.file.getvalue().splitlines()
    assert lines[1:] == ["preset piano"] * 2 and lines[0].startswith("12 s:") and face.act(None)


# --- keys -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("typed, keys", [
    ("ab", ["a", "b"]), ("\x1b[A\x1b[Bq", ["up", "down", "q"]), ("\x1bOC", ["right"]), ("\x1b", ["escape"]),
    ("\x1b[15~x", ["x"]), ("\x1bq", ["escape", "q"]), ("\x1b[3~x", ["delete", "x"]), ("", []),
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
