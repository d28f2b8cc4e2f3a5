"""Each compiled kernel against its plain NumPy twin. (Their behaviour together: test_engine; notes: test_gate.)"""

from itertools import pairwise

import numpy as np
import pytest
import reference
from conftest import band, kernel_memory, on_records, two_parts
from numba import njit

from rtsep.kernels import elementary
from rtsep.methods.estimators.multiplicative import update_activations
from rtsep.methods.masks.power import soft_masks
from rtsep.stages import analysis, overlap_add
from rtsep.stages.analysis import window_frame
from rtsep.stages.masks import stem_models, weigh_residual
from rtsep.stages.mixer import mix_block

FLOAT = np.float32


@on_records
def analyse(plan, state, end):
    analysis.step(plan.analysis, state.analysis, plan.transform, state.transform, state.sound, state.frame, end)
    return state.frame.total


@on_records
def synthesise(plan, state, end):
    overlap_add.step(plan.overlap_add, state.overlap_add, plan.transform, state.transform, state.frame, state.open,
                     state.masks.M, state.places, end)


def synthesise_stem(plan, state, stem, end):
    """As if `stem` alone played."""
    state.playing[0], state.playing_count[0] = stem, 2
    synthesise(plan, state, end)


def fill_ring(state, sound, end):
    """Put the ring's worth of sound [channel, sample] before `end` where it belongs, and once more behind."""
    size = state.ring.shape[1] // 2
    for at in range(max(end - size, 0), end):
        state.ring[:, at % size] = state.ring[:, at % size + size] = sound[:, at]


# --- frames -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [0, 1, 64, 1024, 1500, 2047, 2048, 2049, 5000])
def test_window_frame_is_the_last_samples_however_the_ring_lies(rng, end):
    plan, state = kernel_memory()
    sound = band(rng, 5000)
    fill_ring(state, sound, end)
    window = rng.random(1024).astype(FLOAT)
    window_frame(state.ring[0], plan.ring_size, end, window, state.windowed)
    np.testing.assert_allclose(state.windowed, reference.frame_before(sound, end, 1024)[0] * window, rtol=1e-6)


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_analyse(rng, channels):
    plan, state = kernel_memory(channels=channels)
    sound = band(rng, 3000, channels)
    fill_ring(state, sound, 3000)
    total = analyse(plan, state, 3000)
    analysis, _ = reference.windows(1024, 256, 64)
    X = reference.spectra(reference.frame_before(sound, 3000, 1024), analysis)
    V = reference.magnitudes(X)
    assert np.abs(state.X - X).max() < 1e-6 * np.abs(X).max()
    assert total == pytest.approx(V.sum(), rel=1e-5)
    np.testing.assert_allclose(state.V[: plan.bins], V / V.sum(), atol=1e-6 * V.max() / V.sum())
    assert not state.V[plan.bins :].any()


def test_analyse_gives_nothing_for_silence():
    plan, state = kernel_memory(channels=2)
    assert analyse(plan, state, 3000) == 0
    assert not state.V.any()


@pytest.mark.parametrize("end", [64, 256, 300, 1023, 7 * 64])
def test_synthesise(rng, end):
    plan, state = kernel_memory(channels=2, routing=two_parts())
    state.X[:] = np.fft.rfft(rng.standard_normal((2, 1024)))
    state.M[1, : plan.bins] = rng.random(plan.bins)
    state.rings[1] = before = rng.standard_normal((2, 256))
    synthesise_stem(plan, state, 1, end)
    _, synthesis = reference.windows(1024, 256, 64)
    expected = before.copy()
    part = reference.tail(state.X * state.M[1, : plan.bins], 1024, synthesis)
    for i in range(256):
        expected[:, (end - 256 + i) % 256] += part[:, i]
    np.testing.assert_allclose(state.rings[1], expected, atol=1e-5)
    assert not state.rings[0].any()


@pytest.mark.parametrize("params", [
    {}, {"hop_samples": 16}, {"hop_samples": 128}, {"latency_samples": 128},
    {"latency_samples": 512, "hop_samples": 32},
    {"mode": "quality", "latency_samples": 0}, {"mode": "quality", "latency_samples": 0, "hop_samples": 512},
])
def test_frames_with_nothing_masked_give_the_sound_back(rng, params):
    """Perfect reconstruction, by the kernels themselves: analysis, mask 1, synthesis, overlap-add."""
    plan, state = kernel_memory(params=params)
    sound = band(rng, 6000)
    state.M[0] = 1
    found = np.zeros(6000)
    for end in range(plan.hop, 6001, plan.hop):
        fill_ring(state, sound, end)
        analyse(plan, state, end)
        synthesise_stem(plan, state, 0, end)
        for at in range(end, min(end + plan.hop, 6000)):  # as the engine does: due one overlap later
            found[at] = state.rings[0, 0, at % plan.overlap]
            state.rings[0, 0, at % plan.overlap] = 0
    np.testing.assert_allclose(found[plan.overlap :], sound[0, : 6000 - plan.overlap], atol=2e-6)


