"""Stage adaptation: templates learn what their notes sound like, the background what no open note explains."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import (
    ON,
    PITCHES,
    RATE,
    SMALL,
    WINDOW,
    as_kept,
    band,
    make_preset,
    midi,
    one_stem,
    play,
    prepared,
    random_midi,
    reference_setup,
    two_parts,
)
from engine_state import background_of, part_of, templates_of
from sounds import divergence, tone

from rtsep import reference
from rtsep.engine.design import design
from rtsep.presets.preset import load_preset, save_preset
from rtsep.stages.adaptation import drum_rate

LONG = 8000
FLOAT = np.float32


# --- the specification ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "params, channels",
    [
        ({"background": 0}, 1),
        ({"background": 1}, 2),
        ({"background": 6}, 1),
        ({"background": 7, "iterations": 1}, 1),
        ({"background": 4, "background_memory_s": 0.1, "background_handicap": 0}, 1),
        ({"background": 4, "background_handicap": 1}, 1),
        ({"background": 4, "learn_background_s": 0.06}, 1),
        ({"background": 4, "learn_background_s": 0.06, "background_learns": False}, 1),
        ({"background": 4, "background_learns": False}, 2),
        ({"background": 4, "hop_samples": 16, "relaxation": 1}, 1),  # rounding grows over 500 frames that learn
        ({"background": 4, "gate": False}, 1),
        ({"background": 4, "adapt": False}, 1),
        ({"background": 0, "adapt_hold_s": 0.02, "adapt_memory_s": 0.1}, 1),
        ({"background": 4, "adapt_hold_s": 0.02, "background_learns": False}, 2),
    ],
)
def test_background_agrees_with_the_plain_numpy_twin(preset, rng, params, channels):
    sound = band(rng, LONG, channels)
    sound[:, 3000:4000] *= 20
    events = random_midi(rng, 80, LONG)
    separator = prepared(preset, two_parts(), {**SMALL, **params}, channels)
    expected = reference.separate(sound, events, reference_setup(separator))
    stems, _ = play(separator, sound, events, (700, 1, 63))
    assert np.abs(stems - expected.stems).max() < 1e-5 * np.abs(sound).max()
    hop = separator.framing.hop
    play(separator, np.zeros((channels, -LONG % hop + hop), np.float32))  # what the last frame teaches comes with the next
    np.testing.assert_allclose(background_of(separator), expected.background, atol=1e-5)
    np.testing.assert_allclose(templates_of(separator), expected.W, atol=1e-5)


# --- what it is good for ----------------------------------------------------------------------------------------------


def test_an_unknown_instrument_is_found_in_the_residual(preset, rng):
    """A tone that no note plays, a tritone below an open one: with a background it leaves the stem."""
    own, other = tone(rng, 72, 40_000), tone(rng, 66, 40_000)
    energies = []
    for rows in (0, 8):
        separator = prepared(preset, one_stem(), {**SMALL, "background": rows})
        stems, _ = play(separator, own + other, midi((0, ON, 72, 90)))
        wanted = np.pad(own, ((0, 0), (separator.latency, 0)))[:, :40_000]
        energies.append(((stems[0] - wanted)[:, 10_000:] ** 2).sum() / (wanted[:, 10_000:] ** 2).sum())
    assert energies[1] < 0.5 * energies[0]


def test_a_known_instrument_alone_is_left_alone(preset, rng):
    """All that sounds is played and known: the background takes next to nothing."""
    separator = prepared(preset, one_stem(), {**SMALL, "background": 8})
    sound = np.resize(np.fft.irfft(preset.W[4] * np.exp(2j * np.pi * rng.random(WINDOW // 2 + 1)), WINDOW), 20_000)
    stems, _ = play(separator, sound[None].astype(np.float32), midi((0, ON, 60, 90)))
    energy = (stems[:, 0, 4000:] ** 2).sum(axis=1)
    assert energy[1] < 0.02 * energy[0]


def test_it_learns_while_nothing_is_open_and_during_the_lead_in_whatever_is_played(preset, rng):
    sound = tone(rng, 55, 6000)
    separator = prepared(preset, one_stem(), {**SMALL, "learn_background_s": 4000 / RATE})
    start = background_of(separator).copy()
    stems, _ = play(separator, sound[:, :4096], midi((0, ON, 60, 90)))
    assert not stems[0, :, :4000].any() and np.abs(background_of(separator) - start).max() > 1e-3
    play(separator, sound[:, 4096:])
    assert separator.open_count == 2, "the key is still down"


# --- rows that stay rows ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [1e3, 1.0, 1e-6])
def test_rows_sum_to_one_whatever_is_heard(preset, rng, factor):
    separator = prepared(preset, two_parts(), {**SMALL, "background": 5, "background_memory_s": 0.1}, 2)
    sound = (factor * band(rng, 30_000, 2)).astype(np.float32)
    sound[:, 5000:9000] = 0
    sound[:, 12_000:13_000] = np.nan
    sound[:, 15_000:15_100] = 1e6
    play(separator, sound, random_midi(rng, 300, 30_000))
    rows = background_of(separator)
    assert np.isfinite(rows).all() and (rows >= 0).all()
    np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-4)


def test_frozen_is_frozen(preset, rng):
    separator = prepared(preset, one_stem(), {**SMALL, "background_learns": False})
    start = background_of(separator).copy()
    play(separator, band(rng, 4000), midi((900, ON, 60, 90)))
    assert np.array_equal(background_of(separator), start)


def test_reset_forgets_what_was_learnt(preset, rng):
    separator = prepared(preset, one_stem())
    start = {name: array.copy() for name, array in separator.prepared.state.items()}
    play(separator, band(rng, 4000), midi((900, ON, 60, 90)))
    separator.reset()
    assert all(np.array_equal(array, start[name]) for name, array in separator.prepared.state.items())


# --- adaptation -------------------------------------------------------------------------------------------------------


def test_open_templates_drift_towards_what_is_heard(preset, rng):
    """The piano that plays is not the preset's: its templates become more like it, those of other pitches stay."""
    true = make_preset(seed=4)
    at = np.flatnonzero(preset.row_pitch == 60)
    sound = np.resize(np.fft.irfft(true.W[at[0]] * np.exp(2j * np.pi * rng.random(513)), WINDOW), 60_000)[None]
    separator = prepared(preset, one_stem(), {**SMALL, "background": 0, "adapt_hold_s": 0.2})
    play(separator, sound.astype(np.float32), midi((0, ON, 60, 90)))
    W, heard = templates_of(separator), part_of(separator, "frame").V[None, : WINDOW // 2 + 1]
    assert divergence(heard, W[at]).min() < 0.6 * divergence(heard, preset.W[at]).min()
    assert np.array_equal(np.delete(W, at, axis=0), np.delete(preset.W, at, axis=0))


def test_no_template_goes_farther_than_its_hold_allows(preset, rng):
    """Sound that is not the note's at all: a known part of the preset stays in every template."""
    separator = prepared(preset, one_stem(), {**SMALL, "background": 0, "iterations": 2, "adapt_memory_s": 600})
    play(separator, rng.standard_normal((1, 20 * 44100)).astype(np.float32), midi((0, ON, 60, 90)), (4096,))
    W, at = templates_of(separator), preset.row_pitch == 60
    assert (W[at] / preset.W[at]).min() > 1e-4
    np.testing.assert_allclose(W.sum(axis=1), 1, atol=1e-3)


def test_what_is_fixed_stays_fixed(preset, rng):
    separator = prepared(preset, two_parts(), {**SMALL, "adapt": False})
    play(separator, band(rng, 6000), random_midi(rng, 80, 6000))
    assert np.array_equal(templates_of(separator), preset.W)


def test_drums_that_play_alone_learn_more_from_a_frame_as_the_twin_says(rng):
    plan, twin = SimpleNamespace(early=441, background=2), reference.Background(None, None, 0.003, 3.0, None)
    own, before, found = SimpleNamespace(explained=FLOAT(0)), np.zeros(6, FLOAT), []
    for share in np.repeat((0.5, 0.86, 0.97, 0.6), 500):
        before[:] = [share / 3] * 3 + [(1 - share) / 3] * 3
        found.append(drum_rate.py_func(plan, own, before, 3, FLOAT(0.01)))
        assert found[-1] == pytest.approx(twin.drum_rate(share, 0.01), rel=1e-3)
    assert found[499] == 1 and 5 < found[999] < 8 and found[1499] == 10 and found[-1] == 1
    assert drum_rate.py_func(SimpleNamespace(early=0, background=2), own, before, 3, FLOAT(0.01)) == 1


# --- in a preset ------------------------------------------------------------------------------------------------------


def with_background(preset, rows, seed=3):
    W = np.random.default_rng(seed).random((rows, preset.W.shape[1]))
    return dataclasses.replace(preset, background=as_kept(W))


def test_it_starts_from_the_presets_rows_then_from_noise(preset):
    mine = with_background(preset, 4)
    for rows in (0, 2, 4, 6):
        W = design(mine, one_stem(), {**SMALL, "background": rows}, RATE, 1).values["W"][12:, :513]
        assert len(W) == rows and np.array_equal(W[:4], mine.background[:rows])
        np.testing.assert_allclose(W.sum(axis=1), 1, atol=1e-4)


def test_it_is_mapped_to_other_rates(preset):
    mine = with_background(preset, 4)
    W = design(mine, one_stem(), {"window_samples": 1024, "background": 4}, 22050, 1).values["W"][-4:]
    np.testing.assert_allclose(W.sum(axis=1), 1, atol=1e-4)


def test_it_is_saved_and_loaded(preset, tmp_path):
    mine = with_background(make_preset(PITCHES), 5)
    save_preset(mine, tmp_path / "mine.npz")
    loaded = load_preset(tmp_path / "mine.npz")
    np.testing.assert_allclose(loaded.background, mine.background, rtol=2e-3)
    save_preset(preset, tmp_path / "plain.npz")
    assert load_preset(tmp_path / "plain.npz").background is None and not loaded.notes
