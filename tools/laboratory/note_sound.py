"""Changes a sound as other instruments, microphones and players would: tuning and size, tone colour, dynamics, rooms."""

from __future__ import annotations

from functools import cache

import numpy as np
import soxr

from laboratory.mixes import RATE
from laboratory.rooms import Room, impulse_responses
from laboratory.sources import fit

ROOMS = 16
"""The number of rooms."""
COLOURS_HZ = (30.0, 120.0, 300.0, 800.0, 2000.0, 5000.0, 12000.0)
"""Tone colour is a smooth gain with a random value at each of these frequencies."""
FOLLOWED_S = 0.05
"""Dynamics follow the loudness over this many seconds."""


def resized(notes: np.ndarray, semitones: float) -> tuple[np.ndarray, float]:
    """Notes for an instrument that is then played faster, and the speed: it becomes smaller (above 0), or larger.

    The result has the pitch and the times of `notes`, but for the part of a semitone that is not whole.
    """
    speed, played = 2 ** (semitones / 12), notes.copy()
    for name in ("onset_s", "offset_s"):
        played[name] *= speed
    played["pitch"] = np.clip(notes["pitch"] - round(semitones), 21, 108)
    return played, speed


def at_speed(sound: np.ndarray, speed: float, samples: int) -> np.ndarray:
    """A sound [sample], played at this speed, with `samples` samples."""
    return fit(sound if speed == 1 else soxr.resample(sound, RATE * speed, RATE), samples)


def coloured(sound: np.ndarray, rng: np.random.Generator, spread_db: float) -> np.ndarray:
    """The sound with a random tone colour, whose gains have this standard deviation."""
    hz = np.fft.rfftfreq(len(sound), 1 / RATE)
    gain_db = np.interp(np.log(np.maximum(hz, 1)), np.log(COLOURS_HZ), rng.normal(0, spread_db, len(COLOURS_HZ)))
    return np.fft.irfft(np.fft.rfft(sound) * 10 ** (gain_db / 20), len(sound)).astype(np.float32)


def compressed(sound: np.ndarray, ratio: float) -> np.ndarray:
    """The sound with its loudness, over FOLLOWED_S, raised to the power 1 - ratio."""
    size = round(FOLLOWED_S * RATE)
    total = np.concatenate([np.zeros(size), np.cumsum(sound.astype(np.float64) ** 2)])
    power = np.maximum(total[size:] - total[:-size], 0) / size
    usual = np.sqrt(power.mean()) + 1e-9
    return (sound * (np.sqrt(power) / usual + 0.05) ** -ratio).astype(np.float32)


@cache
def responses() -> list[np.ndarray]:
    """Impulse responses [source, sample] of ROOMS rooms for two sources: the instrument and its company."""
    rng, found = np.random.default_rng(11), []
    for rt60_s in np.geomspace(0.15, 1.1, ROOMS):
        size = rng.uniform(0.8, 1.3, 3) * np.array([5.0, 4.0, 2.8]) * (1 + 1.6 * rt60_s)
        pair = impulse_responses(Room(tuple(size), float(rt60_s), rng.uniform(0.6, 3)), 2, 1, RATE)[:, 0]
        found.append(pair[:, max(int(np.abs(pair[0]).argmax()) - 40, 0):])
    return found