# --- elementary functions ---------------------------------------------------------------------------------------------


@njit(error_model="numpy")
def elementary_functions(x, positive, angle, found):
    for i in range(len(x)):
        found[0, i], found[1, i] = elementary.exp(x[i]), elementary.log(positive[i])
        found[2, i], found[3, i] = elementary.sine_and_cosine(angle[i])


def test_elementary_functions_are_as_exact_as_they_say(rng):
    """Exponential and logarithm but for 3e-7 of themselves, over all their range; sine and cosine but for 3e-7."""
    x = np.append(rng.uniform(-87, 88, 50_000), [0, -86.99, 87.99, 1e-9, -1e-9]).astype(FLOAT)
    positive = np.append(10 ** rng.uniform(-37, 38, 40_000), rng.uniform(0.5, 2, 10_005)).astype(FLOAT)
    positive[:5] = 1, 2, 0.5, np.sqrt(0.5), np.sqrt(2)
    angle = np.append(rng.uniform(-600, 600, 50_000), [0, np.pi / 2, -np.pi / 2, np.pi, np.pi / 4]).astype(FLOAT)
    found = np.zeros((4, len(x)), FLOAT)
    elementary_functions(x, positive, angle, found)
    exact = [function(given.astype(float)) for function, given in
             ((np.exp, x), (np.log, positive), (np.sin, angle), (np.cos, angle))]
    for mine, expected in zip(found[:2], exact[:2], strict=True):
        assert np.abs(mine / np.where(expected == 0, 1, expected) - (expected != 0)).max() < 3e-7
    assert np.abs(found[2:] - exact[2:]).max() < 3e-7


# --- activations ------------------------------------------------------------------------------------------------------


