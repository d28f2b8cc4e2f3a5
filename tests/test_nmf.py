"""Constrained NMF: what its updates keep and never do, and that they are the ones of the textbook."""

import numpy as np
import pytest

from rtsep.errors import RtsepError
from rtsep.training.nmf import factorise

DIVERGENCES = ("euclid", "kl", "is")


def problem(rng, dtype=np.float64, frames=40, bins=60, rows=5):
    """V, and a start W, H with zeros."""
    V = (rng.random((frames, rows)) @ rng.random((rows, bins)) + 0.01).astype(dtype)
    W, H = rng.random((rows, bins)) + 0.1, rng.random((frames, rows)) + 0.1
    W[0, :20] = H[:10, 1] = 0
    return V, W, H


def test_euclidean_updates_are_the_textbooks(rng):
    V, W, H = problem(rng)
    got = factorise(V, W, H, divergence="euclid", max_iter=20, tolerance=0, normalise=None)
    for _ in range(20):
        H = H * (V @ W.T) / (H @ W @ W.T)
        W = W * (H.T @ V) / (H.T @ H @ W)
    np.testing.assert_allclose(got.W, W, rtol=1e-9)
    np.testing.assert_allclose(got.H, H, rtol=1e-9)
    np.testing.assert_allclose(got.losses[-1], ((V - H @ W) ** 2).sum(), rtol=1e-9)
    assert len(got.losses) == 21 and got.reason == "max_iter"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("divergence", DIVERGENCES)
def test_loss_falls_and_zeros_stay(rng, divergence, dtype):
    V, W, H = problem(rng, dtype)
    got = factorise(V, W, H, divergence=divergence, max_iter=30, tolerance=0)
    assert got.W.dtype == got.H.dtype == dtype
    assert np.all(np.diff(got.losses) <= 1e-5 * got.losses[:-1]) and got.losses[-1] < 0.5 * got.losses[0]
    assert not got.W[0, :20].any() and not got.H[:10, 1].any()
    np.testing.assert_allclose(got.W.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("gain", [0, 1e-42, 1e-7, 1e7])
@pytest.mark.parametrize("divergence", DIVERGENCES)
def test_never_a_nan(rng, divergence, gain):
    V, W, H = problem(rng, np.float32)
    V[3], V[:, 4], W[2], H[:, 3] = 0, 0, 0, 0
    got = factorise((V * gain).astype(np.float32), W, H, divergence=divergence, max_iter=30)
    assert np.isfinite(got.W).all() and np.isfinite(got.H).all() and np.isfinite(got.losses).all()


def test_one_factor_stays_as_it_is(rng):
    V, W, H = problem(rng)
    got = factorise(V, W, H, update=("H",), max_iter=5)
    assert np.array_equal(got.W, W) and not np.array_equal(got.H, H)
    got = factorise(V, W, H, update=("W",), max_iter=5)
    assert np.array_equal(got.H, H) and not np.array_equal(got.W, W)


def test_interrupting_gives_what_was_measured_last(rng):
    def stop(update, loss):
        if update == 4:
            raise KeyboardInterrupt

    V, W, H = problem(rng)
    got = factorise(V, W, H, divergence="euclid", progress=stop)
    assert got.reason == "interrupted" and got.iterations == 4
    np.testing.assert_allclose(((V - got.H @ got.W) ** 2).sum(), got.losses[-1], rtol=1e-9)


def test_bad_input_is_refused(rng):
    V, W, H = problem(rng)
    for bad in ((-V, W, H), (V * np.nan, W, H), (V[:, 1:], W, H), (V, W, H[1:])):
        with pytest.raises(RtsepError):
            factorise(*bad)
    with pytest.raises(RtsepError, match="allowed are"):
        factorise(V, W, H, divergence="l1")


@pytest.mark.parametrize("update", [("H", "W"), ("W", "H")])
@pytest.mark.parametrize("reads", range(6, 24))
def test_interrupting_in_the_middle_of_an_update_loses_nothing(rng, update, reads, monkeypatch):
    """Ctrl-C may come between two blocks of frames: what is given back is still what the last loss was measured of."""
    monkeypatch.setattr("rtsep.training.updates.BLOCK_VALUES", 0)  # blocks as short as they get
    V, W, H = problem(rng)

    class Interrupted:
        shape, dtype, left = V.shape, V.dtype, reads

        def __getitem__(self, frames):
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt
            return V[frames]

    got = factorise(Interrupted(), W, H, divergence="euclid", update=update, tolerance=0, normalise=None)
    assert got.reason == "interrupted"
    np.testing.assert_allclose(((V - got.H @ got.W) ** 2).sum(), got.losses[-1], rtol=1e-9)
