"""Nonnegative autoencoders: the loss falls, zeros and gates stay, and encoders are as defined."""

import numpy as np
import pytest

from rtsep.errors import RtsepError
from rtsep.training.nae import autoencode, encode, ridge_encoder
from rtsep.training.nae_cached import pays
from rtsep.training.nmf import factorise

VARIANTS = {
    "multiplicative": {}, "gradient": {"method": "gradient"}, "rectified": {"method": "gradient", "rectified": True},
    "signed": {"method": "gradient", "signed": True},
}
every_variant = pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)


def problem(rng, dtype=np.float64, frames=60, bins=40, rows=5):
    """V, a start E, W with zeros in W, and gates."""
    gates = rng.random((frames, rows)) < 0.6
    V = ((rng.random((frames, rows)) * gates) @ rng.random((rows, bins)) + 0.01).astype(dtype)
    W = rng.random((rows, bins)) + 0.1
    W[0, :20] = 0
    return V, rng.random((rows, bins)) * 0.01, W, gates


def test_multiplicative_updates_are_the_textbooks(rng):
    V, E, W, G = problem(rng)
    got = autoencode(V, E, W, G, max_iter=20, tolerance=0, normalise=None)
    for _ in range(20):
        H = V @ E.T * G
        E = E * ((V @ W.T * G).T @ V) / ((H @ W @ W.T * G).T @ V)
        H = V @ E.T * G
        W = W * (H.T @ V) / (H.T @ H @ W)
    np.testing.assert_allclose(got.E, E, rtol=1e-9)
    np.testing.assert_allclose(got.W, W, rtol=1e-9)
    np.testing.assert_allclose(got.losses[-1], ((V - V @ E.T * G @ W) ** 2).sum(), rtol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@every_variant
def test_loss_falls_and_zeros_stay(rng, variant, dtype):
    V, E, W, G = problem(rng, dtype)
    got = autoencode(V, E, W, G, max_iter=40, tolerance=0, **variant)
    assert got.E.dtype == got.W.dtype == dtype and not got.W[0, :20].any()
    assert np.all(np.diff(got.losses) <= 1e-5 * got.losses[:-1]) and got.losses[-1] < 0.8 * got.losses[0]
    np.testing.assert_allclose(got.W.sum(axis=1), 1, rtol=1e-5)
    assert variant.get("signed") or got.E.min() >= 0
    expected = ((V - encode(V, got.E, G).astype(float) @ got.W) ** 2).sum()
    np.testing.assert_allclose(got.losses[-1], expected, rtol=1e-4)


@pytest.mark.parametrize("gain", [0, 1e-42, 1e-7, 1e7])
@every_variant
def test_never_a_nan(rng, variant, gain):
    V, E, W, G = problem(rng, np.float32)
    V[3], V[:, 4], W[2], E[3], G[:, 1] = 0, 0, 0, 0, False
    got = autoencode((V * gain).astype(np.float32), E, W, G, max_iter=20, **variant)
    assert np.isfinite(got.E).all() and np.isfinite(got.W).all() and np.isfinite(got.losses).all()


@every_variant
def test_loudness_does_not_matter(rng, variant):
    V, E, W, G = problem(rng)
    quiet, loud = (autoencode(V * gain, E, W, G, max_iter=20, tolerance=0, **variant) for gain in (1, 1024))
    np.testing.assert_allclose(loud.W, quiet.W, rtol=1e-9)
    np.testing.assert_allclose(loud.losses, quiet.losses * 1024**2, rtol=1e-9)


def test_it_is_nmf_with_activations_that_are_linear_in_the_frame(rng):
    """So with the same free templates it cannot fit better than NMF, but nearly as well."""
    V, E, W, G = problem(rng)
    nmf = factorise(V, W, G.astype(float), divergence="euclid", max_iter=1000, tolerance=0).losses[-1]
    nae = autoencode(V, E, W, G, max_iter=1000, tolerance=0).losses[-1]
    assert nmf < nae < 0.05 * (V**2).sum()


def test_some_frames_at_a_time(rng, monkeypatch):
    V, E, W, G = problem(rng)
    whole = autoencode(V, E, W, G, max_iter=5, tolerance=0)
    monkeypatch.setattr("rtsep.training.updates.BLOCK_VALUES", 0)
    parts = autoencode(V, E, W, G, max_iter=5, tolerance=0)
    np.testing.assert_allclose(parts.E, whole.E, rtol=1e-9)
    np.testing.assert_allclose(parts.losses, whole.losses, rtol=1e-9)


@pytest.mark.parametrize("dtype, near", [(np.float64, 1e-8), (np.float32, 1e-3)])
def test_without_gates_the_squares_of_v_are_enough(rng, monkeypatch, dtype, near):
    """Compares a long recording of which only V' V is kept with one whose frames are read in each update."""
    V, E, W, _ = problem(rng, dtype, frames=400)
    assert pays(400, 5, 40, 100) and not pays(60, 5, 4000, 3)
    cached = autoencode(V, E, W, max_iter=100, tolerance=0)
    monkeypatch.setattr("rtsep.training.nae.pays", lambda *sizes: False)
    plain = autoencode(V, E, W, max_iter=100, tolerance=0)
    np.testing.assert_allclose(cached.losses, plain.losses, rtol=near)
    np.testing.assert_allclose(cached.W, plain.W, rtol=near, atol=near * W.max())
    np.testing.assert_allclose(cached.E, plain.E, rtol=near, atol=near * plain.E.max())
    assert not cached.W[0, :20].any()


def test_a_loss_that_is_next_to_nothing_is_measured_exactly(rng):
    """Also if the remainder of V is smaller than the rounding of the sum of V's squares."""
    W, E = np.eye(3, 12, dtype=np.float32), np.eye(3, 12, dtype=np.float32)
    V = (rng.random((500, 3)) @ W + 1e-6 * rng.random((500, 12))).astype(np.float32)
    got = autoencode(V, E, W, max_iter=30, tolerance=0)
    np.testing.assert_allclose(got.losses[-1], ((V - encode(V, got.E).astype(float) @ got.W) ** 2).sum(), rtol=1e-2)


def test_ridge_encoder_is_the_closed_form(rng):
    V, _, _, _ = problem(rng)
    H = rng.random((60, 5))
    square = V.T @ V
    expected = H.T @ V @ np.linalg.inv(square + 0.1 * np.trace(square) / 40 * np.eye(40))
    np.testing.assert_allclose(ridge_encoder(V, H, 0.1), expected, rtol=1e-6, atol=1e-9)


def test_gradient_steps_improve_a_ridge_encoder(rng):
    V, _, W, G = problem(rng)
    found = factorise(V, W, G.astype(float), divergence="euclid", max_iter=100)
    start = ridge_encoder(V, found.H, 1e-2)
    better = autoencode(V, start, found.W, G, method="gradient", signed=True, update=("E",), max_iter=50, tolerance=0)
    assert better.losses[-1] < better.losses[0] and np.array_equal(better.W, found.W)


def test_bad_input_is_refused(rng):
    V, E, W, G = problem(rng)
    for bad in ((-V, E, W, G), (V, -E, W, G), (V, E, -W, G), (V, E[1:], W, G), (V, E, W, G[1:])):
        with pytest.raises(RtsepError):
            autoencode(*bad)
    for wrong in ({"method": "adam"}, {"normalise": "l2"}, {"update": ("H",)}):
        with pytest.raises(RtsepError, match="allowed are"):
            autoencode(V, E, W, G, **wrong)
    with pytest.raises(RtsepError, match="signed"):
        autoencode(V, E, W, G, signed=True)
