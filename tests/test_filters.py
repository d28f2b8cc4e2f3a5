"""Stage filters: the causal filters of instant mode, which are designed between frames."""

import numpy as np
import pytest
from conftest import (
    INSTANT,
    PITCHES,
    SMALL,
    WINDOW,
    band,
    chord,
    delayed,
    five_stems,
    harmonic_row,
    make_preset,
    midi,
    one_stem,
    play,
    prepared,
    random_midi,
    two_parts,
)

from rtsep import reference
from rtsep.engine.separator import Separator
from rtsep.errors import RtsepError
from rtsep.windows import choose_framing

LONG = 8000


def late(samples):
    return {**INSTANT, "latency_samples": samples}


# --- the specification ------------------------------------------------------------------------------------------------


def smooth_powers(size=2048):
    """Two power spectra that a filter of some hundred taps can tell apart: resonances that fade within the window."""
    powers = []
    for hertz, width in ((0.05, 0.02), (0.09, 0.03)):
        pole = np.exp(-width + 2j * np.pi * hertz)
        powers.append(np.abs(np.fft.rfft([1, -2 * pole.real, abs(pole) ** 2], size)) ** -2.0 + 1e-4)
    return powers


@pytest.mark.parametrize("delay", [0, 1, 40])
def test_the_filter_solves_the_normal_equations(delay):
    """The twin's filter h satisfies R h = r (Wiener and Hopf): R is the mix's autocorrelation, r the stem's, `delay` later."""
    mine, other = smooth_powers()
    taps = 400
    of_mix, of_stem = np.fft.irfft(mine + other), np.fft.irfft(mine)
    lags = np.arange(taps)
    expected = np.linalg.solve(of_mix[np.abs(lags[:, None] - lags)], of_stem[np.abs(lags - delay)])
    found = reference.causal_filter(mine / (mine + other), mine + other, delay, taps)
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("delay", [0, 7, 100])
def test_the_filters_of_all_stems_are_a_delay(delay):
    powers = np.array([*smooth_powers(), np.full(1025, 0.01)])
    masks, power = reference.power_mask(powers, 1), reference.expected_power(np.sqrt(powers), 1e-4)
    total = sum(reference.causal_filter(mask, power, delay, 512) for mask in masks)
    np.testing.assert_allclose(total, np.eye(512)[delay], atol=1e-7)


def test_minimum_phase_means_causal_both_ways():
    power = smooth_powers()[0]
    B = reference.minimum_phase(power)
    np.testing.assert_allclose(np.abs(B) ** 2, power, rtol=1e-9)
    for response in (np.fft.irfft(B), np.fft.irfft(1 / B)):
        assert np.abs(response[1024:]).max() < 1e-6 * np.abs(response).max()


# --- blocks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("params, channels", [(INSTANT, 1), ({**late(100), "hop_samples": 128}, 2)])
def test_block_sizes_do_not_change_a_bit(rng, params, channels):
    sound, events = band(rng, LONG, channels), random_midi(rng, 120, LONG, parts=5)
    separator = prepared(make_preset(rows=3), five_stems(), params, channels, max_block=LONG)
    stems, mix = play(separator, sound, events, (LONG,))
    assert (np.abs(stems[:, 0]).max(axis=1) > 0).all()
    for sizes in [(1,), (7,), (16,), (32,), (63,), (64,), (1000,), (1, 0, 128, 3), tuple(rng.integers(1, 700, 50))]:
        separator.reset()
        again, mix_again = play(separator, sound, events, sizes)
        assert np.array_equal(stems, again) and np.array_equal(mix, mix_again), sizes


# --- latency ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("latency", [0, 1, 37, 64, 256])
def test_latency_is_what_was_asked_for(preset, rng, latency):
    """In the sum of all stems an impulse comes `latency` samples later and at no other time, while many notes play."""
    separator = prepared(preset, two_parts(), late(latency))
    assert separator.latency == latency == separator.framing.latency
    sound, events = band(rng, LONG), random_midi(rng, 80, LONG)
    stems, _ = play(separator, sound, events)
    assert np.abs(stems[:2]).max() > 0.02
    total = stems.astype(float).sum(axis=0)
    assert np.abs(total - delayed(sound, latency)).max() <= 1e-5 * np.abs(sound).max()
    separator.reset()
    click = np.zeros((1, LONG), np.float32)
    click[0, 5000] = 1
    answer = play(separator, click, events)[0].sum(axis=0)[0]
    assert answer[5000 + latency] == pytest.approx(1, abs=1e-6)
    assert np.abs(np.delete(answer, 5000 + latency)).max() < 1e-6


