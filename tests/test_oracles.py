"""Constrained NMF, compared with runs of the field's reference implementations from the same start."""

import json

import numpy as np
import pytest
from oracles import ORACLES, needs_oracles, oracle

from rtsep.training.gates import note_gates, onset_gates
from rtsep.training.initial import harmonic_templates, onset_templates
from rtsep.training.nae import autoencode
from rtsep.training.nmf import factorise

pytestmark = needs_oracles
E32 = float(np.finfo(np.float32).eps)


def spectrogram(dtype=np.float64):
    """V [frame, bin] of the piano."""
    return np.ascontiguousarray(oracle("input_piano")["V"].T.astype(dtype))


def apart(found, expected):
    """The relative Frobenius distance of `found` from the textbook's result, which is transposed."""
    return np.linalg.norm(found - expected.T) / np.linalg.norm(expected)


def started(data, dtype, W="W0", H="H0"):
    return np.ascontiguousarray(data[W].T.astype(dtype)), np.ascontiguousarray(data[H].T.astype(dtype))


def cents(share):
    """The half width of a band, as a share of its frequency."""
    return 1200 * np.log2(1 + share)


@pytest.mark.parametrize("rate", [22050, 44100])
@pytest.mark.parametrize("share", [0.05, 0.02])
def test_harmonic_templates_are_the_reference(rate, share):
    data = oracle("k_init_templates_88keys")
    W = harmonic_templates(data["pitches"], 1025, rate / int(data["n_fft"]), width_cents=cents(share), width_bins=0)
    expected = data[f"libfmp_W_fs{rate}_tol{share}"].T
    assert np.array_equal(W > 0, expected > 0) and np.array_equal(W.astype(np.float32), expected)


def piano_notes():
    """The piano's notes, and which of them the right hand plays."""
    data = oracle("input_piano")
    notes = np.zeros(len(data["ann_pitch"]), [("onset_s", float), ("offset_s", float), ("pitch", int)])
    notes["onset_s"], notes["offset_s"] = data["ann_start"], data["ann_start"] + data["ann_dur"]
    notes["pitch"] = data["ann_pitch"]
    return notes, data["ann_is_right"]


def test_score_informed_starts_are_the_references():
    b, c = oracle("b_nmf_score_harmonic"), oracle("c_nmf_score_onset")
    (notes, right), pitches = piano_notes(), b["pitch_set"]
    times = np.arange(1, 174) * 512 / 22050
    for which, name in ((right | True, "H0"), (right, "H0_right"), (~right, "H0_left")):
        sustained = note_gates(notes[which], pitches, times, *b["tol_note"])
        onsets = onset_gates(notes[which], pitches, times, *c["tol_onset"])
        assert np.array_equal(sustained, b[name].T) and np.array_equal(c[name][1::2].T, sustained)
        assert np.array_equal(onsets, c[name][::2].T)
    W = harmonic_templates(pitches, 1025, 22050 / 2048, width_cents=cents(float(b["tol_pitch"])), width_bins=0)
    assert np.array_equal(W, b["W0"].T) and np.array_equal(W, c["W0"][:, 1::2].T)
    assert np.array_equal(onset_templates(12, 1025), c["W0"][:, ::2].T)


@pytest.mark.parametrize("name", ["a_nmf_euclid_random", "b_nmf_score_harmonic", "c_nmf_score_onset"])
@pytest.mark.parametrize("dtype, near, near_loss", [(np.float64, 1e-9, 1e-9), (np.float32, 1e-4, 1e-5)])
def test_euclidean_nmf_is_the_reference(name, dtype, near, near_loss):
    data = oracle(name)
    found = factorise(spectrogram(dtype), *started(data, dtype), divergence="euclid", max_iter=int(data["L"]), tolerance=0,
                      epsilon=E32, normalise=None)
    assert apart(found.W, data["W"]) < near and apart(found.H, data["H"]) < near
    assert np.abs(found.losses / data["loss"] - 1).max() < near_loss


@pytest.mark.parametrize("beta, divergence, factor, W, H", [
    (2, "euclid", 0.5, "W0", "H0"), (1, "kl", 1, "W0", "H0"), (0, "is", 1, "W0_IS", "H0_IS"),
])
def test_beta_divergences_are_the_references(beta, divergence, factor, W, H):
    data = oracle("h_sklearn_beta_divergences")
    V = spectrogram() + (float(data["V_offset_for_IS"]) if beta == 0 else 0)
    found = factorise(V, *started(data, np.float64, W, H), divergence=divergence, update=("W", "H"), max_iter=50, tolerance=0,
                      floor=E32, normalise=None)
    assert apart(found.W, data[f"W_beta{beta}"]) < 1e-9 and apart(found.H, data[f"H_beta{beta}"]) < 1e-9
    assert np.abs(factor * found.losses / data[f"loss_beta{beta}"] - 1).max() < 1e-9


