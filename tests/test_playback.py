"""A recording plays instead of a microphone: its samples, its notes, pauses, jumps, loops, levels and speeds."""

import json
import subprocess
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from conftest import INSTANT, OFF, ON, make_preset, prepared, two_parts
from midi_bytes import off, on, smf, track
from native_callback import call, warmed
from test_portaudio import card, needs_portaudio  # noqa: F401

from rtsep.callbacks import shared
from rtsep.errors import RtsepError
from rtsep.hosts.lanes import CAPACITY
from rtsep.hosts.playback import AFTER_S, Playback
from rtsep.hosts.recording import Source, import_stretch, open_recording
from rtsep.hosts.routes import outputs_of_mix
from rtsep.hosts.table import CONTROLS

RATE, SECONDS, WATCHDOG = 44100, 3, 2000
try:
    STRETCH = bool(import_stretch())
except RtsepError:
    STRETCH = False
needs_stretch = pytest.mark.skipif(not STRETCH, reason="pylibrb is not installed")


@pytest.fixture
def song(tmp_path, rng):
    """A file of noise without zeros, [channel, sample], and its path."""
    sound = rng.uniform(0.05, 0.3, (2, SECONDS * RATE)) * rng.choice([-1, 1], (2, SECONDS * RATE))
    soundfile.write(tmp_path / "song.wav", sound.T.astype(np.float32), RATE, subtype="FLOAT")
    return sound.astype(np.float32), tmp_path / "song.wav"


class Deck:
    """A playback and the callback that plays it, block by block, as fast as the file is read."""

    def __init__(self, path, notes=None, bypass=True):
        separator = prepared(make_preset(), two_parts(), {**INSTANT, "bypass": bypass}, 2, max_block=CAPACITY)
        self.lanes = warmed(separator, outputs_of_mix(2, 2), plays_file=True)
        recording, self.said = open_recording(path, notes), []
        self.playback = Playback(recording, self.lanes, recording.events(0, True), self.said.append)
        self.separator, self.heard, self.microphone = separator, [], 0.0
        self.lanes.record_start(10)
        self.playback.start()

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.playback.close()

    def play(self, blocks=1, size=512):
        """Blocks for which the reader has read enough; gives what they gave."""
        for _ in range(blocks):
            for _ in range(WATCHDOG):
                tail, head = self.lanes.file_span
                if self.playback.paused or head - max(tail, int(self.lanes._arrays["control"][shared.FILE_FROM])) >= size:
                    break
                threading.Event().wait(0.001)
            self.heard.append(call(self.lanes, np.full((2, size), self.microphone, np.float32)))
        return np.concatenate(self.heard[-blocks:], axis=1)

    def until(self, condition):
        """Play until `condition` holds."""
        for _ in range(WATCHDOG):
            if condition():
                return
            self.play()
            threading.Event().wait(0.0005)
        raise AssertionError(self.playback.told())


def playing(deck):
    """From the first block that sounds in full."""
    deck.until(lambda: deck.heard and np.abs(deck.heard[-1]).min() > 0.04)
    return deck


def press(key, playback):
    """What the key does on the screen."""
    [(control, step)] = [(each, 1 if key in each.more else -1) for each in CONTROLS if key in (*each.more, *each.less)]
    control.pressed(SimpleNamespace(playback=playback), "", step)


def place_of(heard, sound):
    """The sample of the file where `heard` is, exactly."""
    [at] = [at for at in range(sound.shape[1] - 63) if heard[0, 0] == sound[0, at]
            and np.array_equal(heard[:, :64], sound[:, at : at + 64])]
    return at


def test_every_sample_is_played_and_pauses_and_jumps_are_exact(song):
    sound, path = song
    with playing(Deck(path)) as deck:
        first = place_of(deck.heard[-1], sound)
        again = deck.play(20)
        assert np.array_equal(again, sound[:, first + 512 : first + 512 + again.shape[1]])
        deck.playback.pause()
        deck.until(lambda: not deck.heard[-1].any())
        assert "paused" in deck.playback.told() and not deck.play(5).any()
        paused = deck.playback.seconds
        deck.playback.pause()
        playing(deck)
        assert 0 <= place_of(deck.heard[-1], sound) - paused * RATE < RATE / 10
        deck.playback.seek(2.0)
        deck.until(lambda: deck.playback.seconds >= 2.0)
        playing(deck)
        assert abs(place_of(deck.heard[-1], sound) + 512 - deck.playback.seconds * RATE) < 2
        assert 2.0 * RATE <= place_of(deck.heard[-1], sound) < 2.2 * RATE
    assert deck.lanes.counters()["starved_samples"] == 0


