"""Levels and faults: loud, faint, silent and broken sound."""

import numpy as np
import pytest
from conftest import PITCHES, WINDOW, assert_sums_to, band, chord, frame_by_frame, play, prepared, random_midi, two_parts


def masks_of(separator, sound, events):
    separator.reset()
    return np.array([separator.masks.copy() for _ in frame_by_frame(separator, sound, events)])


def test_masks_do_not_depend_on_the_level(preset, rng):
    separator = prepared(preset, two_parts(), None, 2)
    sound, events = band(rng, 4032, 2), random_midi(rng, 40, 4032)
    expected = masks_of(separator, sound, events)
    assert 0.001 < expected[:, 0].mean() < 0.99
    for power in (-40, -20, 10, 19):  # exactly, since powers of two change no digit
        assert np.array_equal(masks_of(separator, sound * np.float32(2.0**power), events), expected)
    for factor in (1e3, 1e-6):
        np.testing.assert_allclose(masks_of(separator, sound * np.float32(factor), events), expected, atol=1e-4)


def test_silence_stays_silence(preset):
    separator = prepared(preset, two_parts(), None, 2)
    stems, mix = play(separator, np.zeros((2, 4000), np.float32), chord(*PITCHES))
    assert not stems.any() and not mix.any()
    assert np.isfinite(separator.masks).all() and not separator.activations.any()


def test_sound_dies_away_to_exact_silence(preset, rng):
    separator = prepared(preset, two_parts())
    play(separator, band(rng, 3000), chord(*PITCHES))
    stems, _ = play(separator, np.zeros((1, 4000), np.float32))
    assert stems[:, :, :256].any() and not stems[:, :, WINDOW + 256 :].any()
    assert separator.open_count == 12 and not separator.activations.any() and (separator.masks[-1] == 1).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30, -1e30, 3e38, 1.1e6])
def test_faults_are_zero_and_counted(preset, rng, bad):
    separator = prepared(preset, two_parts(), None, 2)
    sound, events = band(rng, 5000, 2), chord(48, 60)
    broken, mended = sound.copy(), sound.copy()
    where = rng.integers(0, 2, 20), rng.permutation(5000)[:20]
    broken[where], mended[where] = bad, 0
    stems, mix = play(separator, broken, events)
    assert separator.counters.bad_samples == 20
    separator.reset()
    assert separator.counters.bad_samples == 0
    expected, expected_mix = play(separator, mended, events)
    assert np.array_equal(stems, expected) and np.array_equal(mix, expected_mix)


def test_nothing_but_faults(preset):
    separator = prepared(preset, two_parts())
    stems, mix = play(separator, np.full((1, 3000), np.nan, np.float32), chord(*PITCHES))
    assert not stems.any() and not mix.any() and separator.counters.bad_samples == 3000


def test_loud_sound_is_no_fault(preset, rng):
    separator = prepared(preset, two_parts())
    sound = (9e5 * np.sign(band(rng, 3000))).astype(np.float32)
    stems, _ = play(separator, sound, chord(48, 60))
    assert separator.counters.bad_samples == 0
    assert np.isfinite(stems).all()
    assert_sums_to(stems, sound, 256)


def test_denormals_are_silence(preset, rng):
    separator = prepared(preset, two_parts())
    tiny = (1e-40 * np.sign(band(rng, 3000))).astype(np.float32)
    assert tiny.any()
    stems, mix = play(separator, tiny, chord(48, 60))
    assert not stems.any() and not mix.any()
    sound = band(rng, 3000)
    after, _ = play(separator, sound)
    separator.reset()
    play(separator, np.zeros((1, 3000), np.float32), chord(48, 60))
    assert np.array_equal(after, play(separator, sound)[0])
