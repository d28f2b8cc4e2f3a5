"""The whole engine: it agrees with the plain NumPy twin, its stems add up to its input, and a reset is a new start."""

import dataclasses

import numpy as np
import pytest
from conftest import (
    CONTROL,
    INSTANT,
    OFF,
    ON,
    SMALL,
    WINDOW,
    assert_sums_to,
    band,
    chord,
    delayed,
    frame_by_frame,
    make_preset,
    midi,
    one_stem,
    open_rows,
    play,
    prepared,
    process_from,
    random_midi,
    reference_setup,
    two_parts,
)

from rtsep import reference

RATES = (22050, 32000, 37800, 44100, 48000, 88200, 96000)
LONG = 8000

# --- the specification ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "params, channels",
    [
        ({}, 1),
        ({}, 2),
        ({"latency_samples": 128, "hop_samples": 16, "relaxation": 1}, 1),  # roundings grow over many frames that learn
        ({"mode": "quality", "latency_samples": 0}, 3),
        ({"iterations": 1, "mask_power": 1}, 1),
        ({"iterations": 20, "mask_power": 4}, 2),
        ({"mask_power": 0.5}, 1),
        ({"mask_power": 2.5}, 1),
        ({"suppression": 5}, 2),
        ({"suppression": 0.2}, 2),
        ({"panning": False}, 2),
        ({**INSTANT, "suppression": 0.2}, 1),
        ({"max_open_rows": 6}, 1),
        ({"onset_boost": 1}, 1),
        ({"estimator": "kl", "iterations": 10, "relaxation": 1}, 1),
        ({"estimator": "encoder+kl", "encoder": "signed", "iterations": 3, "relaxation": 1.8}, 1),
        ({"estimator": "encoder"}, 2),
        ({"estimator": "encoder", "encoder": "nonnegative", "background": 0, "gate": False}, 1),
        ({**INSTANT, "estimator": "kl"}, 1),
        ({"mode": "quality", "latency_samples": 0, "estimator": "encoder"}, 1),
        ({"gate": False}, 2),
        (INSTANT, 1),
        ({**INSTANT, "latency_samples": 37, "hop_samples": 128}, 2),
        ({**INSTANT, "latency_samples": 256, "filter_taps": 300, "filter_floor_db": -30, "mask_power": 3}, 1),
    ],
)
def test_whole_engine_agrees_with_the_plain_numpy_twin(preset, rng, params, channels):
    sound = band(rng, LONG, channels)
    events = random_midi(rng, 80, LONG)
    separator = prepared(preset, two_parts(), {**SMALL, **params}, channels)
    expected = reference.separate(sound, events, reference_setup(separator))
    stems, _ = play(separator, sound, events, (700, 1, 63))
    assert np.abs(stems - expected.stems).max() < 5e-5 * np.abs(sound).max()
    assert np.abs(expected.stems[:2]).max() > 0.02, "nothing was separated, so nothing was compared"
    separator.reset()
    for k, _ in enumerate(frame_by_frame(separator, sound, events)):
        if k == len(expected.masks):
            break
        assert open_rows(separator) == expected.open_rows[k]
        np.testing.assert_allclose(separator.masks, expected.masks[k], atol=3e-4)  # learning adds up roundings
        np.testing.assert_allclose(separator.activations, expected.H[k], atol=3e-4 * expected.H[k].max() + 1e-12)