def test_a_loop_goes_round_and_the_end_is_told(song):
    sound, path = song
    with playing(Deck(path)) as deck:
        deck.until(lambda: deck.playback.seconds > 0.5)
        press("a", deck.playback)
        deck.until(lambda: deck.playback.seconds > 1.0)
        press("a", deck.playback)
        begin, end = deck.playback.loop
        for _ in range(3):
            deck.until(lambda: deck.playback.seconds > end - 0.1)
            deck.until(lambda: deck.playback.seconds < end - 0.1)
            assert begin <= deck.playback.seconds < begin + 0.1
        press("a", deck.playback)
        deck.until(lambda: deck.playback.finished)
        assert deck.said == ["song.wav is at its end"] and "at its end" in deck.playback.told()
        heard = np.concatenate(deck.heard, axis=1)[:, : -round(AFTER_S * RATE) + 512]
        tail = heard[:, np.flatnonzero(heard[0])[-1] - 999 :][:, :1000]
        assert np.array_equal(tail, sound[:, -1000:]), "up to the last sample"
        deck.playback.pause()
        playing(deck)
        assert deck.playback.seconds < 0.5, "it begins anew"


def test_keys_that_come_fast_jump_on_from_each_other(song, monkeypatch):
    monkeypatch.setattr("rtsep.hosts.playback.SKIP_S", 0.5)
    with playing(Deck(song[1])) as deck:
        before = deck.playback.seconds
        for key in "....,":
            press(key, deck.playback)
        assert deck.playback._aim == pytest.approx(before + 1.5, abs=1e-3)
        deck.until(lambda: deck.playback.seconds >= before + 1.5)
        playing(deck)
        press(",", deck.playback)
        assert deck.playback._aim == pytest.approx(deck.playback.seconds - 0.5, abs=0.1)


def test_levels_of_recording_and_microphone(song):
    sound, path = song
    with playing(Deck(path)) as deck:
        for key in "yyyyyy":
            press(key, deck.playback)
        deck.microphone = 0.01
        for _ in range(60):
            press("u", deck.playback)
        deck.play(2)
        at = round(deck.playback.seconds * RATE)
        assert deck.play() == pytest.approx(10 ** (-6 / 20) * sound[:, at : at + 512], abs=1e-6), "the microphone is silent"
        for _ in range(60):
            press("U", deck.playback)
        deck.play(2)
        at = round(deck.playback.seconds * RATE)
        assert deck.play() == pytest.approx(10 ** (-6 / 20) * sound[:, at : at + 512] + 0.01, abs=1e-6)
        assert "recording -6 dB" in deck.playback.told() and "microphone" not in deck.playback.told()


