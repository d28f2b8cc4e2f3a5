"""Human playing: the tempo drifts, parts are not exactly together, chords are spread, and phrases swell.

It turns beats into NOTE arrays in seconds. Everything random comes from the generator in the arguments.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from laboratory.sources import NOTE

DRIFT = 0.05
"""The tempo deviates at most by this share."""
DRIFT_BEATS = (7.0, 13.0, 23.0)
"""The periods, in beats, of the waves in the tempo."""
JITTER_S = 0.010
"""The standard deviation of an onset from the common time, in seconds; deviations are at most twice as large."""
SPREAD_S = 0.008
"""Each higher note of a chord follows after at most this many seconds."""
BREATH = 0.85
"""The last note of a phrase of winds and strings lasts for this share of its length."""
OVERLAP_S = 0.012
"""Slurred notes of winds and strings end this many seconds after the next one begins."""
REPEAT_S = 0.03
"""A note ends at least this many seconds before its pitch is struck again."""
SHORTEST_S = 0.06
"""No note is shorter than this many seconds."""
PHRASE_BEATS = 8.0
"""A phrase is this many beats long."""
SWELL, ACCENT, SPREAD = 12.0, 7.0, 5.0
"""In steps of velocity: the rise from the ends of a phrase to its middle, the accent of the first beat, and the deviation."""
LOWEST_VELOCITY, HIGHEST_VELOCITY = 25, 120
"""The lowest and the highest played velocity (MIDI, 1 to 127)."""
PEDAL_DOWN_S, PEDAL_UP_S = 0.12, 0.03
"""A pedal goes down this many seconds after a harmony begins, and up this many seconds after the next one begins."""


@dataclass(frozen=True)
class Tempo:
    """The times of beats: seconds [n] of the beats 0, 1/8, 2/8 ..."""

    seconds: np.ndarray

    def at(self, beats: np.ndarray | float) -> np.ndarray:
        """The times of beats, in seconds."""
        return np.interp(beats, np.arange(len(self.seconds)) / 8, self.seconds)


def drifting(beats: float, bpm: float, rng: np.random.Generator) -> Tempo:
    """A tempo of `bpm` beats per minute that drifts within DRIFT, for this many beats and a few more."""
    at = np.arange(round(8 * (beats + 16))) / 8
    weights = rng.dirichlet(np.ones(len(DRIFT_BEATS)))
    waves = [np.sin(2 * np.pi * (at / period + rng.random())) for period in DRIFT_BEATS]
    length = 60 / bpm / 8 / (1 + DRIFT * (weights @ np.array(waves)))
    return Tempo(np.concatenate([[0.0], np.cumsum(length)[:-1]]))


def jitter(size: int, rng: np.random.Generator) -> np.ndarray:
    """Deviations [size] from the common time, in seconds."""
    return np.clip(rng.normal(0, JITTER_S, size), -2 * JITTER_S, 2 * JITTER_S)


def perform(part: np.ndarray, tempo: Tempo, rng: np.random.Generator, velocity: float = 72, bar: float = 4,
            bound: bool = False) -> np.ndarray:
    """A part (BEAT array) as a person plays it: a NOTE array in order of time, in whole milliseconds.

    velocity: the mean. bar: the length of a bar, in beats. bound: the part is a single slurred voice.
    """
    moments, which = np.unique(part["beat"], return_inverse=True)
    rank = np.arange(len(part)) - np.searchsorted(which, which)  # place of each note in its chord, from below
    onset = (tempo.at(moments) + jitter(len(moments), rng))[which] + rank * rng.uniform(0, SPREAD_S, len(moments))[which]
    end = part["beat"] + part["beats"]
    offset = np.maximum(tempo.at(end) + jitter(len(part), rng) / 2 - REPEAT_S / 3, onset + SHORTEST_S)
    if bound:
        offset = _bound(part, onset, offset)
    notes = np.zeros(len(part), NOTE)
    notes["onset_s"], notes["offset_s"], notes["pitch"] = np.maximum(onset, 0), offset, part["pitch"]
    notes["velocity"] = np.clip(np.round(velocities(part, rng, velocity, bar)), LOWEST_VELOCITY, HIGHEST_VELOCITY)
    return in_milliseconds(apart(np.sort(notes, order="onset_s")))


def velocities(part: np.ndarray, rng: np.random.Generator, mean: float, bar: float) -> np.ndarray:
    """Velocities [note]: each phrase swells, the first beat of a bar is accented, and all notes differ a little."""
    swell = SWELL * (np.sin(np.pi * (part["beat"] % PHRASE_BEATS) / PHRASE_BEATS) - 0.6)
    return mean + swell + ACCENT * (part["beat"] % bar < 1e-6) + rng.normal(0, SPREAD, len(part))


def _bound(part: np.ndarray, onset: np.ndarray, offset: np.ndarray) -> np.ndarray:
    following = np.append(onset[1:], np.inf)
    touching = np.append(part["beat"][1:] - (part["beat"] + part["beats"])[:-1] < 1e-3, False)
    new_phrase = np.append(np.diff(part["beat"] // PHRASE_BEATS) > 0, True)
    breath = onset + BREATH * (offset - onset)
    return np.where(new_phrase, np.minimum(breath, following), np.where(touching, following + OVERLAP_S, offset))


def apart(notes: np.ndarray) -> np.ndarray:
    """The notes (NOTE array in order of time); each ends before its pitch is struck again."""
    for pitch in np.unique(notes["pitch"]):
        mine = np.flatnonzero(notes["pitch"] == pitch)
        again = np.append(notes["onset_s"][mine[1:]] - REPEAT_S, np.inf)
        notes["offset_s"][mine] = np.minimum(notes["offset_s"][mine], np.maximum(again, notes["onset_s"][mine] + REPEAT_S / 2))
    return notes


def in_milliseconds(notes: np.ndarray) -> np.ndarray:
    """The notes with times in whole milliseconds, as in a MIDI file with such ticks."""
    for name in ("onset_s", "offset_s"):
        notes[name] = np.round(notes[name], 3)
    return notes


def pedals(changes: np.ndarray, tempo: Tempo) -> list[tuple[float, float]]:
    """Spans (down, up) of the sustain pedal, in seconds; the pedal changes at these beats (ascending)."""
    times = tempo.at(changes)
    return [(round(float(down) + PEDAL_DOWN_S, 3), round(float(up) + PEDAL_UP_S, 3))
            for down, up in pairwise(times) if up - down > PEDAL_DOWN_S]
