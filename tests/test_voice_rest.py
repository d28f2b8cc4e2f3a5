"""Stage voice_rest: where nobody sings, notes are separated as without a voice."""

import numpy as np
import pytest
from conftest import ON, RATE, make_preset, midi, with_envelopes
from engine_state import kernel_memory, on_records

from rtsep import Separator
from rtsep.notes.routing import everything, with_voice
from rtsep.stages import voice_rest

HOP = 256
SAMPLES = 22050
PARAMS = {"mode": "live", "latency_samples": 1024, "window_samples": 4096, "hop_samples": HOP, "background": 4}


@on_records
def follow(plan, state, hz, groups, known, found):
    """Fill found [frame] with whether the voice rests."""
    for n in range(found.shape[0]):
        voice_rest.follow(plan.voice_rest, state.voice_rest, groups, hz[n], known)
        found[n] = state.voice_rest.rests


def rests(hz, groups=1, known=False):
    plan, state = kernel_memory(make_preset((48, 60), window=4096), params=PARAMS)
    found = np.zeros(len(hz))
    follow(plan, state, np.asarray(hz, np.float32), groups, known, found)
    return found.astype(bool)


def test_a_voice_rests_before_it_sings_and_some_time_after():
    hz = np.zeros(200)
    hz[20:60] = 300
    found = rests(hz)
    assert found[:20].all() and not found[20:60].any()
    later = 60 + int(0.3 * RATE / HOP)
    assert not found[60:later].any() and found[later + 40 :].all()


@pytest.mark.parametrize("how", [{"groups": 0}, {"known": True}])
def test_without_told_notes_and_with_a_known_pitch_there_is_no_rest(how):
    assert not rests(np.zeros(10), **how).any()


def test_without_a_voice_notes_sound_as_without_the_stem():
    rng, time = np.random.default_rng(0), np.arange(SAMPLES) / RATE
    sound = 0.1 * np.exp(-3 * time) * rng.standard_normal(SAMPLES)
    sound = (sound + 0.01 * np.sin(2 * np.pi * 261.6 * time))[None].astype(np.float32)
    found = []
    for routing in (everything("piano"), with_voice(everything("piano"), "voice")):
        separator = Separator(with_envelopes(make_preset((48, 60), window=4096)), routing, PARAMS)
        separator.prepare(RATE, 1, SAMPLES)
        found.append(separator.process(sound, midi((0, ON, 60, 90))).stems[:, 0].copy())
        assert np.abs(found[-1][0]).max() > 0
    assert np.abs(found[1][1]).max() == 0
    assert np.allclose(found[0][0], found[1][0], atol=1e-6)