def test_its_notes_come_at_their_samples_and_jumps_press_what_is_held(song, tmp_path):
    """Recorded as the engine is given them: at the samples of the sound."""
    _sound, path = song
    second = 960  # Ticks at 120 beats a minute.
    notes = smf(track((second // 2, on(60)), (second, off(60)), (0, on(64)), (second, off(64)), (0, b"\xff\x2f\x00")))
    (tmp_path / "song.mid").write_bytes(notes)
    deck = Deck(path, tmp_path / "song.mid")
    with playing(deck):
        start = [int(event["sample"]) for event in deck.lanes.read_events()]
        deck.until(lambda: deck.playback.seconds > 1.6)
        assert deck.separator.held_pitches == (64,)
        events = [event.tolist() for event in deck.lanes.read_events()]
        strikes = {event[3]: event[0] for event in events if event[2] == ON and event[4]}
        assert strikes[64] - strikes[60] == RATE and events[-1][0] >= strikes[64] and start
        heard = np.concatenate(deck.heard, axis=1)
        first = np.flatnonzero(heard[0])[0]
        assert abs(strikes[60] - first - RATE // 2) < 2, "the note lies where it lies in the file"
        deck.playback.seek(1.0)
        deck.until(lambda: deck.playback.seconds < 1.2)
        deck.play(2)
        assert deck.separator.held_pitches == (60,)
        deck.playback.pause()
        deck.until(lambda: not deck.separator.held_pitches)
        assert any(event["status"] == OFF or event["data1"] == 123 for event in deck.lanes.read_events())


@needs_stretch
@pytest.mark.parametrize("speed", [0.5, 0.8, 1.5])
def test_another_speed_keeps_the_pitch_and_the_place(tmp_path, speed):
    t = np.arange(4 * RATE) / RATE
    tone = (0.3 * np.sin(2 * np.pi * 440 * t) * (t % 1 < 0.5)).astype(np.float32)
    soundfile.write(tmp_path / "tone.wav", tone, RATE, subtype="FLOAT")
    source = Source(open_recording(tmp_path / "tone.wav", None), RATE, 2)
    source.begin(speed)
    places = [(at, min(at + 4096, len(tone))) for at in range(0, len(tone), 4096)]
    out = np.concatenate([source.read(begin, end, end == len(tone)) for begin, end in places], axis=1)
    assert out.shape[1] >= 0.99 * len(tone) / speed, "what was late comes at the end"
    loud = np.convolve(np.abs(out[0]), np.ones(441) / 441, "same") > 0.1
    for second in (1, 2, 3):
        before = round((second - 0.3) * RATE / speed)
        assert before + loud[before:].argmax() == pytest.approx(second * RATE / speed, abs=0.03 * RATE)
    middle = out[0, int(2.1 * RATE / speed) :][: int(0.3 * RATE / speed)]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 1 << 18))
    assert 1200 * abs(np.log2(spectrum.argmax() * RATE / (1 << 18) / 440)) < 5, "cents"


def test_without_the_package_another_speed_is_refused_with_the_command(tmp_path, monkeypatch, song):
    monkeypatch.setitem(sys.modules, "pylibrb", None)
    with playing(Deck(song[1])) as deck, pytest.raises(RtsepError, match=r"pip install 'rtsep\[speed\]'"):
        press("(", deck.playback)
    assert deck.playback.speed == 1


def test_another_rate_and_other_channels(tmp_path, song):
    pytest.importorskip("soxr")
    sound, path = song
    source = Source(open_recording(path, None), 48000, 1)
    source.begin(1)
    out = np.concatenate([source.read(at, min(at + 4096, sound.shape[1]), at + 4096 >= sound.shape[1])
                          for at in range(0, sound.shape[1], 4096)], axis=1)
    assert out.shape == (1, SECONDS * 48000)


@needs_portaudio
def test_the_program_plays_a_file_without_any_input(card, song, tmp_path):  # noqa: F811
    """Through PortAudio, which asks faster than any file is read: what it lacked is silence, and all else is the file."""
    sound, path = song
    (tmp_path / "rc").write_text(f'pcm.rtplay {{ type file\n slave.pcm null\n file "{tmp_path}/out.raw"\n format raw }}\n')
    done = subprocess.run(
        [sys.executable, "-m", "rtsep", "live", "--play", path, "--output", "rtplay", "--json", "--mode", "instant", "--set",
         "bypass=on", "--set", "window_samples=1024", "--seconds", "20"], env=card, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["playback"].startswith("song.wav 0:0")
    played = np.fromfile(tmp_path / "out.raw", np.float32)
    played = played[: len(played) // 2 * 2].reshape(-1, 2).T
    played = played[:, played[0] != 0]
    assert np.abs(played[:, -RATE * 2 :] - sound[:, -RATE * 2 :]).max() < 1e-6


@pytest.mark.parametrize("words, sentence", [
    (("--play", "gone.wav"), "--play gone.wav: there is no such file"), (("--speed", "0.5"), "--speed needs a recording"),
    (("--play", __file__, "--speed", "9"), "--speed 9: allowed is 0.25 to 2"),
    (("--play", __file__, "--loop", "0:10"), "--loop"), (("--play", __file__, "--loop", "9-4"), "give the beginning first"),
    (("--play-midi", __file__), "--play-midi needs a recording"), (("--play", __file__), "not a sound file"),
])
def test_what_cannot_be_played_is_one_line(words, sentence):
    done = subprocess.run([sys.executable, "-m", "rtsep", "live", "--no-ui", *words], capture_output=True, text=True,
                          timeout=120)
    assert done.returncode == 2 and sentence in done.stderr and len(done.stderr.strip().splitlines()) == 1, done.stderr
