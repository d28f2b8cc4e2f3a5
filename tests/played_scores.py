"""A short synthetic piece: its notes, and its sound in another tempo."""

from __future__ import annotations

import numpy as np

from rtsep.notes.score import NOTE

RATE = 22050.0
BEAT_S, BEATS = 0.4, 24


def piece(seed: int = 0) -> np.ndarray:
    """NOTE [n]: a melody in part 0 over slower notes in part 1, from 0 s on."""
    rng, rows, pitch = np.random.default_rng(seed), [], 67
    for beat in range(BEATS):
        pitch = int(np.clip(pitch + rng.choice([-4, -3, -2, 2, 3, 5]), 60, 81))
        rows.append((beat * BEAT_S, (beat + 0.9) * BEAT_S, pitch, 70, 0, 0))
        if beat % 2 == 0:
            rows.append((beat * BEAT_S, (beat + 1.8) * BEAT_S, int(rng.integers(43, 56)), 70, 1, 0))
    return np.sort(np.array(rows, NOTE), order="onset_s")


def at_tempo(notes: np.ndarray, tempo: float, begin_s: float = 0.0) -> np.ndarray:
    """The notes at this many times the tempo, from `begin_s` on."""
    moved = notes.copy()
    for name in ("onset_s", "offset_s"):
        moved[name] = begin_s + moved[name] / tempo
    return moved


def sound_of(notes: np.ndarray, seconds: float, rate: float = RATE) -> np.ndarray:
    """Decaying tones of eight partials, float32 [1, sample]."""
    sound = np.zeros(round(seconds * rate))
    for onset, offset, pitch, velocity, *_ in notes.tolist():
        first, length = round(onset * rate), round((offset - onset + 0.05) * rate)
        t = np.arange(min(length, len(sound) - first)) / rate
        hz = 440 * 2 ** ((pitch - 69) / 12)
        tone = sum(np.sin(2 * np.pi * m * hz * t) / m for m in range(1, 9) if m * hz < rate / 2)
        fade = np.clip((length / rate - t) / 0.02, 0, 1)
        sound[first : first + len(t)] += 0.1 * velocity / 127 * tone * np.exp(-2 * t) * fade
    return sound[None].astype(np.float32)
