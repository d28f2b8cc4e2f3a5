"""Spectrograms of recordings of any length: frames are computed on request, so they need not fit into memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import numpy as np
import numpy.typing as npt

from rtsep.files.sound import SoundReader, open_sound
from rtsep.training.inputs import Take
from rtsep.training.isolated import Floats
from rtsep.windows import magnitudes


def memory_s(window: Floats, sample_rate: int, fall_db: float) -> float:
    """Seconds after the end of a tone until its level in the frames has fallen by `fall_db`, as the window moves on."""
    share = np.cumsum(window) / window.sum()
    left = int(np.searchsorted(share, 10 ** (-fall_db / 20)))
    return float((len(window) - left) / sample_rate)


class Spectrogram:
    """V [frame, bin], float32, of several sounds in a row; V[begin:end] reads and analyses only these frames.

    Frame n of a sound ends before its sample (n + 1) * hop; before the first sample there is silence. shape: (frames, bins).
    NaN and infinite samples count as silence. window: as given.
    """

    dtype = np.dtype(np.float32)

    def __init__(self, sounds: Sequence[SoundReader], window: Floats, hop: int) -> None:
        self._sounds, self.window, self._hop = sounds, window, hop
        self._first = np.cumsum([0, *(sound.frames // hop for sound in sounds)])
        self.shape = int(self._first[-1]), len(window) // 2 + 1

    def __getitem__(self, frames: slice) -> npt.NDArray[np.float32]:
        begin, end, _step = frames.indices(self.shape[0])
        pieces = [self._frames(number, max(begin, first), min(end, last))
                  for number, (first, last) in enumerate(zip(self._first[:-1], self._first[1:], strict=True))
                  if max(begin, first) < min(end, last)]
        return np.concatenate([np.empty((0, self.shape[1]), np.float32), *pieces])

    def _frames(self, number: int, begin: int, end: int) -> npt.NDArray[np.float32]:
        """Frames of one sound; `begin` and `end` count from the first frame of all sounds."""
        ends = (np.arange(begin, end) - self._first[number] + 1) * self._hop
        first = max(int(ends[0]) - len(self.window), 0)
        samples = np.nan_to_num(self._sounds[number].read(first, int(ends[-1])), nan=0.0, posinf=0.0, neginf=0.0)
        return magnitudes(samples, ends - first, self.window)

    def ends_s(self, number: int) -> Floats:
        """Ends of the frames of one sound, in seconds from its start."""
        sound = self._sounds[number]
        return (np.arange(sound.frames // self._hop) + 1) * self._hop / sound.sample_rate

    def of(self, number: int) -> slice:
        """The frames of one sound, as a slice."""
        return slice(int(self._first[number]), int(self._first[number + 1]))


@contextmanager
def open_spectrogram(takes: Sequence[Take], window: Floats, hop: int) -> Iterator[Spectrogram]:
    """The spectrogram of takes with one sample rate; their files stay open within `with`."""
    with ExitStack() as files:
        yield Spectrogram([files.enter_context(open_sound(take.path, cut=True)) for take in takes], window, hop)
