"""Stage expectation: levels by velocity and age, compared with what is heard."""

import numpy as np
import pytest
from conftest import (
    CONTROL,
    OFF,
    ON,
    RATE,
    SMALL,
    band,
    chord,
    frame_by_frame,
    make_preset,
    midi,
    one_stem,
    play,
    prepared,
    random_midi,
    reference_setup,
    two_parts,
    with_envelopes,
)
from engine_state import background_of, learnt_of, part_of, templates_of
from sounds import sounding

from rtsep import reference
from rtsep.stages.expectation import BEGINS_S, DOUBTED_S
from rtsep.windows import Framing

LONG = 20_000
FLOAT = np.float32


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
    most = 5e-4  # learnt values drift apart in float32; a wrong formula would be off by hundredths
    assert np.abs(stems - expected.stems).max() < most * np.abs(sound).max()
    hop = separator.framing.hop
    play(separator, np.zeros((channels, -LONG % hop + hop), FLOAT))  # the last frame's lesson takes effect with the next frame
    for found, wanted in ((templates_of(separator), expected.W), (background_of(separator), expected.background)):
        error = np.abs(found - wanted)  # in float32, single bins drift apart while they learn
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
    sound, events = band(rng, 2 * LONG), random_midi(rng, 80, 2 * LONG)  # long enough for the levels to be learnt
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


def test_misfit_is_told_by_what_is_missing_alone(knowing, rng):
    """Another sound on top of the notes hardly counts, but templates of another instrument do."""
    other = with_envelopes(make_preset(seed=8))
    events, sound = midi((0, ON, 60, 64)), sounding(knowing, 60, 64, 30_000)
    found = []
    for preset, noise in ((knowing, 0.0), (knowing, 0.5), (other, 0.0)):
        separator = prepared(preset, one_stem(), {**SMALL, "adapt": False})
        extra = noise * np.abs(sound).max() * rng.standard_normal(sound.shape) / 4
        play(separator, (sound + extra).astype(FLOAT), events)
        found.append(part_of(separator, "expectation").misfit[0])
    assert found[0] < 0.15 and found[1] < 0.2 and found[2] > 1.1 * max(found[:2]), found


def test_nothing_is_known_without_prediction_nor_after_a_reset(knowing):
    events, sound = midi((0, ON, 60, 64)), sounding(knowing, 60, 64, 30_000)
    separator = prepared(knowing, one_stem(), {**SMALL, "prediction": 0})
    play(separator, sound, events)
    assert part_of(separator, "expectation").misfit_heard_s[0] == 0 and not learnt_of(separator).known_s.any()
    separator = prepared(knowing, one_stem(), SMALL)
    play(separator, sound, events)
    assert part_of(separator, "expectation").misfit_heard_s[0] > 0.3 and learnt_of(separator).known_s[0] > 0.3
    separator.reset()
    assert part_of(separator, "expectation").misfit_heard_s[0] == 0 and not learnt_of(separator).known_s.any()


def watched(separator, sound, events, pitch):
    """For each frame in which stem 0 can play a pitch: whether its note is silent, and its expected level."""
    found = []
    for _ in frame_by_frame(separator, sound, events):
        g, expected = part_of(separator, "open").group_at[0, pitch], part_of(separator, "expected")
        found += [] if g < 0 else [(int(expected.silent[g]), float(expected.expected_share[g]))]
    return np.array(found).T


def test_a_note_that_is_told_but_not_heard_has_not_begun_for_a_while(knowing):
    """Until BEGINS_S have passed, nothing is expected of it, and its templates and its level do not learn."""
    separator = prepared(knowing, one_stem(), {**SMALL, "adapt_hold_s": 0.3})
    sound = sounding(knowing, 60, 64, 60_032)
    play(separator, sound[:, :30_016], midi((0, ON, 60, 64)))
    waits = round(BEGINS_S * RATE / 64)
    rows = np.flatnonzero(knowing.row_pitch == 67)
    gain = learnt_of(separator).gain[0]
    silent, share = watched(separator, sound[:, 30_016 : 30_016 + 64 * (waits - 3)], midi((0, ON, 67, 100)), 67)
    doubted = round(DOUBTED_S * RATE / 64) + 5
    assert silent[doubted:].all() and (share[doubted:] == -1).all()
    np.testing.assert_allclose(part_of(separator, "adaptation").weight[rows], 0.3, rtol=2e-2)
    assert learnt_of(separator).gain[0] == pytest.approx(gain, abs=0.1)
    silent, share = watched(separator, sound[:, 30_016 + 64 * (waits - 3) : 30_016 + 64 * (waits + 20)], None, 67)
    assert not silent[5:].any() and (share[5:] > 0).all()


def test_a_note_that_is_heard_has_begun(knowing):
    separator = prepared(knowing, one_stem(), SMALL)
    both = sounding(knowing, 60, 64, 40_000) + np.pad(sounding(knowing, 67, 100, 10_000), ((0, 0), (30_000, 0)))
    silent, share = watched(separator, both, midi((0, ON, 60, 64), (30_000, ON, 67, 100)), 67)
    assert not silent[20:].any() and (share[20:] > 0).all()


def test_a_predicted_note_is_not_given_to_what_plays_above_it(knowing, rng):
    """A note fades, but a steady sound with the same spectrum does not: only the prediction can tell them apart."""
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


def test_pedal_and_velocity_reach_the_prediction(knowing, rng):
    """The same sound, played softly or loudly, gets another mask while the band plays on."""
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
    """A note begins under a note of another stem: filters give it more in its first 5 ms, since they expect it to rise."""
    sound = sounding(knowing, 60, 64, 30_000) + np.pad(sounding(knowing, 67, 100, 6000), ((0, 0), (24_000, 0)))
    sound[:, :15_000] += sounding(knowing, 72, 100, 15_000)
    events = midi((0, ON, 60, 64), (0, ON, 72, 100, 1), (15_000, OFF, 72, 0, 1), (24_000, ON, 67, 100, 1))

    def energy():
        separator = prepared(knowing, two_parts(), {**SMALL, "mode": "instant", "latency_samples": 0})
        return (play(separator, sound, events)[0][1, 0, 24_000:24_220] ** 2).sum()

    ahead = energy()
    monkeypatch.setattr(Framing, "lead", 0)
    assert ahead > 1.2 * energy() > 0


def test_a_note_that_has_just_begun_counts_more(preset, rng):
    """The frame holds only its beginning. After a window, or if the frame is heard whole, nothing is changed."""
    events, sound = np.concatenate([chord(48), chord(60, at=2048, part=1)]), band(rng, 4096)

    def masks(**params):
        separator = prepared(preset, two_parts(), {**SMALL, "adapt": False, **params})  # the frame teaches nothing
        return np.array([one.masks[1].mean() for one in frame_by_frame(separator, sound, events)])

    plain, boosted = masks(onset_boost=1), masks(onset_boost=4)
    assert (boosted[32:40] > 1.2 * plain[32:40]).all() and np.array_equal(boosted[:32], plain[:32])
    assert np.array_equal(boosted[49:], plain[49:])
    whole = {"mode": "quality", "latency_samples": 0}
    assert np.array_equal(masks(**whole, onset_boost=1), masks(**whole, onset_boost=4))