@pytest.mark.parametrize("beta, divergence", [(2, "euclid"), (1, "kl")])
@pytest.mark.parametrize("count", [1, 5, 20, 50, 200])
def test_activations_of_fixed_templates_are_the_references(beta, divergence, count):
    data = oracle("i_fixedW_activations")
    W, mask = started(data, np.float64, "W", "mask")
    found = factorise(spectrogram(), W, mask, divergence=divergence, update=("H",), max_iter=count, tolerance=0, epsilon=E32)
    assert apart(found.H, data[f"H_mu_beta{beta}_it{count}"]) < 1e-9 and np.array_equal(found.W, W)


@pytest.mark.parametrize("dtype, near, near_loss", [(np.float64, 1e-9, 1e-9), (np.float32, 1e-4, 1e-5)])
def test_gradient_descent_is_the_reference(dtype, near, near_loss):
    data = oracle("j_gd_H_fixedW")
    W, H = started(data, dtype, "W", "H0")
    found = factorise(spectrogram(dtype), W, H, divergence="euclid", method="gradient", update=("H",), max_iter=300,
                      tolerance=0)
    assert apart(found.H, data["H"]) < near and np.abs(found.losses / data["loss"] - 1).max() < near_loss


NAE_RUNS = [
    ("d_nae_multiplicative", "random"), ("d_nae_multiplicative", "transpose"), ("d2_nae_multiplicative_onset", "random"),
]


@pytest.mark.parametrize("dtype, near, near_loss", [(np.float64, 1e-9, 1e-9), (np.float32, 1e-4, 1e-5)])
@pytest.mark.parametrize("name, start", NAE_RUNS)
def test_multiplicative_autoencoder_is_the_reference(name, start, dtype, near, near_loss):
    data = oracle(name)
    found = autoencode(spectrogram(dtype), data[f"WE0_{start}"], data["WD0"].T, data["M_H"].T, epsilon=E32, max_iter=100,
                       tolerance=0, normalise=None)
    assert apart(found.E, data[f"{start}_gs_WE"].T) < near and apart(found.W, data[f"{start}_gs_WD"]) < near
    assert np.abs(found.losses / data[f"{start}_gs_loss"] - 1).max() < near_loss


@pytest.mark.parametrize("name, start", NAE_RUNS[1:])
def test_multiplicative_autoencoder_descends_for_a_thousand_updates(name, start):
    data = oracle(name)
    losses = autoencode(spectrogram(), data[f"WE0_{start}"], data["WD0"].T, data["M_H"].T, max_iter=1000, tolerance=0).losses
    assert np.all(np.diff(losses) <= 1e-12 * losses[:-1])


@pytest.mark.parametrize("start", ["random", "transpose"])
def test_updating_both_factors_with_the_same_activations_does_not_descend(start):
    """So activations are computed again between the factors. Without that, updates equal the reference's, which ascend, too."""
    data, V = oracle("d_nae_multiplicative"), spectrogram()
    expected = json.loads((ORACLES / "d_nae_summary.json").read_text())[f"harm_{start}_jacobi"]["loss"]
    E, W, G = data[f"WE0_{start}"].astype(float), data["WD0"].T, data["M_H"].T
    losses = []
    for _ in range(101):
        H = V @ E.T * G
        losses.append(((V - H @ W) ** 2).sum())
        E, W = (E * ((V @ W.T * G).T @ V) / ((H @ W @ W.T * G).T @ V + E32), W * (H.T @ V) / (H.T @ H @ W + E32))
    np.testing.assert_allclose([losses[i] for i in (0, 1, 10, 50, 100)], expected, rtol=1e-6)
    assert (np.diff(losses) > 0).any(), "the loss rises"
    if start == "transpose":
        assert losses[50] > 100 * losses[1]


@pytest.mark.parametrize("dtype, near, near_loss", [(np.float64, 1e-9, 1e-9), (np.float32, 1e-4, 1e-5)])
def test_gradient_autoencoder_is_the_reference(dtype, near, near_loss):
    data = oracle("d3_nae_additive_pgd")
    found = autoencode(spectrogram(dtype), data["WE0"], data["WD0"].T, data["M_H"].T, method="gradient", rectified=True,
                       max_iter=200, tolerance=0, normalise=None)
    assert apart(found.E, data["WE"].T) < near and apart(found.W, data["WD"]) < near
    assert np.abs(found.losses / data["loss"] - 1).max() < near_loss
