"""The contracts of estimators and masks: for all existing ones, and for two that are written here in ten lines."""

from types import SimpleNamespace

import numpy as np
import pytest
from conftest import two_parts
from engine_state import kernel_memory, on_records

from rtsep.kernels.arrays import add_rows, dot_rows, fill
from rtsep.kernels.marks import choice, kernel, redeem
from rtsep.methods.estimators import ESTIMATORS
from rtsep.methods.estimators.prior import hold
from rtsep.methods.masks import MASKS
from rtsep.params import PARAMS

FLOAT = np.float32


@kernel
def floored_wiener(plan, models, stems, scratch, M):
    """Wiener's mask, but no stem gets less than a hundredth of a bin."""
    fill(scratch, FLOAT(0))
    for i in range(stems.shape[0]):
        for k in range(plan.bins):
            M[stems[i], k] = models[stems[i], k] ** FLOAT(2)
            scratch[k] += M[stems[i], k]
    least = FLOAT(0.01)
    for i in range(stems.shape[0]):
        for k in range(plan.bins):
            M[stems[i], k] = least + (FLOAT(1) - stems.shape[0] * least) * M[stems[i], k] / scratch[k]


@kernel
def one_step(plan, V, W, rows, notes, sparsity, first, expected_share, least_share, trust, estimate):
    """One plain update from the given start."""
    count, flat = rows.shape[0], FLOAT(1) / FLOAT(plan.bins)
    fill(estimate.ratio, estimate.h[count] * flat)
    add_rows(W, rows, estimate.h, estimate.ratio)
    for k in range(V.shape[0]):
        estimate.ratio[k] = V[k] / estimate.ratio[k]
    dot_rows(W, rows, estimate.ratio, estimate.gradient)
    estimate.gradient[count] = estimate.ratio.sum() * flat
    for i in range(count + 1):
        estimate.before[i] = estimate.h[i]
        estimate.h[i] *= estimate.gradient[i] * (sparsity if notes <= i < count else FLOAT(1))
    hold(estimate.h, first, expected_share, least_share, trust, estimate.group_h)


masks = choice([*MASKS.values(), floored_wiener])
estimators = choice([*ESTIMATORS.values(), one_step])
redeem_here = {name: value.get() for name, value in {"masks": masks, "estimators": estimators}.items()}
globals().update(redeem_here)  # as `redeem` does for the modules of the package


@on_records
def make_masks(plan, state, number):
    masks(number, plan.masks, state.masks.models, state.open.playing[: state.open.playing_count],
          state.mask_scratch.mask_sum, state.masks.M)


@on_records
def estimate(plan, state, number, notes, sparsity, trust):
    count = state.open.open_count
    estimators(number, plan.estimator, state.frame.V, state.adaptation.W, state.open.open_row[:count], notes, sparsity,
               state.open.group_first, state.expected.expected_share[: state.open.groups], state.expected.least_share, trust,
               state.estimate)


@pytest.mark.parametrize("number, name", list(enumerate([*MASKS, "written here"])))
def test_masks_keep_their_contract(rng, number, name):
    plan, state = kernel_memory(routing=two_parts())
    for _ in range(20):
        playing = [[0, 2], [1, 2], [0, 1, 2], [2]][rng.integers(4)]
        state.playing[: len(playing)], state.playing_count[0] = playing, len(playing)
        state.models[:, : plan.bins] = (rng.random((3, plan.bins)) + 1e-6) ** rng.integers(1, 12)
        state.M[:] = np.nan
        make_masks(plan, state, number)
        M = state.M[playing, : plan.bins]
        np.testing.assert_allclose(M.sum(axis=0), 1, atol=1e-5)
        assert M.min() >= 0 and np.isnan(np.delete(state.M, playing, axis=0)).all(), name
        if name == "written here":
            assert M.min() >= 0.0099


