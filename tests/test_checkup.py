"""The check on the screen: what is known so far, what has yet to be played, and the delay that it offers."""

import numpy as np
import pytest
from conftest import make_preset, one_stem, prepared
from jack_clients import Instrument
from jack_server import jack_server, needs_jack  # noqa: F401
from native_callback import call, warmed
from test_display import STATUS
from test_live_checkup import PITCHES, melody
from tmux import LIVE, Terminal, needs_tmux

from rtsep.callbacks.shared import POSITION
from rtsep.errors import RtsepError
from rtsep.hosts.checkup import Checkup
from rtsep.hosts.controls import Controls
from rtsep.hosts.ear import EAR_S
from rtsep.hosts.lanes import CAPACITY
from rtsep.hosts.notewatch import NoteWatch
from rtsep.hosts.panel import Panel
from rtsep.hosts.player import Player
from rtsep.hosts.routes import outputs_of_mix
from rtsep.hosts.screen import screen
from rtsep.hosts.sounding_notes import SoundingNotes
from rtsep.notes.routing import by_split

RATE, BLOCK = 48000, 480


def play(player, sound, onsets, ms):
    """The melody through the callback; notes come `ms` before their sound, and are delayed as the player says."""
    at, first = player.lanes.word(POSITION), 0
    delay = round(player.lanes.delay_ms * RATE / 1000)
    times = sorted((round((onset - ms / 1000 + shift) * RATE) + delay, status, pitch)
                   for onset, pitch in zip(onsets, PITCHES, strict=False) for status, shift in ((0x90, 0), (0x80, 0.4)))
    player.lanes.delay_notes(0)  # The block is called faster than the clock goes: the delay is made here.
    for begin in range(0, len(sound) - BLOCK, BLOCK):
        while first < len(times) and times[first][0] < begin + BLOCK:
            player.lanes.send(0, 0, (times[first][1], times[first][2], 80))
            first += 1
        call(player.lanes, np.stack([sound[begin : begin + BLOCK]] * 2))
    player.lanes.delay_notes(1000 * delay / RATE)
    return at


@pytest.fixture
def player(tmp_path):
    separator = prepared(make_preset(tuple(sorted({*PITCHES}))), one_stem(), {"window_samples": 1024, "mode": "live"}, 2,
                         rate=RATE, max_block=CAPACITY)
    lanes = warmed(separator, outputs_of_mix(2, 2), RATE)
    return Player(separator, lanes, Controls(tmp_path / "controls.json"), NoteWatch(None, PITCHES), 1)


def rows(checkup):
    """The rows once all that has been played is measured."""
    checkup._next_s = checkup._next_tuning_s = 0
    checkup.rows(STATUS)
    checkup.wait()
    return {row.what: row for row in checkup.rows(STATUS)}


def test_what_was_played_is_kept_for_some_seconds(player, rng):
    sound = (0.1 * rng.standard_normal(25 * RATE)).astype(np.float32)
    play(player, sound, [1.0, 20.0], 0)
    heard = player.lanes.ear.heard()
    last = heard.first + heard.sound.shape[1]
    assert heard.sound.shape[1] >= EAR_S * RATE and last > 24 * RATE
    warm = player.lanes.word(POSITION) - last
    assert warm == 0 and np.array_equal(heard.sound[0], sound[heard.first : last])
    [note] = heard.notes
    assert note["pitch"] == PITCHES[1] and heard.first + note["onset_s"] * RATE == pytest.approx(20 * RATE, abs=BLOCK)
    assert note["offset_s"] - note["onset_s"] == pytest.approx(0.4, abs=0.011)


