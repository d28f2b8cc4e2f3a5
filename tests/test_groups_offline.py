"""Note groups offline, as in the textbook: compared with the reference's masks and figures, and their properties."""

import json

import numpy as np
import pytest
from oracles import ORACLES, needs_oracles, oracle

from rtsep.measure import sdr_db, si_sdr_db
from rtsep.training.groups import (
    Settings,
    group_models,
    resynthesise,
    separate_groups,
    soft_masks,
    spectra,
    textbook_masks,
)

SAMPLES = 88200


def piano():
    """The mix float32 [sample], the hands [left/right, sample], the notes, and which of them the right hand plays."""
    data = oracle("input_piano")
    notes = np.zeros(len(data["ann_pitch"]), [("onset_s", float), ("offset_s", float), ("pitch", int)])
    notes["onset_s"], notes["offset_s"] = data["ann_start"], data["ann_start"] + data["ann_dur"]
    notes["pitch"] = data["ann_pitch"]
    return data["x_mix"], np.stack([data["x_left"], data["x_right"]]), notes, data["ann_is_right"]


def reference_models(name):
    """The reference's factors W [row, bin] and H [frame, row], and the models of both hands and the rest."""
    data = oracle(name)
    W, H, gates = data["W"].T, data["H"].T, np.stack([data["H0_left"].T, data["H0_right"].T])
    return W, H, group_models(W, H, gates)


@needs_oracles
def test_spectra_are_the_references():
    x = piano()[0].astype(float)
    X = spectra(x, 2048, 512)
    np.testing.assert_allclose(np.abs(X).T, oracle("input_piano")["V"], rtol=0, atol=1e-7 * np.abs(X).max())
    assert np.abs(resynthesise(X, 512, SAMPLES) - x).max() < 1e-12


@needs_oracles
@pytest.mark.parametrize("name", ["b_nmf_score_harmonic", "c_nmf_score_onset"])
def test_textbook_masks_and_stems_are_the_references(name):
    data, (W, H, models) = oracle(name), reference_models(name)
    masks = textbook_masks(models, W, H)
    stems = resynthesise(masks * spectra(piano()[0].astype(float), 2048, 512), 512, SAMPLES)
    for i, hand in enumerate(("left", "right")):
        np.testing.assert_allclose(masks[i], data[f"mask_{hand}"].T, atol=1e-6)
        np.testing.assert_allclose(stems[i], data[f"y_{hand}"], atol=1e-6)


@needs_oracles
@pytest.mark.parametrize("name, textbook, shared", [
    ("b_nmf_score_harmonic", "b_harmonic_score", "b_renormalised_masks"),
    ("c_nmf_score_onset", "c_onset", "c_renormalised_masks"),
])
def test_both_rules_separate_like_the_reference(name, textbook, shared):
    mix, truths, *_ = piano()
    (W, H, models), told = reference_models(name), json.loads((ORACLES / "separation_metrics.json").read_text())
    for rule, masks in ((textbook, textbook_masks(models, W, H)), (shared, soft_masks(models))):
        stems = resynthesise(masks * spectra(mix.astype(float), 2048, 512), 512, SAMPLES)
        for i, truth in enumerate(truths):
            assert sdr_db(stems[i], truth) == pytest.approx(told[rule]["SNR"][i], abs=0.05)
            assert si_sdr_db(stems[i], truth) == pytest.approx(told[rule]["SISDR"][i], abs=0.05)


@needs_oracles
def test_hands_are_separated_better_than_by_the_textbook():
    """By the notes alone, at the same resolution. The textbook's masks give 9.1 and 8.2 dB (c), ratio masks 11.8 and 9.9 dB."""
    mix, truths, notes, right = piano()
    stems = separate_groups(mix[None], 22050, notes, [~right, right], Settings(window=2048, hop=512))
    left_stem, right_stem, rest = stems[:, 0]
    assert sdr_db(left_stem, truths[0]) > 10.8 and sdr_db(right_stem, truths[1]) > 9.0
    assert np.sum(rest**2) < 0.01 * np.sum(mix**2)


def two_tones(rate=22050):
    """The sound [2 channels, sample] of C4, E4 and C4 again, half a second each, and its notes."""
    notes = np.zeros(3, [("onset_s", float), ("offset_s", float), ("pitch", int)])
    notes["pitch"], notes["onset_s"] = (60, 64, 60), (0.2, 0.2, 1.2)
    notes["offset_s"] = notes["onset_s"] + 0.5
    t, tones = np.arange(2 * rate) / rate, []
    for note in notes:
        f, since = 440 * 2 ** ((note["pitch"] - 69) / 12), t - note["onset_s"]
        tone = sum(np.sin(2 * np.pi * f * k * since) / k for k in range(1, 6)) * np.exp(-3 * since)
        tones.append(0.1 * np.where((since > 0) & (since < 0.5), tone, 0))
    return np.stack([sum(tones), 0.5 * sum(tones)]).astype(np.float32), notes, np.array(tones)


@pytest.mark.parametrize("settings", [Settings(2048, 512), Settings(1024, 128, power=1.0)])
def test_stems_add_up_to_the_sound_and_one_note_is_one_note(settings, rng):
    sound, notes, tones = two_tones()
    sound += 1e-3 * rng.standard_normal(sound.shape).astype(np.float32)
    last, first, rest = stems = separate_groups(sound, 22050, notes, [[2], np.array([True, False, False])], settings)
    assert stems.shape == (3, *sound.shape) and np.abs(stems.sum(axis=0) - sound).max() < 1e-6
    assert sdr_db(last[0], tones[2]) > 15 and sdr_db(first[0], tones[0]) > 12, "the same pitch, at another time"
    assert sdr_db(rest[1], 0.5 * tones[1]) > 12, "the rest, which is in no group"


def test_masks_sum_to_one_also_where_groups_share_and_nothing_sounds(rng):
    W, H = rng.random((3, 5)), rng.random((4, 3))
    H[2] = 0
    gates = np.zeros((2, 4, 3), bool)
    gates[0, :, 0] = gates[1, :, :2] = True
    models = group_models(W, H, gates)
    masks = soft_masks(models, 2)
    np.testing.assert_allclose(masks.sum(axis=0), 1)
    assert (masks[-1, 2] == 1).all()
    np.testing.assert_allclose(models[-1], H[:, 2:] @ W[2:])
    np.testing.assert_allclose(models[1] - models[0], H[:, 1:2] @ W[1:2], atol=1e-12)
    whole = textbook_masks(group_models(W, H, np.ones((1, 4, 3))), W, H, 1e-12)
    np.testing.assert_allclose(whole[0], [[1] * 5, [1] * 5, [0] * 5, [1] * 5], atol=1e-9)


def test_silence_is_the_rest():
    _sound, notes, _tones = two_tones()
    stems = separate_groups(np.zeros((1, 44100), np.float32), 22050, notes, [[0]], Settings(2048, 512))
    assert stems.shape == (2, 1, 44100) and not stems.any()
