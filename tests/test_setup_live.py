"""A set-up starts the program with one word, on real devices; scenes are stepped without a gap; what is set is written."""

import importlib
import subprocess
import sys

import numpy as np
import pytest
from conftest import band
from jack_clients import Keyboard
from jack_server import jack_server, needs_jack  # noqa: F401
from native_callback import call
from pretended_card import Card, Face, job
from test_jack_live import playing
from test_portaudio import card, needs_portaudio  # noqa: F401

from rtsep.errors import RtsepError
from rtsep.hosts.live import live
from rtsep.hosts.panel import Panel
from rtsep.hosts.setup_reading import read_setup

toml = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
SHOW = """
by = "split"
[parameters]
mode = "live"
window_samples = 1024
latency_samples = 256
[[scene]]
preset = "piano"
[[scene]]
name = "Verse"
program = 12
preset = ["gm-piano@low", "piano@high"]
[scene.parameters]
mask_power = 1.5
[[scene]]
gains = {low = -20}
mute = ["high"]
[scene.parameters]
latency_samples = 512
"""


def program(environment, *words):
    return subprocess.run([sys.executable, "-m", "rtsep", "live", *map(str, words)], env=environment, capture_output=True,
                          text=True, timeout=120)


@needs_portaudio
def test_one_word_starts_what_was_saved(card, tmp_path):  # noqa: F811
    home = card | {"XDG_DATA_HOME": str(tmp_path / "data"), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    saved = tmp_path / "data" / "rtsep" / "setups" / "gig.toml"
    words = ("--input", "rtcap", "--output", "rtplay", "--by", "split", "--split", "D4", "--mode", "live", "--set",
             "window_samples=1024", "--set", "gain_db.low=-6", "--seconds", 1, "--no-ui", "--save-setup", "gig")
    done = program(home, *words)
    assert done.returncode == 0 and f"saved the set-up in {saved}" in done.stderr, done.stderr
    assert toml.loads(saved.read_text()) == {
        "input": "rtcap (ALSA)", "output": "rtplay (ALSA)", "by": "split", "split": "62", "take": str(tmp_path.cwd() / "take"),
        "preset": "piano", "gains": {"low": -6.0}, "parameters": {"window_samples": 1024, "mode": "live"}}
    assert "already; choose another name" in program(home, *words).stderr, "a set-up is not replaced by mistake"
    again = program(home, "gig", "--seconds", 1, "--no-ui", "--save-setup", "gig", "--set", "gain_db.high=-3")
    assert again.returncode == 0 and "low -120 high -120 residual" in again.stdout, again.stderr
    assert toml.loads(saved.read_text())["gains"] == {"low": -6.0, "high": -3.0}
    assert toml.loads(saved.with_name("gig.toml~").read_text())["gains"] == {"low": -6.0}, "what was loaded is kept"


@needs_portaudio
@pytest.mark.parametrize("line, sentence", [
    ('input = "rtcop"', "line 1: --input rtcop: no input device has this name (did you mean 'rtcap'?)"),
    ('route = "nobody=1"', "line 1: --route nobody=1: no stem is called 'nobody'"),
    ("gains = {nobody = -3}", "line 1: gain_db.nobody: nothing is called nobody; the names are: 1 piano"),
    ('midi = "keys"\nchannels = 17', "line 2: --channels 17"),
])
def test_what_is_missing_is_told_with_the_line(card, tmp_path, line, sentence):  # noqa: F811
    (tmp_path / "show.toml").write_text(line)
    devices = () if "input" in line else ("--input", "rtcap")
    done = program(card, tmp_path / "show.toml", *devices, "--output", "rtplay", "--no-ui", "--seconds", 1)
    assert done.returncode == 2 and f"show.toml, {sentence}" in done.stderr, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def show(tmp_path, text=SHOW, **options):
    """The job of SHOW, as the command makes it."""
    from rtsep.commands.live_setup import scenes_of

    (tmp_path / "show.toml").write_text(text)
    setup = read_setup(str(tmp_path / "show.toml"))
    scenes = scenes_of(setup, (), {})
    first = scenes[0]
    return job(tmp_path, setup=setup, scenes=scenes, start=first, presets=first.presets, params=first.params, **options)


def test_scenes_are_whole_and_refused_whole(tmp_path, rng):
    """Stepped by hand, by program change and by a learnt foot switch."""
    sound, told = band(rng, 4000, 2), []

    def play(player):
        call(player.lanes, sound[:, :1000])

    def scene(act):
        def step(player):
            player.attempt(lambda: act(player))
            play(player)
            engine = player.separator
            told.append((player.setlist.at, engine.plays, engine.value("mask_power"), engine.latency,
                         player.value("gain_db.low"), tuple(player.muted)))
        return step

    def learn(player):
        player.controls.learn("next_scene")
        press(player)

    def press(player):
        player.receive(0, 0, (0xB0, 80, 127))

    steps = (play, scene(lambda player: player.setlist.step(player, 1)), scene(lambda player: player.setlist.step(player, 1)),
             scene(lambda player: player.setlist.step(player, -1)), lambda player: player.receive(0, 0, (0xC0, 0, 0)),
             scene(lambda player: None), learn, press, scene(lambda player: None), scene(lambda player: player.record()),
             scene(lambda player: player.setlist.step(player, 1)), scene(lambda player: player.record()))
    face = Face(*steps)
    live(show(tmp_path, take=tmp_path / "take"), lambda rescan: Card(), face)
    first, verse = (0, ("piano", "piano"), 2.0, 256, 0.0, ()), (1, ("gm-piano", "piano"), 1.5, 256, 0.0, ())
    third = (2, ("piano", "piano"), 2.0, 512, -20.0, ("high",))
    assert told[:3] == [verse, third, verse]
    assert told[3] == first, "program 1 is the first scene"
    assert told[4] == verse and told[5:7] == [verse, verse], "another latency is refused while recording, and nothing changes"
    assert any("cannot change while recording" in each.text for each in face.statuses[-1].messages)
    assert face.statuses[-1].scene == "scene 2 of 3: Verse"


def test_a_scene_after_a_preset_that_was_chosen_by_hand(tmp_path):
    """Read again, the scene's own preset is another object of the same content."""
    def step(player):
        player.use_preset("gm-piano")
        player.setlist.step(player, 1)
        told.append((player.setlist.at, player.separator.plays))

    told = []
    live(show(tmp_path), lambda rescan: Card(), Face(step))
    assert told == [(1, ("gm-piano", "piano"))]


def test_what_is_set_now_is_written_into_its_scene(tmp_path):
    def change(player):
        player.gain("low", -4)
        player.setlist.step(player, 1)
        player.gain("high", -7)
        player.mute("residual", True)
        player.controls.bindings[2, 20] = "mute.low"
        player.save_setup()

    live(show(tmp_path), lambda rescan: Card(), Face(change))
    again = read_setup(str(tmp_path / "show.toml"))
    assert [scene.name for scene in again.scenes] == ["1", "Verse", "3"]
    verse = again.scenes[1].over(again.base)
    assert verse.presets == ("gm-piano@low", "piano@high") and verse.gains == {"high": -7.0} and verse.muted == ("residual",)
    assert verse.program == 12 and verse.params["mask_power"] == 1.5 and again.knobs == {(2, 20): "mute.low"}
    assert again.scenes[2].gains == {"low": -20.0} and again.options["input"] == "Card (test)"


def test_what_keys_have_moved_is_saved_and_starts_again(tmp_path):
    """The split point, and a stem that is called as the preset that it has now."""
    def through(saved, *keys, **options):
        panel, face = Panel(), Face()
        face.steps = [lambda player, key=key: panel.press(key, player) for key in keys]
        live(job(tmp_path, save_setup=str(tmp_path / saved), **options), lambda rescan: Card(), face)
        return read_setup(str(tmp_path / saved))

    assert through("split.toml", ">", "S").options["split"] == "61"
    named = through("named.toml", "-", "p", "S", by="all")
    [name] = named.base.presets
    assert name != "piano" and [*named.base.gains.values()] == [-1.0]
    again = through("again.toml", by="all", setup=named, start=named.base, presets=named.base.presets)
    assert again.base.gains == named.base.gains


def test_a_stem_that_does_not_exist_is_an_error_unless_options_renamed_the_stems(tmp_path):
    renamed = SHOW.replace("gm-piano@low", "piano").replace(', "piano@high"', "")
    with pytest.raises(RtsepError, match=r"gain_db\.low: nothing is called low; the names are: 1 piano"):
        live(show(tmp_path, renamed, by="all"), lambda rescan: Card(), Face())
    face = Face(*[lambda player: None] * 12)
    live(show(tmp_path, renamed, by="all", other_stems=True), lambda rescan: Card(), face)
    assert any("left out of the set-up: gain_db.low" in each.text for each in face.statuses[-1].messages)


class Listener:
    """A JACK client that plays noise to in_1, and keeps what it sent and what mix_1 gave, cycle by cycle."""

    def __init__(self, rng):
        import jack

        self.client = jack.Client("listener", no_start_server=True)
        self._out, self._in = self.client.outports.register("out"), self.client.inports.register("in")
        self._noise, self.sent, self.heard = (0.1 * rng.standard_normal(1 << 16)).astype(np.float32), [], []
        self.client.set_process_callback(self._process)

    def _process(self, frames):
        at = len(self.sent) * frames % (len(self._noise) - frames)
        self._out.get_array()[:] = self._noise[at : at + frames]
        self.sent.append(self._noise[at : at + frames])
        self.heard.append(self._in.get_array().copy())

    def __enter__(self):
        self.client.activate()
        self.client.connect("listener:out", "rtsep:in_1")
        self.client.connect("rtsep:mix_1", "listener:in")
        return self

    def __exit__(self, *_error):
        self.client.deactivate()
        self.client.close()


@needs_jack
def test_a_program_change_steps_scenes_without_a_gap(jack_server, tmp_path, rng):  # noqa: F811
    """The stems add up to the input, sample for sample, from before the first step until after the last."""
    (tmp_path / "show.toml").write_text(SHOW)
    with (playing(jack_server.environment, str(tmp_path / "show.toml"), "--inputs", "1") as program, Keyboard() as keys,
          Listener(rng) as listener):
        program.until(lambda status: status["input_db"][0] > -40)
        listener.client.set_freewheel(True)
        begin = len(listener.heard) + 50
        for number, scene in ((11, "scene 2 of 3: Verse"), (0, "scene 1 of 3: 1"), (11, "scene 2 of 3: Verse")):
            before = len(listener.heard)
            keys.play(0xC0, number)
            program.until(lambda status, scene=scene: status["scene"] == scene)
            while len(listener.heard) < before + 1000 and program.process.poll() is None:
                program.until(lambda status: True)
        end = len(listener.heard)
        listener.client.set_freewheel(False)
        program.end()
    sent, heard = (np.concatenate(each[begin:end]) for each in (listener.sent, listener.heard))
    [delay] = [delay for delay in range(2048)
               if np.abs(heard[delay : delay + 20000] - sent[:20000]).max() < 1e-3]
    assert len(heard) > 100_000 and np.abs(heard[delay:] - sent[: len(sent) - delay]).max() < 1e-3
