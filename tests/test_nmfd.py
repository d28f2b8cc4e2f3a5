"""NMF deconvolution: its updates are those of the plain formula, never raise the divergence, and find known sources."""

import numpy as np
import pytest

from rtsep.errors import RtsepError
from rtsep.training.nmf import factorise
from rtsep.training.nmfd import activations_at, approximation, nmfd, templates_at

LAGS = 4


def model_of(W, H):
    """V [frame, bin] by its definition, lag by lag."""
    V = np.zeros((len(H), W.shape[2]))
    for lag in range(W.shape[1]):
        V[lag:] += H[: len(H) - lag] @ W[:, lag]
    return V


def problem(rng, dtype=np.float64, frames=40, bins=30, rows=3):
    """V of known factors, and another start with zeros."""
    V = model_of(rng.random((rows, LAGS, bins)) ** 3, rng.random((frames, rows)) ** 3) + 0.01
    W, H = rng.random((rows, LAGS, bins)) + 0.1, rng.random((frames, rows)) + 0.1
    W[0, 1, :20] = H[:10, 1] = 0
    return V.astype(dtype), W, H


def textbook_update(V, W, H):
    """One KL update of H, then of W, with loops over lags; the model is computed again between them."""
    frames = len(H)
    Q, above, below = V / model_of(W, H), np.zeros_like(H), np.zeros_like(H)
    for lag in range(W.shape[1]):
        above[: frames - lag] += Q[lag:] @ W[:, lag].T
        below[: frames - lag] += W[:, lag].sum(axis=1)
    H = H * above / below
    Q, new = V / model_of(W, H), np.empty_like(W)
    for lag in range(W.shape[1]):
        past = H[: frames - lag]
        new[:, lag] = W[:, lag] * (past.T @ Q[lag:]) / past.sum(axis=0)[:, None]
    return new, H


@pytest.mark.parametrize("block_values", [0, 2**19])
def test_kl_updates_are_the_plain_formula_however_the_frames_are_cut(rng, block_values, monkeypatch):
    monkeypatch.setattr("rtsep.training.updates.BLOCK_VALUES", block_values)
    V, W, H = problem(rng)
    got = nmfd(V, W, H, max_iter=10, tolerance=0, normalise=None)
    for _ in range(10):
        W, H = textbook_update(V, W, H)
    np.testing.assert_allclose(got.W, W, rtol=1e-9)
    np.testing.assert_allclose(got.H, H, rtol=1e-9)
    model = model_of(W, H)
    np.testing.assert_allclose(got.losses[-1], (V * np.log(V / model) - V + model).sum(), rtol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("divergence", ["euclid", "kl", "is"])
@pytest.mark.parametrize("update", [("H", "W"), ("W", "H")])
def test_loss_falls_and_zeros_stay(rng, divergence, dtype, update):
    V, W, H = problem(rng, dtype)
    given = V.copy()
    got = nmfd(V, W, H, divergence=divergence, update=update, max_iter=30, tolerance=0)
    assert got.W.dtype == got.H.dtype == dtype and np.array_equal(V, given)
    assert np.all(np.diff(got.losses) <= 1e-5 * got.losses[:-1]) and got.losses[-1] < 0.5 * got.losses[0]
    assert not got.W[0, 1, :20].any() and not got.H[:10, 1].any()


def test_normalising_keeps_the_product(rng):
    V, W, H = problem(rng)
    got, plain = (nmfd(V, W, H, max_iter=5, normalise=norm) for norm in ("sum", None))
    np.testing.assert_allclose(got.W.sum(axis=(1, 2)), 1, rtol=1e-12)
    np.testing.assert_allclose(approximation(got.W, got.H), model_of(plain.W, plain.H), rtol=1e-9)


def test_one_lag_is_plain_nmf(rng):
    V, W, H = problem(rng)
    got, plain = nmfd(V, W[:, :1], H, max_iter=10), factorise(V, W[:, 0], H, max_iter=10)
    np.testing.assert_allclose(got.W[:, 0], plain.W, rtol=1e-9)
    np.testing.assert_allclose(got.H, plain.H, rtol=1e-9)
    np.testing.assert_allclose(got.losses, plain.losses, rtol=1e-9)


def test_one_factor_stays_as_it_is(rng):
    V, W, H = problem(rng)
    assert np.array_equal(nmfd(V, W, H, update=("H",), max_iter=3).W, W)
    assert np.array_equal(nmfd(V, W, H, update=("W",), max_iter=3).H, H)


@pytest.mark.parametrize("gain", [0, 1e-42, 1e-7, 1e7])
def test_never_a_nan_and_loudness_changes_nothing(rng, gain):
    V, W, H = problem(rng, np.float32)
    V[3], V[:, 4], W[2], H[:, 2] = 0, 0, 0, 0
    got = nmfd((V * gain).astype(np.float32), W, H * (gain or 1), max_iter=30, tolerance=0)
    assert all(np.isfinite(values).all() for values in (got.W, got.H, got.losses))
    if gain in (1e-7, 1e7):
        np.testing.assert_allclose(got.W, nmfd(V, W, H, max_iter=30, tolerance=0).W, rtol=1e-3, atol=1e-6)


def test_interrupting_returns_the_last_measured_state(rng):
    def stop(update, loss):
        if update == 4:
            raise KeyboardInterrupt

    V, W, H = problem(rng)
    got = nmfd(V, W, H, divergence="euclid", progress=stop)
    assert got.reason == "interrupted" and got.iterations == 4
    np.testing.assert_allclose(((V - model_of(got.W, got.H)) ** 2).sum(), got.losses[-1], rtol=1e-9)


def test_starts_from_hits_and_onsets_find_the_drums(rng):
    """Two drums with known envelopes are found in a mixture, after each was heard alone once."""
    W = rng.random((2, LAGS, 60)) ** 6 * np.array([1, 0.6, 0.3, 0.1])[:, None]
    onsets = [np.array([2, 12, 30, 38]), np.array([7, 12, 33])]
    H = activations_at(onsets, 45) * (0.5 + rng.random((45, 2)))
    alone = [model_of(W[row : row + 1], activations_at([[3, 20]], 40)) for row in range(2)]
    start = np.stack([templates_at(V, [3, 20], LAGS) for V in alone])
    np.testing.assert_allclose(start, W)
    got = nmfd(model_of(W, H), start * (0.8 + 0.4 * rng.random(start.shape)), activations_at(onsets, 45, 0.3), max_iter=200,
               tolerance=0)
    for row in range(2):
        truth, found = model_of(W[[row]], H[:, [row]]), approximation(got.W[[row]], got.H[:, [row]])
        assert np.linalg.norm(found - truth) < 0.05 * np.linalg.norm(truth)


def test_what_lies_outside_is_left_out(rng):
    V = rng.random((10, 5))
    np.testing.assert_allclose(templates_at(V, [-3, 8, 99], 4)[:2], V[8:10])
    assert not templates_at(V, [8], 4)[2:].any()
    np.testing.assert_allclose(activations_at([[2, -1], [10]], 5, 0.5), [[0, 0], [0, 0], [1, 0], [0.5, 0], [0.25, 0]])
    with pytest.raises(RtsepError, match="onsets"):
        templates_at(V, [10], 4)


def test_bad_input_is_refused(rng):
    V, W, H = problem(rng)
    for bad in ((-V, W, H), (V[:, 1:], W, H), (V, W[1:], H), (V, W[:, 0], H)):
        with pytest.raises(RtsepError):
            nmfd(*bad)
    with pytest.raises(RtsepError, match="allowed are"):
        nmfd(V, W, H, normalise="l2")
