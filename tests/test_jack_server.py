"""The duties of a JACK client: skipped samples, connections, and reported latencies."""

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
from jack_server import JackServer, jack_server, needs_jack  # noqa: F401
from soak_takes import coded, positions
from test_jack_live import playing

from rtsep.hosts.jack_connections import CUT_S
from rtsep.hosts.lanes import CAPACITY, Lanes
from rtsep.hosts.timeline import Timeline

RATE, PERIOD, WATCHDOG_S, TRIES, STOPS = 48000, 128, 60, 10, 20
pytestmark = needs_jack


def until(condition):
    """Wait while other threads work."""
    end = time.monotonic() + WATCHDOG_S
    while not condition():
        assert time.monotonic() < end
        threading.Event().wait(0.01)


class Clock:
    """A client whose samples tell JACK's frame times. On demand it stops the whole chain for a while."""

    def __init__(self, jack):
        self.client, self.stop_s, self.stops = jack.Client("clock", no_start_server=True), 0.0, 0
        self._out = [self.client.outports.register(f"out_{c}") for c in (1, 2)]
        self.client.set_process_callback(self._process)

    def _process(self, frames):
        if self.stop_s:
            time.sleep(self.stop_s)  # This causes the dropout.
            self.stop_s, self.stops = 0.0, self.stops + 1
        for port, plane in zip(self._out, coded(self.client.last_frame_time, frames), strict=True):
            port.get_array()[:] = plane


@pytest.fixture
def backend(jack_server, preset):  # noqa: F811
    """A JACK client in this process that plays, with its lanes and its engine."""
    from rtsep.hosts.jack import JackClient

    backend = JackClient(2)
    separator = prepared(preset, two_parts(), SMALL, 2, rate=RATE, max_block=CAPACITY)
    lanes = Lanes(separator, RATE, backend.sources(separator.stem_names))
    backend.start(lanes)
    until(lambda: lanes.heartbeat > 10)
    yield backend, lanes, separator
    backend.close()


