"""Draws the picture of a mosaic: spectrograms of target and mosaic, and which part of the source is heard when."""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from rtsep.training.updates import Floats

COLUMNS, ROWS = 1000, 400  # Pictures have at most this many columns and rows, more than a screen shows.
RANGE_DB = 60.0  # Levels that lie this many decibels or more below the loudest one are white.


class Trace:
    """Collects the data of the picture in bounded memory: a column shows the loudest of several frames."""

    def __init__(self, frames: int, source_frames: int, hop: int) -> None:
        self.frames, self.source_frames, self.hop = frames, source_frames, hop
        self._step, self._rows = -(-frames // COLUMNS), -(-source_frames // ROWS)
        columns = -(-frames // self._step)
        self.activations = np.zeros((columns, -(-source_frames // self._rows)), np.float32)
        self.spectrograms: list[npt.NDArray[np.float32]] = []
        self._position = 0

    def add(self, H: Floats, target: Floats, mosaic: Floats) -> None:
        """Take in the activations [frame, source frame] and magnitudes [frame, bin] of the next frames."""
        if not self.spectrograms:
            self.spectrograms = [np.zeros((len(self.activations), V.shape[1]), np.float32) for V in (target, mosaic)]
        column = (self._position + np.arange(len(H))) // self._step
        by_row = np.maximum.reduceat(H, np.arange(0, H.shape[1], self._rows), axis=1)
        for whole, part in zip((self.activations, *self.spectrograms), (by_row, target, mosaic), strict=True):
            np.maximum.at(whole, column, part)
        self._position += len(H)


def draw(trace: Trace, sample_rate: float, title: str) -> bytes:
    """The picture as PNG; it needs no display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 9), dpi=80, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, parse_math=False)
    axes = figure.subplots(3, 1, sharex=True)
    seconds = trace.frames * trace.hop / sample_rate
    pictures = (*trace.spectrograms, trace.activations)
    heights = (sample_rate / 2000, sample_rate / 2000, trace.source_frames * trace.hop / sample_rate)
    names = ("target, kHz", "mosaic, kHz", "heard of the source, s")
    for axis, levels, height, name in zip(axes, pictures, heights, names, strict=True):
        _draw(axis, levels, (0, seconds, 0, height))
        axis.set_ylabel(name)
    axes[0].set_ylim(0, min(8, heights[0]))
    axes[1].set_ylim(0, min(8, heights[0]))
    axes[2].set_xlabel("time in s")
    image = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # The font may lack a letter of the file's name.
        figure.savefig(image, format="png")
    return image.getvalue()


def _draw(axis: Any, levels: Floats, extent: tuple[float, float, float, float]) -> None:
    decibels = 20 * np.log10(levels / max(float(levels.max()), 1e-30) + 1e-9)
    axis.imshow(decibels.T, origin="lower", aspect="auto", extent=extent, cmap="gray_r", vmin=-RANGE_DB, vmax=0,
                interpolation="nearest")
