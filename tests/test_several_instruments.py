"""An instrument for each stem: templates, times and defaults of their own."""

import dataclasses

import numpy as np
import pytest
from conftest import RATE, SMALL, WINDOW, band, make_preset, play, prepared, random_midi, reference_setup, two_parts
from engine_state import plan_of

from rtsep import reference
from rtsep.engine.design import design
from rtsep.engine.separator import Separator
from rtsep.notes.routing import Routing
from rtsep.presets.halves import half_rows, whole_rows
from rtsep.windows import map_templates

LONG = 8000


def other_preset():
    """An instrument with other notes, another number of rows, window, rate, release and decay than `preset`."""
    return dataclasses.replace(make_preset((50, 60, 64, 70), 3, 2048, 48000.0, 8, 0.03, 1.0), name="other")


@pytest.mark.parametrize("params", [{}, {"max_open_rows": 7}, {"gate": False}])
def test_stems_with_instruments_of_their_own_agree_with_the_twin(preset, rng, params):
    sound, events = band(rng, LONG), random_midi(rng, 80, LONG, (48, 50, 60, 64, 70))
    separator = prepared([preset, other_preset()], two_parts(), {**SMALL, **params})
    expected = reference.separate(sound, events, reference_setup(separator))
    stems, _ = play(separator, sound, events, (700, 1, 63))
    assert np.abs(stems - expected.stems).max() < 1e-5 * np.abs(sound).max()
    assert np.abs(expected.stems[:2]).max(axis=(1, 2)).min() > 0.05
    assert separator.counters.unmatched_notes == expected.unmatched > 0


def test_each_stem_plays_on_its_own_instrument(preset):
    other = other_preset()
    plan = design([preset, other], two_parts(), SMALL, RATE, 1)
    for stem, instrument in enumerate((preset, other)):
        for pitch in (48, 50, 60, 70, 72):
            first, count = plan.values["first_row"][stem, pitch], plan.values["row_count"][stem, pitch]
            mapped = map_templates(instrument.W, instrument.sample_rate, instrument.window_size, RATE, WINDOW)
            W = whole_rows(*half_rows(mapped))
            assert np.array_equal(plan.values["W"][first : first + count, :513], W[instrument.row_pitch == pitch])
            assert (plan.row_pitch[first : first + count] == pitch).all()
        assert plan.values["decay"][stem, 60] == round(float(instrument.decay_s[60]) * RATE)
    assert not plan.values["row_count"][2].any(), "the residual plays no notes"


def test_stems_of_one_instrument_share_its_rows(preset):
    table = np.full((32, 16, 128), -1, np.int8)
    table[:3] = np.arange(3)[:, None, None]
    other, names = other_preset(), ("left", "cello", "right")
    plan = design([preset, other, preset], Routing(names, table), SMALL, RATE, 1).values
    assert plan["rows"] == len(preset.W) + len(other.W)
    assert np.array_equal(plan["first_row"][0], plan["first_row"][2])
    one, each = design(preset, two_parts(), SMALL, RATE, 1), design([preset, preset], two_parts(), SMALL, RATE, 1)
    assert all(np.array_equal(one.values[name], each.values[name]) for name in one.values)


def test_the_first_stems_preset_decides_where_defaults_differ(preset):
    first = dataclasses.replace(preset, defaults={"iterations": 7})
    second = dataclasses.replace(preset, defaults={"iterations": 3, "mask_power": 4.0})
    separator = prepared([first, second], two_parts())
    assert [separator.value(name) for name in ("iterations", "mask_power")] == [7, 4.0]
    plan = plan_of(separator)
    assert (plan.iterations, plan.power_halves) == (7, 8)
    assert separator.instruments[1] is second


@pytest.mark.parametrize("count", [1, 3])
def test_one_preset_for_each_stem_or_one_for_all(preset, count):
    with pytest.raises(ValueError, match=f"{count} presets for 2 stems"):
        Separator([preset] * count, two_parts())
