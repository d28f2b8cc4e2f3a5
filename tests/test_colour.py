"""Stage colour: the smooth spectral gain of an instrument, which all its templates share."""

import dataclasses

import numpy as np
import pytest
from conftest import (
    OFF,
    ON,
    PITCHES,
    RATE,
    SMALL,
    WINDOW,
    as_kept,
    band,
    frame_by_frame,
    make_preset,
    midi,
    one_stem,
    play,
    prepared,
    random_midi,
    reference_setup,
    two_parts,
)
from engine_state import part_of, plan_of, templates_of

from rtsep.engine.adapted import adapted_preset
from rtsep.reference import Stream
from rtsep.stages.colour import BANDS, HIGHEST_HZ, LOWEST_HZ, MOST

BINS = WINDOW // 2 + 1
TONE = {**SMALL, "background": 0, "adapt_hold_s": 100}  # templates that learn nothing but a colour
TONES = (64, 67, 72)
EACH = 30_000  # samples of a note
TUNE = midi(*((n * EACH, ON, pitch, 90) for n, pitch in enumerate(TONES)),
            *(((n + 1) * EACH - 2000, OFF, pitch, 0) for n, pitch in enumerate(TONES)))


def tilt(db_per_octave):
    """A gain over frequencies in Hz, 0 dB at 500 Hz."""
    return lambda hz: 10 ** (db_per_octave * np.log2(np.clip(hz, LOWEST_HZ, HIGHEST_HZ) / 500) / 20)


def tone(pitch, gain, samples=EACH):
    """A steady note of partials up to 9 kHz through a gain: float32 [1, sample]."""
    rng, hz, time = np.random.default_rng(pitch), 440 * 2 ** ((pitch - 69) / 12), np.arange(samples) / RATE
    sound = np.zeros(samples)
    for m in range(1, int(9000 / hz) + 1):
        sound += rng.uniform(0.3, 1) / np.sqrt(m) * gain(m * hz) * np.sin(2 * np.pi * m * hz * time + rng.uniform(0, 6))
    return (0.1 * sound)[None].astype(np.float32)


def tune(gain):
    """The notes of TUNE, one after another."""
    return np.concatenate([tone(pitch, gain) for pitch in TONES], axis=1)


def spectrum(sound):
    """What frames hear of a steady sound, [bin], sum 1."""
    separator = prepared(make_preset(), one_stem(), SMALL)
    V = np.mean([part_of(each, "frame").V[:BINS].copy() for each in frame_by_frame(separator, sound[:, :4096])][-20:], axis=0)
    return (V / V.sum()).astype(np.float32)


def instrument(gain, pitches=TONES):
    """A preset of one template for each pitch, just as these notes sound."""
    preset = make_preset(pitches, rows=1)
    return dataclasses.replace(preset, W=as_kept(np.stack([spectrum(tone(pitch, gain)) for pitch in pitches])))


@pytest.fixture(scope="module")
def plain():
    """The preset, and one more pitch, which is not played."""
    return instrument(tilt(0), (*TONES, 76))


@pytest.fixture(scope="module")
def dull():
    """The same instrument through another room."""
    return instrument(tilt(-6), (*TONES, 76))


@pytest.fixture
def taught(plain):
    """A separator that has heard the dull instrument by the plain one's templates."""
    separator = prepared(plain, one_stem(), TONE)
    play(separator, tune(tilt(-6)), TUNE)
    return separator


def gains_db(separator, instrument=0):
    return part_of(separator, "colour").band_gain[instrument] * 20 / np.log(10)


def bands_hz():
    return np.geomspace(LOWEST_HZ, HIGHEST_HZ, BANDS)


@pytest.mark.parametrize("db_per_octave", [-6, 0, 4])
def test_a_smooth_gain_is_learnt_back(plain, db_per_octave):
    """Within 1 dB in the bands that hold energy; how loud all is makes no difference, so their mean is left out."""
    separator = prepared(plain, one_stem(), TONE)
    play(separator, tune(tilt(db_per_octave)), TUNE)
    energy = part_of(separator, "colour").given_s[0]
    strong = (energy > 0.02 * energy.sum()) & (bands_hz() > 300) & (bands_hz() < 8000)  # between the tune's partials
    error = (gains_db(separator) - db_per_octave * np.log2(bands_hz() / 500))[strong]
    assert strong.sum() >= 8
    assert np.abs(error - np.average(error, weights=energy[strong])).max() < 1


