"""The measured pitch of single notes: synthetic tones of all kinds, and recorded instruments if they are there."""

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile

from rtsep.training.pitch import measure_pitch

RATE = 44100
NOTES = Path(__file__).parents[2] / "shared" / "data"
TONES = {
    "flute": (range(60, 97, 4), [1, 0.3, 0.1, 0.05], 0),
    "sine": (range(48, 100, 4), [1], 0),
    "string": (range(36, 90, 6), [1 / m for m in range(1, 16)], 0),
    "clarinet": (range(50, 90, 4), [1 / m if m % 2 else 0.03 / m for m in range(1, 16)], 0),
    "missing fundamental": (range(28, 61, 4), [0, *(1 / m for m in range(2, 14))], 0),
    "weak fundamental": (range(28, 61, 4), [0.03, *(1 / m**0.5 for m in range(2, 12))], 0),
    "strong octave": (range(40, 80, 4), [0.3, 1, 0.3, 0.5, 0.2, 0.2], 0),
    "stretched strings": (range(28, 90, 5), [1 / m for m in range(1, 20)], 4e-4),
}


def sound_of(pitch, strengths, stretch, rate=RATE, decay_s=0.8, noise=1e-3):
    time = np.arange(round(0.8 * rate)) / rate
    f0 = 440 * 2 ** ((pitch - 69) / 12)
    hz = [m * f0 * np.sqrt(1 + stretch * m * m) for m in range(1, len(strengths) + 1)]
    partials = [a * np.sin(2 * np.pi * f * time + f) for a, f in zip(strengths, hz, strict=True) if f < rate / 2]
    rng = np.random.default_rng(round(pitch))
    return (np.sum(partials, axis=0) * np.exp(-time / decay_s) + noise * rng.standard_normal(len(time))).astype(np.float32)


@pytest.mark.parametrize("kind", TONES)
@pytest.mark.parametrize("rate", [RATE, 16000])
def test_tones(kind, rate):
    pitches, strengths, stretch = TONES[kind]
    for pitch in pitches:
        heard = measure_pitch(sound_of(pitch, strengths, stretch, rate), rate)
        assert heard is not None and heard.sure and heard.pitch == pytest.approx(pitch, abs=0.3), (pitch, heard)


def test_a_tuning_between_keys():
    assert measure_pitch(sound_of(60.4, TONES["string"][1], 0), RATE).pitch == pytest.approx(60.4, abs=0.1)


def test_what_has_no_pitch():
    noise = np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    heard = measure_pitch(noise, RATE)
    assert heard is None or not heard.sure
    assert measure_pitch(np.zeros(RATE, np.float32), RATE) is None
    assert measure_pitch(np.ones(100, np.float32), RATE) is None


@pytest.mark.skipif(not NOTES.is_dir(), reason="../shared/data is not there")
@pytest.mark.parametrize("name, most", [
    ("other_notes/cello", 0), ("other_notes/msgeneral_clarinet", 0), ("other_notes/msgeneral_flute", 0),
    ("other_notes/msgeneral_strings", 0), ("other_notes/msgeneral_violin", 0.05), ("piano_notes/fluidr3", 0.02),
    ("piano_notes/old_fb", 0.08), ("piano_notes/salamander", 0.08), ("piano_notes/splendid", 0.1),
    ("piano_notes/upright_kw", 0.06),
])
def test_recorded_notes(name, most):
    """Of every fourth note, at most this share gets a wrong pitch."""
    sound, rate = soundfile.read(NOTES / f"{name}.flac", dtype="float32", always_2d=True)
    rows = list(csv.DictReader((NOTES / f"{name}.csv").read_text().splitlines()))[::4]
    wrong = 0
    for row in rows:
        note = sound[round(float(row["onset"]) * rate) : round(float(row["offset"]) * rate)].mean(axis=1)
        note = note[np.argmax(np.abs(note) > 0.01 * np.abs(note).max()) :]
        heard = measure_pitch(note, rate)
        wrong += heard is None or abs(heard.pitch - int(row["pitch"])) > 0.6
    assert wrong <= most * len(rows), (wrong, len(rows))
