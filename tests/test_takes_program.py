"""Takes of the whole program on real devices: closed terminals, kills, full disks, and two programs at once."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile
from jack_server import JackServer, jack_server, needs_jack  # noqa: F401
from test_portaudio import card, needs_portaudio  # noqa: F401
from test_takes import small_disk  # noqa: F401

HERE = str(Path(__file__).parent.parent)
LIVE = [sys.executable, "-m", "rtsep", "live", "--mode", "live", "--set", "window_samples=1024"]
ON_JACK = [*LIVE, "--jack"]
ON_CARD = [*LIVE, "--input", "rtcap", "--output", "rtplay"]


class Program:
    """`rtsep live` in its own process; a watchdog kills it if it hangs."""

    def __init__(self, command, environment, **options):
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
        self.process = subprocess.Popen([*map(str, command)], env={**environment, "PYTHONUNBUFFERED": "1"}, **options)
        self._watchdog = threading.Timer(60, self.process.kill)
        self._watchdog.start()

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self._watchdog.cancel()
        self.process.kill()
        self.process.communicate()

    def until(self, pattern):
        """Read lines until one matches, and return it."""
        line = ""
        while not re.search(pattern, line):
            line = self.process.stdout.readline()
            assert line, (pattern, self.process.stderr.read())
        return line

    def end(self, how):
        """Send a signal; returns what the program printed at its end."""
        self.process.send_signal(how)
        return self.process.communicate()[1]


def whole(folder, kind="wav"):
    """The report of a take, after a check that it is complete and that its sounds have the same length."""
    report = json.loads((folder / "report.json").read_text())
    assert not [path.name for path in folder.iterdir() if path.name.startswith(".")]
    lengths = {soundfile.info(folder / stem["file"]).frames for stem in report["stems"]}
    assert len(lengths) == 1 and report["seconds"] == round(lengths.pop() / report["sample_rate"], 3) and report["seconds"] > 0
    mido.MidiFile(folder / "session.mid")
    return report


@needs_jack
def test_two_programs_record_under_one_name(jack_server, tmp_path):  # noqa: F811
    command = [*ON_JACK, "--no-ui", "--record", tmp_path / "take"]
    with Program(command, os.environ) as first, Program(command, os.environ) as second:
        names = {re.search(r"recording (\S+):", program.until(r"recording take.*: [1-9]\d* s"))[1]
                 for program in (first, second)}
        assert names == {"take", "take-1"}
        for program in (first, second):
            told = program.end(signal.SIGHUP)
            assert program.process.returncode == 0 and "recorded" in told and "Traceback" not in told, told
    assert not whole(tmp_path / "take")["warnings"] and not whole(tmp_path / "take-1")["warnings"]


@needs_jack
@pytest.mark.skipif(not shutil.which("setsid"), reason="setsid is not installed")
def test_closing_the_terminal_ends_the_session_in_order(jack_server, tmp_path):  # noqa: F811
    """With the screen: the terminal is closed while the program writes to it."""
    import pty

    ours, theirs = pty.openpty()
    command = ["setsid", "--ctty", *ON_JACK, "--record", tmp_path / "take"]
    with Program(command, {**os.environ, "TERM": "xterm"}, stdin=theirs, stdout=theirs, stderr=theirs) as program:
        os.close(theirs)
        seen = b""
        while not re.search(rb"take: [1-9]", seen):
            seen += os.read(ours, 65536)
        os.close(ours)
        assert program.process.wait() == 0
    assert not whole(tmp_path / "take")["warnings"]


@needs_portaudio
@pytest.mark.parametrize("kind", ["wav", "flac"])
def test_a_disk_that_fills_up_under_the_program(card, small_disk, tmp_path, rng, kind):  # noqa: F811
    (0.1 * rng.standard_normal((20 * 44100, 2))).astype(np.float32).tofile(tmp_path / "in.raw")  # FLAC of silence hardly grows.
    with Program([*ON_CARD, "--no-ui", "--record", small_disk / "take", "--record-format", kind], card) as program:
        program.until("the disk is nearly full: there is room for . s of recording")
        program.until("recording ended: the disk is full; .*playing goes on")
        played = program.until("late.*recording ended: the disk is full")
        program.until("late.*recording ended")
        told = program.end(signal.SIGTERM)
    assert program.process.returncode == 0 and "load" in played and "the disk is full" in told and "Traceback" not in told, told
    assert whole(small_disk / "take", kind)["warnings"] == ["the disk is full"]


class Keyboard:
    """A JACK client that plays a note in every period, and counts them."""

    def __init__(self):
        import jack

        self.client, self.notes = jack.Client("keyboard", no_start_server=True), 0
        self.port = self.client.midi_outports.register("out")
        self.client.set_process_callback(self._process)

    def _process(self, _frames):
        self.port.clear_buffer()
        if self.notes >= 0 and self.port.number_of_connections:
            self.port.write_midi_event(0, (0x90, 48 + self.notes % 24, 90 if self.notes // 24 % 2 == 0 else 0))
            self.notes += 1


@needs_jack
@pytest.mark.parametrize("kind", ["wav", "flac"])
def test_killed_while_notes_are_played_and_repaired_at_the_next_start(jack_server, tmp_path, kind):  # noqa: F811
    command = [*ON_JACK, "--no-ui", "--by", "split", "--record", tmp_path / "take", "--record-format", kind]
    keyboard = Keyboard()
    with keyboard.client, Program(command, os.environ) as program:
        program.until("recording take: 0 s")
        keyboard.client.connect("keyboard:out", "rtsep:midi_in")
        program.until(r"recording take: [2-9] s")
        program.process.send_signal(signal.SIGKILL)
        program.process.communicate()
    if kind == "wav":
        assert soundfile.info(tmp_path / "take" / "low.wav").duration > 0.9, "it can be read even before it is repaired"
    with Program(command, os.environ) as program:
        told = program.until("take was cut off and has been mended")
        program.until("recording take-1")
        program.end(signal.SIGINT)
    report = whole(tmp_path / "take", kind)
    assert f"{report['seconds']:.1f} s" in told and report["seconds"] > 1.5
    assert report["warnings"] == ["it was cut off, and mended"]
    file = mido.MidiFile(tmp_path / "take" / "session.mid")
    notes = [message.note for track in file.tracks for message in track if message.type == "note_on"]
    assert [track.name for track in file.tracks] == ["low", "high"] and len(notes) == report["events"]
    assert 100 < len(notes) <= keyboard.notes and np.all(np.diff(np.unique(notes)) == 1)


PLAYING = """
import errno, sys, jack
client, notes = jack.Client("player", no_start_server=True), 0
sound, midi = client.outports.register("out"), client.midi_outports.register("midi")
def process(frames):
    global notes
    sound.get_array()[:] = 0.25
    midi.clear_buffer()
    if midi.number_of_connections:
        midi.write_midi_event(0, (0x90, 60, 90 - 90 * (notes % 2)))
        notes += 1
