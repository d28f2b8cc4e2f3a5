"""Another preset while the LV2 plays, by the host's worker: in a small host that decides when it works, and in jalv."""

import threading
from dataclasses import replace

import numpy as np
import pytest
from conftest import PITCHES, SMALL, assert_sums_to, band, chord, make_preset, play, prepared
from jack_server import jack_server, needs_jack  # noqa: F401
from lv2_host import Lv2Host, control
from plugin_core import bundle_of, own_processor
from test_jack import RATE, Tape
from test_plugin_lv2 import WATCHDOG_S, jalv_playing, needs_headers, needs_jalv

from rtsep.cli import main
from rtsep.notes.routing import by_split
from rtsep.plugin.lv2 import description
from rtsep.presets.preset import load_preset, save_preset

LENGTH, BLOCK, AT = 30000, 256, 40 * 256  # In samples. AT: the change, at the beginning of a block.
MEMORY, FADE = 1024 + 256 + 2 * 64, 960  # In samples: what a new engine hears first; the fade of 20 ms.
OUTPUTS = [f"{stem}_{side}" for stem in ("mix", "low", "high", "residual") for side in ("left", "right")]

KEYS = make_preset(rows=1)

pytestmark = needs_headers


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """A folder of plug-ins with one of two presets, the second of which has no high notes; and the preset files."""
    folder = tmp_path_factory.mktemp("lv2") / "made"
    for name, pitches in (("keys", PITCHES), ("low", PITCHES[:2])):
        save_preset(make_preset(pitches, rows=1, rate=RATE), folder.parent / f"{name}.npz")
    options = [f"--set={name}={value}" for name, value in SMALL.items()]
    with own_processor():
        assert main(["plugin", "-o", str(folder), "--name", "Keys", "--preset", str(folder.parent / "keys.npz"), "--preset",
                     str(folder.parent / "low.npz"), "--rates", str(RATE), "--format", "lv2", *options]) == 0
    return folder


def engine_plays(bundle, name, sound, notes):
    separator = prepared(load_preset(bundle.parent / f"{name}.npz"), by_split(None, 60), SMALL, 2, rate=RATE)
    stems, mix = play(separator, sound, notes, (BLOCK,))
    return np.concatenate([mix, stems.reshape(-1, sound.shape[1])])


class Played:
    """A host with a worker, which moves the knob to the second preset at sample AT."""

    def __init__(self, bundle, worker):
        lines = (bundle / "keys.lv2" / "bundle.txt").read_text().splitlines()
        knobs = [line.split() for line in lines if line.startswith("knob ")]
        self.host = Lv2Host(bundle / "keys.lv2" / "rtsep.so", bundle / "keys.lv2", RATE, worker)
        first = 2 + 1 + len(OUTPUTS) + 1  # The ports before: sound, MIDI, outputs, latency.
        self.latency = control(0)
        self.knobs = {first + at: control(1 if words[1] == "bypass" else float(words[6])) for at, words in enumerate(knobs)}
        self.program = self.knobs[first + len(knobs) - 1]
        self.knobs[first - 1] = self.latency
        self.host.activate()

    def play(self, sound, notes, works_at=None):
        def turn(begin):
            if begin == AT:
                self.program[:] = 1
            if begin == works_at:
                self.host.work()

        played = self.host.play(sound, notes, len(OUTPUTS), self.knobs, (BLOCK,), turn)
        assert_sums_to(played[2:].reshape(3, 2, -1), sound, 256)
        assert self.latency[0] == 256
        return played


