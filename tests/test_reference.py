"""The reference with the separator's interface: any blocks, the same output as the compiled engine, and your own methods."""

import dataclasses
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import (
    ON,
    PITCHES,
    RATE,
    SMALL,
    band,
    delayed,
    make_preset,
    midi,
    one_stem,
    open_rows,
    play,
    prepared,
    process_from,
    random_midi,
    two_parts,
    with_envelopes,
)
from sounds import bursts

import rtsep
from rtsep import reference
from rtsep.errors import RtsepError
from rtsep.files.sound import read_sound
from rtsep.hosts.demo import clip_folder
from rtsep.reference import ReferenceSeparator
from rtsep.reference.estimator import hold, with_flat
from rtsep.stages import expectation, levels, watchdog

LONG = 8000
INSTANT = {"mode": "instant", "latency_samples": 0}
STAGES = ("analysis", "notes", "score_follower", "hands", "gate", "onsets", "expectation", "levels", "estimator", "masks",
          "residual", "late_notes", "accompaniment", "colour", "adaptation", "watchdog", "place", "overlap_add", "filters",
          "mixer", "frame")


def separator_of(presets, routing, params=None, channels=1, max_block=LONG, **methods):
    """A ReferenceSeparator that is ready to play, with small windows unless `params` set others."""
    separator = ReferenceSeparator(presets, routing, {**SMALL, **(params or {})}, **methods)
    separator.prepare(RATE, channels, max_block)
    return separator


# --- the interface ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels, params", [
    (1, {}), (2, {}), (1, {"mode": "quality", "latency_samples": 0}), (2, INSTANT), (1, {"gate": False}),
    (1, {"wet": 0.5, "gain_db.left": -6, "bypass": 0}),
])
def test_block_sizes_do_not_change_a_bit(rng, channels, params):
    sound, events = band(rng, LONG, channels), random_midi(rng, 120, LONG)
    separator = separator_of(with_envelopes(make_preset()), two_parts(), params, channels)
    stems, mix = play(separator, sound, events, (LONG,))
    assert (np.abs(stems).max(axis=(1, 2)) > 0.001).all()
    for sizes in [(64,), (1, 0, 128, 3), tuple(rng.integers(1, 700, 50))]:
        separator.reset()
        again, mix_again = play(separator, sound, events, sizes)
        assert np.array_equal(again, stems) and np.array_equal(mix_again, mix)


def test_mixer_changes_while_playing_as_the_compiled_one(preset, rng):
    sound, events = band(rng, LONG), random_midi(rng, 60, LONG)
    mixes = []
    for separator in (separator_of(preset, one_stem()), prepared(preset, one_stem())):
        separator.set("gain_db.piano", -120)
        process_from(separator, sound, events, 0, 3000)
        separator.set("gain_db.piano", 3)
        separator.set("wet", 0.7)
        mixes.append(process_from(separator, sound, events, 3000, 6000).mix.copy())
    np.testing.assert_allclose(*mixes, atol=1e-5)


def test_counters_and_what_was_found_are_the_compiled_engines(preset, rng):
    sound, events = band(rng, LONG), random_midi(rng, 120, LONG, (*PITCHES, 50))
    sound[0, [5, 700]] = np.nan, 1e7
    mine, compiled = (each(preset, two_parts(), {**SMALL, "max_open_rows": 6}) for each in (separator_of, prepared))
    for separator in (mine, compiled):
        play(separator, sound, events, (640,))
    assert mine.counters == compiled.counters and min(mine.counters.bad_samples, mine.counters.closed_rows) > 0
    assert mine.held_pitches == compiled.held_pitches != ()
    assert (mine.latency, mine.framing, mine.plays) == (compiled.latency, compiled.framing, compiled.plays)
    assert np.array_equal(mine.row_pitch, compiled.row_pitch) and mine.stem_names == compiled.stem_names
    assert mine.last.opened.rows == open_rows(compiled)


def test_refusals(preset):
    separator = ReferenceSeparator(preset, one_stem(), SMALL)
    with pytest.raises(RuntimeError, match="prepare"):
        separator.process(np.zeros((1, 4), np.float32))
    separator.prepare(RATE, 1, 64)
    with pytest.raises(RtsepError, match="not compiled"):
        separator.prepared  # noqa: B018
    with pytest.raises(RtsepError, match="while playing"):
        separator.set("iterations", 3)
    with pytest.raises(RtsepError, match="no stem is called"):
        separator.set("gain_db.harp", 3)
    with pytest.raises(ValueError, match="at most 64"):
        separator.process(np.zeros((1, 65), np.float32))
    with pytest.raises(ValueError, match="inside the block"):
        separator.process(np.zeros((1, 4), np.float32), midi((4, ON, 60, 90)))
    assert not separator.exchange(params={"iterations": 3})
    assert separator.again({"iterations": 3}).value("iterations") == 3