def estimated(rng, number, notes, expected_share=(), sparsity=1.0, trust=1.0, least_share=0.0):
    """The memory of a frame with `notes` rows of notes and the background, after an estimator has found the activations."""
    plan, state = kernel_memory(params={"estimator": "encoder"})
    rows = rng.permutation(plan.rows)[:notes].tolist() + list(range(plan.rows, plan.rows + plan.background))
    count = len(rows)
    state.W[:] = plan.W
    state.open_row[:count], state.open_count[0], state.groups[0] = rows, count, len(expected_share)
    state.group_first[: len(expected_share) + 1] = np.arange(len(expected_share) + 1)
    state.expected_share[: len(expected_share)], state.least_share[:] = expected_share, least_share
    truth = rng.random(count) / count
    V = truth @ state.W[rows] + 0.1 / plan.bins * (np.arange(plan.stride) < plan.bins)
    state.V[:] = V / V.sum()
    state.h[: count + 1] = 1 / (count + 1)
    state.before[:] = state.ratio[:] = state.gradient[:] = state.group_h[:] = np.nan
    estimate(plan, state, number, notes, FLOAT(sparsity), FLOAT(trust))
    return plan, state, rows


by_estimator = pytest.mark.parametrize("number, name", list(enumerate([*ESTIMATORS, "written here"])))


@by_estimator
@pytest.mark.parametrize("notes", [0, 4, 7])
def test_estimators_keep_their_contract(rng, number, name, notes):
    plan, state, rows = estimated(rng, number, notes)
    count, bins = len(rows), plan.bins
    h, before = state.h[: count + 1], state.before[: count + 1]
    assert h.min() >= 0 and h.sum() == pytest.approx(1, abs=0.35)
    assert np.isfinite([*h, *before, *state.gradient[: count + 1]]).all() and not state.ratio[bins:].any()
    if name != "encoder":  # its activations are a product of the encoder, so nothing is divided
        model = before[:count] @ state.W[rows] + before[count] / bins
        np.testing.assert_allclose(state.ratio[:bins], (state.V / model)[:bins], rtol=2e-3)
        np.testing.assert_allclose(state.gradient[:count], state.W[rows] @ state.ratio, rtol=2e-3)


@by_estimator
def test_estimators_hold_groups_to_what_is_expected_and_leave_more_to_the_notes(rng, number, name):
    """The sum of a group before holding is reported. A group without an expectation stays as it is."""
    seed = rng.bit_generator.state
    _, state, _ = estimated(rng, number, 4, (0.5, -1, 0.01, 0.2), trust=3.0)
    held, before = state.h[:4].copy(), state.group_h[:4].copy()
    drawn = (before + 3 * np.array([0.5, 0, 0.01, 0.2])) / 4
    np.testing.assert_allclose(held, np.where([1, 0, 1, 1], drawn, before), rtol=1e-4)
    rng.bit_generator.state = seed
    _, silent, _ = estimated(rng, number, 4, (0.5, -1, 0.01, 0.2), trust=3.0, least_share=2.0)
    np.testing.assert_allclose(silent.h[:4], silent.group_h[:4], rtol=1e-6, err_msg="none has begun to sound")
    rng.bit_generator.state = seed
    _, plain, _ = estimated(rng, number, 4)
    rng.bit_generator.state = seed
    _, sparse, rows = estimated(rng, number, 4, sparsity=0.3)
    assert sparse.h[4 : len(rows)].sum() < 0.6 * plain.h[4 : len(rows)].sum(), name


def test_the_tables_decide_which_names_can_be_chosen():
    assert PARAMS["estimator"].choices == tuple(ESTIMATORS) and PARAMS["mask"].choices == tuple(MASKS)
    assert PARAMS["estimator"].default in ESTIMATORS and PARAMS["mask"].default in MASKS


def test_a_mark_stands_for_one_thing():
    redeem()
    one = SimpleNamespace(calls=0)

    def make():
        one.calls += 1
        return one

    from rtsep.kernels.marks import Mark

    mark = Mark(make)
    assert mark.get() is mark.get() is one and one.calls == 1
