"""Stage masks: the models of the stems and their shares of each bin, compared with the plain NumPy twin."""

import numpy as np
import pytest
from sounds import some_templates

from rtsep import reference
from rtsep.methods.masks.power import soft_masks
from rtsep.stages.masks import stem_models, weigh_residual

FLOAT = np.float32


@pytest.mark.parametrize("halves", range(1, 9))
@pytest.mark.parametrize("stem_of", [[0], [0, 0, 0, 0, 0], [0, 0, 1, 1, 3], [2, 2, 2, 3], [0, 1, 2, 3]])
def test_masks(rng, halves, stem_of):
    W, _ = some_templates(rng, 513)
    stems, count = 5, len(stem_of)
    rows = np.arange(20, dtype=np.int64)[::-1].copy()
    stem = np.array(stem_of + [7] * 3, np.int64)  # beyond `count`, so it must not be read
    h = rng.random(count + 4).astype(FLOAT)
    found, M, scratch = np.full((stems, 528), np.nan, FLOAT), np.full((stems, 528), np.nan, FLOAT), np.zeros(528, FLOAT)
    playing = np.array([*sorted({*stem_of} - {stems - 1}), stems - 1])
    stem_models(W, rows[:count], stem, h, playing, 513, found)
    models = reference.stem_models(W[rows[:count], :513].astype(float), stem[:count], h[: count + 1], stems)
    np.testing.assert_allclose(found[playing, :513], models[playing], atol=1e-6)
    soft_masks(found, playing, 513, halves, scratch, M)
    np.testing.assert_allclose(M[playing, :513], reference.power_mask(models, halves / 2)[playing], atol=2e-6)
    assert np.isnan(np.delete(M, playing, axis=0)).all(), "stems that do not play stay as they are"


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
    np.testing.assert_allclose(M, reference.power_mask(models.astype(float), halves / 2), atol=2e-5)
    np.testing.assert_allclose(M.sum(axis=0), 1, atol=1e-6)
