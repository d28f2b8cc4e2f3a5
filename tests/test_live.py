"""The loop of live playing and the recorder, with a pretended device."""

import json
import os
import signal

import mido
import numpy as np
import pytest
import soundfile
from conftest import band
from native_callback import call
from pretended_card import RATE, Card, Face, job
from rich.console import Console

from rtsep.errors import RtsepError
from rtsep.hosts.display import LineFace
from rtsep.hosts.ending import telling_gone
from rtsep.hosts.live import live
from rtsep.hosts.recorded_notes import NOTE, midi_bytes
from rtsep.hosts.watch import WatchedDevice
from rtsep.notes.score import read_midi


def test_a_session_from_first_to_last_block(tmp_path, rng):
    card, sound = Card(), band(rng, 30000, 2)

    def step(number):
        def play(player):
            player.receive(0, 0, (0x90, 60 + number % 3, 90))
            call(player.lanes, sound[:, 1000 * number : 1000 * number + 1000])
            player.mute("low", number % 2 == 0)
        return play

    face = Face(*map(step, range(30)))
    report = live(job(tmp_path, record=tmp_path / "take"), lambda rescan: card, face)
    assert card.closed and report["counters"]["samples"] == 29000, "the first block warmed the thread up"
    last = face.statuses[-1]
    assert (last.device, last.latency_samples, last.device_latency_ms) == ("Card (test)", 256, 5.0)
    assert [stem.name for stem in last.stems] == ["low", "high", "residual"] and last.held == (60, 61, 62)
    assert max(last.input_db) > -30 and last.preset == "piano" and last.recording.startswith("take: ")

    files = {name: soundfile.read(tmp_path / "take" / f"{name}.wav", always_2d=True)[0].T
             for name in ("input", "low", "high", "residual")}
    assert files["input"].shape == (2, 29000 - 256)
    assert np.array_equal(files["input"], sound[:, 1000 : 30000 - 256])
    assert np.abs(files["low"] + files["high"] + files["residual"] - files["input"]).max() < 1e-5
    assert files["high"].any(), "what was muted is recorded all the same"
    score = read_midi(tmp_path / "take" / "session.mid")
    events = score.events(RATE)
    assert events["sample"][events["status"] == 0x90].tolist() == [1000 * max(number - 1, 0) for number in range(30)]
    report = json.loads((tmp_path / "take" / "report.json").read_text())
    assert report["events"] == 30 and report["gaps"] == 0


def test_gaps_of_a_recording_are_silence_and_counted(tmp_path, rng):
    card, sound = Card(), band(rng, 8000, 2)

    def flood(player):
        call(player.lanes, sound[:, :64])
        arrays = player.lanes._arrays
        size = arrays["sound"].shape[1]
        call(player.lanes, sound[:, :1000])
        arrays["tap_headers"][0, 0] += size  # as if nobody had read for ten seconds
        call(player.lanes, sound[:, 1000:3000])
        arrays["tap_headers"][0, 0] -= size
        call(player.lanes, sound[:, 3000:4000])

    live(job(tmp_path, record=tmp_path / "take"), lambda rescan: card, Face(flood))
    heard = soundfile.read(tmp_path / "take" / "input.wav", always_2d=True)[0].T
    report = json.loads((tmp_path / "take" / "report.json").read_text())
    assert report["gaps"] == 1 and heard.shape[1] == 4000 - 256
    begin = 1000 - 256  # The stems of what comes then would have come with what is lost.
    assert np.array_equal(heard[:, :begin], sound[:, :begin]) and not heard[:, begin:3000].any()
    assert np.array_equal(heard[:, 3000:], sound[:, 3000 : 4000 - 256])


@pytest.mark.parametrize("sample", [0, 1, 44099, 10_000_000, 400_000_000])
def test_recorded_notes_are_exact_to_the_sample(tmp_path, sample):
    path = tmp_path / "x.mid"
    notes = np.array([(sample, 0, 0, 0x90, 60, 1), (sample + 1, 1, 3, 0x80, 60, 0), (sample + 2, 0, 0, 0x80, 60, 0)], NOTE)
    path.write_bytes(midi_bytes(notes, ["low", "high"], 48000.0))
    file = mido.MidiFile(path)
    assert [track.name for track in file.tracks] == ["low", "high"]
    times = [round(sum(m.time for m in track if not m.is_meta) * 0.5 / file.ticks_per_beat * 48000) for track in file.tracks]
    assert times == [sample + 2, sample + 1]


