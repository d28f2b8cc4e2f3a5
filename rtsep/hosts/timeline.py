"""Turns pieces from the callback into sound in the time of the files.

Files are aligned: the latency of the engine is removed from the stems, so that input = sum of all stems, sample by sample.
Samples that did not fit into the rings, and the time in which the device was away, become silence of the same length in every
file, and are counted. Where samples were lost, the silence begins earlier, by the latency: the stems of the input before them
are lost, too.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

LONGEST_SILENCE = 65_536  # Silence is written in portions of this many samples.

Floats = npt.NDArray[np.float32]


class Timeline:
    """Turns pieces of the recording's ring, in order, into blocks [plane, sample] of input and stems.

    channels: of the input and of every stem. latency: the stems come this many samples after their input. `at` is the next
    sample of the files; the engine counts fewer samples, since it stops while the device is away.
    """

    def __init__(self, channels: int, latency: int) -> None:
        self._channels, self._latency, self._skip = channels, latency, latency
        self._input = np.zeros((channels, 0), np.float32)  # Input that still waits for its stems.
        self._begin: int | None = None  # The engine's sample at which the files begin.
        self._expected, self._next = 0, 0  # Samples of the engine: the next piece should begin here; the next block begins.
        self._heard, self._mute = 0, 0  # Samples since the last loss; samples of stems whose input was lost.
        self._away: list[tuple[int, int]] = []  # Samples of the engine before which the device was away, and for how long.
        self._told = 0  # How many of these absences are in the files.
        self.at = 0
        self.gaps, self.gap_samples = 0, 0

    def add(self, start: int, planes: Floats) -> Iterator[Floats]:
        """The blocks that a piece completes. A piece without planes says that the device was away."""
        if planes.shape[0] == 0:
            if self._begin is not None:
                self._away.append((start, planes.shape[1]))
                self._count(planes.shape[1])
            return
        if self._begin is None:
            self._begin = self._expected = self._next = start
        lost = start - self._expected
        if lost > 0:
            yield from self._lose(planes.shape[0], lost)
        self._expected = start + planes.shape[1]
        self._heard += planes.shape[1]
        yield from self._feed(self._muted(planes))

    def _lose(self, planes: int, samples: int) -> Iterator[Floats]:
        """Silence where samples were lost. The stems of waiting input, and the input of later stems, are lost, too."""
        self._count(samples + min(self._input.shape[1], self._heard))
        self._heard, self._mute = 0, self._latency
        self._input[:] = 0
        for silence in _silence(planes, samples):
            yield from self._feed(silence)

    def _muted(self, planes: Floats) -> Floats:
        """A piece, with silence in the stems whose input was lost."""
        count = min(self._mute, planes.shape[1])
        self._mute -= count
        muted = planes.copy()
        muted[self._channels :, :count] = 0
        return muted

    def sample(self, of_engine: int) -> int:
        """The sample in the files of an event at the engine's sample `of_engine`."""
        away = sum(length for begin, length in self._away if begin <= of_engine)
        return of_engine - (of_engine if self._begin is None else self._begin) + away

    def _count(self, samples: int) -> None:
        self.gaps += 1
        self.gap_samples += samples

    def _feed(self, planes: Floats) -> Iterator[Floats]:
        """Blocks of stems without their first `latency` samples, with the input that belongs to them."""
        skip = min(self._skip, planes.shape[1])
        self._skip -= skip
        self._input = np.concatenate([self._input, planes[: self._channels]], axis=1)
        count = planes.shape[1] - skip
        block = np.concatenate([self._input[:, :count], planes[self._channels :, skip:]])
        self._input = self._input[:, count:]
        while self._told < len(self._away) and self._away[self._told][0] <= self._next + block.shape[1]:
            begin, length = self._away[self._told]
            self._told += 1
            yield from self._put(block[:, : begin - self._next])
            block, self._next = block[:, begin - self._next :], begin
            for silence in _silence(planes.shape[0], length):
                yield from self._put(silence)
        yield from self._put(block)
        self._next += block.shape[1]

    def _put(self, block: Floats) -> Iterator[Floats]:
        if block.shape[1]:
            self.at += block.shape[1]
            yield block


def _silence(planes: int, samples: int) -> Iterator[Floats]:
    for begin in range(0, samples, LONGEST_SILENCE):
        yield np.zeros((planes, min(LONGEST_SILENCE, samples - begin)), np.float32)
