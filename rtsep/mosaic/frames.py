"""Turns sound into frames of spectra and back, some frames at a time, with consistent phases (Griffin & Lim).

Analysis and synthesis use the square root of a Hann window. Frame n ends before sample (n + 1) hop, and frames go on until the
last sample has been in all of its frames. So any part of a sound can be computed from the frames that contain it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from rtsep.mosaic.activations import parts
from rtsep.training.updates import Floats
from rtsep.windows import Framing, window_pair

Spectra = npt.NDArray[np.complex64]  # [frame, channel, bin]


class Sound:
    """A sound [channel, sample] with the spectra of any of its frames."""

    def __init__(self, samples: Floats, size: int, hop: int) -> None:
        self.samples, self.size, self.hop = samples, size, hop
        self.channels, self.length = samples.shape
        self.frames = -(-(self.length + size - hop) // hop)
        self._window = window_pair(Framing(size, size, hop))[0].astype(np.float32)

    def spectra(self, begin: int, end: int) -> Spectra:
        """X of the frames begin to end."""
        first = (begin + 1) * self.hop - self.size  # It can lie before the sound.
        last = end * self.hop
        heard = self.samples[:, max(first, 0) : max(last, 0)]
        padded = np.pad(heard, ((0, 0), (max(-first, 0), last - max(first, 0) - heard.shape[1])))
        return _analyse(padded, self._window, self.hop)

    def magnitudes(self, begin: int, end: int) -> Floats:
        """V [frame, bin] of the frames begin to end: root mean square over the channels."""
        power = np.square(np.abs(self.spectra(begin, end))).mean(axis=1)
        V: Floats = np.sqrt(power, out=power)
        return V


def _analyse(samples: Floats, window: Floats, hop: int) -> Spectra:
    """Spectra of all whole frames of samples [channel, sample]."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, len(window), axis=1)[:, ::hop] * window
    X: Spectra = np.fft.rfft(frames, axis=2).transpose(1, 0, 2).astype(np.complex64)
    return X


class Synthesis:
    """Turns spectra back into sound."""

    def __init__(self, size: int, hop: int, iterations: int) -> None:
        self.size, self.hop, self.iterations = size, hop, iterations
        analysis, synthesis = window_pair(Framing(size, size, hop))
        self._analysis, self._synthesis = analysis.astype(np.float32), synthesis.astype(np.float32)

    def overlap_add(self, X: Spectra) -> Floats:
        """Sound [channel, sample] of the frames X, from the beginning of the first to the end of the last."""
        pieces = np.fft.irfft(X, self.size, axis=2).astype(np.float32) * self._synthesis
        sound = np.zeros((X.shape[1], (len(X) - 1) * self.hop + self.size), np.float32)
        for n, piece in enumerate(pieces):
            sound[:, n * self.hop : n * self.hop + self.size] += piece
        return sound

    def consistent(self, X: Spectra) -> Spectra:
        """The magnitudes of X with consistent phases: iterated analysis of the synthesis, from X's own phases.

        Griffin & Lim, "Signal estimation from modified short-time Fourier transform", IEEE TASSP 32(2), 1984.
        """
        A = np.abs(X)
        for _ in range(self.iterations):
            heard = _analyse(self.overlap_add(X), self._analysis, self.hop)
            level = np.abs(heard)
            X = heard * (A / np.maximum(level, 1e-20))
        return X

    def sound(self, blocks: Iterable[Spectra], frames: int) -> Iterator[Floats]:
        """The sound of `frames` frames that come in blocks, in blocks [channel, sample]; the first begins with the first frame.

        The phases of a frame depend on iterations times overlaps frames around it, so each part is computed together with
        these.
        """
        overlaps = self.size // self.hop - 1
        margin, source = (self.iterations + 1) * overlaps, iter(blocks)
        kept: list[Spectra] = []
        first = known = 0  # Frames first to known are kept.
        for part in parts(frames, max(4 * margin, 64), margin):
            while known < part.high:
                kept.append(next(source))
                known += len(kept[-1])
            X = np.concatenate(kept)
            X, first, kept = X[part.low - first :], part.low, [X[part.low - first :]]
            sound = self.overlap_add(self.consistent(X[: part.high - part.low]))
            begin, end = part.own.start * self.hop, part.own.stop * self.hop
            yield sound[:, begin : end if part.end < frames else None]
