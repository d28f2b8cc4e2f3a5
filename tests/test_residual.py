"""The network that weighs the residual while others play: what it gains, when it has no effect, and how it is trained."""

import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import play, prepared

from rtsep import find_preset, load_preset, read_midi
from rtsep.files.sound import read_sound
from rtsep.hosts.demo import clip_folder
from rtsep.measure import sdr_db
from rtsep.notes.routing import everything
from rtsep.stages.residual import CHUNK, INPUTS, MANY, TURNS, UNITS, residual_net

sys.path.insert(0, str(Path(__file__).parent.parent / "tools"))

import train_residual_net as tool

SECONDS = 10
LIMIT = 7.2  # in dB; measured: 8.0 with the network, 6.5 without


@pytest.fixture
def without():
    """The engine without the network."""
    net = residual_net()
    kept = net.copy()
    net[:] = 0
    yield
    net[:] = kept


def clip():
    """The bundled clip: the piano's sound [1, sample], the rate and the score."""
    parts = [read_sound(clip_folder() / f"{hand}_hand.flac") for hand in ("left", "right")]
    piano = parts[0][0] + parts[1][0]
    return piano[:, : SECONDS * parts[0][1]], parts[0][1], read_midi(clip_folder() / "demo.mid")


def voice(samples, rate, power):
    """A tone of many partials with glides and vibrato, float32 [1, sample]. The network was not trained with such sounds."""
    time = np.arange(samples) / rate
    pitch_hz = 330 * 2 ** (np.sin(2 * np.pi * 0.3 * time) / 2 + 0.04 * np.sin(2 * np.pi * 5.5 * time))
    phase = 2 * np.pi * np.cumsum(pitch_hz) / rate
    sound = sum(np.sin(n * phase) / n for n in range(1, 20)) * (0.6 + 0.4 * np.sin(2 * np.pi * 0.7 * time))
    return (sound * np.sqrt(power / np.mean(sound**2)))[None].astype(np.float32)


def piano_found(other):
    """The SDR of the clip's piano beside `other`, and the engine. The preset is `gm-piano`, not the clip's own piano."""
    piano, rate, score = clip()
    separator = prepared(load_preset(find_preset("gm-piano")), everything("piano"), {}, 1, rate, 512)
    stems, _ = play(separator, piano + other, score.events(rate))
    late = separator.latency
    return sdr_db(stems[0][:, late:], piano[:, :-late]), separator


def beside_a_voice():
    piano, rate, _ = clip()
    return piano_found(voice(piano.shape[1], rate, np.mean(piano**2)))


def test_a_piano_beside_a_voice_without_the_network(without):
    found, separator = beside_a_voice()
    assert separator.prepared.state["background_share"][0] > MANY
    assert found < LIMIT


def test_a_piano_beside_a_voice_gains_by_the_network():
    assert beside_a_voice()[0] > LIMIT


def test_a_piano_alone_is_the_same_without_the_network(without):
    silence = np.zeros_like(clip()[0])
    expected = piano_found(silence)[0]
    residual_net()[:] = np.random.default_rng(0).standard_normal(residual_net().shape)
    assert piano_found(silence)[0] == pytest.approx(expected, abs=0.1)


def test_the_network_fits_the_engine_and_its_weights_are_small():
    net = residual_net()
    assert net.shape == (INPUTS + 3, UNITS) and net.dtype == np.float32
    assert np.isfinite(net).all() and np.abs(net).max() < 100


def test_slopes_are_those_of_the_error():
    rng = np.random.default_rng(1)
    bins = tool.Bins(rng.random((50, INPUTS)), rng.standard_normal(50), rng.random(50), rng.random(50), rng.random(50))
    net = rng.standard_normal((INPUTS + 3, UNITS)) / 5
    _, slopes = tool.error_of(net, bins)
    for row, unit in ((0, 3), (INPUTS - 1, 0), (tool.BIAS, 5), (tool.OUTPUT, 7), (tool.OUTPUT_BIAS, 0)):
        step = np.zeros_like(net)
        step[row, unit] = 1e-5
        rise = tool.error_of(net + step, bins)[0] - tool.error_of(net - step, bins)[0]
        assert slopes[row, unit] == pytest.approx(rise / 2e-5, rel=1e-4, abs=1e-8)


def test_training_reduces_the_error():
    rng = np.random.default_rng(2)
    inputs = rng.random((400, INPUTS)).astype(np.float32)
    best = (inputs[:, 0] > inputs[:, 5]).astype(np.float32)
    ones = np.ones(400, np.float32)
    bins = tool.Bins(inputs, 0 * ones, ones, best, ones / 400)
    before = tool.sdr_db(np.zeros((INPUTS + 3, UNITS)), [bins])
    assert tool.sdr_db(tool.train([bins], steps=50), [bins]) > before + 6


def test_it_is_trained_on_what_the_engine_sees(without, monkeypatch):
    """With the same network, the tool's masks are the engine's, in the bins that the last frame has computed."""
    piano, rate, score = clip()
    other = voice(piano.shape[1], rate, np.mean(piano**2))
    separator = prepared(load_preset(find_preset("gm-piano")), everything("piano"), {}, 1, rate, 512)
    play(separator, (piano + other)[:, : 4 * rate], score.events(rate)[:40])
    bins = np.arange(20, 1000)
    bins = bins[(bins - 2) // CHUNK % TURNS == separator.counters.frames % TURNS]
    assert len(bins) > 400
    mask = separator.prepared.state["M"][-1][bins].copy()
    inputs = tool.inputs_of(separator, bins)
    net = np.random.default_rng(3).standard_normal((INPUTS + 3, UNITS)) / 10
    residual_net()[:] = net
    again = prepared(load_preset(find_preset("gm-piano")), everything("piano"), {}, 1, rate, 512)
    play(again, (piano + other)[:, : 4 * rate], score.events(rate)[:40])
    heard = inputs @ net[:INPUTS] + net[tool.BIAS]
    factor = np.exp(np.maximum(heard, tool.LEAK * heard) @ net[tool.OUTPUT] + net[tool.OUTPUT_BIAS, 0])
    expected = mask * factor / (1 - mask + mask * factor)
    np.testing.assert_allclose(again.prepared.state["M"][-1][bins], expected, atol=1e-4)
