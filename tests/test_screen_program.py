"""The screen of the program itself in a real terminal, which is resized while it plays."""

import re

import numpy as np
import pytest
from test_portaudio import RATE, card, needs_portaudio  # noqa: F401
from tmux import LIVE, Terminal, needs_tmux

from rtsep.hosts.screen import KEYBOARD

ON_CARD = f"{LIVE} --input rtcap --output rtplay --by split"
pytestmark = [needs_tmux, needs_portaudio]


@pytest.fixture
def terminal(card, tmp_path):  # noqa: F811
    (np.random.default_rng(1).standard_normal((60 * RATE, 2)) * 0.05).astype(np.float32).tofile(tmp_path / "in.raw")
    with Terminal(tmp_path, card) as found:
        yield found


def test_another_size_leaves_no_debris(terminal):
    terminal.type(ON_CARD, "Enter")
    terminal.until(lambda text: "q: quit" in text and "in 1" in text and "high" in text)
    terminal.type("r", "f")
    terminal.until(lambda text: "RECORDING take: " in text and "FROZEN" in text)
    for columns, lines in ((120, 40), (40, 12), (80, 24), (40, 12), (100, 13), (80, 24)):
        terminal.resize(columns, lines)

        def whole(text, columns=columns, lines=lines):
            rows = text.rstrip("\n").splitlines()
            once = ("quit", "latency", "load", "RECORDING", "FROZEN", " high", "keys:" if columns < KEYBOARD else "quit")
            return (len(rows) == lines and max(map(len, rows)) <= columns and rows[-1].startswith("?")
                    and all(text.count(word) == 1 for word in once))

        assert "RECORDING" in terminal.until(whole)
    terminal.type("r")
    terminal.until(lambda text: "RECORDING" not in text and "recorded: take holds" in text)
    terminal.type("q")
    left = terminal.until("rtsep: played")
    assert "load" not in left and "rtsep live" in left, "the terminal is as it was"


def test_a_session_by_keys_with_its_log(terminal, tmp_path):
    """What is said goes after a while and can be read back; lists are searched; Esc ends nothing."""
    terminal.type(f"{LIVE} --input rtcap --output rtplay --log live.log", "Enter")
    terminal.until(lambda text: "q: quit" in text and "› piano" in text)
    terminal.type("p")
    terminal.until("› vibraphone")
    terminal.type("/")
    terminal.until("Presets, now vibraphone")
    terminal.type("viola")
    terminal.until(lambda text: "search: viola" in text and "violin" not in text)
    terminal.type("Enter")
    terminal.until("› viola")
    terminal.type("o")
    terminal.until("Controls")
    terminal.type("mute", "Tab")
    terminal.until("LEARNING mute.viola")
    terminal.type("Escape")
    terminal.until(lambda text: "LEARNING" not in text and "search: mute" in text)
    terminal.type("Escape")
    terminal.until(lambda text: "Controls" not in text)
    terminal.type("v")
    text = terminal.until(lambda text: "The last messages" in text)
    said = text[text.index("The last messages"):]
    assert said.index("nothing was learnt") < said.index("preset viola") < said.index("preset vibraphone"), "the newest first"
    terminal.type("Escape")
    terminal.until(lambda text: "The last messages" not in text)
    terminal.type("q")
    terminal.until("rtsep: played")
    lines = (tmp_path / "live.log").read_text().splitlines()
    assert [line[20:] for line in lines if "preset" in line or "nothing" in line] == [
        "preset vibraphone", "preset viola", "nothing was learnt"]
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ", line) for line in lines)


def test_mode_latency_and_split_change_while_it_plays(terminal):
    terminal.type(ON_CARD, "Enter")
    terminal.until(lambda text: "q: quit" in text and "mode live" in text)
    terminal.type(">")
    terminal.until("split at C#4")
    terminal.type("M")
    terminal.until("mode quality, latency 1024 samples: the engine starts to learn again")
    terminal.type("M")
    terminal.until(lambda text: "mode instant, latency 0 samples" in text and "mode instant, latency 17" in text)
    terminal.type("r")
    terminal.until("RECORDING take: ")
    terminal.type("M")
    terminal.until("mode cannot change while recording: the take would have a gap")
    terminal.type("Escape")
    terminal.until("RECORDING take: ")
    terminal.type("q")
    terminal.until("rtsep: recorded")
