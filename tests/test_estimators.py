"""Stage estimator: multiplicative updates like the plain NumPy twin's, and notes that are held near their expectation."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from sounds import some_templates

from rtsep import reference
from rtsep.methods.estimators.multiplicative import update_activations
from rtsep.methods.estimators.prior import hold
from rtsep.reference.estimator import sparsity as my_sparsity
from rtsep.stages.estimator import ALONE, LEAST_START, LEAST_START_BESIDE, sparsity, start

FLOAT = np.float32


def updated(V, W, rows, bins, iterations, gated=None, relaxation=1):
    count = len(rows)
    gated = count if gated is None else gated
    h = np.full(count + 1, 1 / (count + 1), FLOAT)
    before, gradient = np.full((2, count + 1), np.nan, FLOAT)
    ratio = np.full_like(V, np.nan)
    nothing = np.zeros(0, FLOAT)
    update_activations(V, W, np.array(rows, np.int64), gated, bins, iterations, FLOAT(relaxation), FLOAT(0.8),
                       np.zeros(1, np.int64), nothing, nothing, FLOAT(1), h, before, gradient, nothing, ratio)
    return h


@pytest.mark.parametrize("rows", [[], [3], [0, 5, 2], [4, 5, 6, 7], [0, 1, 2, 3, 9], list(range(13)), list(range(20))])
@pytest.mark.parametrize("bins", [513, 512, 1025, 17])
def test_activations(rng, rows, bins):
    W, V = some_templates(rng, bins)
    h = updated(V, W, rows, bins, 10)
    expected = reference.activations(V[:bins].astype(float), W[rows, :bins].astype(float), 10)
    np.testing.assert_allclose(h, expected, atol=1e-5)
    assert h.sum() == pytest.approx(1, abs=1e-5), "an update keeps the sum"


@pytest.mark.parametrize("iterations", [1, 2, 5])
def test_relaxed_updates_end_with_a_plain_one(rng, iterations):
    W, V = some_templates(rng, 513)
    exact = V[:513].astype(float), W[:9, :513].astype(float)
    before = reference.activations(*exact, iterations - 1, relaxation=float(FLOAT(1.8)))
    expected = reference.activations(*exact, 1, before)
    h = updated(V, W, range(9), 513, iterations, relaxation=1.8)
    np.testing.assert_allclose(h, expected, atol=1e-5)
    assert h.sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_five_relaxed_updates_fit_better_than_eight_plain_ones(seed):
    W, V = some_templates(np.random.default_rng(seed), 513)
    rows = np.vstack([W[:12, :513], np.full(513, 1 / 513)]).astype(float)
    relaxed, plain = (updated(V, W, range(12), 513, *settings) for settings in ((5, None, 1.8), (8, None, 1)))
    exact = V[:513].astype(float)
    assert reference.divergence(exact, relaxed @ rows) < reference.divergence(exact, plain @ rows)


def test_relaxed_updates_arrive_where_plain_ones_do(rng):
    """Also with a sparsity prior."""
    W, V = some_templates(rng, 513)
    relaxed, plain = updated(V, W, range(9), 513, 500, 4, 1.8), updated(V, W, range(9), 513, 900, 4)
    np.testing.assert_allclose(relaxed, plain, atol=2e-4)


def test_sparsity_of_the_rows_behind_the_gated_ones(rng):
    W, V = some_templates(rng, 513)
    h = updated(V, W, range(9), 513, 10, gated=4)
    favour = np.array([1.0] * 4 + [np.float64(FLOAT(0.8))] * 5 + [1.0])
    expected = reference.activations(V[:513].astype(float), W[:9, :513].astype(float), 10, None, favour)
    np.testing.assert_allclose(h, expected, atol=1e-5)
    assert h[4:9].sum() < updated(V, W, range(9), 513, 10)[4:9].sum()


def test_every_update_fits_better(rng):
    W, V = some_templates(rng, 513)
    rows = np.vstack([W[:12, :513], np.full(513, 1 / 513)]).astype(float)
    fits = [reference.divergence(V[:513].astype(float), updated(V, W, range(12), 513, n) @ rows) for n in range(1, 30)]
    assert all(later < earlier for earlier, later in pairwise(fits))


def test_true_activations_stay(rng):
    """If the templates explain a frame exactly, updates do not move the true activations: they are a fixed point."""
    W, _ = some_templates(rng, 513)
    truth = np.array([0.5, 0.2, 0.2, 0.05, 0.05], FLOAT)
    V = truth[:4] @ W[:4]
    V[:513] += truth[4] / FLOAT(513)
    h = truth.copy()
    nothing = np.zeros(0, FLOAT)
    update_activations(V, W, np.arange(4), 4, 513, 5, FLOAT(1.8), FLOAT(1), np.zeros(1, np.int64), nothing, nothing, FLOAT(1),
                       h, np.zeros(5, FLOAT), np.zeros(5, FLOAT), nothing, np.zeros_like(V))
    np.testing.assert_allclose(h, truth, rtol=1e-4)


def test_hold_draws_sums_and_leaves_shares():
    h = np.array([0.1, 0.3, 0.2, 0.4], FLOAT)
    heard = np.zeros(2, FLOAT)
    hold(h, np.array([0, 2, 3]), np.array([0.8, -1], FLOAT), np.zeros(2, FLOAT), FLOAT(1), heard)
    np.testing.assert_allclose(h, [0.15, 0.45, 0.2, 0.4], rtol=1e-6)
    np.testing.assert_allclose(heard, [0.4, 0.2], rtol=1e-6)


@pytest.mark.parametrize("least, drawn", [(0.39, True), (0.41, False)])
def test_a_note_that_has_not_begun_is_not_drawn_to_what_is_expected(least, drawn):
    h, twin = np.array([0.1, 0.3, 0.2], FLOAT), np.array([0.1, 0.3, 0.2])
    heard = np.zeros(1, FLOAT)
    hold(h, np.array([0, 2]), np.array([0.8], FLOAT), np.array([least], FLOAT), FLOAT(1), heard)
    reference.hold(twin, [([0, 1], 0.8, least)], 1.0)
    np.testing.assert_allclose(h, [0.15, 0.45, 0.2] if drawn else [0.1, 0.3, 0.2], rtol=1e-6)
    np.testing.assert_allclose(h, twin, rtol=1e-6)
    assert heard[0] == pytest.approx(0.4, rel=1e-6), "the heard level is reported in any case"


def test_the_background_is_sparser_the_less_others_play():
    """Its weight moves on a logarithmic scale from ALONE to the parameter's value, here 0.05."""
    plan = SimpleNamespace(log_weight=FLOAT(np.log(0.05)))
    found = [sparsity.py_func(plan, FLOAT(others)) for others in (0, 0.5, 1)]
    weights = 1 / np.array(found) - 1
    np.testing.assert_allclose(weights, [ALONE, np.sqrt(ALONE * 0.05), 0.05], rtol=1e-5)
    assert found == pytest.approx([my_sparsity(np.log(0.05), others) for others in (0, 0.5, 1)], rel=1e-5)


def test_a_background_row_begins_higher_where_others_play():
    plan = SimpleNamespace(background=2, rows=7, stems=2)
    opened = SimpleNamespace(open_count=1, open_row=np.zeros(3, np.int64), open_stem=np.zeros(3, np.int64))
    own, h = SimpleNamespace(background_h=np.array([0.3, 0], FLOAT)), np.zeros(4, FLOAT)
    for others, least in ((0, LEAST_START), (1, LEAST_START + LEAST_START_BESIDE)):
        start.py_func(plan, own, opened, FLOAT(others), h)
        np.testing.assert_allclose(h, [0.25, 0.3, least / 4, 0.25], rtol=1e-5)
    assert opened.open_row.tolist() == [0, 7, 8] and opened.open_stem.tolist() == [0, 1, 1]
