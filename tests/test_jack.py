"""JACK from end to end, without a sound card or a clock: the server runs in freewheel, as fast as its clients can."""

import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
import soundfile
from conftest import SMALL, band, midi, play, prepared, two_parts
from jack_server import JackServer, jack_server, needs_jack  # noqa: F401
from mosaics import melody

from rtsep.errors import RtsepError
from rtsep.grains.engine import Mosaic
from rtsep.grains.source import Source
from rtsep.hosts.lanes import CAPACITY, Lanes, shared
from rtsep.kernels.memory import STEM_TOLD

RATE, PERIOD = 48000, 128


class Tape:
    """A client that plays a sound and notes to one program, sample by sample, and records what comes back."""

    def __init__(self, sound, notes, returns):
        import jack

        self.client = jack.Client("tape", no_start_server=True)
        self.ended = threading.Event()
        self.recorded = []
        self._sound, self._notes, self._position = sound, notes, 0
        self._out = [self.client.outports.register(f"out_{c + 1}") for c in range(len(sound))]
        self._in = [self.client.inports.register(f"in_{i + 1}") for i in range(returns)]
        self._midi = self.client.midi_outports.register("midi")
        self.client.set_process_callback(self._process)
        self.playing = threading.Event()
        self.jumps, self._next = 0, None  # How often JACK's own clock skipped samples.

    def _process(self, frames):
        now = self.client.last_frame_time
        self.jumps += self._next not in (None, now)
        self._next = now + frames
        self._midi.clear_buffer()
        begin, end = self._position, self._position + frames
        if not self.playing.is_set():
            begin = end = 0
        for c, port in enumerate(self._out):
            piece = np.zeros(frames, np.float32)
            part = self._sound[c, begin:end]
            piece[: len(part)] = part
            port.get_array()[:] = piece
        for note in self._notes[(self._notes["sample"] >= begin) & (self._notes["sample"] < end)]:
            self._midi.write_midi_event(int(note["sample"]) - begin,
                                        (int(note["status"]), int(note["data1"]), int(note["data2"])))
        if self.playing.is_set():
            self.recorded.append(np.stack([port.get_array().copy() for port in self._in]))
            self._position = end
            if end >= self._sound.shape[1]:
                self.ended.set()


def everything(lanes, seen):
    """Move what is in the recording into `seen` (pieces, events)."""
    while (piece := lanes.read_record()) is not None:
        seen[0].append(piece)
    seen[1].extend(event for event in lanes.read_events().tolist() if event[2] != STEM_TOLD)  # this is not a message


def run_tape(separator, sound, notes, *, change=lambda lanes, separator: None, pre_fader=False):
    """Play the tape through a JackClient in freewheel; returns recorded input, stems and events, what came back, and counters.

    separator: anything that `rtsep live` plays, prepared for stereo and blocks of CAPACITY.
    """
    from rtsep.hosts.jack import JackClient

    backend = JackClient(2, connect=False)
    lanes = Lanes(separator, RATE, backend.sources(separator.stem_names))
    lanes.record_start(20)
    lanes.pre_fader(pre_fader)
    tape, seen = Tape(sound, notes, 2 + 2 * len(separator.stem_names)), ([], [])
    backend.start(lanes)
    with tape.client:
        name = backend._client.name
        for c in (1, 2):
            tape.client.connect(f"tape:out_{c}", f"{name}:in_{c}")
        tape.client.connect("tape:midi", f"{name}:midi_in")
        for i, port in enumerate([f"mix_{c}" for c in (1, 2)] + [f"{s}_{c}" for s in separator.stem_names for c in (1, 2)]):
            tape.client.connect(f"{name}:{port}", f"tape:in_{i + 1}")
        everything(lanes, seen)
        settled, xruns, jumps = len(seen[0]), lanes.xruns, tape.jumps
        tape.client.blocksize = 2 * PERIOD  # both play meanwhile
        while lanes.word(shared.FRAMES) != 2 * PERIOD:
            threading.Event().wait(0.005)
        tape.client.set_freewheel(True)
        while lanes.counters()["samples"] < 0.1 * RATE:  # now it is faded in
            threading.Event().wait(0.002)
        tape.playing.set()
        while not tape.ended.wait(0.005):
            assert not backend.trouble()
            everything(lanes, seen)
            change(lanes, separator)
        tape.client.set_freewheel(False)
    backend.close()
    everything(lanes, seen)
    starts = [start for start, _ in seen[0]]
    planes = np.concatenate([piece for _, piece in seen[0] if len(piece)], axis=1)
    skipped = lanes.xruns > xruns or tape.jumps > jumps
    assert skipped or all(len(piece) for _, piece in seen[0][settled:]), "a gap where JACK skipped nothing"
    assert starts[0] == 0 and lanes.counters()["lost_pieces"] == 0
    return planes[:2], planes[2:], seen[1], np.concatenate(tape.recorded, axis=1), lanes.counters()


