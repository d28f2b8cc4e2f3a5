"""The true pitch of a singer or of another single line, from the line alone, by two offline trackers.

A frame is voiced if both pYIN (librosa) and swift-f0 say so and agree within 50 cents; it is unvoiced if neither says so. All
other frames are not judged. Both packages are only for studies.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from laboratory.study import need_module
from rtsep.files.sound import read_sound

STEP_S = 0.01
"""The pitch is judged at every step of this many seconds."""
LOWEST_HZ, HIGHEST_HZ = 65.0, 1100.0
NEAR_CENTS = 50.0
"""A pitch is right if it is less than this many cents from the truth, as in mir_eval.melody."""
SURE = 0.5
"""swift-f0 calls a frame voiced from this confidence on."""


def near(hz: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Which pitches are less than NEAR_CENTS apart; none where one of them is 0."""
    both = (hz > 0) & (other > 0)
    return both & (np.abs(1200 * np.log2(np.where(both, hz, 1) / np.where(both, other, 1))) < NEAR_CENTS)


def at_steps(times_s: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    """`values` at the first `count` steps: of each step, the value that is nearest in time."""
    return values[np.searchsorted((times_s[1:] + times_s[:-1]) / 2, np.arange(count) * STEP_S)]


def by_yin(sound: np.ndarray, rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Times in s and pitches in Hz by YIN (de Cheveigné & Kawahara 2002) of librosa; it calls no frame unvoiced."""
    need_module("librosa", "pip install librosa")
    import librosa

    hz = librosa.yin(sound, fmin=LOWEST_HZ, fmax=HIGHEST_HZ, sr=rate, frame_length=2048, hop_length=256)
    return np.arange(len(hz)) * 256 / rate, hz


def by_swift(sound: np.ndarray, rate: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times in s, pitches in Hz and confidences by swift-f0, a small network (MIT licence)."""
    need_module("swift_f0", "pip install swift-f0")
    from swift_f0 import SwiftF0

    found = SwiftF0().detect(sound.astype(np.float32), rate)
    return found.timestamps, found.pitch_hz, found.confidence


@dataclass(frozen=True)
class Truth:
    """hz [step]: the pitch; 0: unvoiced; NaN: not judged."""

    hz: np.ndarray

    def repeated(self, seconds: float, length_s: float) -> np.ndarray:
        """The truth of `length_s` s of the line, which repeats itself after `seconds`."""
        times_s = np.arange(int(length_s / STEP_S)) * STEP_S
        return self.hz[np.minimum((times_s % seconds / STEP_S).astype(int), len(self.hz) - 1)]


def truth_of(path: Path) -> tuple[Truth, float]:
    """The truth of a recording of a single line, and its length in s. MissingError without the packages."""
    need_module("librosa", "pip install librosa")
    import librosa

    sound, rate = read_sound(path)
    line = sound[0].astype(np.float32)
    count = int(len(line) / rate / STEP_S)
    hz, voiced, _ = librosa.pyin(line, fmin=LOWEST_HZ, fmax=HIGHEST_HZ, sr=rate, frame_length=2048, hop_length=256,
                                 fill_na=None)
    times_s = np.arange(len(hz)) * 256 / rate
    hz, voiced = at_steps(times_s, hz, count), at_steps(times_s, voiced, count)
    times_s, other, sure = by_swift(line, rate)
    other, sure = at_steps(times_s, other, count), at_steps(times_s, sure, count)
    both, neither = voiced & (sure > SURE) & near(hz, other), ~voiced & (sure <= SURE)
    return Truth(np.where(both, hz, np.where(neither, 0.0, np.nan))), len(line) / rate


def scores(truth: np.ndarray, hz: np.ndarray, voiced: np.ndarray) -> dict[str, float]:
    """Shares in percent, as mir_eval.melody defines them: of the voiced frames, those with the right pitch, those that are an
    octave or more octaves away, and those that are called voiced; of the unvoiced frames, those that are called voiced."""
    sings, rests = truth > 0, truth == 0
    true, found = truth[sings], hz[sings]
    octave = np.where(found > 0, found * 2 ** np.rint(np.log2(true / np.where(found > 0, found, true))), 0)
    right = near(true, found)
    return {"right": 100 * right.mean(), "octave": 100 * (near(true, octave) & ~right).mean(),
            "recall": 100 * voiced[sings].mean(), "false": 100 * voiced[rests].mean() if rests.any() else float("nan")}
