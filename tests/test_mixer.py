"""The mixer: gains of stems, dry and wet, bypass, and changes without clicks."""

import numpy as np
import pytest
from conftest import RATE, SMALL, band, chord, delayed, one_stem, play, prepared, two_parts
from engine_state import part_of

from rtsep import reference
from rtsep.engine.separator import Separator
from rtsep.errors import RtsepError
from rtsep.stages.mixer import mix_block

LONG = 8000
FLOAT = np.float32


def test_mixer_changes_between_blocks_do_not_depend_on_blocks(preset, rng):
    sound, events = band(rng, LONG), chord(60, 64)

    def with_changes(sizes):
        separator = prepared(preset, one_stem())
        parts = []
        for begin, value in ((0, -3), (1500, -40), (1700, 6)):
            separator.set("gain_db.piano", value)
            separator.set("wet", 0.5 if value == 6 else 1)
            part = slice(begin, {0: 1500, 1500: 1700, 1700: LONG}[begin])
            parts.append(play(separator, sound[:, part], events if begin == 0 else None, sizes)[1])
        return np.concatenate(parts, axis=1)

    assert np.array_equal(with_changes((4096,)), with_changes((7,)))


def test_mix_is_the_stems_at_their_gains(preset, rng):
    params = {**SMALL, "gain_db.left": -6.0, "gain_db.right": 3.0, "gain_db.residual": -120}
    separator = prepared(preset, two_parts(), params, 2)
    sound = band(rng, 3000, 2)
    stems, mix = play(separator, sound, np.concatenate([chord(48, 60), chord(64, part=1)]))
    expected = 10 ** (-6 / 20) * stems[0] + 10 ** (3 / 20) * stems[1]
    np.testing.assert_allclose(mix, expected, atol=1e-6 * np.abs(sound).max())


@pytest.mark.parametrize("params", [{"wet": 0.0}, {"bypass": True}, {"bypass": "on", "wet": 0.3}])
def test_dry_and_bypass_are_the_delayed_input(preset, rng, params):
    separator = prepared(preset, one_stem(), {**SMALL, **params, "gain_db.piano": -120}, 2)
    sound = band(rng, 3000, 2)
    _, mix = play(separator, sound, chord(48, 60, 64))
    np.testing.assert_allclose(mix, delayed(sound, separator.latency), atol=2e-7 * np.abs(sound).max())


def test_half_wet(preset, rng):
    separator = prepared(preset, one_stem(), {**SMALL, "wet": 0.25, "gain_db.piano": -120})
    sound = band(rng, 3000)
    stems, mix = play(separator, sound, chord(48, 60, 64))
    np.testing.assert_allclose(mix, stems[1] + 0.75 * stems[0], atol=1e-6 * np.abs(sound).max())


@pytest.mark.parametrize(
    "name, value", [("gain_db.residual", -120), ("gain_db.residual", 24), ("wet", 0), ("bypass", 1)]
)
def test_no_click_when_the_mixer_moves(preset, name, value):
    """With a loud slow sine and nothing open, the mix moves little more between two samples than the sine itself."""
    start = {"wet": {"gain_db.residual": -120}, "bypass": {"gain_db.residual": -120}}.get(name, {})
    separator = prepared(preset, one_stem(), {**SMALL, **start})
    sine = np.sin(2 * np.pi * 50 / RATE * np.arange(8000))[None].astype(np.float32)
    largest = 10 ** (24 / 20) if value == 24 else 1
    before = play(separator, sine[:, :4000])[1]
    separator.set(name, value)
    after = play(separator, sine[:, 4000:])[1]
    mix = np.concatenate([before, after], axis=1)[0]
    own = 2 * np.pi * 50 / RATE
    assert np.abs(np.diff(mix)).max() < largest * (own + 1 / (0.005 * RATE))
    change = np.abs(after[0] - (delayed(sine, 256)[0, 4000:] if start == {} else 0))
    assert change[:40].max() < 0.2 * largest and change.max() > 0.9, "it must move, but not at once"


def test_mixer_arrives_exactly(preset, rng):
    separator = prepared(preset, one_stem())
    sound = band(rng, 9000)
    play(separator, sound[:, :2000], chord(60))
    separator.set("gain_db.piano", -120)
    stems, mix = play(separator, sound[:, 2000:])
    assert np.array_equal(mix[:, 5000:], stems[1][:, 5000:])
    separator.set("bypass", True)
    separator.reset()
    assert part_of(separator, "mixer").mixer_values[1] == 1, "after a reset, parameters take effect at once"


def test_set_refuses_what_is_not_there(preset):
    separator = prepared(preset, one_stem())
    for name, value in [("gain_db.trombone", 0), ("gain_db", 0), ("volume", 1), ("iterations", 3), ("wet", 2),
                        ("bypass", "maybe"), ("gain_db.piano", 25), ("gain_db.piano", float("nan"))]:
        with pytest.raises(RtsepError):
            separator.set(name, value)
    with pytest.raises(RtsepError, match="piano"):
        Separator(preset, one_stem(), {"gain_db.trombone": 0})


@pytest.mark.parametrize("stems, channels", [(2, 1), (5, 2)])
def test_mix(rng, stems, channels):
    sound = rng.standard_normal((stems, channels, 600)).astype(FLOAT)
    targets = rng.random((3, 2 + stems)).astype(FLOAT)
    targets[2, :2] = 1, 0
    values, mix = targets[0].copy(), np.zeros((channels, 600), FLOAT)
    for begin, wanted in zip((0, 100, 350), targets, strict=True):
        mix_block(sound, mix, begin, {0: 100, 100: 350, 350: 600}[begin], values, wanted, FLOAT(0.02))
    per_sample = np.repeat(targets.astype(float), [100, 250, 250], axis=0)
    np.testing.assert_allclose(mix, reference.mix(sound.astype(float), per_sample, 0.02), atol=1e-5)


def test_mixer_lands_on_its_target():
    values, target = np.zeros(4, FLOAT), np.array([1, 0.3, -2, 1e-9], FLOAT)
    mix_block(np.zeros((2, 1, 2000), FLOAT), np.zeros((1, 2000), FLOAT), 0, 2000, values, target, FLOAT(0.02))
    assert np.array_equal(values, target)