def test_samples_that_jack_skips_are_silence_of_their_length(backend):
    """A sample's place in the take and the frame time that it tells stay together to the sample.

    After a stop, JACK can pass two blocks in one cycle. Then the take is ahead by a block until the next gap, and the test
    tries again. These blocks do not add up over many stops. JACK's own clock is wrong if the computer is so busy that its
    driver is late: then the test tries again, too.
    """
    client, lanes, _separator = backend
    import jack

    clock, time_line, blocks = Clock(jack), Timeline(2, SMALL["latency_samples"]), []

    def drain():
        assert not client.trouble()
        while (piece := lanes.read_record()) is not None:
            blocks.extend(time_line.add(*piece))
        return time_line.at

    def offset():
        """The errors of the frame time in the next half second."""
        begin = drain()
        until(lambda: drain() > begin + RATE / 2)
        heard = positions(np.concatenate(blocks, axis=1)[:2, -RATE // 4 :])
        return np.median(heard - np.arange(time_line.at - RATE // 4, time_line.at))

    def stop(seconds):
        stops, clock.stop_s = clock.stops, seconds
        until(lambda: clock.stops > stops)

    def is_exact(seconds):
        before, silence = offset(), time_line.gap_samples
        stop(seconds)
        return offset() == before and time_line.gap_samples > silence + seconds / 2 * RATE

    def stays():
        before = offset()
        for _ in range(STOPS):
            stop(0.05)
            begin = drain()
            until(lambda begin=begin: drain() > begin + RATE / 10)
        return abs(offset() - before) <= 3 * PERIOD

    with clock.client:
        for c in (1, 2):
            clock.client.connect(f"clock:out_{c}", f"rtsep:in_{c}")
        lanes.record_start(10)
        for seconds in (0.05, 0.3):
            assert any(is_exact(seconds) for _ in range(TRIES))
        assert any(stays() for _ in range(3))


def told(environment):
    """The greatest latency in samples by JACK's own list, by port and kind."""
    listing = subprocess.run(["jack_lsp", "-l"], env=environment, capture_output=True, text=True).stdout
    return {(port, kind): int(most) for port, lines in re.findall(r"^(\S+)\n((?:\s+.*\n)+)", listing, re.M)
            for kind, most in re.findall(r"(\w+) latency = \[ \d+ (\d+) \]", lines)}


def test_ports_tell_the_engines_latency(backend, jack_server, preset):  # noqa: F811
    """JACK's list shows the latency of both directions, also after it has changed."""
    client, lanes, _separator = backend
    stem = f"rtsep:{client._names[-1]}"

    def tells(latency):
        assert not client.trouble()
        found = told(jack_server.environment)
        return (found["rtsep:mix_1", "capture"] == found[stem, "capture"] == found["rtsep:in_1", "capture"] + latency
                and found["rtsep:in_1", "playback"] == found["rtsep:midi_in", "playback"]
                == found["rtsep:mix_1", "playback"] + latency)

    until(lambda: tells(SMALL["latency_samples"]))
    later = prepared(preset, two_parts(), {**SMALL, "latency_samples": 128}, 2, rate=RATE, max_block=CAPACITY)
    lanes.play(later.prepared, fade=True)
    until(lambda: tells(128))
    ahead = prepared(preset, two_parts(), {**SMALL, "lookahead_ms": 10.0}, 2, rate=RATE, max_block=CAPACITY)
    lanes.play(ahead.prepared, fade=True)
    until(lambda: tells(SMALL["latency_samples"] + RATE // 100))


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_connections_are_made_again_when_the_server_is_back(tmp_path, monkeypatch, how):
    """Also connections to a client that comes back later. What the user disconnected stays disconnected."""
    import jack

    server = JackServer(tmp_path / "jackd.log").start()
    for name in ("JACK_DEFAULT_SERVER", "JACK_NO_START_SERVER"):
        monkeypatch.setenv(name, server.environment[name])

    def desk():
        client = jack.Client("desk", no_start_server=True)
        client.inports.register("in_1")
        client.midi_outports.register("keys")
        client.activate()
        return client

    def connected(client, port):
        return {each.name for each in client.get_all_connections(client.get_port_by_name(port))}

    try:
        with playing(server.environment) as live:
            client = desk()
            assert connected(client, "rtsep:mix_2") == {"system:playback_2"}
            client.connect("rtsep:residual_2", "desk:in_1")
            client.connect("desk:keys", "rtsep:midi_in")
            client.disconnect("rtsep:mix_2", "system:playback_2")
            live.until(lambda status: status["midi"] == ["desk:keys"])
            seen = []
            live.until(lambda status: seen.append(status["seconds"]) or seen[-1] > seen[0] + 2 * CUT_S)
            client.deactivate()
            client.close()
            live.until(lambda status: not status["midi"])
            server.stop(how)
            live.until(lambda status: status["state"] != "playing")
            server.start()
            live.until(lambda status: status["state"] == "playing")
            client = desk()
            until(lambda: connected(client, "rtsep:residual_2") == {"desk:in_1"})
            until(lambda: connected(client, "rtsep:midi_in") == {"desk:keys"})
            assert connected(client, "rtsep:mix_1") == {"system:playback_1"} and not connected(client, "rtsep:mix_2")
            assert connected(client, "rtsep:in_1") == {"system:capture_1"}
            client.deactivate()
            client.close()
            live.end()
    finally:
        server.stop()


@pytest.mark.parametrize("logged", [True, False])
def test_what_jack_itself_says_is_in_the_log_alone(tmp_path, logged):
    environment = {**os.environ, "JACK_DEFAULT_SERVER": "rtsep-nobody", "JACK_NO_START_SERVER": "1"}
    words = ["--log", tmp_path / "live.log"] if logged else []
    done = subprocess.run([sys.executable, "-m", "rtsep", "live", "--jack", "--no-ui", *words], env=environment, timeout=120,
                          capture_output=True, text=True)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and "no JACK server answers" in done.stderr
    if logged:
        lines = (tmp_path / "live.log").read_text().splitlines()
        assert lines and all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \(a library\) .*", line) for line in lines)
        assert any("server" in line for line in lines)
