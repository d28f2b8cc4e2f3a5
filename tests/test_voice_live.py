"""rtsep live with a voice: its stem, the latency, a melody that is played along, and its note on the screen."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from conftest import RATE, SMALL, make_preset, prepared
from test_display import STATUS
from test_modes import Device
from test_portaudio import card, needs_portaudio  # noqa: F401

from rtsep.engine.separator import Separator
from rtsep.hosts import modes
from rtsep.hosts.live_job import LiveJob, engine_of, route_live
from rtsep.hosts.screen import screen
from rtsep.hosts.sung import Listener, told_note
from rtsep.notes.routing import only_voice

WIDE = {"mode": "live", "window_samples": 4096, "latency_samples": 1024}


def tone(hz, seconds=1.0):
    """A tone of some partials, float32 [1, sample]."""
    phase = 2 * np.pi * hz * np.arange(int(seconds * RATE)) / RATE
    return (0.1 * sum(np.sin(n * phase) / n for n in range(1, 12)))[None].astype(np.float32)


def singing(hz):
    """A separator with nothing but a voice, after a tone."""
    separator = prepared(make_preset(), only_voice("voice"), WIDE, 1, max_block=4096)
    listener, sound = Listener(separator), tone(hz)
    for begin in range(0, sound.shape[1], 4096):
        separator.process(sound[:, begin : begin + 4096])
        listener.listen()
    return separator, listener.found()


@pytest.mark.parametrize("hz, told", [(440.0, "A4"), (261.63 * 2 ** (0.3 / 12), "C4")])
def test_the_note_that_is_sung_is_told(hz, told):
    separator, sung = singing(hz)
    name, cents, unit = told_note(separator).split()
    assert (name, unit) == (told, "cents") and abs(int(cents) - (30 if told == "C4" else 0)) <= 8
    assert np.median(np.abs(1200 * np.log2(sung.hz[sung.hz > 0] / hz))) < 8
    assert np.allclose(np.diff(sung.times_s), separator.framing.hop / RATE)


def test_no_note_is_told_in_silence_and_without_a_voice():
    separator, _ = singing(440)
    for _ in range(20):
        separator.process(np.zeros((1, 4096), np.float32))
    assert told_note(separator) == "-"
    assert told_note(prepared(make_preset(), route_live(LiveJob(), "piano", True), SMALL)) == ""


@pytest.mark.parametrize("rate, samples", [(44100, 1024), (48000, 1024), (96000, 2048)])
def test_a_voice_is_played_with_23_ms_unless_the_player_asks_for_another_latency(rate, samples):
    class Card(Device):
        sample_rate = float(rate)

    engine = Separator(make_preset(), only_voice("voice"))
    chosen, why = modes.in_best_mode(engine, Card(), 1)
    assert (chosen.value("mode"), chosen.value("latency_samples")) == ("live", samples)
    assert why.mode == "live" and "ms separate a voice better" in why.why and "--latency" in why.why
    asked, why = modes.in_best_mode(engine.again({"latency_samples": 256}), Card(), 1)
    assert asked.value("latency_samples") == 256 and why.why == ""


@pytest.mark.parametrize("ports, stems", [(("keys", "melody"), ("piano", "voice")), (("melody",), ("voice",)),
                                          (("left", "right", "melody"), ("left", "right", "voice"))])
def test_the_port_of_the_melody_plays_into_the_voice(ports, stems):
    routing = route_live(LiveJob(midi=ports, voice="voice", melody="melody"), "piano", True)
    assert routing.names == stems and routing.voice == len(stems) - 1
    assert (routing.table[len(ports) - 1] == routing.voice).all()
    assert not (routing.table[: len(ports) - 1] == routing.voice).any()


def test_an_engine_with_a_voice_and_without_notes_is_made():
    engine = engine_of(LiveJob(voice="singer"), False, [])
    assert engine.stem_names == ("piano", "singer", "residual")


def test_the_note_is_on_the_screen():
    assert "VOICE A4 +12 cents" in screen(replace(STATUS, voice="A4 +12 cents"), 0, 80, 24).plain
    assert "VOICE" not in screen(STATUS, 0, 80, 24).plain


@needs_portaudio
def test_the_program_tells_the_note_of_a_recording(card, tmp_path):  # noqa: F811
    soundfile.write(tmp_path / "song.wav", np.repeat(tone(440, 3.0), 2, axis=0).T, 44100)
    done = subprocess.run([sys.executable, "-m", "rtsep", "live", "--output", "rtplay", "--outputs", "2", "--play",
                           str(tmp_path / "song.wav"), "--voice", "--json"], env=card, capture_output=True, text=True,
                          timeout=120)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert any(line["voice"].startswith("A4 ") for line in lines), lines
    assert lines[0]["latency_samples"] == 1024 and lines[0]["mode"] == "live"
    assert [stem["name"] for stem in lines[0]["stems"]] == ["piano", "voice", "residual"]
