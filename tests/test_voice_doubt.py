"""Stage voice_doubt: a pitch that can be a told note is no voice until it moves or swells."""

import numpy as np
import pytest
from conftest import ON, RATE, make_preset, midi
from engine_state import kernel_memory, on_records

from rtsep import Separator
from rtsep.notes.routing import everything, with_voice
from rtsep.reference.passed import Group, Open
from rtsep.reference.voice_doubt import Doubt
from rtsep.stages import voice_doubt

SIZE, HOP = 4096, 512
FRAMING = {"mode": "quality", "latency_samples": SIZE, "window_samples": SIZE, "hop_samples": HOP}
FRAMES = 120
TOLD = 60
SURE = np.float32(2)


@on_records
def judge(plan, state, told, place, level, sureness, certain, found):
    """Fill found [frame] with whether each frame is doubted; told: a pitch with an open note, or -1."""
    state.open.group_at[:] = -1
    state.open.groups = 0
    if told >= 0:
        state.open.group_at[0, told] = 0
        state.open.groups = 1
    for n in range(found.shape[0]):
        hz = np.float32(440 * 2 ** ((place[n] - 69) / 12)) if place[n] > 0 else np.float32(0)
        voice_doubt.follow(plan.voice_doubt, state.voice_doubt, state.open, hz, sureness, certain)
        voice_doubt.note_level(plan.voice_doubt, state.voice_doubt, level[n])
        found[n] = state.voice_doubt.doubted


def doubted(place, level=None, told=TOLD, sureness=SURE, certain=False):
    """Whether each frame is doubted; place [frame]: MIDI pitches, 0: unvoiced. The twin must agree."""
    place = np.full(FRAMES, place) if np.isscalar(place) else place
    level = np.ones(len(place)) if level is None else level
    plan, state = kernel_memory(make_preset((48, 55, 60), window=SIZE), params=FRAMING)
    found = np.zeros(len(place))
    judge(plan, state, told, place, level.astype(np.float32), np.float32(sureness), certain, found)
    nothing = np.zeros(0, np.int64)
    opened = Open(nothing, nothing, nothing, [Group(0, told, 0, True)] if told >= 0 else [])
    twin = Doubt(HOP / RATE, SIZE / RATE)
    for n, (at, loud) in enumerate(zip(place, level, strict=True)):
        twin.follow(opened, 440 * 2 ** ((at - 69) / 12) if at > 0 else 0, float(sureness), certain)
        twin.note_level(float(loud))
        assert twin.doubted == found[n]
    assert abs(twin.sings - state.sings[()]) < 1e-5
    return found.astype(bool)


def decaying():
    return 10 ** (-np.arange(FRAMES) / 100)


@pytest.mark.parametrize("place", [60.3, 72.1, 47.9])
def test_what_decays_on_a_told_note_is_the_note(place):
    assert doubted(place, decaying()).all()


@pytest.mark.parametrize("place", [63.0, 60.5, 72.3])
def test_another_pitch_is_a_voice(place):
    assert not doubted(place, decaying()).any()


def test_without_told_notes_or_with_a_told_melody_nothing_is_doubted():
    assert not doubted(60.0, decaying(), told=-1, sureness=0.4).any()
    assert not doubted(60.0, decaying(), certain=True).any()


def test_a_faint_pitch_is_doubted_wherever_it_is():
    assert doubted(63.0, decaying(), sureness=voice_doubt.FAINT - 0.1).all()


def test_a_voice_that_wavers_is_known_soon_and_stays_known():
    place = 60 + 0.4 * np.sin(2 * np.pi * 5.5 * np.arange(FRAMES) * HOP / RATE)
    found = doubted(place)
    assert found[:3].all() and not found[12:].any()


def test_a_voice_that_swells_is_known():
    level = np.where(np.arange(FRAMES) < 40, 1.0, 1.5)
    found = doubted(60.0, level)
    assert found[:40].all() and not found[45:].any()


def test_a_new_contour_is_doubted_anew():
    place = np.concatenate([60 + 0.4 * np.sin(np.arange(60) / 3), [0.0], np.full(59, 60.1)])
    found = doubted(place, np.concatenate([np.ones(61), decaying()[:59]]))
    assert not found[20:61].any() and found[61:].all()


def test_without_a_voice_nothing_is_a_consonant():
    place = np.concatenate([np.zeros(10), 63 + 0.4 * np.sin(np.arange(20) / 3), np.zeros(90)])
    found = doubted(place)
    assert found[:10].all() and not found[10:40].any() and found[80:].all()


@pytest.mark.parametrize("mode", ["live", "quality"])
def test_a_note_that_is_out_of_tune_stays_in_its_stem(mode):
    samples = round(RATE)
    time = np.arange(samples) / RATE
    out_of_tune = 0.2 * np.exp(-2 * time) * sum(np.sin(2 * np.pi * 261.6 * 1.013 * n * time) / n for n in range(1, 11))
    sound = out_of_tune[None].astype(np.float32)
    latency = 512 if mode == "live" else SIZE
    params = {**FRAMING, "mode": mode, "latency_samples": latency, "hop_samples": 256, "background": 4}
    separator = Separator(make_preset((48, 55, 60), window=SIZE), with_voice(everything("piano"), "voice"), params)
    separator.prepare(RATE, 1, samples)
    stems = separator.process(sound, midi((0, ON, TOLD, 90))).stems[:, 0]
    assert (stems[1] ** 2).sum() < 0.05 * (sound**2).sum()  # without doubt it is more than half