def test_what_is_off_is_told_and_one_key_sets_the_delay(player):
    checkup, (sound, onsets) = Checkup(player, lambda *_: 30.0), melody()
    before = rows(checkup)
    assert not before["notes"].known and not before["tuning"].known and "0 of 4 heard: play some" in before["notes"].found
    with pytest.raises(RtsepError, match="play some notes"):
        checkup.accept()
    play(player, sound, onsets, 50)
    told = rows(checkup)
    assert told["level"].text.startswith("ok    level    peak -14 dB, 0 clipped")
    assert "ahead of their sound" in told["notes"].found and told["tuning"].advice == "set tuning_cents to 30 (key o)"
    checkup.accept()
    assert player.lanes.delay_ms == pytest.approx(50, abs=6) and "notes are delayed by" in player.said.text
    assert not rows(checkup)["notes"].known, "earlier notes do not count any more"
    play(player, sound, onsets, 50)
    assert rows(checkup)["notes"].text.startswith("ok    notes"), "with the delay they fit"
    with pytest.raises(RtsepError, match="the notes come in time, or"):
        checkup.accept()


def test_notes_behind_their_sound_are_not_offered_a_delay(player):
    checkup, (sound, onsets) = Checkup(player, lambda *_: 0.0), melody()
    play(player, sound, onsets, -60)
    assert "late_midi" in rows(checkup)["notes"].advice
    with pytest.raises(RtsepError):
        checkup.accept()


@needs_tmux
@needs_jack
def test_the_page_of_the_program(jack_server, tmp_path):  # noqa: F811
    """In a real terminal: key C, and Enter once a keyboard has played whose notes come 60 ms before their sound."""
    sound, onsets = melody()
    notes = {round((onset - 0.06) * RATE): (0x90, pitch, 80) for onset, pitch in zip(onsets, PITCHES, strict=True)}
    with Terminal(tmp_path, jack_server.environment, 80, 24) as terminal:
        terminal.type(f"{LIVE} --jack --inputs 1", "Enter")
        terminal.until("q: quit")
        terminal.type("C")
        text = terminal.until(lambda text: "of 4 heard" in text and "room for" in text and "computer mode live" in text)
        assert "Enter accept" in text.splitlines()[-1]
        with Instrument(sound, notes):
            terminal.until("ahead of their sound: Enter delays them by")
            terminal.type("Enter")
            terminal.until("notes are delayed by")
        terminal.resize(40, 12)
        terminal.until(lambda text: len(text.rstrip("\n").splitlines()) == 12 and "Check" in text)
        terminal.type("Escape")
        terminal.until(lambda text: "Check" not in text)
        terminal.type("q")
        terminal.until("rtsep: played")


def test_it_fits_small_terminals(player):
    panel = Panel(lambda *_: 0.0)
    panel.status = STATUS
    assert panel.press("C", player)
    for width, height in ((80, 24), (40, 12)):
        text = screen(STATUS, 0, width, height, panel.listing).plain
        assert len(text.splitlines()) == height and max(map(len, text.splitlines())) <= width
        assert "level" in text and "Enter accept" in text


def test_notes_that_do_not_sound_are_told_stem_by_stem(tmp_path):
    """The upper hand sounds; the lower one's notes come as well, from a keyboard that nobody hears."""
    pitches = sorted({*PITCHES, 36, 41})
    params = {"window_samples": 1024, "mode": "live"}
    separator = prepared(make_preset(tuple(pitches)), by_split(None, 56), params, 2, rate=RATE, max_block=CAPACITY)
    player = Player(separator, warmed(separator, outputs_of_mix(2, 2), RATE), Controls(tmp_path / "controls.json"),
                    NoteWatch(None, pitches), 1)
    (sound, onsets), sounding, at = melody(), SoundingNotes(), 0
    times = sorted([(round(onset * RATE) + late, pitch) for onset, high in zip(onsets, PITCHES, strict=True)
                    for late, pitch in ((0, high), (2400, 36 if high > 64 else 41))])
    for begin in range(0, len(sound) - BLOCK, BLOCK):
        while at < len(times) and times[at][0] < begin + BLOCK:
            player.lanes.send(0, 0, (0x90, times[at][1], 80))
            at += 1
        call(player.lanes, np.stack([sound[begin : begin + BLOCK]] * 2))
        sounding.look(player)
    (low, high, residual), (low_heard, high_heard, _) = sounding.told, sounding.sounding
    assert low >= 9 and high >= 9 and residual == 0
    assert high_heard == high and low_heard <= low / 3
