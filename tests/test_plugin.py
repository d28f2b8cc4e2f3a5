"""The core of the plug-in, compared with the engine in Python: modes, blocks, knobs, state, and faults."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import SMALL, band, make_preset, play
from plugin_core import PITCHES, RATE, Core, build, bundle_of, needs_compiler, notes_of

from rtsep.commands import plugin
from rtsep.compiling.target import SYSTEMS
from rtsep.engine.design import design
from rtsep.engine.separator import Separator
from rtsep.errors import RtsepError
from rtsep.notes.routing import by_channels, by_hands, by_split, everything
from rtsep.plugin.bundle import PluginForm
from rtsep.plugin.layout import LIMITS
from rtsep.plugin.link import system_compiler
from rtsep.plugin.plan_file import VERSION, plan_bytes
from rtsep.stages.records import PLAN

pytestmark = needs_compiler
KEYS = list(range(40, 88, 2))


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return build(tmp_path_factory.mktemp("core") / "core.so")


def engine_of(form, program="keys", **params):
    separator = Separator(form.programs[program], form.routing, {**form.params, **params})
    separator.prepare(RATE, form.channels, 4096)
    return separator


@pytest.mark.parametrize("options, pitches", [
    ({}, PITCHES), ({"channels": 1}, PITCHES), ({"mode": "instant", "latency_samples": 0}, PITCHES),
    ({"presets": {"keys": make_preset(KEYS, rows=1)}, "routing": by_hands(), "split": None}, KEYS),
    ({"routing": by_channels((1, 2)), "split": None}, PITCHES), ({"routing": everything("all"), "split": None}, PITCHES)])
def test_it_plays_what_the_engine_plays(library, tmp_path, rng, options, pitches):
    form = bundle_of(tmp_path, **options)
    sound, notes = band(rng, 30000, form.channels), notes_of(rng, 30000, pitches)
    core, engine = Core(library, tmp_path), engine_of(form)
    assert core.prepare() and not core.trouble and core.latency == engine.latency
    expected, mix = play(engine, sound, notes)
    for sizes in ((512,), (1,) * 300 + (4096,), tuple(rng.integers(1, 4097, 50).tolist())):
        stems, own_mix = core.play(sound, notes, sizes)
        assert np.array_equal(stems, expected) and np.array_equal(own_mix, mix) and np.abs(expected[0]).max() > 0.01
        core.reset()
    core.close()


def test_knobs_are_parameters(library, tmp_path, rng):
    """Each value sounds as if the plan had been made with it."""
    form = bundle_of(tmp_path)
    sound, notes, core = band(rng, 20000, 2), notes_of(rng, 20000), Core(library, tmp_path)
    for name, value in (("mask_power", 1.5), ("suppression", 0.5), ("prediction", 0.0), ("background_learns", 0)):
        start = core.get(name)
        core.set(name, value)
        assert core.prepare()
        expected, _ = play(engine_of(form, **{name: value}), sound, notes)
        stems, _ = core.play(sound, notes)
        np.testing.assert_allclose(stems, expected, atol=1e-6)
        core.set(name, start)
        assert core.get(name) == start
    core.set("split", 50)
    core.reset()
    moved = bundle_of(tmp_path / "moved", split=50)
    table = moved.routing.table.copy()
    table[table >= 0] = np.broadcast_to(np.arange(128) >= 50, table.shape)[table >= 0]
    engine = engine_of(PluginForm("k", type(moved.routing)(moved.routing.names, table), moved.programs, moved.params, (RATE,)))
    assert np.array_equal(core.play(sound, notes)[0], play(engine, sound, notes)[0])
    core.close()


def test_a_thousand_turns_keep_the_sum(library, tmp_path, rng):
    """Whatever knobs move while it plays, the stems add up to the delayed input, and no stem gets too loud."""
    bundle_of(tmp_path)
    sound, notes, core = band(rng, 64000, 2), notes_of(rng, 64000), Core(library, tmp_path)
    assert core.prepare()
    ends = {"mask_power": (0.5, 4), "suppression": (0.1, 10), "prediction": (0, 10), "split": (0, 127), "gain_low": (-120, 24)}

    def turn(_begin):
        name = str(rng.choice(core.knobs))
        core.set(name, float(rng.uniform(*ends.get(name, (-1, 2)))))

    stems, mix = core.play(sound, notes, (64,), turn)
    late = core.latency
    np.testing.assert_allclose(stems.sum(0)[:, late:], sound[:, :-late], atol=1e-5)
    assert np.isfinite(mix).all()
    core.close()


def test_what_was_learnt_comes_back_with_the_project(library, tmp_path, rng):
    bundle_of(tmp_path)
    sound, notes, core = band(rng, 30000, 2), notes_of(rng, 30000), Core(library, tmp_path)
    assert core.prepare()
    core.set("gain_high", -6)
    first, _ = core.play(sound, notes)
    data = core.save()
    other = Core(library, tmp_path)
    assert other.load(data) and other.prepare() and other.get("gain_high") == -6
    second, _ = other.play(sound, notes)
    assert not np.array_equal(first, second)
    again = Core(library, tmp_path)
    assert again.prepare() and again.load(data)
    again.reset()
    assert np.array_equal(again.play(sound, notes)[0], second)
    assert other.save() != data and again.save() == other.save()
    for damaged in (b"", b"rtsep-state 1", data[:40], b"x" + data):
        assert not again.load(damaged)
    for damaged in (data[:-3], data[:-300] + bytes([255]) * 300):  # Damaged data of what was learnt are ignored.
        assert again.load(damaged)
        again.reset()
        assert np.isfinite(again.play(sound[:, :4000], notes[:4])[0]).all()
    for one in (core, other, again):
        one.close()


def test_a_preset_waits_for_the_next_start(library, tmp_path, rng):
    form = bundle_of(tmp_path, presets={"keys": make_preset(PITCHES, rows=1), "soft": make_preset(PITCHES, rows=1, seed=7)})
    sound, notes, core = band(rng, 20000, 2), notes_of(rng, 20000), Core(library, tmp_path)
    assert core.prepare()
    core.set("program", 1)
    assert np.array_equal(core.play(sound, notes)[0], play(engine_of(form, "keys"), sound, notes)[0])
    assert core.prepare()
    assert np.array_equal(core.play(sound, notes)[0], play(engine_of(form, "soft"), sound, notes)[0])
    core.close()


def test_where_it_cannot_play_the_sound_passes_through(library, tmp_path, rng):
    sound, notes = band(rng, 2000, 2), notes_of(rng, 6000)[:4]
    bundle_of(tmp_path / "well")
    plan = (tmp_path / "well" / f"0-{RATE}.plan").read_bytes()
    text = (tmp_path / "well" / "bundle.txt").read_text()
    newer, older = bytearray(plan), bytearray(plan)
    newer[8], older[8] = VERSION + 1, VERSION - 1
    turned = bytearray(plan)
    turned[len(plan) // 2] ^= 1
    for number, (wrong, data, words) in enumerate((
            ("cut off", plan[:-5], text), ("cut off", plan[:20], text), ("no plan", b"RIFF" + plan[4:], text),
            ("a newer rtsep", bytes(newer), text), ("another version", bytes(older), text), ("damaged", bytes(turned), text),
            ("cannot be read", None, text),
            ("other stems", plan, text.replace("stem low\n", "stem low\nstem mid\n")),
            ("a newer rtsep", plan, text.replace("bundle 1", "bundle 2")),
            ("damaged in line", plan, text.replace("channels 2", "channels 9")), ("make the plug-in again", plan, ""),
            ("--rates 48000", plan, text))):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "bundle.txt").write_text(words)
        if data is not None:
            (folder / f"0-{RATE}.plan").write_bytes(data)
        core = Core(library, folder)
        assert not core.prepare(48000 if "rates" in wrong else RATE) and wrong in core.trouble, (core.trouble, wrong)
        stems, mix = core.play(sound, notes)
        assert np.array_equal(mix, sound) and not stems.any() and core.latency == 0 and core.save()
        core.close()


@pytest.mark.parametrize("options", [{}, {"mode": "instant", "latency_samples": 0}])
def test_no_damaged_plan_ends_the_host(library, tmp_path, options):
    """`.ci/full plugin` has a long run."""
    bundle_of(tmp_path, **options)
    done = subprocess.run([sys.executable, Path(__file__).parent / "plugin_fuzz.py", library, tmp_path, "300", "1"],
                          capture_output=True, text=True, timeout=300, env={**os.environ, "MALLOC_CHECK_": "3"})
    assert done.returncode == 0, (done.returncode, done.stderr[-500:])
    assert 20 < int(done.stdout.split()[0]) < 280, done.stdout


def test_a_plan_keeps_templates_once_in_half_precision(preset):
    """W, with which the state begins as well, and E need two bytes for each bin; the rest is small."""
    plan = design(preset, by_split(), SMALL, RATE, 2)
    values, whole = plan.values, plan_bytes(plan, RATE)
    templates = values["W"].size + values["E"].size
    rest = sum(np.asarray(value).nbytes for name, value in values.items() if name not in ("W", "E"))
    assert 2 * templates < len(whole) < 2 * templates + rest + 50_000


def test_every_whole_number_of_a_plan_has_limits():
    whole = [name for name, one in PLAN.fields.items() if not isinstance(one.kind, str) or np.dtype(one.kind).kind == "i"]
    assert set(whole) == set(LIMITS)


def test_the_command_offers_every_system():
    assert set(plugin.SYSTEMS) == set(SYSTEMS)


def test_names_that_no_host_could_show_are_refused(monkeypatch):
    routing, preset = everything("all"), make_preset(PITCHES, rows=1)
    for name in ("", "a" * 64, "two\nlines"):
        with pytest.raises(RtsepError, match="is no name for a host"):
            PluginForm(name, routing, {"keys": (preset,)}, SMALL, (RATE,))
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("rtsep.plugin.link.find_spec", lambda name: None)
    with pytest.raises(RtsepError, match=r"needs a C compiler: install one, or pip install 'rtsep\[plugin\]'"):
        system_compiler()
