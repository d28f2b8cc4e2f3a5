"""Passages in every mode, compared with the engine's stored output: a change of the code must not change a sample."""

import golden
import numpy as np
import pytest

# Tolerances of passages in which roundings grow, since filters divide by small powers, and learning goes on from what was
# learnt. They are three to five times the change of the output if each sample of the input changes by 1e-7 of itself, or on
# another kind of processor if that is more.
TOLERANCE = {"instant": 3e-5, "drums, instant": 3e-5, "two instruments": 1e-5, "the background first": 5e-6, "drums": 5e-6,
             "drums, not told": 3e-6, "live, beside others": 2e-6}


@pytest.fixture(scope="module")
def expected():
    with np.load(golden.KEPT_IN) as kept:
        return dict(kept)


def test_every_passage_is_stored(expected):
    assert set(expected) == set(golden.PASSAGES)
    assert all(np.abs(passage).max() > 0.01 for passage in expected.values())


@pytest.mark.parametrize("name", golden.PASSAGES)
def test_output_is_as_it_was(expected, name):
    found = golden.kept(golden.whole(name))
    assert found.shape == expected[name].shape
    assert np.abs(found - expected[name]).max() < TOLERANCE.get(name, 1e-6)