@pytest.mark.parametrize("latency", [0, 100])
@pytest.mark.parametrize("cut", [3000, 3008, 3007])
def test_no_stem_knows_the_future(preset, rng, latency, cut):
    """Whatever sound or notes come from a sample on, the stems before that sample are the same, bit for bit."""
    separator = prepared(preset, two_parts(), late(latency))
    sound, events = band(rng, 5000), random_midi(rng, 60, 5000)
    stems, _ = play(separator, sound, events)
    other, others = sound.copy(), events[events["sample"] < cut]
    other[:, cut:] = band(rng, 5000 - cut)
    separator.reset()
    again, _ = play(separator, other, others)
    assert np.array_equal(stems[:, :, :cut], again[:, :, :cut]) and not np.array_equal(stems[:, :, cut], again[:, :, cut])


def test_a_stem_answers_at_once(preset, rng):
    """With fixed filters, an impulse on top of the sound is in the stems at the same sample."""
    sound = band(rng, 4000)
    louder = sound.copy()
    louder[0, 3000] += 1
    both = [play(prepared(preset, two_parts(), INSTANT), given, np.concatenate([chord(60), chord(67, part=1)]))[0]
            for given in (sound, louder)]
    change = both[1] - both[0]
    assert not change[:, :, :3000].any() and (np.abs(change[:2, 0, 3000]) > 1e-3).all()


def test_sound_before_any_frame_is_the_residual(preset):
    """Filters come from frames: before the first frame there are none."""
    separator = prepared(preset, one_stem(), INSTANT)
    stems, _ = play(separator, np.ones((1, 80), np.float32), chord(60))
    assert not stems[0, :, :80].any() and (stems[1] == 1).all()
    stems, _ = play(separator, np.ones((1, 1), np.float32))
    assert stems[0].any(), "the first slot after the first frame has made a filter"


@pytest.mark.parametrize("params", [{"latency_samples": 257}, {"filter_taps": 63}, {"filter_taps": 513}, {"hop_samples": 256},
                                    {"hop_samples": 8}, {"hop_samples": 48}])
def test_what_does_not_fit_is_refused_in_one_line(preset, params):
    with pytest.raises(RtsepError, match=f"{next(iter(params))} = .*allowed") as caught:
        prepared(preset, one_stem(), {**INSTANT, **params})
    assert "\n" not in str(caught.value)


def test_default_sizes():
    framing = choose_framing("instant", 44100)
    assert (framing.window_size, framing.latency, framing.hop, framing.taps) == (4096, 0, 128, 2048)
    assert choose_framing("instant", 96000).taps == 4096


# --- quality ----------------------------------------------------------------------------------------------------------


