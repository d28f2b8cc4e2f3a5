"""`rtsep live --jack` for a player: notes and knobs through its MIDI port, connections that end, a measured cable."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from conftest import SMALL, prepared, two_parts
from jack_clients import Cable, Keyboard
from jack_server import JackServer, jack_server, needs_jack  # noqa: F401

from rtsep.cli import main
from rtsep.errors import RtsepError
from rtsep.hosts.controls import Controls
from rtsep.hosts.lanes import CAPACITY, Lanes
from rtsep.hosts.notewatch import NoteWatch
from rtsep.hosts.player import Player

RATE, PERIOD, WATCHDOG_S = 48000, 128, 60


class Live:
    """`rtsep live --jack --json` in its own process."""

    def __init__(self, environment, *options):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "rtsep", "live", "--jack", "--json", "--mode", "live", "--set", "window_samples=1024",
             *options], env={**environment, "PYTHONUNBUFFERED": "1"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def until(self, condition):
        """Wait for a status that fulfils `condition`."""
        seen = []
        while len(seen) < WATCHDOG_S and (line := self.process.stdout.readline()):
            seen.append(json.loads(line))
            if condition(seen[-1]):
                return seen[-1]
        raise AssertionError((seen[-1:], self.process.poll()))

    def end(self):
        self.process.send_signal(signal.SIGINT)
        _rest, told = self.process.communicate(timeout=WATCHDOG_S)
        assert self.process.returncode == 0 and "Traceback" not in told, told
        return told


@contextlib.contextmanager
def playing(environment, *options):
    live = Live(environment, *options)
    try:
        live.until(lambda status: status["state"] == "playing")
        yield live
    finally:
        with live.process as process:
            process.kill()


@needs_jack
def test_notes_end_with_their_connection_their_client_and_their_server(tmp_path, monkeypatch):
    """`held` counts both the keys that the screen shows and the voices that the engine plays."""
    server = JackServer(tmp_path / "jackd.log").start()
    for name in ("JACK_DEFAULT_SERVER", "JACK_NO_START_SERVER"):
        monkeypatch.setenv(name, server.environment[name])
    try:
        with playing(server.environment) as live:
            with Keyboard() as keys:
                keys.play(0x90, 60, 90)
                assert live.until(lambda status: status["held"] == [60])["midi"] == ["keys:midi"]
                keys.client.disconnect("keys:midi", "rtsep:midi_in")
                assert live.until(lambda status: not status["held"])["midi"] == []
                keys.connect()
                keys.play(0x90, 62, 90)
                live.until(lambda status: status["held"] == [62])
            live.until(lambda status: not status["held"] and not status["midi"])
            with Keyboard() as keys:
                keys.play(0xB0, 64, 127)
                keys.play(0x90, 64, 90)
                live.until(lambda status: status["held"] == [64])
                keys.client.deactivate()  # Otherwise it would wait for a server that has gone.
            server.stop(signal.SIGKILL)
            lost = live.until(lambda status: status["state"] != "playing")
            assert lost["held"] == [] and lost["load"] == 0 and lost["device_latency_ms"] is None
            server.start()
            live.until(lambda status: status["state"] == "playing")
            assert live.until(lambda status: status["counters"]["samples"])["held"] == []
            live.end()
    finally:
        server.stop()


@needs_jack
def test_dropouts_are_counted_and_told(jack_server):  # noqa: F811
    with playing(jack_server.environment) as live:
        os.kill(jack_server.pid, signal.SIGSTOP)
        time.sleep(0.3)  # This causes the dropout.
        os.kill(jack_server.pid, signal.SIGCONT)
        live.until(lambda status: status["xruns"] > 0)
        assert "xrun" in live.end()


@needs_jack
def test_the_latency_is_what_the_ports_tell(jack_server):  # noqa: F811
    with playing(jack_server.environment, "--latency", "256", "--lookahead", "50") as live:
        status = live.until(lambda status: status["device_latency_ms"] is not None)
        listing = subprocess.run(["jack_lsp", "-l"], env=jack_server.environment, capture_output=True, text=True).stdout
    told = {(port, kind): int(most) for port, lines in re.findall(r"^(\S+)\n((?:\s+.*\n)+)", listing, re.M)
            for kind, most in re.findall(r"(\w+) latency = \[ \d+ (\d+) \]", lines)}
    samples = told["rtsep:in_1", "capture"] + told["rtsep:mix_1", "playback"]
    assert samples and status["device_latency_ms"] == pytest.approx(1000 * samples / RATE)
    assert told["rtsep:mix_1", "capture"] - told["rtsep:in_1", "capture"] == status["latency_samples"] == 256 + RATE // 20


@pytest.fixture
def player(jack_server, preset, tmp_path):  # noqa: F811
    """A player on a JACK client of this process."""
    from rtsep.hosts.jack import JackClient

    backend = JackClient(2)
    separator = prepared(preset, two_parts(), SMALL, 2, rate=RATE, max_block=CAPACITY)
    lanes = Lanes(separator, RATE, backend.sources(separator.stem_names))
    backend.start(lanes)
    yield Player(separator, lanes, Controls(tmp_path / "controls.json"), NoteWatch(None, preset.pitches), 1)
    backend.close()


@needs_jack
def test_a_knob_is_learnt_and_works(player):
    until = time.monotonic() + WATCHDOG_S

    def play(message, condition):
        """Repeat the messages every second: JACK drops them if the keyboard's callback waits too long for the interpreter."""
        looks = 0
        while not condition():
            assert time.monotonic() < until
            if looks % 100 == 0:
                keys.play(*message)
            looks += 1
            player.tick()
            threading.Event().wait(0.01)  # The keyboard's callback needs the interpreter.

    with Keyboard() as keys:
        player.controls.learn("gain_db.left")
        play((0xB2, 21, 127), lambda: player.controls.bindings == {(2, 21): "gain_db.left"})
        play((0xB2, 21, 0), lambda: player.value("gain_db.left") == -120)  # Down past 0 dB, where the knob picks up.
        play((0xB2, 21, 127), lambda: player.value("gain_db.left") == 6)
        play((0x90, 60, 90), lambda: player.watch.held() == (60,))
    assert player.lanes.counters()["lost_heard"] == 0


