"""Constrained NMF: its updates are those of the textbook, keep what they must keep, and never give NaN."""

import tracemalloc

import numpy as np
import pytest

from rtsep.errors import RtsepError
from rtsep.training.nmf import factorise

DIVERGENCES = ("euclid", "kl", "is")
METHODS = [("multiplicative", divergence) for divergence in DIVERGENCES] + [("gradient", "euclid")]


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
@pytest.mark.parametrize("method, divergence", METHODS)
def test_loss_falls_and_zeros_stay(rng, method, divergence, dtype):
    V, W, H = problem(rng, dtype)
    got = factorise(V, W, H, method=method, divergence=divergence, max_iter=30, tolerance=0)
    assert got.W.dtype == got.H.dtype == dtype
    assert np.all(np.diff(got.losses) <= 1e-5 * got.losses[:-1]) and got.losses[-1] < 0.5 * got.losses[0]
    assert not got.W[0, :20].any() and not got.H[:10, 1].any()
    np.testing.assert_allclose(got.W.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("gain", [0, 1e-42, 1e-7, 1e7])
@pytest.mark.parametrize("method, divergence", METHODS)
def test_never_a_nan(rng, method, divergence, gain):
    V, W, H = problem(rng, np.float32)
    V[3], V[:, 4], W[2], H[:, 3] = 0, 0, 0, 0
    got = factorise((V * gain).astype(np.float32), W, H, method=method, divergence=divergence, max_iter=30)
    assert np.isfinite(got.W).all() and np.isfinite(got.H).all() and np.isfinite(got.losses).all()


def test_gradient_steps_are_the_textbooks(rng):
    V, W, H = problem(rng)
    got = factorise(V, W, H, method="gradient", divergence="euclid", max_iter=20, tolerance=0, normalise=None)
    free_w, free_h = W > 0, H > 0
    for _ in range(20):
        H = np.maximum(H - (H @ W - V) @ W.T / np.linalg.norm(W @ W.T, 2), 0) * free_h
        W = np.maximum(W - H.T @ (H @ W - V) / np.linalg.norm(H.T @ H, 2), 0) * free_w
    np.testing.assert_allclose(got.W, W, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(got.H, H, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("divergence", DIVERGENCES)
def test_measuring_less_often_changes_nothing_else(rng, divergence):
    V, W, H = problem(rng)
    often = factorise(V, W, H, divergence=divergence, max_iter=23, tolerance=0)
    seldom = factorise(V, W, H, divergence=divergence, max_iter=23, tolerance=0, measure_every=10)
    assert seldom.updates.tolist() == [0, 10, 20, 23] and seldom.iterations == often.iterations == 23
    np.testing.assert_allclose(seldom.losses, often.losses[seldom.updates], rtol=1e-12)
    assert np.array_equal(seldom.W, often.W) and np.array_equal(seldom.H, often.H)


def test_converging_is_noticed_where_it_is_measured(rng):
    V, W, H = problem(rng)
    often = factorise(V, W, H, max_iter=1000, tolerance=1e-2)
    seldom = factorise(V, W, H, max_iter=1000, tolerance=1e-2, measure_every=7)
    assert often.reason == seldom.reason == "converged"
    assert often.iterations <= seldom.iterations <= often.iterations + 14 and seldom.iterations % 7 == 0


def test_memory_does_not_grow_with_the_recording():
    """V is computed when it is needed. Only W, H and a few blocks are kept, neither V nor a model of it."""
    rng = np.random.default_rng(0)
    some, (bins, rows) = rng.random((100, 513)).astype(np.float32), (513, 4)

    class Endless:
        dtype = some.dtype

        def __init__(self, frames):
            self.shape = (frames, bins)

        def __getitem__(self, frames):
            return some[np.arange(frames.start, frames.stop) % len(some)]

    def peak(frames):
        start = np.ones((rows, bins), np.float32), np.ones((frames, rows), np.float32)
        tracemalloc.start()
        factorise(Endless(frames), *start, max_iter=1, tolerance=0)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    short, long = peak(2000), peak(20000)
    assert long - short < 18000 * rows * 4 * 5, "memory for H and the next H; V alone would be 37 MB"
    assert short < 20e6


def test_one_factor_stays_as_it_is(rng):
    V, W, H = problem(rng)
    got = factorise(V, W, H, update=("H",), max_iter=5)
    assert np.array_equal(got.W, W) and not np.array_equal(got.H, H)
    got = factorise(V, W, H, update=("W",), max_iter=5)
    assert np.array_equal(got.H, H) and not np.array_equal(got.W, W)


def test_interrupting_returns_the_last_measured_state(rng):
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
    for wrong in ({"divergence": "l1"}, {"method": "newton"}, {"normalise": "l2"}, {"update": ("W", "W")}):
        with pytest.raises(RtsepError, match="allowed are"):
            factorise(V, W, H, **wrong)
    with pytest.raises(RtsepError, match="only 'euclid'"):
        factorise(V, W, H, method="gradient")
    with pytest.raises(RtsepError, match="measure_every"):
        factorise(V, W, H, measure_every=0)


@pytest.mark.parametrize("update", [("H", "W"), ("W", "H")])
@pytest.mark.parametrize("reads", range(6, 24))
def test_interrupting_in_the_middle_of_an_update_loses_nothing(rng, update, reads, monkeypatch):
    """Ctrl-C can come between two blocks of frames. The result is still the state for which the last loss was measured."""
    monkeypatch.setattr("rtsep.training.updates.BLOCK_VALUES", 0)  # the shortest blocks
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