def test_open_note_is_found_in_its_stem(preset, rng):
    """A tone made of one part's template goes to that part, with no latency at all."""
    row = harmonic_row(np.random.default_rng(3), 60, 44100, WINDOW)
    period = np.fft.irfft(row * np.exp(2j * np.pi * rng.random(WINDOW // 2 + 1)), WINDOW)
    sound = np.tile(period / np.abs(period).max(), 8)[None].astype(np.float32)
    separator = prepared(preset, two_parts(), INSTANT)
    stems, _ = play(separator, sound, np.concatenate([chord(60, part=0), chord(52, 67, part=1)]))
    error = ((stems[0, 0] - sound[0])[2 * WINDOW :] ** 2).mean() / (sound**2).mean()
    assert error < 0.05


# --- levels and faults ------------------------------------------------------------------------------------------------


def test_stems_follow_the_level(preset, rng):
    separator = prepared(preset, two_parts(), INSTANT, 2)
    sound, events = band(rng, 4000, 2), random_midi(rng, 40, 4000)
    expected, _ = play(separator, sound, events)
    for factor in (2.0**-40, 2.0**19):  # powers of two change no digit
        separator.reset()
        stems, _ = play(separator, sound * np.float32(factor), events)
        assert np.array_equal(stems, expected * np.float32(factor))
    for factor in (1e3, 1e-6):
        separator.reset()
        stems, _ = play(separator, sound * np.float32(factor), events)
        np.testing.assert_allclose(stems / factor, expected, atol=1e-4)


def test_silence_and_faults(preset, rng):
    separator = prepared(preset, two_parts(), INSTANT, 2)
    stems, _ = play(separator, np.zeros((2, 3000), np.float32), chord(*PITCHES))
    assert not stems.any()
    stems, _ = play(separator, np.full((2, 1000), np.nan, np.float32))
    assert not stems.any() and separator.counters.bad_samples == 2000
    stems, _ = play(separator, band(rng, 3000, 2))
    assert np.isfinite(stems).all() and np.abs(stems[0]).max() > 0.01
    stems, _ = play(separator, np.zeros((2, 4000), np.float32))
    assert not stems[:, :, 2 * WINDOW :].any()


def test_nothing_open_is_all_residual(preset, rng):
    separator = prepared(preset, two_parts(), late(50), 2)
    sound = band(rng, 3000, 2)
    stems, _ = play(separator, sound)
    assert not stems[:2].any() and np.array_equal(stems[2], delayed(sound, 50))


@pytest.mark.parametrize("hop", [16, 64, 128])
def test_notes_that_come_and_go_do_not_click(preset, hop):
    """Keys go down and up under a slow sine: no stem moves faster than over the full range in one slot."""
    separator = prepared(preset, two_parts(), {**INSTANT, "hop_samples": hop})
    own = 2 * np.pi * 50 / 44100
    sine = np.sin(own * np.arange(20000))[None].astype(np.float32)
    events = midi(*((500 * i, (0x90, 0x80)[i // 2 % 2], (60, 67)[i % 2], 90, i % 2) for i in range(20)))
    stems, _ = play(separator, sine, events)
    assert np.abs(stems[:2]).max() > 0.05
    assert np.abs(np.diff(stems)).max() < own + 2 / (hop // 4)


# --- exchange ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("params", [{"mode": "live", "latency_samples": 256}, {"filter_taps": 256}, {"latency_samples": 100},
                                    {"hop_samples": 32}, {"mode": "quality", "latency_samples": 0}])
def test_another_mode_or_filter_length_wants_to_be_prepared(preset, params):
    """Also if the latency is the same."""
    separator = prepared(preset, two_parts(), late(256))
    assert not separator.exchange(params=params) and separator.latency == 256


@pytest.mark.parametrize("cut", [2000, 2048, 2050, 2064, 2100])
def test_sound_goes_on_under_another_plan(preset, rng, cut):
    """Also if the exchange comes between a frame and its filters, and if the new plan has fewer rows."""
    separator, sound = prepared(preset, two_parts(), INSTANT), band(rng, 4000)
    events = np.concatenate([chord(*PITCHES[:3]), chord(*PITCHES[3:], part=1)])
    whole, _ = play(separator, sound, events)
    separator.reset()
    first, _ = play(separator, sound[:, :cut], events)
    assert separator.exchange(params={"mask_power": 1, "max_open_rows": 4, "filter_floor_db": -30})
    second, _ = play(separator, sound[:, cut:])
    stems = np.concatenate([first, second], axis=2)
    assert np.array_equal(stems[:, :, :cut], whole[:, :, :cut]) and not np.array_equal(stems, whole)
    assert np.abs(stems.sum(axis=0) - sound).max() <= 1e-5 * np.abs(sound).max()


def test_prepare_in_another_mode(preset, rng):
    """One separator is prepared again and again with the same parameters except the mode."""
    sound = band(rng, 3000)
    for mode in ("instant", "live", "instant"):
        separator = Separator(preset, two_parts(), {**SMALL, "mode": mode})
        separator.prepare(44100, 1, 512)
        assert separator.latency == 256
        stems, _ = play(separator, sound, chord(60))
        assert np.abs(stems.sum(axis=0) - delayed(sound, 256)).max() <= 1e-5 * np.abs(sound).max()
