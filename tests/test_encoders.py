"""Encoders from templates, those that presets carry, and what the engine does with them."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import ON, SMALL, band, make_preset, midi, one_stem, play, prepared, two_parts

from rtsep.cli import main
from rtsep.engine.design import design
from rtsep.errors import RtsepError
from rtsep.files.archive import read_archive, write_archive
from rtsep.methods.estimators import ESTIMATORS
from rtsep.presets.halves import half_rows, whole_rows
from rtsep.presets.preset import load_preset, save_preset
from rtsep.stages.encoders import START_UPDATES, encoder_of, nonnegative_encoder, pseudo_inverse_encoder
from rtsep.training.nae import autoencode, encode

CHORD = midi(*((0, ON, pitch, 90, part) for pitch, part in ((48, 0), (60, 0), (64, 1), (72, 1))))


def kept(E):
    """As plans keep it."""
    return whole_rows(*half_rows(np.asarray(E, np.float32)))


def encoder_in_plan(preset, **params):
    """E [row, bin] of the plan."""
    plan = design(preset, one_stem(), {**SMALL, **params}, 44100, 1).values
    return plan["E"][:, : plan["bins"]]


def test_pseudo_inverse_finds_what_the_templates_played(rng):
    W, H = rng.random((5, 40)), rng.random((60, 5))
    np.testing.assert_allclose(pseudo_inverse_encoder(W, 0), np.linalg.pinv(W).T, rtol=1e-9)
    np.testing.assert_allclose(encode(H @ W, pseudo_inverse_encoder(W, 1e-9)), H, atol=1e-5)


def test_nonnegative_encoder_is_an_autoencoder_of_the_templates(preset):
    """The first update from the same start, and as good as many of them, which end where it does."""
    W = preset.W
    start = W / (W @ W.T).sum(axis=1, keepdims=True)
    one, many, most = (autoencode(W, start, W, update=("E",), max_iter=count, tolerance=0) for count in (1, 30, 3000))
    np.testing.assert_allclose(nonnegative_encoder(W, 1), one.E, rtol=1e-3, atol=1e-5)
    E = nonnegative_encoder(W)
    assert E.min() >= 0 and most.losses[-1] * 0.99 < ((W - W @ E.T @ W) ** 2).sum() < many.losses[-1]


def test_a_nonnegative_encoder_of_very_many_rows_takes_no_longer(monkeypatch, preset):
    monkeypatch.setattr("rtsep.stages.encoders.MOST_WORK", 0)
    assert np.array_equal(nonnegative_encoder(preset.W), nonnegative_encoder(preset.W, 1))


@pytest.mark.parametrize("kind", ["signed", "nonnegative"])
def test_a_template_is_found_as_itself(preset, kind):
    """Most of all among the rows of other pitches."""
    H = np.maximum(preset.W @ encoder_of(kind, preset.W, None).T, 0)
    by_pitch = H.reshape(len(H), -1, 2).sum(axis=2)
    assert np.array_equal(by_pitch.argmax(axis=1), np.arange(len(H)) // 2)


def test_a_preset_has_its_own_or_some_of_it(preset, rng):
    own = rng.standard_normal(preset.W.shape).astype(np.float32)
    signed = encoder_in_plan(preset, estimator="encoder")
    np.testing.assert_allclose(signed, kept(pseudo_inverse_encoder(preset.W)), rtol=1e-3, atol=1e-6)
    carries = replace(preset, encoder=own)
    assert np.array_equal(encoder_in_plan(carries, estimator="encoder"), kept(own))
    assert np.array_equal(encoder_in_plan(carries, estimator="encoder+kl", encoder="signed"), signed)
    own[4:] = 0
    mixed = encoder_in_plan(replace(preset, encoder=own), estimator="encoder")
    assert np.array_equal(mixed[:4], kept(own[:4])) and np.array_equal(mixed[4:], signed[4:])


def test_an_encoder_for_other_bins_is_not_used(preset, rng):
    own = rng.standard_normal(preset.W.shape).astype(np.float32)
    coarse = {"window_samples": 2048, "estimator": "encoder"}
    assert np.array_equal(encoder_in_plan(replace(preset, encoder=own), **coarse), encoder_in_plan(preset, **coarse))


def test_every_preset_has_its_encoder():
    first, second = make_preset(seed=1), make_preset(seed=2)
    plan = design((first, second), two_parts(), {**SMALL, "estimator": "encoder"}, 44100, 1).values
    each = np.concatenate([pseudo_inverse_encoder(preset.W) for preset in (first, second)])
    np.testing.assert_allclose(plan["E"][:, : plan["bins"]], kept(each), rtol=1e-3, atol=1e-5)
    assert plan["method"] == list(ESTIMATORS).index("encoder") and plan["iterations"] == 1


def test_which_encoder_is_used(preset):
    assert encoder_in_plan(preset, estimator="kl").shape == (0, 513)
    full = encoder_in_plan(preset, estimator="encoder", encoder="nonnegative")
    assert np.array_equal(full, kept(nonnegative_encoder(preset.W)))
    assert np.array_equal(encoder_in_plan(preset, estimator="encoder+kl"), kept(nonnegative_encoder(preset.W, START_UPDATES)))
    assert np.array_equal(encoder_in_plan(preset, estimator="encoder+kl", encoder="signed"),
                          encoder_in_plan(preset, estimator="encoder"))


@pytest.mark.parametrize("estimator, most", [("encoder", 0.4), ("encoder+kl", 0.2)])
def test_stems_are_near_those_of_many_updates(preset, rng, estimator, most):
    sound = band(rng, 12000)
    many = play(prepared(preset, two_parts(), {**SMALL, "estimator": "kl", "iterations": 50, "relaxation": 1}), sound, CHORD)[0]
    few = {**SMALL, "iterations": 3, "relaxation": 1.8, "estimator": estimator}
    once = play(prepared(preset, two_parts(), few), sound, CHORD)[0]
    error = ((once - many) ** 2).sum(axis=(1, 2)) / (many**2).sum(axis=(1, 2))
    assert (error < most).all(), error
    np.testing.assert_allclose(once.sum(axis=0), many.sum(axis=0), atol=1e-5)


@pytest.mark.parametrize("gain", [0, 1e-6, 1e3])
@pytest.mark.parametrize("estimator", ["encoder", "encoder+kl"])
def test_silence_quiet_and_loud(preset, rng, estimator, gain):
    sound = band(rng, 6000)
    sound[:, 3000:3010] = np.nan
    params = {**SMALL, "estimator": estimator}
    usual = play(prepared(preset, two_parts(), params), sound, CHORD)[0]
    stems = play(prepared(preset, two_parts(), params), sound * np.float32(gain), CHORD)[0]
    assert np.isfinite(stems).all()
    np.testing.assert_allclose(stems, gain * usual, atol=2e-3 * gain)


def test_file(preset, rng, tmp_path, capsys):
    own = rng.standard_normal(preset.W.shape).astype(np.float32)
    save_preset(replace(preset, encoder=own), tmp_path / "p.npz")
    loaded = load_preset(tmp_path / "p.npz")
    np.testing.assert_allclose(loaded.encoder, own, rtol=1e-3)
    assert not loaded.notes and main(["presets", "show", str(tmp_path / "p.npz")]) == 0
    assert "for 12 templates" in capsys.readouterr().out
    save_preset(replace(preset, encoder=np.zeros_like(own)), tmp_path / "q.npz")
    assert load_preset(tmp_path / "q.npz").encoder is None


@pytest.mark.parametrize("damage", [
    lambda E: E[:-1], lambda E: E[:, :-1], lambda E: E.astype(np.int16), lambda E: np.where(E > 1, np.nan, E),
    lambda E: np.full(E.shape, 1e300),
])
def test_damaged_encoders_are_refused(preset, rng, tmp_path, damage):
    save_preset(replace(preset, encoder=rng.standard_normal(preset.W.shape).astype(np.float32)), tmp_path / "p.npz")
    arrays = read_archive(tmp_path / "p.npz")
    write_archive(tmp_path / "p.npz", {**arrays, "encoder": damage(arrays["encoder"])})
    with pytest.raises(RtsepError, match="not a usable preset"):
        load_preset(tmp_path / "p.npz")
