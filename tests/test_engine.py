"""The streaming engine as a host sees it: blocks of sound and notes in, stems out."""

import dataclasses

import numpy as np
import pytest
from conftest import (
    CONTROL,
    OFF,
    ON,
    PITCHES,
    RATE,
    SMALL,
    WINDOW,
    band,
    delayed,
    frame_by_frame,
    harmonic_row,
    make_preset,
    midi,
    one_stem,
    open_rows,
    play,
    prepared,
    process_from,
    random_midi,
    reference_setup,
    two_parts,
)

from rtsep import reference
from rtsep.engine.design import design
from rtsep.engine.separator import Separator
from rtsep.errors import RtsepError
from rtsep.kernels.memory import EVENT
from rtsep.notes.routing import Routing
from rtsep.windows import map_templates

RATES = (22050, 32000, 37800, 44100, 48000, 88200, 96000)
LONG = 8000
INSTANT = {"mode": "instant", "latency_samples": 0}


def five_stems():
    """Part p is stem p; five of them, so that every loop over stems has a remainder."""
    table = np.full((32, 16, 128), -1, np.int8)
    for part in range(5):
        table[part] = part
    return Routing(("a", "b", "c", "d", "e"), table)


def chord(*pitches, at=0, part=0, channel=0):
    """Keys that go down together and stay down."""
    return midi(*((at, ON | channel, pitch, 90, part) for pitch in pitches))


# --- the specification ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "params, channels",
    [
        ({}, 1),
        ({}, 2),
        ({"latency_samples": 128, "hop_samples": 16, "relaxation": 1}, 1),  # rounding grows over many frames that learn
        ({"mode": "quality", "latency_samples": 0}, 3),
        ({"iterations": 1, "mask_power": 1}, 1),
        ({"iterations": 20, "mask_power": 4}, 2),
        ({"mask_power": 0.5}, 1),
        ({"mask_power": 2.5}, 1),
        ({"suppression": 5}, 2),
        ({"suppression": 0.2}, 2),
        ({"panning": False}, 2),
        ({**INSTANT, "suppression": 0.2}, 1),
        ({"max_open_rows": 6}, 1),
        ({"onset_boost": 1}, 1),
        ({"estimator": "kl", "iterations": 10, "relaxation": 1}, 1),
        ({"estimator": "encoder+kl", "encoder": "signed", "iterations": 3, "relaxation": 1.8}, 1),
        ({"estimator": "encoder"}, 2),
        ({"estimator": "encoder", "encoder": "nonnegative", "background": 0, "gate": False}, 1),
        ({**INSTANT, "estimator": "kl"}, 1),
        ({"mode": "quality", "latency_samples": 0, "estimator": "encoder"}, 1),
        ({"gate": False}, 2),
        (INSTANT, 1),
        ({**INSTANT, "latency_samples": 37, "hop_samples": 128}, 2),
        ({**INSTANT, "latency_samples": 256, "filter_taps": 300, "filter_floor_db": -30, "mask_power": 3}, 1),
    ],
)
def test_whole_engine_agrees_with_the_plain_numpy_twin(preset, rng, params, channels):
    sound = band(rng, LONG, channels)
    events = random_midi(rng, 80, LONG)
    separator = prepared(preset, two_parts(), {**SMALL, **params}, channels)
    expected = reference.separate(sound, events, reference_setup(separator))
    stems, _ = play(separator, sound, events, (700, 1, 63))
    assert np.abs(stems - expected.stems).max() < 5e-5 * np.abs(sound).max()
    assert np.abs(expected.stems[:2]).max() > 0.02, "nothing was separated, so nothing was compared"
    separator.reset()
    for k, _ in enumerate(frame_by_frame(separator, sound, events)):
        if k == len(expected.masks):
            break
        assert open_rows(separator) == expected.open_rows[k]
        np.testing.assert_allclose(separator.masks, expected.masks[k], atol=3e-4)  # what was learnt adds roundings up
        np.testing.assert_allclose(separator.activations, expected.H[k], atol=3e-4 * expected.H[k].max() + 1e-12)