def separator_of(preset, **params):
    return prepared(preset, two_parts(), {**SMALL, **params}, 2, rate=RATE, max_block=CAPACITY)


def instant_of(preset):
    return separator_of(preset, mode="instant", latency_samples=0)


def mosaic_of(preset):
    """A tape of a melody on the preset's pitches."""
    sizes = {name: SMALL[name] for name in ("window_samples", "latency_samples", "hop_samples")}
    pitches = preset.pitches - 12 * np.log2(RATE / 44100)  # melodies are made for 44.1 kHz
    mosaic = Mosaic(Source("melody", melody(np.random.default_rng(3), pitches), float(RATE)), sizes)
    mosaic.prepare(RATE, 2, CAPACITY)
    return mosaic


@needs_jack
@pytest.mark.parametrize("engine_of", [separator_of, instant_of, mosaic_of])
def test_stems_and_notes_are_the_same_as_offline(jack_server, preset, rng, engine_of):  # noqa: F811
    """Sound, notes and stems go through real ports: no frame is lost, each note is at its sample, each bit is the engine's."""
    length = 3 * RATE
    sound = band(rng, length, 2, RATE)
    sound[:, :1] = 0.25  # so that its first sample can be found
    strikes = np.sort(rng.choice(np.arange(500, length - 2000), 80, replace=False))
    notes = midi(*[(int(at), 0x90 if i % 2 == 0 else 0x80, (48, 52, 60, 64)[i // 2 % 4], 90)
                   for i, at in enumerate(strikes)])
    heard, stems, events, back, counters = run_tape(engine_of(preset), sound, notes)

    first = int(np.argmax(heard[0] != 0))
    assert np.array_equal(heard[:, first : first + length], sound), "frames were lost or changed"
    assert [event[0] - first for event in events] == notes["sample"].tolist()
    assert [event[2:5] for event in events] == [tuple(note.tolist()[2:5]) for note in notes]

    played = notes.copy()
    played["sample"] += first
    offline, _mix = play(engine_of(preset), heard, played)
    assert np.abs(offline[0]).max() > 1e-3
    assert np.array_equal(stems, offline.reshape(-1, heard.shape[1]))
    assert counters["dropped_notes"] == counters["lost_events"] == 0

    assert carries(back[2:], stems[:, first : first + length - 8 * PERIOD]), "the ports do not carry the stems"


def carries(ports, stems):
    """Whether `ports` carry `stems`. The way back can take some periods."""
    return sum(np.array_equal(ports[:, max(lag, 0) : max(lag, 0) + 20000], stems[:, max(-lag, 0) : max(-lag, 0) + 20000])
               for lag in range(-2 * PERIOD, 6 * PERIOD)) == 1


@needs_jack
def test_stems_before_their_faders_sound_while_others_are_soloed(jack_server, preset, rng):  # noqa: F811
    length, separator = RATE, separator_of(preset)
    sound = band(rng, length, 2, RATE)
    sound[:, :1] = 0.25  # so that its first sample can be found
    for stem in separator.stem_names:  # as Player does with stems that are not soloed
        separator.set(f"gain_db.{stem}", -120)
    heard, stems, _events, back, _counters = run_tape(separator, sound, midi((500, 0x90, 60, 90)), pre_fader=True)
    first = int(np.argmax(heard[0] != 0))
    assert carries(back[2:], stems[:, first : first + length - 8 * PERIOD]) and np.abs(stems).max() > 1e-3
    assert np.abs(back[:2, length // 2 :]).max() < 1e-5, "the mix hears the faders"


@needs_jack
def test_random_playing_for_a_minute_keeps_every_counter_right(jack_server, preset, rng):  # noqa: F811
    """With random notes, bursts of NaN, and changes of parameters and gains."""
    length = 60 * RATE
    sound = np.tile(band(rng, RATE, 2, RATE), (1, 60))
    sound[:, 20 * RATE : 20 * RATE + 50] = np.nan
    notes = midi(*[(int(at), int(rng.choice([0x80, 0x90, 0xB0])), int(rng.choice([48, 52, 60, 64, 120, 123])),
                    int(rng.integers(128))) for at in np.sort(rng.integers(0, length, 3000))])
    changes = 0

    def change(lanes, separator):
        nonlocal changes
        if lanes.arrived:
            changes += 1
            assert separator.exchange(params={"mask_power": float(rng.choice([1, 2])), "iterations": int(rng.integers(1, 9))})
            separator.set("gain_db.left", float(rng.uniform(-60, 6)))
            lanes.play(separator.prepared, fade=False)
    heard, stems, events, back, counters = run_tape(separator_of(preset), sound, notes, change=change)
    assert changes > 10 and counters["samples"] == heard.shape[1] == stems.shape[1]
    assert len(events) == len(notes) and counters["dropped_notes"] == 0
    assert np.isfinite(stems).all() and np.isfinite(back).all()
    first = int(np.argmax(heard[0] != 0))
    clean = np.nan_to_num(heard, nan=0.0)
    total = stems.reshape(3, 2, -1).sum(axis=0)
    assert np.abs(total[:, 256:] - clean[:, :-256]).max() < 1e-5 * np.abs(clean).max(), first


@needs_jack
def test_the_command_plays_a_mosaic(jack_server, rng, tmp_path):  # noqa: F811
    """It uses the server's own ports, which are silent, and records the mosaic's stems."""
    soundfile.write(tmp_path / "melody.wav", melody(rng)[0], RATE, "FLOAT")
    ended = subprocess.run(
        [sys.executable, "-m", "rtsep", "live", "--jack", "--no-ui", "--mosaic", tmp_path / "melody.wav", "--seconds", "1",
         "--record", tmp_path / "take"], capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0 and "Traceback" not in ended.stderr, ended.stderr
    assert {"mosaic.wav", "dry.wav"} <= {path.name for path in (tmp_path / "take").iterdir()}


@needs_jack
@pytest.mark.parametrize("how, mode", [(signal.SIGKILL, "live"), (signal.SIGTERM, "instant")])
def test_a_server_that_dies_is_waited_for(tmp_path, how, mode):
    """The program reports it, continues when the server is back, and ends in order."""
    server = JackServer(tmp_path / "jackd.log").start()
    process = subprocess.Popen([sys.executable, "-m", "rtsep", "live", "--jack", "--no-ui", "--mode", mode, "--set",
                                "window_samples=1024"], env={**server.environment, "PYTHONUNBUFFERED": "1"},
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        lines = [process.stdout.readline()]
        server.stop(how)
        while "the JACK server has gone" not in lines[-1]:
            lines.append(process.stdout.readline())
            assert lines[-1]
        server.start()
        while "is back" not in lines[-1]:
            lines.append(process.stdout.readline())
            assert lines[-1]
        lines.append(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        _rest, told = process.communicate(timeout=30)
    finally:
        process.kill()
        server.stop()
    assert process.returncode == 0 and "Traceback" not in told, told


@needs_jack
def test_a_missing_server_is_told_in_a_sentence(monkeypatch):
    from rtsep.hosts.jack import JackClient

    monkeypatch.setenv("JACK_DEFAULT_SERVER", "rtsep-nobody")
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    with pytest.raises(RtsepError, match="no JACK server answers"):
        JackClient(2)


def test_ports_fit_into_their_memory():
    """Notes, inputs, the mix and 32 stems of 8 channels."""
    from rtsep.hosts.lanes import PORTS

    assert PORTS >= 1 + 8 + 8 * 34 + 3 and shared.LIVE.dtype["ports_size"].itemsize == 8