@pytest.mark.parametrize("worker, works_at", [("at once", None), ("later", AT + 10 * BLOCK)])
def test_the_worker_reads_the_preset(bundle, rng, worker, works_at):
    """The old preset plays until a window after the worker has worked, and the new one after the fade, both bit for bit."""
    sound, notes, played, taken = band(rng, LENGTH, 2, RATE), chord(*PITCHES), Played(bundle, worker), works_at or AT
    found, begin = played.play(sound, notes, works_at), taken + MEMORY
    old = engine_plays(bundle, "keys", sound, notes)
    new = engine_plays(bundle, "low", np.where(np.arange(LENGTH) < taken, np.float32(0), sound), notes)
    assert np.array_equal(found[:, : begin + 1], old[:, : begin + 1])
    assert np.array_equal(found[:, begin + FADE :], new[:, begin + FADE :])
    assert np.abs(old[4:6, begin:]).max() > 0.01 and not found[4:6, begin + FADE :].any()
    assert played.host.scheduled == 2, "it works to read the new plan, and to free the old engine"
    played.host.close()


@pytest.mark.parametrize("worker", ["none", "full"])
def test_without_a_worker_the_next_activation_counts(bundle, rng, worker):
    sound, notes, played = band(rng, LENGTH, 2, RATE), chord(*PITCHES), Played(bundle, worker)
    assert np.array_equal(played.play(sound, notes), engine_plays(bundle, "keys", sound, notes))
    assert played.host.scheduled == (0 if worker == "none" else len(range(AT, LENGTH, BLOCK))), "the worker is asked again"
    played.host.activate()
    assert np.array_equal(played.play(sound, notes), engine_plays(bundle, "low", sound, notes))
    played.host.close()


def test_a_preset_can_be_automated_if_all_are_late_by_the_same_time(tmp_path):
    quality = replace(KEYS, defaults={"mode": "quality", "latency_samples": 0})
    for name, other, restart in (("same", KEYS, 0), ("other", quality, 1)):
        form = bundle_of(tmp_path / name, presets={"keys": KEYS, "other": other}, latency_samples=0)
        assert ("pprops:notAutomatic" in description(form)) == bool(restart)
        assert [knob.restart for knob in form.knobs if knob.symbol == "program"] == [bool(restart)]
        assert f"knob program program 0 0 1 0 1 {restart} Preset\n" in (tmp_path / name / "bundle.txt").read_text()


class EndlessTape(Tape):
    """Plays to the end, or until the stem `high`, which sounded at sample AT, has been silent for a second."""

    def __init__(self, *words):
        super().__init__(*words)
        self.sounds, self.silent = threading.Event(), 0

    def _process(self, frames):
        super()._process(frames)
        if self.recorded:
            heard = self.recorded[-1][4:6].any()
            self.silent = 0 if heard else self.silent + frames
            if heard and self._position >= AT:
                self.sounds.set()
            elif self.sounds.is_set() and self.silent >= RATE:
                self.ended.set()


@needs_jalv
@needs_jack
def test_jalv_changes_the_preset_while_it_plays(jack_server, bundle, rng):  # noqa: F811
    """With jalv's own worker, on a JACK server in freewheel: there is no gap, and afterwards there are no high notes."""
    second = band(rng, RATE, 2, RATE)
    sound, notes = np.tile(second, 60), chord(*PITCHES)
    tape = EndlessTape(sound, notes, len(OUTPUTS))
    with jalv_playing(jack_server, bundle, tape, OUTPUTS) as jalv:
        assert tape.sounds.wait(WATCHDOG_S)
        jalv.stdin.write("program = 1\n")
        jalv.stdin.flush()
        assert tape.ended.wait(WATCHDOG_S)
    heard = np.concatenate(tape.recorded, axis=1)
    old = engine_plays(bundle, "keys", sound[:, : heard.shape[1]], notes)
    late = next(at for at in range(0, 1024, 128) if np.array_equal(heard[:, at : at + 2048], old[:, :2048]))
    heard, old = heard[:, late:], old[:, : heard.shape[1] - late]
    changed = int(np.argmax((heard != old).any(axis=0)))
    assert 2048 < changed < heard.shape[1] - RATE
    assert not heard[4:6, changed + FADE :].any() and heard[2:4, changed + FADE :].any()
    assert_sums_to(heard[2:].reshape(3, 2, -1), sound[:, : heard.shape[1]], 256)