def test_open_note_is_found_in_its_stem(preset, rng):
    """Not only as specified but any good: a tone made of one part's template goes to that part."""
    phases = np.exp(2j * np.pi * rng.random(WINDOW // 2 + 1))
    period = np.fft.irfft(preset.W[preset.row_pitch == 60][0] * phases, WINDOW)
    sound = np.tile(period / np.abs(period).max(), 8)[None].astype(np.float32)
    separator = prepared(preset, two_parts())
    stems, _ = play(separator, sound, np.concatenate([chord(60, part=0), chord(52, 67, part=1)]))
    energy = (stems[:, 0, 2 * WINDOW :] ** 2).sum(axis=1)
    assert energy[0] > 10 * energy[1] and energy[0] > 10 * energy[2]


# --- blocks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels, params", [
    (1, {}), (2, {}), (1, {"estimator": "encoder"}), (1, {**INSTANT, "estimator": "kl"}),
])
def test_block_sizes_do_not_change_a_bit(rng, channels, params):
    preset = make_preset(rows=3)
    sound = band(rng, LONG, channels)
    events = random_midi(rng, 120, LONG, parts=5)
    separator = prepared(preset, five_stems(), {**SMALL, **params}, channels, max_block=LONG)
    stems, mix = play(separator, sound, events, (LONG,))
    assert (np.abs(stems[:, 0]).max(axis=1) > 0).all()
    for sizes in [(1,), (63,), (64,), (65,), (1000,), (1, 0, 128, 3), tuple(rng.integers(1, 700, 50))]:
        separator.reset()
        again, mix_again = play(separator, sound, events, sizes)
        assert np.array_equal(stems, again) and np.array_equal(mix, mix_again), sizes


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


def test_a_note_that_has_just_begun_counts_more(preset, rng):
    """The frame holds but its beginning; once a window has passed, or where the frame is heard whole, nothing is changed."""
    events, sound = np.concatenate([chord(48), chord(60, at=2048, part=1)]), band(rng, 4096)

    def masks(**params):
        separator = prepared(preset, two_parts(), {**SMALL, **params})
        return np.array([one.masks[1].mean() for one in frame_by_frame(separator, sound, events)])

    plain, boosted = masks(onset_boost=1), masks(onset_boost=4)
    assert (boosted[32:40] > 1.2 * plain[32:40]).all() and np.array_equal(boosted[:32], plain[:32])
    assert np.array_equal(boosted[49:], plain[49:])
    whole = {"mode": "quality", "latency_samples": 0}
    assert np.array_equal(masks(**whole, onset_boost=1), masks(**whole, onset_boost=4))


@pytest.mark.parametrize("offset", [0, 1, 62, 63, 64, 65, 127, 128, 1000])
def test_frame_sees_an_event_by_sample_times_alone(preset, offset):
    """The frame that ends at t sees events before t: 63 belongs to the first frame of hop 64, 64 to the second."""
    separator = prepared(preset, one_stem())
    events, sound = midi((offset, ON, 60, 90)), np.ones((1, 1200), np.float32)
    for at in range(1200):
        process_from(separator, sound, events, at, at + 1)
        if separator.open_count:
            break
    assert separator.counters.frames == offset // 64 + 1


def test_events_at_the_same_sample_keep_their_order(preset):
    separator = prepared(preset, one_stem())
    separator.process(np.ones((1, 64), np.float32), midi((5, OFF, 60, 0), (5, ON, 60, 90)))
    assert separator.open_count == 2
    separator.reset()
    separator.process(np.ones((1, 64), np.float32), midi((5, ON, 60, 90), (5, OFF, 60, 0)))
    separator.process(np.ones((1, 2048), np.float32))
    assert separator.open_count == 0


@pytest.mark.parametrize(
    "shape, at", [((2, 64), ()), ((1, 5000), ()), ((1, 64), (64,)), ((1, 64), (-1,)), ((1, 64), (9, 8)), ((1, 0), (0,))]
)
def test_wrong_blocks_and_events_are_refused(preset, shape, at):
    separator = prepared(preset, one_stem())
    events = np.zeros(len(at), EVENT)
    events["sample"] = at
    with pytest.raises(ValueError):
        separator.process(np.zeros(shape, np.float32), events)


def test_empty_block_is_nothing(preset):
    output = prepared(preset, one_stem()).process(np.zeros((1, 0), np.float32), midi())
    assert output.stems.shape == (2, 1, 0) and output.mix.shape == (1, 0)


