"""The material from which the note net learns: many sounds heard at once, changed sounds, and company."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "tools"))

from laboratory.mixes import RATE, SECONDS
from laboratory.note_company import line, singer, with_vibrato
from laboratory.note_hearing import by_preset, heard_together
from laboratory.note_sound import at_speed, coloured, compressed, resized
from laboratory.sources import NOTE
from laboratory.systems import preset_named

from rtsep.listening.ears import Ears


def tone(hz, seconds=1.0):
    return np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE).astype(np.float32)


def pitch_hz(sound):
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    return spectrum.argmax() * RATE / len(sound)


@pytest.mark.parametrize("preset", ["", "gm-piano"])
def test_many_sounds_at_once_are_heard_like_each_alone(rng, preset):
    sounds = (0.1 * rng.standard_normal((2, 15_000)) + [[0.0], [1.0]] * tone(330)[:15_000]).astype(np.float32)
    for sound, found in zip(sounds, heard_together(sounds, preset), strict=True):
        alone = Ears([preset_named(preset)] if preset else [], RATE).hear(sound[None])
        assert np.array_equal(found.ends, alone.ends)
        for name in ("semitones", "activations", "levels", "noise"):
            assert np.abs(getattr(found, name) - getattr(alone, name)).max() < 1e-4


def test_clips_are_grouped_by_preset():
    assert by_preset(["a", "b", "a"]) == [[0, 2], [1]]


@pytest.mark.parametrize("semitones", [-2.0, 0.0, 3.0])
def test_a_smaller_instrument_plays_the_same_notes_at_the_same_time(semitones):
    notes = np.array([(0.5, 1.5, 69, 90)], NOTE)
    played, speed = resized(notes, semitones)
    dry = np.zeros(4 * RATE, np.float32)
    begin, length = round(played["onset_s"][0] * RATE), round((played["offset_s"] - played["onset_s"])[0] * RATE)
    dry[begin : begin + length] = tone(440 * 2 ** ((played["pitch"][0] - 69) / 12), 3)[:length]
    sound = at_speed(dry, speed, 2 * RATE)
    sounding = np.flatnonzero(np.abs(sound) > 0.5) / RATE
    assert len(sound) == 2 * RATE and sounding[[0, -1]] == pytest.approx([0.5, 1.5], abs=0.01)
    assert pitch_hz(sound[round(0.6 * RATE) : round(1.4 * RATE)]) == pytest.approx(440, abs=2)


def test_compression_makes_soft_parts_louder_relative_to_loud_ones():
    sound = np.concatenate([tone(440), 0.1 * tone(440)])
    def ratio(of):
        return np.abs(of[RATE // 2 : RATE]).max() / np.abs(of[-RATE // 2 :]).max()
    assert ratio(compressed(sound, 0.0)) == pytest.approx(10, rel=0.01)
    assert 4 < ratio(compressed(sound, 0.3)) < 7


def test_colour_changes_levels_and_not_times(rng):
    sound = np.zeros(RATE, np.float32)
    sound[RATE // 2] = 1
    changed = coloured(sound, rng, 3.0)
    assert np.abs(changed).argmax() == RATE // 2 and not np.allclose(changed, sound, atol=0.01)


def test_vibrato_moves_the_pitch():
    steady = tone(440)
    assert np.abs(with_vibrato(steady, 5.0, 0.0) - steady).max() < 1e-5
    moved = with_vibrato(steady, 0.5, 100.0)  # It is highest at 0 s, and lowest at 1 s.
    highest, lowest = (pitch_hz(part) for part in (moved[: RATE // 4], moved[-RATE // 4 :]))
    assert highest > 455 and lowest < 425


def test_lines_stay_in_their_range(rng):
    notes = line(rng, 50, 70)
    assert notes["pitch"].min() >= 50 and notes["pitch"].max() <= 70
    assert (notes["onset_s"][1:] >= notes["offset_s"][:-1]).all() and notes["offset_s"].max() < SECONDS + 2


def test_a_singer_sings():
    sound = singer(0)
    assert len(sound) == SECONDS * RATE and np.isfinite(sound).all() and 0.001 < np.sqrt(np.mean(sound**2)) < 0.5
