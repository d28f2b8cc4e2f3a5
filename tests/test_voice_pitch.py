"""Stage voice_pitch: the pitch of a single line in the spectrum that the told notes leave."""

import numpy as np
import pytest
from conftest import RATE
from engine_state import kernel_memory, on_records

from rtsep import find_preset, load_preset
from rtsep.reference import voice_left as plain_left
from rtsep.reference import voice_pitch as twin
from rtsep.stages import voice_left, voice_pitch
from rtsep.stages.voice_grid import CANDIDATES, HIGHEST_HZ, LOWEST_HZ, STEPS, limits_of
from rtsep.stages.voice_pitch import AROUND_CENTS, SURE, TRACE
from rtsep.windows import Framing, window_pair

SIZE, HOP = 4096, 256
BINS, HOP_S = SIZE // 2 + 1, HOP / RATE
FRAMING = {"mode": "quality", "latency_samples": SIZE, "window_samples": SIZE, "hop_samples": HOP}


@on_records
def track(plan, state, told, left, found):
    """Fill found [frame] with the pitch of every frame of left [frame, bin]."""
    for n in range(found.shape[0]):
        voice_pitch.begin(state.voice_pitch)
        state.melody.told_low_hz = state.melody.told_high_hz = told[n]
        found[n] = voice_pitch.step(plan.voice_pitch, state.voice_pitch, state.melody, left[n])


class Tracker:
    """The compiled stage, with its memory. `limits`: the range of candidates."""

    def __init__(self, low_hz=LOWEST_HZ, high_hz=HIGHEST_HZ):
        self.plan, self.state = kernel_memory(load_preset(find_preset("piano")), params=FRAMING)
        self.plan.first_candidate, self.plan.end_candidate = limits_of(low_hz, high_hz)

    def __call__(self, left, told=None):
        """The pitch of every frame in Hz."""
        found = np.zeros(len(left), np.float32)
        told = np.zeros(len(left)) if told is None else np.broadcast_to(told, len(left))
        track(self.plan, self.state, told.astype(np.float32), left.astype(np.float32), found)
        return found


def spectra(sound):
    """The frames of a sound [sample] as shares, [frame, bin]."""
    window = window_pair(Framing(SIZE, SIZE, HOP))[0]
    frames = np.lib.stride_tricks.sliding_window_view(sound, SIZE)[::HOP] * window
    V = np.abs(np.fft.rfft(frames))
    return V / np.maximum(V.sum(axis=1, keepdims=True), 1e-30)


def line(pitch_hz, partials=lambda n: 1 / n, level=0.1):
    """A tone of many partials whose fundamental frequency is pitch_hz [sample]."""
    phase = 2 * np.pi * np.cumsum(pitch_hz) / RATE
    return level * sum(partials(n) * np.sin(n * phase) for n in range(1, 30) if n * np.max(pitch_hz) < RATE / 2)


def steady(hz, seconds=0.4):
    return np.full(int(seconds * RATE), float(hz))


def cents(found, hz):
    return 1200 * np.log2(found / hz)


