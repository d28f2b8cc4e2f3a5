"""`rtsep live --melody` on a JACK server: a real MIDI port, or the place in a score, tells which of two tones is the voice."""

import json
import subprocess
import sys
import threading

import numpy as np
import pytest
from jack_server import JackServer, needs_jack
from test_midi import needs_rtmidi

from rtsep.notes.build import Note, build_score
from rtsep.notes.messages import NOTE_OFF, NOTE_ON
from rtsep.notes.written import written_midi

RATE, WATCHDOG_S = 44100, 120
START_S = 4  # The accompaniment begins after so many seconds, when its port is connected.
TONES = ((0.05, 440.0), (0.08, 659.26))
A4, E5, C3 = 69, 76, 48  # Two tones that sound together all the time, and a key of the accompaniment.


class Singer:
    """A client `singer` with the sound of two tones, the upper one louder, and a MIDI port. notes: messages by sample."""

    def __init__(self, notes=()):
        import jack

        self.client, self._at, self._waiting = jack.Client("singer", no_start_server=True), 0, []
        self._notes = dict(notes)
        self._out, self._midi = self.client.outports.register("out"), self.client.midi_outports.register("midi")
        self.client.set_process_callback(self._process)

    def _process(self, frames):
        at = (self._at + np.arange(frames)) / RATE
        self._out.get_array()[:] = sum(loud * np.sin(2 * np.pi * hz * n * at) / n for loud, hz in TONES for n in range(1, 6))
        if self._notes:
            self._out.get_array()[at < START_S] = 0  # The singer begins with the pianist.
        self._out.get_array()[:] += sum((self._accompaniment(at, sample) for sample in self._notes), np.zeros(frames))
        self._midi.clear_buffer()
        for sample in range(self._at, self._at + frames):
            if sample in self._notes:
                self._midi.write_midi_event(sample - self._at, self._notes[sample])
        self._at += frames
        while self._waiting:
            self._midi.write_midi_event(0, self._waiting.pop(0))

    def _accompaniment(self, at, sample):
        """The sound of a scheduled key at the times `at`."""
        since, (status, pitch, _) = at - sample / RATE, self._notes[sample]
        if status != NOTE_ON or since[-1] < 0 or since[0] > 1:
            return np.zeros(len(at))
        hz, decay = 440 * 2 ** ((pitch - 69) / 12), np.where(since >= 0, np.exp(-3 * np.maximum(since, 0)), 0)
        return 0.1 * decay * sum(np.sin(2 * np.pi * hz * n * since) / n for n in range(1, 9))

    def play(self, *message):
        self._waiting.append(message)

    def __enter__(self):
        self.client.activate()
        self.client.connect("singer:out", "rtsep:in_1")
        return self

    def __exit__(self, *_error):
        self.client.deactivate()
        self.client.close()


@pytest.fixture
def server(tmp_path, monkeypatch):
    found = JackServer(tmp_path / "jackd.log", period=1024, rate=RATE)
    for name in ("JACK_DEFAULT_SERVER", "JACK_NO_START_SERVER"):
        monkeypatch.setenv(name, found.environment[name])
    import jack

    found.start()
    with jack.Client("bystander", no_start_server=True) as bystander:  # Without any port, looking for ports can take long.
        bystander.midi_outports.register("midi")
        yield found
    found.stop()


class Session:
    """`rtsep live` as a JACK client; `until` waits for a line of JSON."""

    def __init__(self, server, *options):
        command = [sys.executable, "-m", "rtsep", "live", "--jack", "--json", "--seconds", "60", *options]
        self._process = subprocess.Popen(command, env=server.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                         text=True)
        self._watchdog = threading.Timer(WATCHDOG_S, self._process.kill)
        self._watchdog.start()

    def until(self, is_right):
        """The first line that is right; the test fails if none comes before the end."""
        seen = []
        for line in self._process.stdout:
            seen.append(json.loads(line))
            if is_right(seen[-1]):
                return seen[-1]
        raise AssertionError((seen[-3:], self._process.stderr.read()))

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self._process.terminate()
        _, errors = self._process.communicate()
        self._watchdog.cancel()
        assert "Traceback" not in errors, errors


@needs_jack
@needs_rtmidi
def test_the_keys_of_a_port_tell_the_note_of_the_voice(server):
    with Session(server, "--melody", "singer") as session:
        session.until(lambda line: True)
        with Singer() as singer:
            session.until(lambda line: any("singer" in port and "waited" not in port for port in line["midi"]))
            for pitch, name in ((A4, "A4"), (E5, "E5"), (A4, "A4")):
                singer.play(NOTE_ON, pitch, 90)
                session.until(lambda line, name=name: line["voice"].startswith(name))
                singer.play(NOTE_OFF, pitch, 0)
            assert session.until(lambda line: line["voice"] == "-")


@needs_jack
@needs_rtmidi
def test_the_keys_of_a_pianist_tell_the_note_of_the_singer_by_the_score(server, tmp_path):
    """The accompaniment has a key a second; the singer's part has A4 for some seconds, then E5."""
    beats = 30
    notes = [Note(beat, beat + 0.9, C3 + beat % 7, 70, 1, 0) for beat in range(beats)]
    notes += [Note(0, 7.9, A4, 70, 0, 0), Note(8, beats, E5, 70, 0, 0)]
    score = build_score("song", notes, ("Voice", "Piano"), {(0, 0): 52, (1, 0): 0})
    (tmp_path / "song.mid").write_bytes(written_midi(score))
    with Session(server, "--midi", "singer", "--score", str(tmp_path / "song.mid"), "--melody", "voice") as session:
        session.until(lambda line: True)
        keys = {(START_S + beat) * RATE: (NOTE_ON, C3 + beat % 7, 90) for beat in range(14)}
        keys |= {at + RATE // 2: (NOTE_OFF, message[1], 0) for at, message in keys.items()}
        with Singer(keys):
            session.until(lambda line: any("singer" in port and "waited" not in port for port in line["midi"]))
            heard = [session.until(lambda line: line["notes"] > 0)]
            heard += [session.until(lambda line: True) for _ in range(12)]
    assert [stem["name"] for stem in heard[0]["stems"]] == ["piano", "voice", "residual"]
    assert heard[-1]["following"].endswith("keys: piano"), heard[-1]["following"]
    voices = [line["voice"].split()[0] for line in heard]
    told = [(line["voice"], line["following"]) for line in heard]  # A moment without a pitch is no mistake.
    assert "A4" in voices[2:7] and "E5" not in voices[2:7], told
    assert "E5" in voices[10:] and "A4" not in voices[10:], told
