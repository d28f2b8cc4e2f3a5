"""Ears: semitone spectra, activations and onsets of sound that comes in blocks."""

import numpy as np
import pytest
from conftest import make_preset

from rtsep.fit.hearing import LOWEST, PITCHES
from rtsep.listening.ears import STEP_S, Ears, Heard
from rtsep.listening.rows import BANDS, LOWEST_BAND, template_rows
from rtsep.presets.library import find_preset
from rtsep.presets.preset import load_preset

RATE = 44100.0


def played(*notes, seconds=1.5, rate=RATE, channels=1):
    """Decaying harmonic tones, each (onset_s, pitch)."""
    t = np.arange(round(seconds * rate)) / rate
    sound = np.zeros(len(t))
    for onset, pitch in notes:
        hz, age = 440 * 2 ** ((pitch - 69) / 12), np.maximum(t - onset, 0)
        tone = sum(np.sin(2 * np.pi * m * hz * age) / m for m in range(1, 9) if m * hz < rate / 2)
        sound += 0.1 * np.where(t >= onset, tone * np.exp(-2 * age), 0)
    return np.tile(sound, (channels, 1)).astype(np.float32)


def joined(parts):
    return Heard(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


@pytest.mark.parametrize("rate, channels", [(44100.0, 1), (44100.0, 2), (22050.0, 1), (48000.0, 1)])
def test_block_sizes_change_no_bit(rate, channels):
    sound = played((0.1, 60), (0.4, 67), seconds=0.7, rate=rate, channels=channels)
    whole, pieces, at = Ears((), rate, channels).hear(sound), [], 0
    ears, random = Ears((), rate, channels), np.random.default_rng(0)
    while at < sound.shape[1]:
        size = int(random.integers(0, 3000))
        pieces.append(ears.hear(sound[:, at : at + size]))
        at += size
    assert len(whole) == 70
    for field, expected, found in zip(Heard._fields, whole, joined(pieces), strict=True):
        np.testing.assert_array_equal(found, expected, field)


@pytest.mark.parametrize("presets", [(), ("gm-piano",), ("violin", "drum-stages")])
def test_a_struck_pitch_rises_most_within_50_ms(presets):
    ears = Ears([load_preset(find_preset(name)) for name in presets], RATE)
    heard = ears.hear(played((0.3, 60), (0.7, 64), (1.1, 67)))
    for onset, pitch in ((0.3, 60), (0.7, 64), (1.1, 67)):
        after = heard.rises[round(onset / STEP_S) : round(onset / STEP_S) + 5]
        assert after.max(axis=0).argmax() == pitch - LOWEST
        assert heard.activations[round(onset / STEP_S) + 20].argmax() == pitch - LOWEST
    before = heard.rises[: round(0.3 / STEP_S)]
    assert not before.any()


def test_semitones_lie_at_their_pitches():
    t = np.arange(round(RATE)) / RATE
    for pitch in (48, 60, 81, 96):
        sound = np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * t)
        assert Ears((), RATE).hear(sound).semitones[-1].argmax() == pitch - LOWEST_BAND


def test_levels_do_not_depend_on_the_gain():
    sound = played((0.3, 60), (0.6, 72), seconds=1.0)
    loud, faint = Ears((), RATE).hear(sound), Ears((), RATE).hear(sound / 8)
    np.testing.assert_allclose(faint.levels, loud.levels, atol=1e-3)
    np.testing.assert_allclose(8 * faint.activations, loud.activations, atol=1e-4)


def test_silence_and_bad_samples():
    sound = np.zeros((1, 30000), np.float32)
    assert not any(values[:, :].any() for values in Ears((), RATE).hear(sound)[1:6])
    sound[0, 5000:9000:7] = np.nan
    sound[0, 12000] = np.inf
    assert not any(values[:, :].any() for values in Ears((), RATE).hear(sound)[1:6])


def test_reset_forgets_everything():
    ears, sound = Ears((), RATE), played((0.1, 60), seconds=0.5)
    first = ears.hear(sound)
    ears.reset()
    for expected, found in zip(first, ears.hear(sound), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("presets", [[], ["violin"], ["drum-kit"]])
def test_every_pitch_has_a_row(presets):
    W, pitch = template_rows([load_preset(find_preset(name)) for name in presets] + [make_preset()], RATE)
    assert set(pitch.tolist()) == set(range(PITCHES + 1))
    assert len(W) == (140 + PITCHES - 49 + 1 if presets == ["violin"] else PITCHES + 1)
    np.testing.assert_allclose(W.sum(axis=1), 1, rtol=1e-4)


def test_shapes_without_a_frame():
    heard = Ears((), RATE).hear(np.zeros((1, 440)))
    assert len(heard) == 0 and heard.semitones.shape == (0, BANDS) and heard.rises.shape == (0, PITCHES)