def test_templates_come_nearer_to_the_sound_and_keep_summing_to_one(plain, dull, taught):
    W, returns = templates_of(taught), part_of(taught, "adaptation").W_return[: len(plain.W), :BINS]
    np.testing.assert_allclose(W.sum(axis=1), 1, atol=1e-4)
    np.testing.assert_allclose(returns.sum(axis=1), 1, atol=1e-4)
    assert (np.abs(W - dull.W)[1:3].sum(axis=1) < 0.3 * np.abs(plain.W - dull.W)[1:3].sum(axis=1)).all()
    assert np.array_equal(W[3], plain.W[3]), "one that was never open waits for it"


def test_a_pitch_that_was_never_played_has_it_at_once(plain, dull, taught):
    play(taught, tone(76, tilt(-6), 256), midi((0, ON, 76, 90)))
    W = templates_of(taught)
    assert np.abs(W[3] - dull.W[3]).sum() < 0.3 * np.abs(plain.W[3] - dull.W[3]).sum()


def test_stems_of_one_preset_share_a_colour_and_others_do_not(plain):
    for presets, shares in (((plain, plain), True), ((plain, make_preset()), False)):
        separator = prepared(presets, two_parts(), TONE)
        play(separator, tune(tilt(-6)), TUNE)
        assert plan_of(separator).instrument.tolist() == [0, 0 if shares else 1, 0]
        assert np.abs(gains_db(separator, 0)).max() > 3 and not gains_db(separator, 1).any()


def test_a_gain_has_its_limits(plain):
    separator = prepared(plain, one_stem(), TONE)
    play(separator, tune(tilt(-40)), TUNE)
    assert np.abs(part_of(separator, "colour").band_gain).max() == pytest.approx(MOST)


@pytest.mark.parametrize("params", [{"adapt": False}, {"gate": False}])
def test_templates_that_do_not_adapt_have_no_colour(plain, params):
    separator = prepared(plain, one_stem(), {**SMALL, **params})
    play(separator, tune(tilt(-6)), TUNE)
    assert not gains_db(separator).any() and np.array_equal(templates_of(separator), plain.W)


def test_another_preset_begins_without_colour(taught):
    """Also one of more templates: nothing of theirs was taken on."""
    other, separator = make_preset(rows=3, seed=5), taught
    separator.exchange(other)
    part = part_of(separator, "colour")
    assert not part.band_gain.any() and part.row_gain.shape == (len(other.W), BANDS) and not part.row_gain.any()
    assert np.array_equal(part_of(separator, "adaptation").W_return, plan_of(separator).W)
    stems, _ = play(separator, tune(tilt(-6))[:, :8000], midi((0, ON, 64, 90)))
    assert np.isfinite(stems).all()


def test_masks_sum_to_one(preset, rng):
    separator = prepared(preset, two_parts(), {**SMALL, "adapt_hold_s": 0.05})
    for each in frame_by_frame(separator, band(rng, 12_000), random_midi(rng, 80, 12_000)):
        if each.open_count:
            np.testing.assert_allclose(each.masks.sum(axis=0), 1, atol=1e-5)
    assert np.abs(gains_db(separator)).max() > 1


def test_a_saved_preset_has_its_colour(plain, taught):
    """What is saved are the templates as they are: of what was open."""
    saved = adapted_preset(taught)
    np.testing.assert_allclose(saved.W, templates_of(taught), atol=1e-6)
    assert not np.allclose(saved.W, plain.W, atol=1e-3)


@pytest.mark.parametrize("params", [{}, {"hop_samples": 32, "background": 0}, {"adapt_hold_s": 0.02}])
def test_it_is_what_the_twin_finds(knowing, rng, params):
    separator = prepared(knowing, two_parts(), {**SMALL, **params})
    sound, events = band(rng, 24_064), random_midi(rng, 80, 24_064, PITCHES)
    stream = Stream(reference_setup(separator), 1)
    stream.hear(np.asarray(sound, float), events)
    play(separator, sound, events)
    part, twin = part_of(separator, "colour"), stream.stages.colour
    assert np.abs(twin.row_gain).max() > 0.1
    np.testing.assert_allclose(part.band_gain, twin.gain, atol=1e-3)
    play(separator, np.zeros((1, separator.framing.hop), np.float32))
    np.testing.assert_allclose(part.row_gain, twin.row_gain, atol=1e-3)
