"""Stage analysis: the last samples, windowed, with their spectra and magnitudes, compared with the plain NumPy twin."""

import numpy as np
import pytest
from conftest import band
from engine_state import analyse, fill_ring, kernel_memory

from rtsep import reference
from rtsep.stages.analysis import window_frame

FLOAT = np.float32


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
