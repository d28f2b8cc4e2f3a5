"""Stage overlap-add: it turns masked spectra into sound. Masks of 1 give the input back."""

import numpy as np
import pytest
from conftest import band, two_parts
from engine_state import analyse, fill_ring, kernel_memory, on_records

from rtsep import reference
from rtsep.stages import overlap_add


@on_records
def synthesise(plan, state, end):
    overlap_add.step(plan.overlap_add, state.overlap_add, plan.transform, state.transform, state.frame, state.open,
                     state.masks.M, state.places, end)


def synthesise_stem(plan, state, stem, end):
    """Set the state as if only `stem` played."""
    state.playing[0], state.playing_count[0] = stem, 2
    synthesise(plan, state, end)


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
    """The kernels reconstruct perfectly: analysis, masks of 1, synthesis, overlap-add."""
    plan, state = kernel_memory(params=params)
    sound = band(rng, 6000)
    state.M[0] = 1
    found = np.zeros(6000)
    for end in range(plan.hop, 6001, plan.hop):
        fill_ring(state, sound, end)
        analyse(plan, state, end)
        synthesise_stem(plan, state, 0, end)
        for at in range(end, min(end + plan.hop, 6000)):  # as in the engine, it is due one overlap later
            found[at] = state.rings[0, 0, at % plan.overlap]
            state.rings[0, 0, at % plan.overlap] = 0
    np.testing.assert_allclose(found[plan.overlap :], sound[0, : 6000 - plan.overlap], atol=2e-6)
