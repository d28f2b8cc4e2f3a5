"""Company for the clips from which the ear learns: recordings, lines of soundfonts and samplers, and synthetic singers.

Nothing of it is among the reported pieces. Tuning clips have other recordings and instruments beside them than clips to learn
from.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import soxr

from laboratory import mixes
from laboratory.makers import MAKERS
from laboratory.mixes import RATE
from laboratory.sources import NOTE, fit
from laboratory.study import SHARED, need_file

TUNING_RECORDINGS = ("cello-double", "singing-female")
"""The recordings beside tuning clips; the ear learns beside the others."""
SAMPLED = ("violin", "trumpet", "trombone", "french-horn", "bassoon", "flute", "contrabass", "tuba", "organ", "harmonium")
TUNING_SAMPLED = ("saxophone", "clarinet")
"""Instruments of the second orchestra (sampled.py). Nobody knows the licence of those beside tuning clips: none is learnt."""
RANGES = {"violin": (55, 88), "trumpet": (54, 80), "trombone": (40, 66), "french-horn": (41, 74), "bassoon": (41, 70),
          "flute": (60, 92), "contrabass": (28, 55), "tuba": (29, 58), "organ": (40, 80), "harmonium": (45, 72),
          "saxophone": (50, 78), "clarinet": (52, 84)}
"""The lowest and the highest MIDI pitch of their lines."""
KEPT = 32
"""So many lines of each kind are made, and taken in turn."""
SPEEDS = (0.8, 1.25)
"""Company is played at a speed in this range, which moves its pitch too."""
VOWELS_HZ = ((730, 1090, 2440), (530, 1840, 2480), (270, 2290, 3010), (570, 840, 2410), (300, 870, 2240))
"""The formants of a, e, i, o and u (Peterson & Barney 1952, men)."""
FORMANT_WIDTHS_HZ = (90.0, 110.0, 170.0)
"""The half widths of the formants."""
CONTROL_S = 0.005
"""The time from one value of a singer's pitch and loudness to the next."""