@needs_jack
def test_the_list_of_devices_tells_of_the_server(jack_server, capsys):  # noqa: F811
    assert main(["devices"]) == 0
    assert f"a JACK server is running at {RATE} Hz, in blocks of {PERIOD} samples" in capsys.readouterr().out
    assert main(["devices", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["jack"] == {"running": True, "sample_rate": RATE, "block": PERIOD}
    jack_server.stop()
    assert main(["devices"]) == 0
    assert "no JACK server answers" in capsys.readouterr().out


@needs_jack
def test_notes_over_a_silent_input_bring_advice(jack_server):  # noqa: F811
    with playing(jack_server.environment) as live, Keyboard() as keys:
        while not live.until(lambda status: True)["hint"].startswith("notes come, but the input is silent: is in_1 connected"):
            for pitch in (60, 62):
                keys.play(0x90, pitch, 90)
                keys.play(0x80, pitch, 0)


# --- measuring --------------------------------------------------------------------------------------------------------


@pytest.fixture
def bare_server(tmp_path, monkeypatch):
    """A server whose driver has no ports, so that the test's client is the only sound card."""
    server = JackServer(tmp_path / "jackd.log", channels=0)
    for name in ("JACK_DEFAULT_SERVER", "JACK_NO_START_SERVER"):
        monkeypatch.setenv(name, server.environment[name])
    yield server.start()
    server.stop()


@needs_jack
def test_a_cable_is_measured_to_the_sample(bare_server):
    from rtsep.hosts.jack import JackClient

    backend = JackClient(1)
    try:
        with Cable(1234):
            samples = backend.measure_latency_ms() * RATE / 1000
        assert samples in [pytest.approx(1234 + periods * PERIOD) for periods in range(4)]
    finally:
        backend.close()


@needs_jack
@pytest.mark.parametrize("heard, told", [
    (lambda samples: 0 * samples, "silent"),
    (lambda samples: np.random.default_rng().standard_normal(len(samples)).astype(np.float32), "another sound"),
])
def test_what_is_no_cable_is_refused(bare_server, heard, told):
    from rtsep.hosts.jack import JackClient

    backend = JackClient(1)
    try:
        with Cable(0, heard), pytest.raises(RtsepError, match=told):
            backend.measure_latency_ms()
    finally:
        backend.close()


@needs_jack
def test_a_measured_latency_is_told_at_the_start_and_at_the_end(bare_server):
    with Cable(500), playing(bare_server.environment, "--measure-latency", "--inputs", "1") as live:
        status = live.until(lambda status: status["device_latency_source"] == "measured through the cable")
        told = live.end()
    assert f"measured latency of the device: {status['device_latency_ms']:.1f} ms" in told