# --- the compiled engine ----------------------------------------------------------------------------------------------


def drums():
    """A preset with strokes and decays, whose pitches choke each other."""
    preset, choke = make_preset(), np.zeros(128, np.int8)
    choke[[48, 60]] = 1
    ages = np.tile(np.float32([[0, 0.02], [0.01, 1e6]]), (len(preset.W) // 2, 1))
    return dataclasses.replace(preset, row_age_s=ages, choke=choke)


@pytest.mark.parametrize("params", [{}, {"mode": "quality", "latency_samples": 0}, INSTANT], ids=["live", "quality", "instant"])
@pytest.mark.parametrize("kind", ["notes", "no gates", "places", "drums", "drums, not told"])
def test_compiled_engine_plays_the_same(rng, kind, params):
    channels = 2 if kind == "places" else 1
    preset = drums() if "drums" in kind else with_envelopes(make_preset())
    sound = bursts(rng, LONG, channels) if "drums" in kind else band(rng, LONG, channels)
    if kind == "places":
        sound = sound * np.float32([[1], [0.4]]) + 0.4 * bursts(rng, LONG) * np.float32([[0.3], [1]])
    told = kind not in ("no gates", "drums, not told")
    params = {**SMALL, **params, "gate": told}
    events = random_midi(rng, 80, LONG) if told else None
    mine, _ = play(separator_of(preset, two_parts(), params, channels), sound, events, (512,))
    compiled, _ = play(prepared(preset, two_parts(), params, channels), sound, events, (700, 1, 63))
    assert np.abs(mine - compiled).max() < 5e-5 * np.abs(sound).max()
    assert np.abs(compiled[:2]).max() > 0.01, "nothing was separated, so nothing was compared"


def test_what_was_learnt_begins_again_in_the_same_frame(rng):
    """The notes never sound: after a second the watchdog resets what was learnt."""
    preset, samples = with_envelopes(make_preset((48, 50))), 60000
    time = np.arange(samples) / RATE
    sound = sum(np.sin(2 * np.pi * hz * time) for hz in (1111.0, 2345.0, 3456.0))[None].astype(np.float32) / 4
    events = midi(*((at, ON, 48, 40) for at in range(100, samples, 20000)))
    mine = separator_of(preset, one_stem(), max_block=samples)
    begun, begin_again = [], mine._now.stream.stages.begin_again
    mine._now.stream.stages.begin_again = lambda: (begun.append(mine._now.stream.position), begin_again())
    stems, _ = play(mine, sound, events, (512,))
    assert begun and begun[0] / RATE == pytest.approx(watchdog.FIRST_PATIENCE_S, abs=0.1)
    compiled, _ = play(prepared(preset, one_stem()), sound, events, (512,))
    assert np.abs(stems - compiled).max() < 5e-5


# --- your own methods -------------------------------------------------------------------------------------------------


def binary(models, power):
    """A mask that gives each bin to the loudest stem that plays."""
    return np.float64(models.argmax(axis=0) == np.arange(len(models))[:, None])


def euclidean(problem):
    """Multiplicative updates of the Euclidean distance: Lee & Seung (NIPS 2000), equation 4."""
    rows, h = with_flat(problem.W), problem.start
    for _ in range(problem.iterations):
        before = h
        h = h * problem.favour * (rows @ problem.V) / (rows @ (h @ rows))
        hold(h, problem.held, problem.trust)
    return before, h


@pytest.mark.parametrize("params", [{}, INSTANT, {"gate": False}, {"suppression": 3}])
@pytest.mark.parametrize("methods", [{"mask": binary}, {"estimator": euclidean}, {"mask": binary, "estimator": euclidean}])
def test_your_own_methods(rng, methods, params):
    sound, events = band(rng, LONG, 2), random_midi(rng, 80, LONG)
    preset = with_envelopes(make_preset())
    told = None if params == {"gate": False} else events
    separator = separator_of(preset, two_parts(), {"panning": False, **params}, 2, **methods)
    stems, _ = separator.hear(sound, told)
    usual, _ = separator_of(preset, two_parts(), {"panning": False, **params}, 2).hear(sound, told)
    assert np.abs(stems.sum(axis=0) - delayed(sound, separator.latency)).max() < 1e-12
    np.testing.assert_allclose(separator.masks.sum(axis=0), 1, atol=1e-12)
    assert np.abs(stems - usual).max() > 0.01 and np.isfinite(stems).all()
    if "mask" in methods:
        assert set(np.unique(separator.masks.round(9))) <= {0, 1}


def test_compiled_estimators_and_masks_all_have_their_twin():
    from rtsep.methods.estimators import ESTIMATORS
    from rtsep.methods.masks import MASKS
    from rtsep.reference.estimator import METHODS

    assert METHODS.keys() == ESTIMATORS.keys() and MASKS.keys() == {"power"}


# --- its form ---------------------------------------------------------------------------------------------------------


def test_every_stage_has_its_module_under_the_same_name():
    for room in ("stages", "reference"):
        assert {f"{name}.py" for name in STAGES} <= {path.name for path in (Path(rtsep.__file__).parent / room).glob("*.py")}


def test_tuned_numbers_are_the_stages_own():
    """The code contains no fraction except a half: all others are read from the stage, or named at the top of the module."""
    for path in Path(reference.__file__).parent.glob("*.py"):
        code = re.sub(r'""".*?"""|#[^\n]*|^[A-Z_, ]+ = .*?$', "", path.read_text(encoding="utf-8"), flags=re.S | re.M)
        assert set(re.findall(r"(?<![\w.])\d+(?:\.\d+|e-\d+)", code)) <= {"0.0", "0.5", "1.0"}, path.name


def test_it_reads_the_constants_that_the_engine_has():
    from rtsep.reference import expectation as mine
    from rtsep.reference import levels as my_levels

    assert mine.OWN_MISFIT is expectation.OWN_MISFIT and my_levels.MEMORY_S is levels.MEMORY_S


def test_public_names_exist():
    assert all(getattr(reference, name) for name in reference.__all__)
    with pytest.raises(AttributeError, match="nothing_such"):
        reference.nothing_such  # noqa: B018


# --- rtsep render --reference -----------------------------------------------------------------------------------------


def rendered(out, *options):
    """Run `rtsep render` on a second of the clip in a new Python process; returns its results and whether Numba was loaded."""
    code = "import sys, rtsep.cli; code = rtsep.cli.main(); print('numba' in sys.modules); sys.exit(code)"
    words = ["render", str(out.parent / "second.wav"), "--midi", str(clip_folder() / "demo.mid"), "--out", str(out), *options]
    environment = os.environ | {"RTSEP_CACHE_DIR": str(out.parent / "nothing compiled")}
    environment = environment if "--reference" in options else dict(os.environ)
    return subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, env=environment)


@pytest.fixture(scope="module")
def second(tmp_path_factory):
    import soundfile

    folder = tmp_path_factory.mktemp("render")
    sound, rate = read_sound(clip_folder() / "mix.flac")
    soundfile.write(folder / "second.wav", sound[:, : round(rate)].T, round(rate), subtype="FLOAT")
    return folder


def test_render_without_a_compiler(second):
    answer = rendered(second / "mine", "--mode", "live", "--reference", "--picture")
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.split()[-1] == "False" and not (second / "nothing compiled").exists()
    assert json.loads((second / "mine" / "report.json").read_text())["engine"] == "reference"
    assert (second / "mine" / "picture.png").stat().st_size > 0
    assert rendered(second / "compiled", "--mode", "live").returncode == 0
    for name in ("left_hand", "right_hand", "residual"):
        mine, compiled = (read_sound(second / which / f"{name}.wav")[0] for which in ("mine", "compiled"))
        assert mine.shape == compiled.shape and np.abs(mine - compiled).max() < 1e-5


@pytest.mark.parametrize("option, value", [("--mosaic", "second.wav"), ("--save-preset", "mine.npz")])
def test_render_refuses_what_the_reference_cannot(second, option, value):
    answer = rendered(second / "refused", "--reference", option, str(second / value))
    assert answer.returncode == 2 and not (second / "refused").exists()
    assert answer.stderr.strip().splitlines()[-1].endswith("which only separates; leave one of them out")