client.set_process_callback(process)
with client:
    for ours, theirs in ("player:out", "rtsep:in_1"), ("player:midi", "rtsep:midi_in"):
        try:
            client.connect(ours, theirs)
        except jack.JackErrorCode as error:
            if error.code != errno.EEXIST:  # When a player comes back, the program makes its connections again, perhaps first.
                raise
    print("connected", flush=True)
    sys.stdin.read()
"""


def playing(environment):
    """A client that plays a constant sound and many notes."""
    return Program([sys.executable, "-c", PLAYING], environment, stdin=subprocess.PIPE)


@needs_jack
def test_a_server_that_was_away_is_silence_of_its_length(tmp_path):
    """In sound, in notes and in the report, the silence lies between the least and the greatest possible length."""
    server = JackServer(tmp_path / "jackd.log").start()
    try:
        with Program([*ON_JACK, "--no-ui", "--record", tmp_path / "take"], server.environment) as program:
            program.until("recording take: 0 s")
            with playing(server.environment) as player:
                player.until("connected")
                program.until(r"recording take: [2-9] s")
                longest = -time.monotonic()
                server.stop(signal.SIGKILL)
                shortest = -time.monotonic()
            program.until("trying to open it again")
            for _ in range(3):
                program.until("late")  # One line per second.
            shortest += time.monotonic()
            server.start()
            program.until("is back")
            with playing(server.environment) as player:
                player.until("connected")
                program.until("late")
                longest += time.monotonic()
                program.until("late")
                told = program.end(signal.SIGINT)
    finally:
        server.stop()
    report = whole(tmp_path / "take")
    xruns = int((re.search(r"(\d+) xrun", told) or ["", 0])[1])  # On a busy computer JACK skips more samples, and counts them.
    assert 1 <= report["gaps"] <= 1 + xruns and "silence in" in told, (report, told)
    assert shortest < report["gap_s"] and (xruns or report["gap_s"] < longest), (report, told)
    heard = soundfile.read(tmp_path / "take" / "input.wav", always_2d=True)[0][:, 0]
    sounding = np.flatnonzero(heard)
    silence = int(np.diff(sounding).max()) / report["sample_rate"]
    assert shortest - 0.1 < silence < longest + 0.1  # The server can play some periods faster when it is back.
    (track,) = mido.MidiFile(tmp_path / "take" / "session.mid").tracks
    ticks = mido.MidiFile(tmp_path / "take" / "session.mid").ticks_per_beat
    rest = max(message.time for message in track[2:-1]) * 0.5 / ticks
    assert (shortest if xruns else report["gap_s"]) - 0.1 < rest < longest and track.name == "piano"


@needs_jack
@pytest.mark.skipif(not shutil.which("setsid"), reason="setsid is not installed")
def test_takes_by_keys(jack_server, tmp_path):  # noqa: F811
    """On the screen: r begins a take, n continues with the next, r ends it, and r begins again."""
    import pty

    ours, theirs = pty.openpty()
    with Program(["setsid", "--ctty", *ON_JACK], {**os.environ, "TERM": "xterm", "COLUMNS": "200", "PYTHONPATH": HERE},
                 stdin=theirs, stdout=theirs, stderr=theirs, cwd=tmp_path) as program:
        os.close(theirs)
        for key, shown in (("", rb"\(JACK|JACK \("), ("r", rb"RECORDING take: [1-9]"), ("n", rb"RECORDING take-1: [1-9]"),
                           ("r", rb"take-1 holds"), ("r", rb"RECORDING take-2: [1-9]"), ("q", rb"recorded .* into \S*take-2")):
            os.write(ours, key.encode())
            seen = b""
            while not re.search(shown, seen):
                seen += os.read(ours, 65536)
        assert program.process.wait() == 0
    os.close(ours)
    assert sum(whole(tmp_path / name)["seconds"] >= 0.5 for name in ("take", "take-1", "take-2")) == 3
