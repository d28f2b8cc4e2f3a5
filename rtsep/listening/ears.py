"""Ears: every 10 ms of a sound, while it comes in, become a semitone spectrum, activations of all pitches, and onset strengths.

V [bin] ~ h [row] @ W [row, bin] by Kullback-Leibler updates of h, which begin at the last frame's values. All rows are open.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rtsep.fit.hearing import COMPRESSION, PITCHES
from rtsep.listening.rows import BANDS, Floats, Integers, bands, heard_bins, listening_window, template_rows
from rtsep.presets.preset import Preset

STEP_S = 0.01  # Frames end this many seconds apart.
UPDATES = 8  # Updates of the activations in each frame.
RENEWED = 0.1  # Before the updates, this share of the sound is spread over all rows, so that a new note can appear.
RISE_FRAMES = 3  # A rise is measured over this many frames: attacks take about 30 ms to fill the window.
FORGET_S = 10.0  # The loudest activation so far, to which levels are relative, falls with this time constant in seconds.
FAINTEST = 1e-3  # Levels are relative to at least this activation; a sine of full scale has about 2.
TINY = 1e-12  # This is added to divisors, so that none is 0.


class Heard(NamedTuple):
    """What successive frames contain. Row i belongs to the frame that ends before sample `ends[i]` since the start.

    ends: int64 [frame]. semitones: float32 [frame, band], magnitudes from LOWEST_BAND on. activations: float32 [frame, pitch],
    magnitudes from LOWEST on. levels: logarithmic activations, 0 for silence to about 4.6 for the loudest so far. rises: how
    much the levels rise within 30 ms, at least 0. band_rises: the same of the semitones. noise: float32 [frame], the activation
    of the flat row.
    """

    ends: Integers
    semitones: Floats
    activations: Floats
    levels: Floats
    rises: Floats
    band_rises: Floats
    noise: Floats

    def __len__(self) -> int:
        """The number of frames."""
        return len(self.ends)

    def one(self, number: int) -> Heard:
        """Only the frame with this number."""
        cut = slice(number, number + 1)
        return Heard(self.ends[cut], *(part[cut] for part in self[1:]))


class Ears:
    """Listens to sound of `channels` channels at `sample_rate` Hz, with the rows of `presets`, or combs.

    The same sound gives the same frames, whatever the sizes of its blocks.
    """

    def __init__(self, presets: Sequence[Preset], sample_rate: float, channels: int = 1) -> None:
        self._rate, self._window = sample_rate, listening_window(sample_rate)
        self._W, self._pitch = template_rows(presets, sample_rate)
        self._W_T = np.ascontiguousarray(self._W.T)
        self._bands, self._bins = bands(sample_rate), heard_bins(sample_rate)
        self._scale = np.float32(2 / self._window.sum())
        self._forget = np.float32(np.exp(-STEP_S / FORGET_S))
        self._channels = channels
        self.reset()

    def reset(self) -> None:
        """Forget all sound."""
        self._tail = np.zeros((self._channels, len(self._window)), np.float32)  # The last samples that came.
        self._samples = self._frames = 0  # How many came, and how many frames were made.
        self._h = np.zeros(len(self._W), np.float32)
        self._pitches, self._semitones = _Rises(PITCHES, self._forget), _Rises(BANDS, self._forget)

    def hear(self, block: npt.ArrayLike) -> Heard:
        """The frames that end within `block`, float32 [channel, sample]; bad samples count as 0."""
        sound = np.nan_to_num(np.atleast_2d(np.asarray(block, np.float32)), nan=0.0, posinf=0.0, neginf=0.0)
        known, size = np.concatenate([self._tail, sound], axis=1), len(self._window)
        first = self._samples - size  # The sample at which `known` begins.
        self._samples += sound.shape[1]
        ends = list[int]()
        while (end := round((self._frames + len(ends) + 1) * STEP_S * self._rate)) <= self._samples:
            ends.append(end)
        found = _empty(len(ends))
        found.ends[:] = ends
        for number, end in enumerate(ends):
            self._hear_frame(known[:, end - size - first : end - first], found, number)
        self._frames += len(ends)
        self._tail = known[:, known.shape[1] - size :].copy()
        return found

    def _hear_frame(self, samples: Floats, found: Heard, number: int) -> None:
        X = np.fft.rfft(samples * self._window)[:, : self._bins]
        V = np.sqrt((X.real**2 + X.imag**2).mean(axis=0)).astype(np.float32) * self._scale
        self._h = self._activations(V)
        heard = np.zeros(PITCHES + 1, np.float32)
        np.add.at(heard, self._pitch, self._h)
        found.activations[number], found.noise[number] = heard[:PITCHES], heard[PITCHES]
        found.semitones[number] = self._bands @ V
        found.levels[number], found.rises[number] = self._pitches.step(heard[:PITCHES])
        _, found.band_rises[number] = self._semitones.step(found.semitones[number])

    def _activations(self, V: Floats) -> Floats:
        """h [row], updated from the last frame's."""
        total, before = V.sum(), self._h.sum()
        h = self._h * ((1 - RENEWED) * total / (before + TINY)) + RENEWED * total / len(self._h)
        for _ in range(UPDATES):
            h = h * (self._W @ (V / (self._W_T @ h + TINY)))
        result: Floats = h.astype(np.float32)
        return result


class _Rises:
    """Logarithmic levels of `count` values, relative to the loudest so far, and how much they rise."""

    def __init__(self, count: int, forget: np.float32) -> None:
        self._forget, self._loudest = forget, np.float32(FAINTEST)
        self._before = np.zeros((RISE_FRAMES, count), np.float32)  # The last levels; the oldest comes first.

    def step(self, values: Floats) -> tuple[Floats, Floats]:
        """Levels and rises of the next frame."""
        self._loudest = max(self._loudest * self._forget, values.max(), np.float32(FAINTEST))
        levels = np.log1p(np.float32(COMPRESSION) / self._loudest * values)
        rises = np.maximum(levels - self._before[0], 0)
        self._before = np.concatenate([self._before[1:], levels[None]])
        return levels, rises


def _empty(frames: int) -> Heard:
    def zeros(count: int) -> Floats:
        return np.zeros((frames, count), np.float32)

    return Heard(np.zeros(frames, np.int64), zeros(BANDS), zeros(PITCHES), zeros(PITCHES), zeros(PITCHES), zeros(BANDS),
                 np.zeros(frames, np.float32))
