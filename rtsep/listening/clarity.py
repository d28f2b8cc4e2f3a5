"""How periodic a sound is at each fundamental frequency, every 10 ms, while it comes in: YIN's difference function.

de Cheveigné & Kawahara, "YIN, a fundamental frequency estimator for speech and music", JASA 111(4), 2002, equations 1 and 8.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rtsep.listening.ears import STEP_S
from rtsep.listening.rows import Floats

PLACES = 5  # Number of fundamental frequencies that are looked at in a semitone.
AROUND = 1.6  # They reach this many semitones beyond the lowest and the highest pitch: whole places.
COMPARED_S = 0.0232  # At least this many seconds of sound are compared with what comes one period later.
FINER = 2  # Differences are known at this many lags in a sample.
LEVEL_S = 0.012  # The level is the RMS of this many seconds.
SILENT = 1e-10  # Sound with a mean square below this is not periodic.
FAINTEST_DB = -100.0  # Levels are at least this many dB relative to full scale.
TINY = 1e-15  # This is added to divisors, so that none is 0.
AT_ONCE = 100  # So many frames are transformed at a time.


class Clear(NamedTuple):
    """What successive frames contain; the middle of frame i lies i STEP_S after the start.

    clarity: float32 [frame, place], 1 for a periodic sound, 0 for noise. level_db: float32 [frame].
    """

    clarity: Floats
    level_db: Floats


def places_of(lowest: int, highest: int) -> int:
    """The number of places for these pitches; the first one lies AROUND semitones below `lowest`."""
    return round((highest - lowest + 2 * AROUND) * PLACES) + 1


class Clarity:
    """Listens to sound of `channels` channels at `sample_rate` Hz, for MIDI pitches from `lowest` to `highest`.

    The same sound gives the same frames, whatever the sizes of its blocks.
    """

    def __init__(self, lowest: int, highest: int, sample_rate: float, channels: int = 1) -> None:
        pitches = lowest - AROUND + np.arange(places_of(lowest, highest)) / PLACES
        lags = sample_rate / (440 * 2 ** ((pitches - 69) / 12))
        self._rate, self._channels = sample_rate, channels
        self._longest = int(np.ceil(lags[0])) + 2
        self._compared = max(round(COMPARED_S * sample_rate), self._longest)
        self._size = self._compared + self._longest  # The length of a frame in samples.
        self._fft = 1 << int(np.ceil(np.log2(self._size + self._compared)))
        at = lags * FINER
        self._lag, self._part = at.astype(np.int64), at % 1
        self._level = max(round(LEVEL_S * sample_rate), 1)
        self.reset()

    def reset(self) -> None:
        """Forget all sound."""
        self._known = np.zeros(self._size // 2)  # The samples from which the next frame begins: first silence, then the mean.
        self._frames = 0

    @property
    def after_s(self) -> float:
        """A frame needs so many seconds of the sound after its middle."""
        return (self._size - self._size // 2) / self._rate

    def hear(self, block: npt.ArrayLike) -> Clear:
        """The frames that end within `block`, float32 [channel, sample]; bad samples count as 0."""
        sound = np.nan_to_num(np.atleast_2d(np.asarray(block, np.float32)), nan=0.0, posinf=0.0, neginf=0.0)
        self._known = np.concatenate([self._known, sound.mean(axis=0, dtype=np.float64)])
        first = self._begin(0)
        begins = list[int]()
        while (begin := self._begin(len(begins)) - first) + self._size <= len(self._known):
            begins.append(begin)
        found = Clear(np.zeros((len(begins), len(self._lag)), np.float32), np.zeros(len(begins), np.float32))
        for number in range(0, len(begins), AT_ONCE):
            frames = np.stack([self._known[begin : begin + self._size] for begin in begins[number : number + AT_ONCE]])
            found.clarity[number : number + AT_ONCE] = self._clarity(frames)
            found.level_db[number : number + AT_ONCE] = self._levels(frames)
        self._frames += len(begins)
        self._known = self._known[self._begin(0) - first :]
        return found

    def _begin(self, number: int) -> int:
        """The first sample of the frame that comes `number` frames after the next one, counted from that of the first one."""
        return round((self._frames + number) * STEP_S * self._rate)

    def _clarity(self, frames: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """1 less the cumulative mean normalised difference at every place, [frame, place]."""
        compared = np.fft.rfft(frames[:, : self._compared], self._fft, axis=1)
        product = np.fft.irfft(np.conj(compared) * np.fft.rfft(frames, self._fft, axis=1), FINER * self._fft, axis=1)
        energy = np.pad(np.cumsum(frames**2, axis=1), ((0, 0), (1, 0)))
        energies = energy[:, self._compared : self._compared + self._longest] - energy[:, : self._longest]
        lags = np.arange(FINER * (self._longest - 1) + 1)
        below, part = lags // FINER, lags % FINER / FINER
        energies = energies[:, below] * (1 - part) + energies[:, np.minimum(below + 1, self._longest - 1)] * part
        difference = np.maximum(energies[:, :1] + energies - 2 * FINER * product[:, : len(lags)], 0)
        normalised = difference[:, 1:] * lags[1:] / (np.cumsum(difference[:, 1:], axis=1) + TINY)
        there = normalised[:, self._lag - 1] * (1 - self._part) + normalised[:, self._lag] * self._part
        sounds = energies[:, :1] > SILENT * self._compared
        return np.where(sounds, 1 - np.clip(there, 0, 1), 0)

    def _levels(self, frames: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        begin = self._size // 2 - self._level // 2
        power = (frames[:, begin : begin + self._level] ** 2).mean(axis=1)
        result: npt.NDArray[np.float64] = np.maximum(10 * np.log10(power + TINY), FAINTEST_DB)
        return result
