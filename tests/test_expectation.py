"""What notes tell before they are heard: levels by velocity and age, held against what is heard, for every kind of block."""

import numpy as np
import pytest
import reference
from conftest import (
    CONTROL,
    OFF,
    ON,
    RATE,
    SMALL,
    band,
    kernel_memory,
    make_preset,
    midi,
    on_records,
    one_stem,
    play,
    prepared,
    random_midi,
    reference_setup,
    two_parts,
    with_envelopes,
)

from rtsep.methods.estimators.prior import hold
from rtsep.stages import levels
from rtsep.training.envelopes import AGES_S, averaged, note_envelope, pitch_envelope, table
from rtsep.windows import Framing

LONG = 12_000
FLOAT = np.float32


@pytest.fixture(scope="module")
def knowing():
    """A preset that knows how its notes fade."""
    return with_envelopes(make_preset())


@pytest.mark.parametrize(
    "params, channels",
    [
        ({}, 1),
        ({"prediction": 3, "background": 7}, 2),
        ({"background": 0}, 1),
        ({"adapt": False}, 1),
        ({"adapt_hold_s": 0.02, "velocity_curve": 0.5}, 1),
        ({"mode": "quality", "latency_samples": 0}, 1),
        ({"mode": "instant", "latency_samples": 0}, 1),
        ({"mode": "instant", "latency_samples": 37}, 2),
        ({"onset_boost": 1, "iterations": 1}, 1),
        ({"gate": False}, 1),
        ({"learn_background_s": 0.06}, 1),
        ({"max_open_rows": 4}, 1),
    ],
)
def test_it_agrees_with_the_plain_numpy_twin(knowing, rng, params, channels):
    sound = band(rng, LONG, channels)
    events = random_midi(rng, 80, LONG)
    separator = prepared(knowing, two_parts(), {**SMALL, **params}, channels)
    expected = reference.separate(sound, events, reference_setup(separator))
    stems, _ = play(separator, sound, events, (700, 1, 63))
    most = 5e-5 if params.get("mode") == "instant" else 2e-5  # what notes will have risen by multiplies roundings
    assert np.abs(stems - expected.stems).max() < most * np.abs(sound).max()
    hop = separator.framing.hop
    play(separator, np.zeros((channels, -LONG % hop + hop), FLOAT))  # what the last frame teaches comes with the next
    rows = separator.prepared.plan.values["rows"]
    W = separator.prepared.state["W"][:, : separator.prepared.plan.values["bins"]]
    for found, wanted in ((W[:rows], expected.W), (W[rows:], expected.background)):
        error = np.abs(found - wanted)  # what is learnt teaches on: single bins drift apart by float32's rounding
        assert error.max(initial=0) < 1e-3 and error.sum() <= 5e-3 * wanted.sum()


def test_block_sizes_do_not_change_a_bit(knowing, rng):
    sound, events = band(rng, LONG, 2), random_midi(rng, 80, LONG)
    separator = prepared(knowing, two_parts(), None, 2, max_block=LONG)
    stems, _ = play(separator, sound, events, (LONG,))
    for sizes in [(1,), (63,), (64,), (1000,), tuple(rng.integers(1, 700, 50))]:
        separator.reset()
        assert np.array_equal(stems, play(separator, sound, events, sizes)[0]), sizes


@pytest.mark.parametrize("params", [{"prediction": 0}, {"gate": False}])
def test_off_is_as_if_the_preset_knew_nothing(knowing, rng, params):
    sound, events = band(rng, LONG), random_midi(rng, 80, LONG)
    plain = play(prepared(make_preset(), two_parts(), {**SMALL, **params}), sound, events)[0]
    assert np.array_equal(plain, play(prepared(knowing, two_parts(), {**SMALL, **params}), sound, events)[0])
    told = play(prepared(knowing, two_parts(), SMALL), sound, events)[0]
    assert not np.array_equal(plain, told)