def test_process_before_prepare_says_so(preset):
    with pytest.raises(RuntimeError, match="prepare"):
        Separator(preset, one_stem()).process(np.zeros((1, 64), np.float32))


# --- the sum ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fine():
    """A preset fine enough for the usual windows of every rate."""
    return make_preset(window=4096)


def assert_sums_to(stems, sound, latency):
    expected = delayed(sound, latency)
    worst = np.abs(stems.astype(float).sum(axis=0) - expected).max()
    assert worst <= 1e-5 * np.abs(sound).max()


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("mode, choice", [("live", 0), ("live", -1), ("live", "usual"), ("quality", "usual")])
@pytest.mark.parametrize("channels", [1, 2])
def test_stems_and_residual_are_the_delayed_input(fine, rng, rate, mode, choice, channels):
    window = {22050: 2048, 88200: 8192, 96000: 8192}.get(rate, 4096)
    latencies = [window // 32, window // 16, window // 8, window // 4]
    latency = 0 if choice == "usual" else latencies[choice]
    separator = prepared(fine, two_parts(), {"mode": mode, "latency_samples": latency}, channels, rate)
    assert separator.latency == (window if mode == "quality" else latency or latencies[2])
    sound = band(rng, separator.latency + 6000, channels, rate)
    events = midi((0, ON, 60, 90), (500, ON, 48, 90), (800, ON, 67, 90, 1), (4000, OFF, 60, 0))
    stems, mix = play(separator, sound, events, (1000, 65, 4))
    assert_sums_to(stems, sound, separator.latency)
    assert np.abs(stems[:2]).max() > 0.01
    assert np.abs(mix - delayed(sound, separator.latency)).max() <= 1e-5 * np.abs(sound).max()


@pytest.mark.parametrize("window", [1024, 2048, 4096, 8192])
def test_stems_add_up_at_every_window_and_hop(fine, rng, window):
    for hop in (16, 32, 64):
        params = {"window_samples": window, "latency_samples": 128, "hop_samples": hop}
        separator = prepared(fine, one_stem(), params)
        sound = band(rng, 3000)
        assert_sums_to(play(separator, sound, chord(52, 60))[0], sound, 128)


@pytest.mark.parametrize("channels", [1, 2, 7])
def test_masks_sum_to_one(preset, rng, channels):
    separator = prepared(preset, two_parts(), None, channels)
    for _ in frame_by_frame(separator, band(rng, 3000, channels), random_midi(rng, 40, 3000)):
        assert separator.masks.min() >= 0
        np.testing.assert_allclose(separator.masks.sum(axis=0), 1, atol=1e-6)


@pytest.mark.parametrize("params", [{}, INSTANT])
@pytest.mark.parametrize("suppression", [0.2, 5])
def test_suppression_weighs_what_leaks_and_changes_nothing_else(preset, rng, params, suppression):
    """Masks are weighted, what is learnt is as before, and the stems still are the input."""
    sound, events = band(rng, 4000), random_midi(rng, 40, 4000)

    def masks(**more):
        separator = prepared(preset, two_parts(), {**SMALL, **params, **more})
        return np.array([separator.masks.copy() for _ in frame_by_frame(separator, sound, events)])

    plain, weighted = masks(), masks(suppression=suppression)
    own = plain[:, :2]
    np.testing.assert_allclose(weighted[:, :2], own / (own + suppression * (1 - own)), atol=1e-6)
    np.testing.assert_allclose(weighted.sum(axis=1), 1, atol=1e-6)
    separator = prepared(preset, two_parts(), {**SMALL, **params, "suppression": suppression})
    total = play(separator, sound, events)[0].sum(axis=0)
    assert np.abs(total - delayed(sound, separator.latency)).max() <= 1e-5 * np.abs(sound).max()


def test_nothing_open_is_all_residual(preset, rng):
    separator = prepared(preset, two_parts(), None, 2)
    sound = band(rng, 3000, 2)
    stems, mix = play(separator, sound)
    assert not stems[:2].any()
    assert np.array_equal(stems[2], delayed(sound, 256)) and np.array_equal(mix, stems[2])
    assert (separator.masks[2] == 1).all() and not separator.masks[:2].any() and not separator.activations.any()


@pytest.mark.parametrize("at", [0, 1, 63, 64, 700, 1023])
@pytest.mark.parametrize(
    "params", [SMALL, {**SMALL, "latency_samples": 128}, {"mode": "quality", "window_samples": 1024}]
)
def test_impulse_comes_out_after_the_latency(preset, at, params):
    """In the sum, and in a stem: with a flat template the mask is the same in every bin, so the impulse stays one."""
    flat = dataclasses.replace(preset, W=np.full_like(preset.W, 1 / preset.W.shape[1]))
    separator = prepared(flat, one_stem(), {**params, "background": 0})
    sound = np.zeros((1, 4096), np.float32)
    sound[0, at] = 1
    stems, _ = play(separator, sound, chord(60, 64), (100,))
    due = at + separator.latency
    piano, total = stems[0, 0], stems.sum(axis=0)[0]
    assert total[due] == pytest.approx(1, abs=1e-6) and np.abs(np.delete(total, due)).max() < 1e-6
    assert piano[due] > 0.5 and np.abs(np.delete(piano, due)).max() < 1e-6


def test_stems_hear_nothing_before_it_was_played(preset, rng):
    """Sound that starts at a sample reaches no stem before that sample, however long the window."""
    separator = prepared(preset, one_stem())
    sound = band(rng, 4000)
    sound[:, :2000] = 0
    stems, _ = play(separator, sound, chord(60, 64))
    assert not stems[:, :, :2000].any() and stems[0].any()


# --- levels and faults ------------------------------------------------------------------------------------------------


def masks_of(separator, sound, events):
    separator.reset()
    return np.array([separator.masks.copy() for _ in frame_by_frame(separator, sound, events)])


def test_masks_do_not_depend_on_the_level(preset, rng):
    separator = prepared(preset, two_parts(), None, 2)
    sound, events = band(rng, 4032, 2), random_midi(rng, 40, 4032)
    expected = masks_of(separator, sound, events)
    assert 0.001 < expected[:, 0].mean() < 0.99
    for power in (-40, -20, 10, 19):  # exactly, since such factors change no digit
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


@pytest.mark.parametrize("kind", ["float64", "strided", "reversed", "read-only", "transposed", "int16"])
def test_any_array_will_do(preset, rng, kind):
    sound = np.round(2000 * band(rng, 1000, 2)).astype(np.float32)
    given = {
        "float64": sound.astype(np.float64),
        "strided": np.repeat(sound, 3, axis=1)[:, ::3],
        "reversed": sound[:, ::-1].copy()[:, ::-1],
        "read-only": sound.copy(),
        "transposed": np.asfortranarray(sound),
        "int16": sound.astype(np.int16),
    }[kind]
    given.flags.writeable = kind != "read-only"
    separator = prepared(preset, one_stem(), None, 2)
    stems, _ = play(separator, given, chord(60))
    separator.reset()
    assert np.array_equal(stems, play(separator, sound, chord(60))[0])


# --- mixer ------------------------------------------------------------------------------------------------------------


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
    """A loud slow sine, nothing open: between neighbouring samples the mix moves little more than the sine itself."""
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
    assert separator.prepared.state["mixer_values"][1] == 1, "after a reset parameters hold at once"


def test_set_refuses_what_is_not_there(preset):
    separator = prepared(preset, one_stem())
    for name, value in [("gain_db.trombone", 0), ("gain_db", 0), ("volume", 1), ("iterations", 3), ("wet", 2),
                        ("bypass", "maybe"), ("gain_db.piano", 25), ("gain_db.piano", float("nan"))]:
        with pytest.raises(RtsepError):
            separator.set(name, value)
    with pytest.raises(RtsepError, match="piano"):
        Separator(preset, one_stem(), {"gain_db.trombone": 0})


# --- reset and prepare ------------------------------------------------------------------------------------------------


def test_reset_is_a_fresh_start(preset, rng):
    sound, events = band(rng, 5000, 2), random_midi(rng, 80, 5000)
    separator = prepared(preset, two_parts(), None, 2)
    play(separator, 1000 * band(rng, 5001, 2), random_midi(rng, 200, 5001))
    play(separator, np.full((2, 100), np.nan, np.float32), midi((3, CONTROL, 64, 127), (4, CONTROL, 66, 127)))
    separator.reset()
    stems, mix = play(separator, sound, events)
    fresh = prepared(preset, two_parts(), None, 2)
    expected, expected_mix = play(fresh, sound, events)
    assert np.array_equal(stems, expected) and np.array_equal(mix, expected_mix)
    assert separator.counters == fresh.counters


def test_prepare_anew_is_a_fresh_start(fine, rng):
    sound, events = band(rng, 5000, 1), random_midi(rng, 80, 5000)
    separator = prepared(fine, two_parts(), {"latency_samples": 0}, 2, 96000)
    play(separator, band(rng, 3000, 2), random_midi(rng, 80, 3000))
    separator.prepare(44100, 1, 4096)
    fresh = prepared(fine, two_parts(), {})
    assert np.array_equal(play(separator, sound, events)[0], play(fresh, sound, events)[0])


def test_two_separators_do_not_know_of_each_other(preset, rng):
    sound, events = band(rng, 3000), random_midi(rng, 60, 3000)
    one, other = prepared(preset, two_parts()), prepared(preset, one_stem(), {"window_samples": 1024}, 2)
    expected, _ = play(one, sound, events)
    one.reset()
    found = []
    for begin in range(0, 3000, 100):
        found.append(process_from(one, sound, events, begin, begin + 100).stems.copy())
        other.process(band(rng, 77, 2), chord(48, 60, 72))
    assert np.array_equal(np.concatenate(found, axis=2), expected)


# --- limits -----------------------------------------------------------------------------------------------------------


def pitches_open(separator, preset):
    return set(preset.row_pitch[[row for _, row in open_rows(separator)]].tolist())


def test_limit_closes_the_quietest(preset, rng):
    """Room for two pitches: 48 sounds, 60 does not, so 60 closes when 72 comes; the others keep playing."""
    phases = np.exp(2j * np.pi * rng.random(WINDOW // 2 + 1))
    period = np.fft.irfft(preset.W[0] * phases, WINDOW)
    sound = np.tile(period / np.abs(period).max(), 8)[None].astype(np.float32)
    separator = prepared(preset, one_stem(), {**SMALL, "max_open_rows": 4})
    events = midi((0, ON, 60, 90), (1, ON, 48, 90), (4096, ON, 72, 90))
    pitches = [pitches_open(s, preset) for s in frame_by_frame(separator, sound, events)]
    assert pitches[40] == {48, 60} and pitches[-1] == {48, 72}
    assert separator.counters.closed_rows >= 2


def test_limit_closes_the_oldest_of_equals(preset):
    """In silence all are equally quiet once the window is over; before that all count as loud."""
    separator = prepared(preset, one_stem(), {**SMALL, "max_open_rows": 4})
    events = midi((2, ON, 48, 90), (1, ON, 60, 90), (3, ON, 72, 90))
    separator.process(np.ones((1, 64), np.float32), events)
    assert pitches_open(separator, preset) == {48, 72}


def test_limit_is_kept_and_nothing_is_counted_below_it(preset, rng):
    sound, events = band(rng, 4000), random_midi(rng, 100, 4000)
    for limit in (4, 5, 7, 24):
        separator = prepared(preset, two_parts(), {**SMALL, "max_open_rows": limit})
        most = max(s.open_count for s in frame_by_frame(separator, sound, events))
        assert most <= limit
        assert (separator.counters.closed_rows > 0) == (limit < 24)
    assert most > 8, "the limit was never reached"


def test_limit_spares_a_young_note_beside_an_old_one_of_its_pitch(preset):
    """Channel 0 has held 60 for long, channel 1 strikes it now: 60 is young again, and the silent 48 closes."""
    separator = prepared(preset, one_stem(), {**SMALL, "max_open_rows": 4})
    separator.process(np.zeros((1, 64), np.float32), midi((0, ON, 60, 90), (1, ON, 48, 90)))
    separator.process(np.zeros((1, 2048), np.float32))
    separator.process(np.zeros((1, 64), np.float32), midi((0, ON | 1, 60, 90), (1, ON, 72, 90)))
    assert pitches_open(separator, preset) == {60, 72}


def test_note_outside_the_preset_is_counted(preset, rng):
    separator = prepared(preset, two_parts())
    sound = band(rng, 3000)
    events = midi((0, ON, 61, 90), (1, ON, 0, 90), (2, ON, 127, 90), (3, ON, 61, 0), (4, OFF, 61, 0),
                  (5, ON, 61, 90, 7))  # part 7 has no stem: ignored, not counted
    stems, _ = play(separator, sound, events)
    assert separator.counters.unmatched_notes == 3
    assert np.array_equal(stems[2], delayed(sound, 256))


def test_more_notes_than_voices(preset, rng):
    """300 keys of 50 channels and parts: 44 voices are taken from the oldest; the sum holds and all keys come up."""
    separator = prepared(preset, one_stem(), {**SMALL, "max_open_rows": 12})
    keys = [(part, channel, pitch) for part in range(4) for channel in range(16) for pitch in PITCHES][:300]
    sound = band(rng, 6000)
    on = midi(*((i, ON | channel, pitch, 90, part) for i, (part, channel, pitch) in enumerate(keys)))
    off = midi(*((2000 + i, OFF | channel, pitch, 0, part) for i, (part, channel, pitch) in enumerate(keys)))
    stems, _ = play(separator, sound, np.concatenate([on, off]))
    assert separator.counters.stolen_voices == 44
    assert_sums_to(stems, sound, 256)
    assert separator.open_count == 0


def test_voices_are_taken_from_released_notes_first():
    """256 keys: one is released, 255 are held; the 257th takes the released one's voice."""
    wide = make_preset(pitches=range(48, 57), rows=1)
    separator = prepared(wide, one_stem())
    keys = [(part, c, p) for part in range(2) for c in range(16) for p in range(48, 56)]
    assert len(keys) == 256
    long = midi(*((i, ON | c, p, 90, part) for i, (part, c, p) in enumerate(keys)))
    separator.process(np.zeros((1, 512), np.float32), long)
    assert separator.counters.stolen_voices == 0
    last = keys[-1]
    messages = midi((0, OFF | last[1], last[2], 0, last[0]), (1, ON, 56, 90))
    separator.process(np.zeros((1, 64), np.float32), messages)
    assert separator.counters.stolen_voices == 1
    voices = separator.prepared.state["voices"]
    sounding = {(int(v["part"]), int(v["channel"]), int(v["pitch"])) for v in voices if v["status"]}
    assert sounding == set(keys[:-1]) | {(0, 0, 56)}


def everything_off():
    return midi(*((0, CONTROL | channel, 120, 0, part) for part in range(32) for channel in range(16)))


@pytest.mark.parametrize("seed", range(4))
def test_any_bytes_at_all(preset, seed):
    """Garbage events of every status never break what must hold; afterwards `all sound off` closes everything."""
    rng = np.random.default_rng(seed)
    limit = int(rng.integers(4, 30))
    separator = prepared(preset, two_parts(), {**SMALL, "max_open_rows": limit}, 2)
    sound = band(rng, 6000, 2)
    events = np.zeros(6000, EVENT)
    events["sample"] = np.sort(rng.integers(0, 6000, 6000))
    for name in ("part", "status", "data1", "data2"):
        events[name] = rng.integers(0, 256, 6000)
    events["stem"][::2] = rng.choice([0, 1, 2, 3, 4, 2**31, 2**32 - 1], 3000)
    events["part"][::2] %= 3
    events["data1"][::3] = rng.choice([*PITCHES, 64, 66, 120, 121, 123, 126], 2000)
    assert set(events["status"]) == set(range(256))
    found = []
    for begin in range(0, 6000, 100):
        found.append(process_from(separator, sound, events, begin, begin + 100).stems.copy())
        assert separator.open_count <= limit
        np.testing.assert_allclose(separator.masks.sum(axis=0), 1, atol=1e-6)
    stems = np.concatenate(found, axis=2)
    assert_sums_to(stems, sound, 256)
    assert stems[:2].any()
    separator.process(sound[:, :100], everything_off())
    separator.process(sound[:, : WINDOW + 64 + round(0.01 * RATE)])
    assert not separator.activations.any()
    assert separator.open_count == 0 and (separator.masks[-1] == 1).all()


# --- the plan ---------------------------------------------------------------------------------------------------------


def test_gate_off_opens_everything(preset, rng):
    separator = prepared(preset, one_stem(), {**SMALL, "gate": False, "max_open_rows": 4})
    stems, _ = play(separator, band(rng, 2000))
    assert separator.open_count == 12 and stems[0].any()
    assert separator.counters.closed_rows == 0


def test_gate_off_splits_by_pitch(preset, rng):
    table = np.zeros((32, 16, 128), np.int8)
    table[:, :, 60:] = 1
    separator = prepared(preset, Routing(("low", "high"), table), {**SMALL, "gate": False})
    play(separator, band(rng, 2000))
    assert [stem for stem, _ in open_rows(separator)] == [0] * 4 + [1] * 8


def test_gate_off_opens_pitches_that_only_other_channels_play(preset, rng):
    """Notes on channel 3 alone: without the gate their stem still gets every template."""
    table = np.full((32, 16, 128), -1, np.int8)
    table[:, 2] = 0
    separator = prepared(preset, Routing(("channel_3",), table), {**SMALL, "gate": False})
    play(separator, band(rng, 2000))
    assert separator.open_count == 12


def preset_with_a_whistle():
    """Three pitches; the middle one's templates lie between 12 and 20 kHz."""
    preset = make_preset(pitches=(50, 60, 70))
    hertz = np.arange(WINDOW // 2 + 1) * RATE / WINDOW
    W = preset.W.copy()
    W[2:4] = (hertz > 12000) & (hertz < 20000)
    return dataclasses.replace(preset, W=(W / W.sum(axis=1, keepdims=True)).astype(np.float32))


def test_rows_are_found_again_when_another_rate_drops_some(rng):
    preset = preset_with_a_whistle()
    plan = design(preset, one_stem(), {"window_samples": 1024}, 22050, 1).values
    assert plan["rows"] == 4 and plan["bins"] == 513
    for pitch, first, count in ((49, 0, 0), (50, 0, 2), (60, 2, 0), (70, 2, 2), (71, 4, 0)):
        assert plan["row_count"][0, pitch] == count
        assert plan["first_row"][0, pitch] == first or count == 0
    mapped = map_templates(preset.W, RATE, WINDOW, 22050, 1024)
    assert np.array_equal(plan["W"][:4, :513], mapped[[0, 1, 4, 5]]) and not plan["W"][:, 513:].any()
    separator = prepared(preset, one_stem(), {"window_samples": 1024}, 1, 22050)
    stems, _ = play(separator, band(rng, 3000, rate=22050), chord(60))
    assert separator.counters.unmatched_notes == 1 and not stems[0].any()
    play(separator, band(rng, 3000, rate=22050), chord(70))
    assert open_rows(separator) == [(0, 2), (0, 3)]


def test_mapped_preset_still_finds_the_pitch(rng):
    """Made at 44.1 kHz, played at 48: a tone goes to its own part and not to its neighbour a semitone higher."""
    preset = make_preset(pitches=(72, 74), window=4096)
    row = harmonic_row(np.random.default_rng(9), 72, 48000, 4096)
    period = np.fft.irfft(row * np.exp(2j * np.pi * rng.random(2049)), 4096)
    sound = np.tile(period / np.abs(period).max(), 4)[None].astype(np.float32)
    separator = prepared(preset, two_parts(), {}, 1, 48000)
    stems, _ = play(separator, sound, np.concatenate([chord(72), chord(74, part=1)]))
    energy = (stems[:2, 0, 8192:] ** 2).sum(axis=1)
    assert energy[0] > 10 * energy[1]


def test_too_coarse_a_preset_is_refused(preset):
    with pytest.raises(RtsepError, match="window"):
        Separator(preset, one_stem()).prepare(RATE, 1, 512)


def test_padding_is_zero(preset):
    plan = design(preset, one_stem(), SMALL, RATE, 1).values
    assert plan["stride"] % 16 == 0 and plan["stride"] >= plan["bins"] == 513
    assert np.array_equal(plan["W"][:12, :513], preset.W) and not plan["W"][:, 513:].any()


def test_own_parameters_beat_the_presets_and_these_the_defaults(preset):
    mine = dataclasses.replace(preset, defaults={"iterations": 7, "mask_power": 3.0, "gain_db.piano": -12.0})
    plan = design(mine, one_stem(), {**SMALL, "mask_power": 1.5}, RATE, 1).values
    assert (plan["iterations"], plan["power_halves"]) == (7, 3)
    separator = prepared(mine, one_stem())
    assert separator.prepared.targets[2] == pytest.approx(10 ** (-12 / 20))
    separator.set("gain_db.piano", 0)
    assert separator.prepared.targets[2] == 1


def test_release_and_decay_keep_to_the_parameters(preset):
    release, decay = np.linspace(0, 10, 128).astype(np.float32), np.linspace(0, 100, 128).astype(np.float32)
    times = dataclasses.replace(preset, release_s=release, decay_s=decay)
    params = {**SMALL, "release_min_ms": 100, "release_max_ms": 2000, "decay_max_s": 30}
    plan = design(times, one_stem(), params, 48000, 1).values
    assert np.array_equal(plan["release"][0], np.round(np.clip(release.astype(float), 0.1, 2) * 48000))
    assert np.array_equal(plan["decay"][0], np.round(np.minimum(decay.astype(float), 30) * 48000))


def test_output_is_good_until_the_next_call(preset, rng):
    """Views, as promised: no copies in the audio path."""
    separator = prepared(preset, one_stem())
    first = separator.process(band(rng, 64)).stems
    second = separator.process(band(rng, 64)).stems
    assert np.shares_memory(first, second)
    assert first.dtype == np.float32 and first.shape == (2, 1, 64)


# --- an instrument for each stem --------------------------------------------------------------------------------------


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
            W = map_templates(instrument.W, instrument.sample_rate, instrument.window_size, RATE, WINDOW)
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
    plan = separator.prepared.plan.values
    assert (plan["iterations"], plan["power_halves"]) == (7, 8)
    assert separator.instruments[1] is second


@pytest.mark.parametrize("count", [1, 3])
def test_one_preset_for_each_stem_or_one_for_all(preset, count):
    with pytest.raises(ValueError, match=f"{count} presets for 2 stems"):
        Separator([preset] * count, two_parts())


# --- rows for an age of their note, and notes that end others ---------------------------------------------------------


def drum_preset(rng):
    """As `preset`, but its rows are open at ages of their own, some at any, and three of its pitches choke each other."""
    preset = make_preset(release_s=0.02)
    age_s = np.sort(rng.uniform(0, 0.05, (len(preset.W), 2)), axis=1).astype(np.float32) + np.float32([0, 1e-3])
    age_s[::3] = preset.row_age_s[::3]
    age_s[1::3, 0] = 0
    choke = np.zeros(128, np.int8)
    choke[[48, 60, 64]], choke[[52, 67]] = 1, 2
    return dataclasses.replace(preset, row_age_s=age_s, choke=choke)


@pytest.mark.parametrize("params", [{}, {"gate": False}, {"latency_samples": 128}, INSTANT])
def test_rows_that_wait_for_their_age_agree_with_the_twin(rng, params):
    sound, events = band(rng, LONG), random_midi(rng, 200, LONG)
    drums = prepared(drum_preset(rng), two_parts(), {**SMALL, **params})
    expected = reference.separate(sound, events, reference_setup(drums))
    counts = []
    for k, separator in enumerate(frame_by_frame(drums, sound, events)):
        if k < len(expected.masks):  # the last block may be shorter than a hop
            assert open_rows(separator) == expected.open_rows[k]
            np.testing.assert_allclose(separator.masks, expected.masks[k], atol=2e-3)
            counts.append(len(expected.open_rows[k]))
    assert params == {"gate": False} or len(set(counts)) > 4, "rows come and go"


def test_ages_move_with_the_window(rng):
    """They are those of the training's frames, which hear a note half their synthesis window late."""
    preset = drum_preset(rng)
    ages = [prepared(preset, one_stem(), {**SMALL, "latency_samples": latency}).prepared.plan.values["row_age"]
            for latency in (128, 256)]
    limited = (preset.row_age_s > 0) & (preset.row_age_s < 1)
    moved = (ages[1] - ages[0])[limited]
    assert limited.any() and (np.abs(moved - 64) <= 64).all() and (np.abs(moved[ages[0][limited] > 0] - 64) <= 1).all()
    assert (ages[0] == ages[1])[~limited].all()