def middles(curve, frames):
    """The values of a curve [sample] in the middle of every frame."""
    return curve[np.arange(frames) * HOP + SIZE // 2]


@on_records
def subtract(plan, state, V, notes, expected, others, left):
    """Fill left [bin] with what the notes leave."""
    voice_left.leave(V, notes, expected, others, left)


def test_what_the_notes_leave_agrees_with_the_twin(rng):
    V, notes, expected, others = rng.random((4, BINS)).astype(np.float32) / BINS
    others[:100] = notes[:100] = 0
    left = np.zeros(BINS, np.float32)
    subtract(*kernel_memory(), V, notes, expected, others, left)
    assert np.allclose(left, plain_left.leave(V, notes, expected, others), rtol=1e-4, atol=1e-8)
    assert (left <= V).all() and (left >= 0).all()


@pytest.mark.parametrize("told", [0.0, 310.0])
def test_it_agrees_with_the_plain_numpy_twin(rng, told):
    time = np.arange(int(RATE)) / RATE
    sound = line(300 * 2 ** (np.sin(5 * time) / 6)) + 0.02 * rng.standard_normal(int(RATE))
    left = spectra(sound)
    left[50:60] = 0
    plain = twin.VoicePitch(BINS, RATE / SIZE, HOP_S)
    expected = np.array([plain.step(frame, (told, told)) for frame in left])
    assert (expected > 0).mean() > 0.6
    found = Tracker()(left, told)
    assert np.allclose(found, expected, rtol=2e-4)


@pytest.mark.parametrize("hz", [70, 98, 147, 220, 415, 740, 1400, 2000])
def test_a_steady_tone_is_found_within_some_cents(hz):
    found = Tracker()(spectra(line(steady(hz))))
    assert np.abs(cents(found[5:], hz)).max() < 15


def test_no_partial_needs_to_be_the_loudest():
    weak_first = Tracker()(spectra(line(steady(220), lambda n: 0.1 if n == 1 else 1 / n)))
    odd = Tracker()(spectra(line(steady(220), lambda n: (n % 2) / n)))
    assert np.abs(cents(weak_first[5:], 220)).max() < 15 and np.abs(cents(odd[5:], 220)).max() < 15


def test_vibrato_and_glides_are_followed():
    time = np.arange(int(1.5 * RATE)) / RATE
    for curve in (440 * 2 ** (0.5 * np.sin(2 * np.pi * 5.5 * time) / 12), 220 * 2 ** (time / 1.5)):
        found = Tracker()(spectra(line(curve)))
        away = np.abs(cents(found, middles(curve, len(found))))[10:]
        assert np.median(away) < 40 and away.max() < 100


def test_a_new_note_is_found_within_a_tenth_of_a_second():
    curve = np.concatenate([steady(262, 0.5), steady(392, 0.5)])
    found = Tracker()(spectra(line(curve)))
    begin = (int(0.5 * RATE) - SIZE // 2) // HOP
    assert np.abs(cents(found[begin + int(0.1 * RATE / HOP) :], 392)).max() < 15


def test_of_two_voices_the_louder_one_is_found():
    low, high = line(steady(196)), line(steady(277))
    for sound, hz in ((low + 0.3 * high, 196), (0.3 * low + high, 277)):
        assert np.abs(cents(Tracker()(spectra(sound))[5:], hz)).max() < 25


def test_noise_and_silence_are_unvoiced(rng):
    noise = spectra(0.1 * rng.standard_normal(int(RATE)))
    assert (Tracker()(noise) == 0).mean() > 0.95
    assert not Tracker()(np.zeros((20, BINS))).any()


def test_nan_is_unvoiced_and_does_no_harm():
    left = spectra(line(steady(300)))
    left[10:14] = np.nan
    found = Tracker()(left)
    assert not found[10:14].any()
    assert np.abs(cents(found[20:], 300)).max() < 15


def test_the_range_limits_the_pitch():
    found = Tracker(300, 900)(spectra(line(steady(220))))
    voiced = found[found > 0]
    assert not len(voiced) or (voiced.min() > 290 and voiced.max() < 910)


def test_a_told_melody_decides_between_voices_and_rests():
    left = spectra(line(steady(196)) + 0.3 * line(steady(277)))
    assert np.abs(cents(Tracker()(left, 280)[5:], 277)).max() < 25
    found = Tracker()(left, 233)
    assert np.abs(cents(found[found > 0], 233)).max(initial=0) < AROUND_CENTS + 100 / STEPS
    assert not Tracker()(left, -1).any()


def test_a_weak_line_is_voiced_only_where_it_is_told(rng):
    left = spectra(line(steady(277)) + 0.25 * rng.standard_normal(len(steady(277))))
    assert (Tracker()(left) > 0).mean() < 0.2
    assert (np.abs(cents(np.maximum(Tracker()(left, 277), 1), 277)) < 50).mean() > 0.8


@pytest.mark.parametrize("told", [20.0, 54.0, 2300.0, 9000.0])
def test_a_told_note_outside_all_candidates_is_harmless(told):
    found = Tracker()(spectra(line(steady(220))), told)
    assert np.isfinite(found).all()


def test_the_last_frames_can_be_read_afterwards():
    tracker, left = Tracker(), spectra(line(steady(300)))
    found = tracker(left)
    assert tracker.state.pitch_frames[0] == len(left) < TRACE
    trace = tracker.state.pitch_trace[: len(left)]
    assert np.array_equal(np.maximum(trace[:, 0], 0), found)
    assert (trace[:, 1][found > 0] >= SURE).all()


def test_limits_have_at_least_one_candidate():
    for low, high in ((1, 2), (9000, 9999), (440, 440), (1, 9999)):
        first, end = limits_of(low, high)
        assert 0 <= first < end <= CANDIDATES
