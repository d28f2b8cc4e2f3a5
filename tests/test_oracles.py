"""Constrained NMF against runs of the field's reference implementations on the same start (../shared/oracles)."""

from pathlib import Path

import numpy as np
import pytest

from rtsep.training.nmf import factorise

ORACLES = Path(__file__).parents[2] / "shared" / "oracles"
pytestmark = pytest.mark.skipif(not ORACLES.is_dir(), reason="../shared/oracles is not there")
E32 = float(np.finfo(np.float32).eps)


def oracle(name):
    return np.load(ORACLES / f"{name}.npz")


def spectrogram(dtype=np.float64):
    """V [frame, bin] of the piano."""
    return np.ascontiguousarray(oracle("input_piano")["V"].T.astype(dtype))


def apart(found, expected):
    """Relative Frobenius distance of `found` from the textbook's transposed orientation."""
    return np.linalg.norm(found - expected.T) / np.linalg.norm(expected)


def started(data, dtype, W="W0", H="H0"):
    return np.ascontiguousarray(data[W].T.astype(dtype)), np.ascontiguousarray(data[H].T.astype(dtype))


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
    assert apart(found.W, data[f"W_beta{beta}"]) < 1e-6 and apart(found.H, data[f"H_beta{beta}"]) < 1e-6
    assert np.abs(factor * found.losses / data[f"loss_beta{beta}"] - 1).max() < 1e-6


@pytest.mark.parametrize("beta, divergence", [(2, "euclid"), (1, "kl")])
@pytest.mark.parametrize("count", [1, 5, 20, 50, 200])
def test_activations_of_fixed_templates_are_the_references(beta, divergence, count):
    data = oracle("i_fixedW_activations")
    W, mask = started(data, np.float64, "W", "mask")
    found = factorise(spectrogram(), W, mask, divergence=divergence, update=("H",), max_iter=count, tolerance=0, epsilon=E32)
    assert apart(found.H, data[f"H_mu_beta{beta}_it{count}"]) < 1e-9 and np.array_equal(found.W, W)
