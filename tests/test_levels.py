"""Stage levels: the gain, how far sound is ahead of its MIDI, and stems that fade otherwise than their preset."""

import numpy as np
import pytest
from conftest import OFF, ON, RATE, SMALL, midi, one_stem, play, prepared
from engine_state import kernel_memory, learnt_of, on_records
from sounds import sounding

from rtsep.stages import levels

FLOAT = np.float32


def test_the_gain_is_learnt_and_the_loud_note_gets_more(knowing):
    """Two notes of one template each: from the gain that one note taught, the other's level is known by its velocity."""
    separator = prepared(knowing, one_stem(), SMALL)
    events = midi((0, ON, 60, 64), (20_000, OFF, 60, 0))
    gains = []
    for scale in (1.0, 0.1):
        separator.reset()
        play(separator, sounding(knowing, 60, 64, 20_000, scale), events)
        assert learnt_of(separator).gain_heard_s[0] > 0.1
        gains.append(float(learnt_of(separator).gain[0]))
    assert gains[0] - gains[1] == pytest.approx(np.log(10), abs=0.02)


@pytest.mark.parametrize("late_s, least_s, most_s", [(0.0, 0.0, 0.003), (0.015, 0.004, 0.02)])
def test_sound_ahead_of_its_midi_is_found(knowing, late_s, least_s, most_s):
    """Eight strokes of a note as the preset expects it, on time or told too late: some of the delay is known by then."""
    separator = prepared(knowing, one_stem(), SMALL)
    step, late = round(0.3 * RATE), round(late_s * RATE)
    starts = 2000 + step * np.arange(8)
    sound = np.concatenate([np.zeros((1, 2000), FLOAT), *(sounding(knowing, 60, 64, step) for _ in starts)], axis=1)
    told = [each for start in starts for each in ((start + late, ON, 60, 64), (start + late + step - 500, OFF, 60, 0))]
    play(separator, sound, midi(*told))
    assert least_s <= learnt_of(separator).lag_s[0] <= most_s


@pytest.mark.parametrize("swell_db, least, most", [(0, 0.0, 0.01), (24, 0.99, 1.0)])
def test_a_stem_that_fades_otherwise_is_found(knowing, swell_db, least, most):
    """Five notes as the preset expects them, or swelling in a second as under a bow: a line over their age then tells more."""
    separator = prepared(knowing, one_stem(), SMALL)
    step = round(RATE)
    sound = np.tile(sounding(knowing, 60, 64, step) * np.logspace(0, swell_db / 20, step, dtype=FLOAT), 5)
    told = [each for n in range(5) for each in ((n * step, ON, 60, 64), ((n + 1) * step - 500, OFF, 60, 0))]
    play(separator, sound, midi(*told))
    learnt = learnt_of(separator)
    assert least <= learnt.deviates[0] <= most
    assert (learnt.slope[0] > 0.1) == (swell_db > 0)


@on_records
def deviation_at(plan, state, age_s):
    return levels.deviation(state.learnt, 0, age_s)


@on_records
def note(plan, state, age_s, level, seconds):
    levels.note_error(state.levels, state.learnt, 0, age_s, level, seconds)
    levels.draw_line(state.levels, state.learnt, 0)


@pytest.mark.parametrize("scatter, foreign", [(0.2, 1.0), (0.9, 0.0)])
def test_levels_that_scatter_are_wrong_notes_and_no_other_instrument(rng, scatter, foreign):
    plan, state = kernel_memory()
    for age_s in np.tile(np.linspace(0.02, 1.5, 100, dtype=FLOAT), 20):
        level = 0.8 * levels.log_age(age_s) - deviation_at(plan, state, age_s) + scatter * rng.standard_normal()
        note(plan, state, age_s, FLOAT(level), FLOAT(0.003))
    assert state.deviates[0] == pytest.approx(foreign, abs=0.01)
    assert state.slope[0] == pytest.approx(0.8 * foreign, abs=0.1)