def test_open_note_is_found_in_its_stem(preset, rng):
    """The specification itself is useful: a tone made of one part's template goes to that part."""
    phases = np.exp(2j * np.pi * rng.random(WINDOW // 2 + 1))
    period = np.fft.irfft(preset.W[preset.row_pitch == 60][0] * phases, WINDOW)
    sound = np.tile(period / np.abs(period).max(), 8)[None].astype(np.float32)
    separator = prepared(preset, two_parts())
    stems, _ = play(separator, sound, np.concatenate([chord(60, part=0), chord(52, 67, part=1)]))
    energy = (stems[:, 0, 2 * WINDOW :] ** 2).sum(axis=1)
    assert energy[0] > 10 * energy[1] and energy[0] > 10 * energy[2]


# --- the sum ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fine():
    """A preset fine enough for the usual windows of every rate."""
    return make_preset(window=4096)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("mode, choice", [("live", 0), ("live", -1), ("live", "usual"), ("quality", "usual")])
@pytest.mark.parametrize("channels", [1, 2])
def test_stems_and_residual_are_the_delayed_input(fine, rng, rate, mode, choice, channels):
    window = {22050: 2048, 88200: 8192, 96000: 8192}.get(rate, 4096)
    latencies = [window // 32, window // 16, window // 8, window // 4]
    latency = 0 if choice == "usual" else latencies[choice]
    separator = prepared(fine, two_parts(), {"mode": mode, "latency_samples": latency}, channels, rate)
    assert separator.latency == (window if mode == "quality" else latency or latencies[2])
    sound = band(rng, separator.latency + 6000, channels, rate)
    events = midi((0, ON, 60, 90), (500, ON, 48, 90), (800, ON, 67, 90, 1), (4000, OFF, 60, 0))
    stems, mix = play(separator, sound, events, (1000, 65, 4))
    assert_sums_to(stems, sound, separator.latency)
    assert np.abs(stems[:2]).max() > 0.01
    assert np.abs(mix - delayed(sound, separator.latency)).max() <= 1e-5 * np.abs(sound).max()


@pytest.mark.parametrize("window", [1024, 2048, 4096, 8192])
def test_stems_add_up_at_every_window_and_hop(fine, rng, window):
    for hop in (16, 32, 64):
        params = {"window_samples": window, "latency_samples": 128, "hop_samples": hop}
        separator = prepared(fine, one_stem(), params)
        sound = band(rng, 3000)
        assert_sums_to(play(separator, sound, chord(52, 60))[0], sound, 128)


@pytest.mark.parametrize("channels", [1, 2, 7])
def test_masks_sum_to_one(preset, rng, channels):
    separator = prepared(preset, two_parts(), None, channels)
    for _ in frame_by_frame(separator, band(rng, 3000, channels), random_midi(rng, 40, 3000)):
        assert separator.masks.min() >= 0
        np.testing.assert_allclose(separator.masks.sum(axis=0), 1, atol=1e-6)


@pytest.mark.parametrize("params", [{}, INSTANT])
@pytest.mark.parametrize("suppression", [0.2, 5])
def test_suppression_weighs_what_leaks_and_changes_nothing_else(preset, rng, params, suppression):
    """Masks are weighted, what is learnt is the same, and the stems still add up to the input."""
    sound, events = band(rng, 4000), random_midi(rng, 40, 4000)

    def masks(**more):
        separator = prepared(preset, two_parts(), {**SMALL, **params, **more})
        return np.array([separator.masks.copy() for _ in frame_by_frame(separator, sound, events)])

    plain, weighted = masks(), masks(suppression=suppression)
    own = plain[:, :2]
    np.testing.assert_allclose(weighted[:, :2], own / (own + suppression * (1 - own)), atol=1e-6)
    np.testing.assert_allclose(weighted.sum(axis=1), 1, atol=1e-6)
    separator = prepared(preset, two_parts(), {**SMALL, **params, "suppression": suppression})
    total = play(separator, sound, events)[0].sum(axis=0)
    assert np.abs(total - delayed(sound, separator.latency)).max() <= 1e-5 * np.abs(sound).max()


def test_nothing_open_is_all_residual(preset, rng):
    separator = prepared(preset, two_parts(), None, 2)
    sound = band(rng, 3000, 2)
    stems, mix = play(separator, sound)
    assert not stems[:2].any()
    assert np.array_equal(stems[2], delayed(sound, 256)) and np.array_equal(mix, stems[2])
    assert (separator.masks[2] == 1).all() and not separator.masks[:2].any() and not separator.activations.any()


@pytest.mark.parametrize("at", [0, 1, 63, 64, 700, 1023])
@pytest.mark.parametrize(
    "params", [SMALL, {**SMALL, "latency_samples": 128}, {"mode": "quality", "window_samples": 1024}]
)
def test_impulse_comes_out_after_the_latency(preset, at, params):
    """In the sum and in a stem: a flat template gives the same mask in each bin, so the impulse stays an impulse."""
    flat = dataclasses.replace(preset, W=np.full_like(preset.W, 1 / preset.W.shape[1]))
    separator = prepared(flat, one_stem(), {**params, "background": 0})
    sound = np.zeros((1, 4096), np.float32)
    sound[0, at] = 1
    stems, _ = play(separator, sound, chord(60, 64), (100,))
    due = at + separator.latency
    piano, total = stems[0, 0], stems.sum(axis=0)[0]
    assert total[due] == pytest.approx(1, abs=1e-6) and np.abs(np.delete(total, due)).max() < 1e-6
    assert piano[due] > 0.5 and np.abs(np.delete(piano, due)).max() < 1e-6


def test_stems_hear_nothing_before_it_was_played(preset, rng):
    """Sound that starts at a sample does not reach any stem before that sample, for any window."""
    separator = prepared(preset, one_stem())
    sound = band(rng, 4000)
    sound[:, :2000] = 0
    stems, _ = play(separator, sound, chord(60, 64))
    assert not stems[:, :, :2000].any() and stems[0].any()


# --- reset and prepare ------------------------------------------------------------------------------------------------


def test_reset_is_a_new_start(preset, rng):
    sound, events = band(rng, 5000, 2), random_midi(rng, 80, 5000)
    separator = prepared(preset, two_parts(), None, 2)
    play(separator, 1000 * band(rng, 5001, 2), random_midi(rng, 200, 5001))
    play(separator, np.full((2, 100), np.nan, np.float32), midi((3, CONTROL, 64, 127), (4, CONTROL, 66, 127)))
    separator.reset()
    stems, mix = play(separator, sound, events)
    fresh = prepared(preset, two_parts(), None, 2)
    expected, expected_mix = play(fresh, sound, events)
    assert np.array_equal(stems, expected) and np.array_equal(mix, expected_mix)
    assert separator.counters == fresh.counters


def test_another_prepare_is_a_new_start(fine, rng):
    sound, events = band(rng, 5000, 1), random_midi(rng, 80, 5000)
    separator = prepared(fine, two_parts(), {"latency_samples": 0}, 2, 96000)
    play(separator, band(rng, 3000, 2), random_midi(rng, 80, 3000))
    separator.prepare(44100, 1, 4096)
    fresh = prepared(fine, two_parts(), {})
    assert np.array_equal(play(separator, sound, events)[0], play(fresh, sound, events)[0])


def test_two_separators_do_not_know_of_each_other(preset, rng):
    sound, events = band(rng, 3000), random_midi(rng, 60, 3000)
    one, other = prepared(preset, two_parts()), prepared(preset, one_stem(), {"window_samples": 1024}, 2)
    expected, _ = play(one, sound, events)
    one.reset()
    found = []
    for begin in range(0, 3000, 100):
        found.append(process_from(one, sound, events, begin, begin + 100).stems.copy())
        other.process(band(rng, 77, 2), chord(48, 60, 72))
    assert np.array_equal(np.concatenate(found, axis=2), expected)