def test_a_lost_device_is_opened_again_by_the_loop(tmp_path, rng):
    cards, tries = [], []

    def open_device(rescan):
        tries.append(rescan)
        if len(tries) in (2, 3):
            raise RtsepError("still gone")
        cards.append(Card())
        return cards[-1]

    def die(player):
        call(player.lanes, band(rng, 100, 2))
        cards[-1].dead = "it stopped by itself"

    def wait(player):
        if cards[-1].dead:
            face.steps.insert(0, wait)

    def play(player):
        assert not call(player.lanes, band(rng, 100, 2)).any(), "a new thread is warmed up first"

    face = Face(die, wait, play, die, wait, play)
    live(job(tmp_path), open_device, face)
    states = [status.state for status in face.statuses]
    assert states[0] == states[-1] == "playing" and any("it stopped by itself" in state for state in states)
    assert len(cards) == 3 and all(card.closed for card in cards) and tries == [False, True, True, True, True]


def test_a_lost_device_leaves_no_levels_and_only_keys_that_are_down(tmp_path, rng):
    """A key that was let go meanwhile is not held by an engine that nobody calls."""
    card = Card()
    card.has_midi = False  # The keys are not the device's, so they stay down.

    def play(player):
        player.receive(0, 0, (0x90, 60, 90))
        player.receive(0, 0, (0x90, 62, 90))
        for _ in range(9):
            call(player.lanes, band(rng, 1000, 2))

    def die(player):
        card.dead = "it stopped by itself"

    face = Face(play, lambda player: None, die, lambda player: player.receive(0, 0, (0x80, 60, 0)), lambda player: None)
    live(job(tmp_path), lambda rescan: _gone() if card.dead else card, face)
    before, after = face.statuses[1], face.statuses[-1]
    assert max(before.input_db) > -40 and before.load > 0 and before.held == (60, 62)
    assert {*after.input_db, *after.output_db, *(stem.peak_db for stem in after.stems)} == {-120} and after.load == 0
    assert after.held == (62,) and after.losses == 1 and after.worst_load >= before.load


def _gone():
    raise RtsepError("still gone")


def test_a_device_that_comes_back_different_is_not_taken():
    first, other = Card(), Card()
    other.sample_rate = 48000.0
    found = iter((first, other))
    device = WatchedDevice(lambda rescan: next(found), lambda text: None)
    first.dead = "gone"
    device.watch(None)
    device._retry_at = 0
    device.watch(None)
    assert "48000 Hz" in device.state and other.closed and device.opened is first


def test_without_midi_every_template_is_open_and_it_is_said(tmp_path, monkeypatch, rng):
    monkeypatch.setitem(__import__("sys").modules, "rtmidi", None)
    card = Card()
    card.has_midi = False
    face = Face(lambda player: call(player.lanes, band(rng, 100, 2)), lambda player: None)
    live(job(tmp_path, midi=("keys",)), lambda rescan: card, face)
    assert "plays without notes" in face.statuses[-1].message


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_anything_is_played_ends_at_once_and_in_order(tmp_path, number):
    class Slow(Card):
        def measure_latency_ms(self):
            os.kill(os.getpid(), number)
            raise AssertionError("it went on")

    card = Slow()
    with pytest.raises(KeyboardInterrupt):
        live(job(tmp_path, measure_latency=True), lambda rescan: card, Face(lambda player: None))
    assert card.closed


def test_a_measured_latency_is_shown_as_such(tmp_path):
    face = Face(lambda player: None, lambda player: None)
    live(job(tmp_path, measure_latency=True), lambda rescan: Card(), face)
    assert (face.statuses[-1].device_latency_ms, face.statuses[-1].device_latency_source) == (
        7.5, "measured through the cable")


def test_only_what_looks_on_ends_the_session_when_it_is_gone(tmp_path):
    """A disk that fails while a key does something is told; a terminal that is gone ends all in order."""
    def fail():
        raise OSError(28, "No space left on device")

    def gone(player):
        with telling_gone():
            raise OSError(5, "Input/output error")

    face = Face(lambda player: player.attempt(fail), lambda player: None, gone, lambda player: None)
    live(job(tmp_path), lambda rescan: Card(), face)
    assert "No space left" in face.statuses[-1].message and len(face.steps) == 1
    with pytest.raises(OSError, match="No space"):
        live(job(tmp_path), lambda rescan: Card(), Face(lambda player: fail()))


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is full")
def test_lines_that_nobody_can_read_end_it_in_order(tmp_path):
    reports = []
    with pytest.raises(OSError, match="No space"), open("/dev/full", "w") as full:  # The file itself fails when it is closed.
        reports.append(live(job(tmp_path), lambda rescan: Card(), LineFace(False, Console(file=full))))
    assert [report["takes"] for report in reports] == [[]]
