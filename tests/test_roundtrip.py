"""The round trip through a cable: found to the sample, and nothing else is taken for it."""

import numpy as np
import pytest

from rtsep.errors import RtsepError
from rtsep.hosts.roundtrip import LEVEL, LONGEST_S, REPETITIONS, measure_ms

RATE = 48000


def cable(rng, delay, factor, others=lambda samples: 0):
    """Plays and records through a cable, with faint noise and `others`' sound."""
    def play(sent):
        heard = 0.001 * rng.standard_normal(len(sent))
        heard[delay:] += factor * sent[: len(sent) - delay]
        return (heard + others(len(sent))).astype(np.float32)

    return play


def music(samples):
    """A chord that is struck twice a second, as loud as the sequence."""
    time = np.arange(samples) / RATE
    tones = sum(np.sin(2 * np.pi * 440 * 2 ** (step / 12) * time) for step in (0, 4, 7, 12))
    return LEVEL * tones * np.exp(-4 * (time % 0.5))


def clap(samples):
    """One burst of noise that dies away, as loud as can be."""
    burst = np.random.default_rng(3).standard_normal(samples) * np.exp(-np.arange(samples) / 400)
    return np.roll(np.clip(burst, -1, 1), 15936)


def hum(samples):
    return 0.3 * np.sin(2 * np.pi * 50 * np.arange(samples) / RATE)


@pytest.mark.parametrize("delay, factor", [(0, 1), (317, -0.1), (int(LONGEST_S * RATE) - 1, 0.05)])
@pytest.mark.parametrize("others", [lambda samples: 0, music, clap, hum])
def test_a_cable_is_measured_to_the_sample(rng, delay, factor, others):
    if others is not clap and factor < 1:
        others = {music: lambda samples: 0.1 * music(samples), hum: lambda samples: 0.01 * hum(samples)}.get(others, others)
    assert measure_ms(cable(rng, delay, factor, others), RATE) == pytest.approx(1000 * delay / RATE)


@pytest.mark.parametrize("others", [music, clap, hum, lambda samples: np.random.default_rng(5).standard_normal(samples)])
def test_other_sound_is_refused(rng, others):
    with pytest.raises(RtsepError, match=r"hears another sound.*by a cable"):
        measure_ms(cable(rng, 0, 0, others), RATE)


def test_silence_is_refused():
    with pytest.raises(RtsepError, match=r"input 1 is silent.*by a cable"):
        measure_ms(np.zeros_like, RATE)


def test_a_loose_cable_is_refused(rng):
    def loose(sent):
        heard = cable(rng, 100, 1)(sent)
        heard[len(heard) // 2 :] = 0.001
        return heard

    with pytest.raises(RtsepError, match=f"only {REPETITIONS // 2} of {REPETITIONS}"):
        measure_ms(loose, RATE)


def test_a_device_that_drops_samples_is_refused(rng):
    def dropping(sent):
        heard = cable(rng, 480, 1)(sent)
        return np.concatenate([heard[:90000], heard[90240:], np.zeros(240, np.float32)])

    with pytest.raises(RtsepError, match=r"do not agree \(10.0, 10.0, 5.0, 5.0 ms\).*drops samples"):
        measure_ms(dropping, RATE)


def test_two_devices_whose_clocks_differ_a_little_are_measured(rng):
    def drifting(sent):
        heard = cable(rng, 480, 1)(sent)
        return heard[np.minimum(np.arange(len(sent)) * (1 + 1e-4), len(sent) - 1).astype(int)]  # 100 ppm

    assert measure_ms(drifting, RATE) == pytest.approx(10, abs=0.5)