def some_templates(rng, bins, rows=20):
    stride = -(-bins // 16) * 16
    W = np.zeros((rows, stride), FLOAT)
    W[:, :bins] = rng.random((rows, bins)) ** 8
    W[:, :bins] /= W.sum(axis=1, keepdims=True)
    V = np.zeros(stride, FLOAT)
    V[:bins] = rng.random(4) @ W[:4, :bins] + 0.1 * rng.random(bins) / bins
    return W, V / V.sum()


def updated(V, W, rows, bins, iterations, gated=None, relaxation=1):
    count = len(rows)
    gated = count if gated is None else gated
    h = np.full(count + 1, 1 / (count + 1), FLOAT)
    before, gradient = np.full((2, count + 1), np.nan, FLOAT)
    ratio = np.full_like(V, np.nan)
    nothing = np.zeros(0, FLOAT)
    update_activations(V, W, np.array(rows, np.int64), gated, bins, iterations, FLOAT(relaxation), FLOAT(0.8),
                       np.zeros(1, np.int64), nothing, FLOAT(1), h, before, gradient, nothing, ratio)
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
    """With a sparsity prior too."""
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
    """What the templates explain exactly is explained so: the truth is a fixed point."""
    W, _ = some_templates(rng, 513)
    truth = np.array([0.5, 0.2, 0.2, 0.05, 0.05], FLOAT)
    V = truth[:4] @ W[:4]
    V[:513] += truth[4] / FLOAT(513)
    h = truth.copy()
    nothing = np.zeros(0, FLOAT)
    update_activations(V, W, np.arange(4), 4, 513, 5, FLOAT(1.8), FLOAT(1), np.zeros(1, np.int64), nothing, FLOAT(1), h,
                       np.zeros(5, FLOAT), np.zeros(5, FLOAT), nothing, np.zeros_like(V))
    np.testing.assert_allclose(h, truth, rtol=1e-4)


# --- masks ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("halves", range(1, 9))
@pytest.mark.parametrize("stem_of", [[0], [0, 0, 0, 0, 0], [0, 0, 1, 1, 3], [2, 2, 2, 3], [0, 1, 2, 3]])
def test_masks(rng, halves, stem_of):
    W, _ = some_templates(rng, 513)
    stems, count = 5, len(stem_of)
    rows = np.arange(20, dtype=np.int64)[::-1].copy()
    stem = np.array(stem_of + [7] * 3, np.int64)  # more than `count`: must not be looked at
    h = rng.random(count + 4).astype(FLOAT)
    found, M, scratch = np.full((stems, 528), np.nan, FLOAT), np.full((stems, 528), np.nan, FLOAT), np.zeros(528, FLOAT)
    playing = np.array([*sorted({*stem_of} - {stems - 1}), stems - 1])
    stem_models(W, rows[:count], stem, h, playing, 513, found)
    models = reference.stem_models(W[rows[:count], :513].astype(float), stem[:count], h[: count + 1], stems)
    np.testing.assert_allclose(found[playing, :513], models[playing], atol=1e-6)
    soft_masks(found, playing, 513, halves, scratch, M)
    np.testing.assert_allclose(M[playing, :513], reference.masks(models, halves / 2)[playing], atol=2e-6)
    assert np.isnan(np.delete(M, playing, axis=0)).all(), "what does not play is left alone"


@pytest.mark.parametrize("halves", [1, 3, 4, 8])
@pytest.mark.parametrize(
    "h", [[0, 0, 0], [1e-30, 1e30, 1e-30], [1, 0, 0], [0, 0, 1], [1e30, 1e30, 1e30], [3e-39, 1, 1e-9]]
)
def test_masks_sum_to_one_whatever_the_activations(rng, halves, h):
    W, _ = some_templates(rng, 513)
    W[:, 100:200] = 0
    models, M, scratch = np.zeros((3, 528), FLOAT), np.zeros((3, 528), FLOAT), np.zeros(528, FLOAT)
    stem = np.array([0, 1], np.int64)
    stem_models(W, np.arange(2), stem, np.array(h, FLOAT), np.arange(3), 513, models)
    soft_masks(models, np.arange(3), 513, halves, scratch, M)
    assert M.min() >= 0
    np.testing.assert_allclose(M[:, :513].sum(axis=0), 1, atol=1e-6)
    np.testing.assert_allclose(M[2, 100:200], 1, atol=1e-6)


@pytest.mark.parametrize("halves", [1, 4, 8])
def test_another_residual_gives_the_masks_that_its_model_would(rng, halves):
    models = rng.random((3, 528)).astype(FLOAT) + FLOAT(1e-6)
    times = np.concatenate([[1e6, 0.8, 1], 10 ** rng.uniform(-0.1, 2, 525)]).astype(FLOAT)
    M, scratch = np.zeros_like(models), np.zeros(528, FLOAT)
    soft_masks(models, np.arange(3), 528, halves, scratch, M)
    weigh_residual(M, np.arange(3), 528, times ** FLOAT(halves / 2))
    models[-1] *= times
    np.testing.assert_allclose(M, reference.masks(models.astype(float), halves / 2), atol=2e-5)
    np.testing.assert_allclose(M.sum(axis=0), 1, atol=1e-6)


# --- mixer ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stems, channels", [(2, 1), (5, 2)])
def test_mix(rng, stems, channels):
    sound = rng.standard_normal((stems, channels, 600)).astype(FLOAT)
    targets = rng.random((3, 2 + stems)).astype(FLOAT)
    targets[2, :2] = 1, 0
    values, mix = targets[0].copy(), np.zeros((channels, 600), FLOAT)
    for begin, wanted in zip((0, 100, 350), targets, strict=True):
        mix_block(sound, mix, begin, {0: 100, 100: 350, 350: 600}[begin], values, wanted, FLOAT(0.02))
    per_sample = np.repeat(targets.astype(float), [100, 250, 250], axis=0)
    np.testing.assert_allclose(mix, reference.mix(sound.astype(float), per_sample, 0.02), atol=1e-5)


def test_mixer_lands_on_its_target():
    values, target = np.zeros(4, FLOAT), np.array([1, 0.3, -2, 1e-9], FLOAT)
    mix_block(np.zeros((2, 1, 2000), FLOAT), np.zeros((1, 2000), FLOAT), 0, 2000, values, target, FLOAT(0.02))
    assert np.array_equal(values, target)


# --- memory -----------------------------------------------------------------------------------------------------------


def test_state_is_what_the_plan_says():
    plan, state = kernel_memory(params={"max_open_rows": 9}, channels=2, routing=two_parts())
    assert plan.ring_size >= plan.window_size + plan.overlap and plan.ring_size & (plan.ring_size - 1) == 0
    assert state.ring.shape == (2, 2 * plan.ring_size)
    assert state.rings.shape == (2, 2, 256) and state.X.shape == (2, 513) and state.M.shape == (3, 528)
    assert state.open_row.shape == (12,) and state.h.shape == (13,) and state.H.shape == (3, 12)
    assert state.W.shape == (15, 528) and state.background_h.shape == (3,)
    for array in vars(state).values():
        assert not array.tobytes().strip(b"\0") and array.flags.c_contiguous