@pytest.mark.parametrize("factor", [1e-6, 1e3])
def test_loud_and_faint_sounds_are_separated_alike(knowing, rng, factor):
    sound, events = band(rng, LONG), random_midi(rng, 60, LONG)
    separator = prepared(knowing, two_parts(), SMALL)
    plain = play(separator, sound, events)[0]
    separator.reset()
    scaled = play(separator, (sound * FLOAT(factor)).astype(FLOAT), events)[0]
    assert np.abs(scaled / FLOAT(factor) - plain).max() < 1e-3 * np.abs(sound).max()


def sounding(preset, pitch, velocity, samples, scale=1.0):
    """A note just as the preset expects it, without its attack: float32 [1, sample]."""
    row = np.flatnonzero(preset.row_pitch == pitch)[0]
    size = preset.window_size
    phases = np.exp(2j * np.pi * np.random.default_rng(pitch).random(size // 2 + 1))
    carrier = np.resize(np.fft.irfft(preset.W[row] * phases, size), samples)
    base, more = preset.envelope_db[pitch]
    level = np.interp(np.arange(samples) / RATE, AGES_S, base + (velocity - 64) * more)
    return (scale * carrier * 10 ** (level / 20) * 100)[None].astype(FLOAT)


def test_the_gain_is_learnt_and_the_loud_note_gets_more(knowing):
    """Two notes of one template each: from the gain that one note taught, the other's level is known by its velocity."""
    separator = prepared(knowing, one_stem(), SMALL)
    events = midi((0, ON, 60, 64), (20_000, OFF, 60, 0))
    gains = []
    for scale in (1.0, 0.1):
        separator.reset()
        play(separator, sounding(knowing, 60, 64, 20_000, scale), events)
        assert separator.prepared.state["gain_heard_s"][0] > 0.1
        gains.append(float(separator.prepared.state["gain"][0]))
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
    assert least_s <= separator.prepared.state["lag_s"][0] <= most_s


@pytest.mark.parametrize("swell_db, least, most", [(0, 0.0, 0.01), (24, 0.99, 1.0)])
def test_a_stem_that_fades_otherwise_is_found(knowing, swell_db, least, most):
    """Five notes as the preset expects them, or swelling in a second as under a bow: a line over their age then tells more."""
    separator = prepared(knowing, one_stem(), SMALL)
    step = round(RATE)
    sound = np.tile(sounding(knowing, 60, 64, step) * np.logspace(0, swell_db / 20, step, dtype=FLOAT), 5)
    told = [each for n in range(5) for each in ((n * step, ON, 60, 64), ((n + 1) * step - 500, OFF, 60, 0))]
    play(separator, sound, midi(*told))
    state = separator.prepared.state
    assert least <= state["deviates"][0] <= most
    assert (state["slope"][0] > 0.1) == (swell_db > 0)


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


def test_misfit_is_told_by_what_is_missing_alone(knowing, rng):
    """Another sound on top of the notes hardly counts; templates of another instrument do."""
    other = with_envelopes(make_preset(seed=8))
    events, sound = midi((0, ON, 60, 64)), sounding(knowing, 60, 64, 30_000)
    found = []
    for preset, noise in ((knowing, 0.0), (knowing, 0.5), (other, 0.0)):
        separator = prepared(preset, one_stem(), {**SMALL, "adapt": False})
        extra = noise * np.abs(sound).max() * rng.standard_normal(sound.shape) / 4
        play(separator, (sound + extra).astype(FLOAT), events)
        found.append([separator.prepared.state[name][0] for name in ("misfit", "match")])
    misfit, known = np.array(found).T
    assert misfit[0] < 0.15 and misfit[1] < 0.2 and misfit[2] > 1.1 * max(misfit[:2]), misfit
    assert known[0] > 0.3, "the surer the longer it plays"


def test_nothing_is_known_without_prediction_nor_after_a_reset(knowing):
    events, sound = midi((0, ON, 60, 64)), sounding(knowing, 60, 64, 30_000)
    separator = prepared(knowing, one_stem(), {**SMALL, "prediction": 0})
    play(separator, sound, events)
    assert separator.prepared.state["match"][0] == 0
    separator = prepared(knowing, one_stem(), SMALL)
    play(separator, sound, events)
    assert separator.prepared.state["match"][0] > 0.3
    separator.reset()
    assert separator.prepared.state["match"][0] == 0


def test_a_predicted_note_is_not_given_to_what_plays_above_it(knowing, rng):
    """A note fades, and a steady sound of the same spectrum does not: only the prediction can tell one from the other."""
    pitch, samples = 60, 60_000
    note = sounding(knowing, pitch, 64, samples)
    steady = np.roll(note, 0) * 0 + np.abs(note[:, 10_000:20_000]).max() * np.sign(note)
    fade = np.clip((np.arange(samples) - 15_000) / 10_000, 0, 1)
    other = (steady / max(np.abs(steady).max(), 1e-9) * np.abs(note).max() * fade).astype(FLOAT)
    errors = []
    for prediction in (0, 1):
        separator = prepared(knowing, one_stem(), {**SMALL, "prediction": prediction})
        stems, _ = play(separator, note + other, midi((0, ON, pitch, 64)))
        wanted = np.pad(note, ((0, 0), (separator.latency, 0)))[:, :samples]
        errors.append(((stems[0] - wanted)[:, 30_000:] ** 2).sum())
    assert errors[1] < 0.6 * errors[0]


def test_hold_to_draws_sums_and_leaves_shares():
    h = np.array([0.1, 0.3, 0.2, 0.4], FLOAT)
    heard = np.zeros(2, FLOAT)
    hold(h, np.array([0, 2, 3]), np.array([0.8, -1], FLOAT), FLOAT(1), heard)
    np.testing.assert_allclose(h, [0.15, 0.45, 0.2, 0.4], rtol=1e-6)
    np.testing.assert_allclose(heard, [0.4, 0.2], rtol=1e-6)


def test_envelopes_are_measured_by_age_and_velocity():
    age_s = np.arange(1, 400) * 0.005
    notes = [note_envelope(gain * np.exp(-3 * age_s), age_s) for gain in (1.0, 10.0)]
    found = pitch_envelope(notes, np.array([44, 84]))
    np.testing.assert_allclose(found[1][1:], 0.5, atol=0.01)
    expected = 20 * np.log10(np.exp(-3 * AGES_S) * np.sqrt(10))
    inside = (AGES_S > 0.005) & (AGES_S < 2.5)
    np.testing.assert_allclose(found[0][inside], expected[inside], atol=0.2)
    alone = pitch_envelope(notes[:1], np.array([64]))
    assert (alone[1] == 0.25).all()


def test_tables_of_several_instruments_are_brought_to_one_level():
    flat = np.stack([np.zeros(32), np.full(32, 0.2)])
    soft, loud = table({60: flat, 62: flat - [[6], [0]]}), table({62: flat + 40, 64: flat + 46})
    both = averaged([soft, loud])
    np.testing.assert_allclose(both[62, 0], soft[62, 0], atol=1e-5)
    np.testing.assert_allclose(both[64, 0] - both[62, 0], 6, atol=1e-5)
    assert not both[61].any() and both[60].any()


def test_pedal_and_velocity_reach_the_prediction(knowing, rng):
    """Softly or loudly played, the same sound gets another mask while the band goes on."""
    sound = band(rng, LONG)
    separator = prepared(knowing, two_parts(), SMALL)
    masks = []
    for velocity in (20, 120):
        separator.reset()
        events = midi((0, ON, 60, 64), (6000, CONTROL, 64, 127), (6400, ON, 64, velocity), (6600, OFF, 64, 0))
        play(separator, sound, events)
        masks.append(separator.masks[0].mean())
    assert masks[1] > 1.05 * masks[0]


def test_filters_look_ahead_to_the_attack_of_a_note(knowing, monkeypatch):
    """A known note begins under another: filters give it more in its first 5 ms, since it will have risen by then."""
    sound = sounding(knowing, 60, 64, 30_000) + np.pad(sounding(knowing, 67, 100, 6000), ((0, 0), (24_000, 0)))
    events = midi((0, ON, 60, 64), (24_000, ON, 67, 100, 1))

    def energy():
        separator = prepared(knowing, two_parts(), {**SMALL, "mode": "instant", "latency_samples": 0})
        return (play(separator, sound, events)[0][1, 0, 24_000:24_220] ** 2).sum()

    ahead = energy()
    monkeypatch.setattr(Framing, "lead", 0)
    assert ahead > 1.2 * energy() > 0