def others(rng: np.random.Generator, samples: int, tuning: bool = False, shared: Path = SHARED) -> np.ndarray:
    """Sound of others who play or sing along, float32 [sample]."""
    kind = rng.random()
    number = int(rng.integers(KEPT))
    if kind < (0.5 if tuning else 0.25):
        sounds = recordings(tuning, shared)
        sound = sounds[int(rng.integers(len(sounds)))]
    elif tuning:
        sound = sampled_line(number % 6, True, shared)
    elif kind < 0.5:
        sound = band(number)
    elif kind < 0.75:
        sound = sampled_line(number, False, shared)
    else:
        sound = singer(number)
    sound = soxr.resample(sound, RATE * rng.uniform(*SPEEDS), RATE)
    sound = np.roll(np.tile(sound, -(-samples // len(sound))), int(rng.integers(len(sound))))
    return sound[:samples].astype(np.float32)


@cache
def recordings(tuning: bool, shared: Path = SHARED) -> list[np.ndarray]:
    """The recordings beside tuning clips, or those beside clips to learn from."""
    paths = sorted(need_file(shared / "backgrounds_more").glob("*.flac"))
    return [mixes.sound_at(path) for path in paths if (path.stem in TUNING_RECORDINGS) == tuning]


@cache
def band(number: int) -> np.ndarray:
    """One or two lines of FluidR3, some with drums, or drums alone."""
    rng = np.random.default_rng([31, number])
    programs = rng.choice([*mixes.LINES], int(rng.integers(0, 3)), replace=False)
    tracks = [mixes.random_line(rng, channel, int(program)) for channel, program in enumerate(programs)]
    return mixes.played([*tracks, mixes.random_drums(rng)] if not tracks or rng.random() < 0.4 else tracks)


@cache
def sampled_line(number: int, tuning: bool, shared: Path = SHARED) -> np.ndarray:
    """A line of an instrument of the second orchestra, with vibrato."""
    rng = np.random.default_rng([32, number, int(tuning)])
    name = str(rng.choice(TUNING_SAMPLED if tuning else SAMPLED))
    maker = MAKERS[f"tonejs-{name}"]
    sound = fit(maker.play(maker.programs[0], line(rng, *RANGES[name]), shared), mixes.SECONDS * RATE)
    return with_vibrato(sound, rng.uniform(4.5, 6.5), rng.uniform(0, 35))


def line(rng: np.random.Generator, low: int, high: int) -> np.ndarray:
    """Notes of a line, one after the other (NOTE array), with gaps."""
    notes, now, slow = [], 0.1, rng.choice([0.2, 0.35, 0.6])
    pitch = int(rng.integers(low, high - 6))
    while now < mixes.SECONDS - 0.5:
        length = slow * float(rng.choice([0.5, 1, 1, 2, 3]))
        pitch = int(np.clip(pitch + rng.choice([-7, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 7]), low, high))
        notes.append((now, now + 0.95 * length, pitch, int(rng.integers(50, 120))))
        now += length + slow * float(rng.choice([0, 0, 0, 0, 1, 2]))
    return np.array(notes, NOTE)


def with_vibrato(sound: np.ndarray, rate_hz: float, cents: float) -> np.ndarray:
    """The sound with its pitch moving up and down."""
    seconds = np.arange(len(sound)) / RATE
    depth_s = (2 ** (cents / 1200) - 1) / (2 * np.pi * rate_hz)
    return np.interp(seconds + depth_s * np.sin(2 * np.pi * rate_hz * seconds), seconds, sound).astype(np.float32)


@cache
def singer(number: int) -> np.ndarray:
    """A singer: partials of a gliding pitch with vibrato, weighted by the formants of vowels, with breath and consonants."""
    rng = np.random.default_rng([33, number])
    notes = line(rng, *((45, 66) if rng.random() < 0.5 else (55, 80)))
    control = np.arange(round(mixes.SECONDS / CONTROL_S)) * CONTROL_S
    pitch, loud, formants = sung(rng, notes, control)
    seconds = np.arange(mixes.SECONDS * RATE) / RATE
    hz = np.interp(seconds, control, 440 * 2 ** ((pitch - 69) / 12))
    phase, sound = 2 * np.pi * np.cumsum(hz) / RATE, np.zeros(len(seconds))
    tilt, f0 = rng.uniform(0.8, 1.6), 440 * 2 ** ((pitch - 69) / 12)
    for partial in range(1, int(9000 / hz.min()) + 1):
        heard = 0.02 + np.sum([(0.6**at) / (1 + ((partial * f0 - formants[at]) / FORMANT_WIDTHS_HZ[at]) ** 2)
                               for at in range(3)], axis=0)
        heard[partial * f0 > 10_000] = 0
        sound += np.interp(seconds, control, loud * heard / partial**tilt) * np.sin(partial * phase)
    noise = np.diff(rng.standard_normal(len(seconds) + 1)) * np.sqrt(np.mean(sound**2))
    breath = 10 ** (-rng.uniform(25, 45) / 20) * np.interp(seconds, control, loud)
    for onset in notes["onset_s"][rng.random(len(notes)) < 0.4]:
        breath += rng.uniform(0.05, 0.5) * np.exp(-0.5 * ((seconds - onset) / 0.025) ** 2)
    return (0.1 * (sound + breath * noise)).astype(np.float32)


def sung(rng: np.random.Generator, notes: np.ndarray, control: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pitch, loudness and formants in Hz [3, time] at the times `control`."""
    at = np.clip(np.searchsorted(notes["onset_s"], control, side="right") - 1, 0, len(notes) - 1)
    vowel = np.array(VOWELS_HZ)[rng.integers(len(VOWELS_HZ), size=len(notes))] * rng.uniform(0.95, 1.25)
    sounding = (control >= notes["onset_s"][at]) & (control < notes["offset_s"][at])
    age = np.maximum(control - notes["onset_s"][at], 0)
    vibrato = rng.uniform(0, 0.7) * np.minimum(age / 0.4, 1) * np.sin(2 * np.pi * rng.uniform(4.5, 6.5) * control)
    wander = smooth(rng.standard_normal(len(control)), 0.3) * 1.5
    pitch = smooth(notes["pitch"][at].astype(float), rng.uniform(0.02, 0.08)) + vibrato + wander
    loud = smooth(sounding * notes["velocity"][at] / 100, rng.uniform(0.02, 0.06)) * (1 + 0.3 * vibrato)
    return pitch, loud, np.array([smooth(vowel[at, formant], 0.04) for formant in range(3)])


def smooth(values: np.ndarray, seconds: float) -> np.ndarray:
    """Values at control times, averaged by a Gaussian with this standard deviation."""
    reach = max(round(3 * seconds / CONTROL_S), 1)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) * CONTROL_S / seconds) ** 2)
    padded = np.pad(values, reach, "edge")
    return np.convolve(padded, weights / weights.sum(), "valid")
