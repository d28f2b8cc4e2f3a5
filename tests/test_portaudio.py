"""PortAudio without a sound card: ALSA's `file` device plays a file in and writes what comes out, bit for bit."""

import signal
import subprocess
import sys

import alsa_card
import numpy as np
import pytest
from conftest import band
from fresh_python import compile_all, run

from rtsep.errors import RtsepError
from rtsep.hosts.devices import import_sounddevice
from rtsep.hosts.roundtrip import LONGEST_S, REPETITIONS, sequence

try:
    sounddevice, MISSING = import_sounddevice(), ""
except RtsepError as error:
    MISSING = str(error)
needs_portaudio = pytest.mark.skipif(bool(MISSING) or not sys.platform.startswith("linux"),
                                     reason=MISSING or "the virtual sound card is ALSA's")
RATE, LEAD = 44100, 8192  # samples of silence before the sound: the fade-in is over then


@pytest.fixture
def card(tmp_path):
    """Environment with two ALSA devices: rtcap reads in.raw, rtplay writes out.raw (float32, two channels)."""
    compile_all()
    np.zeros((RATE, 2), np.float32).tofile(tmp_path / "in.raw")
    return alsa_card.card(tmp_path)


@needs_portaudio
@pytest.mark.parametrize("block, mode, latency, rounding", [
    (64, "live", 256, 0), (128, "instant", 0, 1e-6), (256, "live", 256, 0)])  # filters add up from where their ring begins
def test_what_the_device_plays_is_the_engine_bit_for_bit(card, tmp_path, rng, block, mode, latency, rounding):
    """Both in one process."""
    sound = np.concatenate([np.zeros((2, LEAD), np.float32), band(rng, 30000, 2)], axis=1)
    np.ascontiguousarray(sound.T).tofile(tmp_path / "in.raw")
    run("""
        import sys, threading
        import numpy as np
        from conftest import SMALL, make_preset, midi, play, prepared, two_parts
        from rtsep.hosts.lanes import CAPACITY, Lanes
        from rtsep.hosts.routes import outputs_of_mix
        from rtsep.hosts.portaudio import PortAudio, Wanted
        params = {**SMALL, "gain_db.left": -6, "mode": sys.argv[4], "latency_samples": sys.argv[5]}
        setting = make_preset(), two_parts(), params, 2
        sound = np.ascontiguousarray(np.fromfile(sys.argv[3] + "/in.raw", np.float32).reshape(-1, 2).T)
        np.save(sys.argv[3] + "/expected", play(prepared(*setting), sound, midi((0, 0x90, 60, 90)))[1])
        backend = PortAudio(Wanted("rtcap", "rtplay", 2, 2, 44100, int(sys.argv[1])))
        separator = prepared(*setting, max_block=CAPACITY)
        lanes = Lanes(separator, 44100, outputs_of_mix(2, 2))
        lanes.send(0, 0, (0x90, 60, 90))
        backend.start(lanes)
        while lanes.counters()["samples"] < int(sys.argv[2]) and not backend.trouble():
            threading.Event().wait(0.005)
        assert backend.latency_ms() and lanes.counters()["samples"] >= int(sys.argv[2])
        backend.close()
    """, card, block, sound.shape[1], tmp_path, mode, latency)
    expected = np.load(tmp_path / "expected.npy")
    played = np.fromfile(tmp_path / "out.raw", np.float32)
    played = played[: len(played) // 2 * 2].reshape(-1, 2).T
    count = 30000 - 2 * block
    wanted = expected[:, LEAD : LEAD + count]
    assert np.abs(wanted).max() > 0.1
    found = [at for at in range(0, played.shape[1] - count, 64)
             if np.abs(played[:, at : at + count] - wanted).max() <= rounding]
    assert found, "nowhere in what was played are the engine's samples"


@needs_portaudio
@pytest.mark.parametrize("how, mode", [(signal.SIGINT, "live"), (signal.SIGTERM, "instant"), (signal.SIGHUP, "live")])
def test_the_program_plays_records_and_ends_in_order(card, tmp_path, how, mode):
    """`rtsep live` in a process of its own, ended by a signal: what was recorded is whole."""
    process = subprocess.Popen(
        [sys.executable, "-m", "rtsep", "live", "--input", "rtcap", "--output", "rtplay", "--json", "--mode", mode,
         "--set", "window_samples=1024", "--record", tmp_path / "session"],
        env={**card, "PYTHONUNBUFFERED": "1"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        lines = [process.stdout.readline(), process.stdout.readline()]
        process.send_signal(how)
        _rest, told = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, told
    assert '"state": "playing"' in lines[1]
    names = sorted(path.name for path in (tmp_path / "session").iterdir())
    assert names == ["input.wav", "piano.wav", "report.json", "residual.wav", "session.mid"]
    assert "recorded" in told and "Traceback" not in told


@needs_portaudio
@pytest.mark.parametrize("options, sentence", [
    (("--input", "nonsense"), "no input device has this name"),
    (("--input", "rtcap", "--output", "rtplay", "--inputs", "999"), "has 128 input channels"),
    (("--input", "rtcap", "--output", "rtplay", "--midi-offset-ms", "-5"), "cannot play notes before they come"),
    (("--input", "rtcap", "--output", "rtplay", "--by", "channel"), "needs notes"),
    (("--input", "rtcap", "--output", "rtplay", "--route", "nobody=1"), "no stem is called 'nobody'"),
    (("--input", "rtcap", "--output", "rtplay", "--channels", "17"), "1 to 16"),
    (("--input", "rtcap", "--output", "rtplay", "--preset", "nothing"), "nothing"),
])
def test_what_cannot_be_is_one_sentence(card, options, sentence):
    done = subprocess.run([sys.executable, "-m", "rtsep", "live", "--no-ui", "--seconds", "1", *options], env=card,
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and sentence in done.stderr, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@needs_portaudio
def test_private_names_that_are_used_exist():
    for name in ("_StreamBase", "_ffi", "_libname", "_initialize", "_terminate", "_exit_handler"):
        assert hasattr(sounddevice, name), name
    assert sounddevice._ffi.cast("PaStreamCallback*", 0) is not None


def heard_through_a_cable(delay):
    """What the card hears of a measurement, `delay` samples after it was played."""
    pause = np.zeros(int(LONGEST_S * RATE), np.float32)
    sent = np.concatenate([part for number in range(REPETITIONS) for part in (sequence(number), pause)])
    return np.concatenate([np.zeros(delay, np.float32), sent])


@needs_portaudio
@pytest.mark.parametrize("heard, code, told", [
    (heard_through_a_cable(6000), 0, "measured latency of the device"), (np.zeros(RATE, np.float32), 2, "input 1 is silent"),
    (0.1 * np.random.default_rng(1).standard_normal(9 * RATE).astype(np.float32), 2, "input 1 hears another sound"),
])
def test_a_measured_latency_is_told_or_refused(card, tmp_path, heard, code, told):
    heard.tofile(tmp_path / "in.raw")  # measuring opens one channel
    done = subprocess.run(
        [sys.executable, "-m", "rtsep", "live", "--input", "rtcap", "--output", "rtplay", "--no-ui", "--measure-latency",
         "--mode", "live", "--set", "window_samples=1024", "--seconds", "1"], env=card, capture_output=True, text=True,
        timeout=120)
    assert done.returncode == code and told in done.stderr, done.stderr
    assert code or told in done.stdout, "on the screen, too"
