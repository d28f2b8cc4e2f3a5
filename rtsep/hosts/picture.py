"""The picture of a run: gates and activations as piano rolls over the spectrograms of mix and stems."""

from __future__ import annotations

import io
import warnings
from collections import deque
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from rtsep.engine.separator import Output, Separator
from rtsep.notes.score import Score
from rtsep.notes.sung import SungPitch, semitones
from rtsep.reference.separator import ReferenceSeparator

COLUMNS = 1200  # Spectrograms have at most this many columns.
RANGE_DB = 60.0  # Levels that are at least this many decibels below the loudest one are black.
LOWEST_PITCH, HIGHEST_PITCH = 21, 120  # MIDI pitches at the two ends of the vertical axis.
COLOURS = ("#4fc3f7", "#ffb74d", "#81c784", "#f06292", "#ba68c8", "#fff176", "#a1887f", "#90a4ae")

Floats = npt.NDArray[np.float32]


class Trace:
    """Collects data for the picture during a run: spectra of mix and stems, activations by pitch.

    It keeps at most COLUMNS columns, so memory is bounded for any length. The first `lead` samples that come are not shown. The
    first sample that is shown is number `begin` of the sound.
    """

    def __init__(
        self, separator: Separator | ReferenceSeparator, sample_rate: float, samples: int, lead: int = 0, begin: int = 0
    ) -> None:
        self.start_s = begin / sample_rate
        self.sample_rate = sample_rate
        self.samples = samples
        self.stem_names = separator.stem_names
        self._separator = separator
        self._size = separator.framing.window_size
        self._step = max(samples / COLUMNS, separator.framing.hop)
        self._recent = np.zeros((len(self.stem_names), self._size), np.float32)
        self._position = -separator.latency - lead
        self._window = np.hanning(self._size).astype(np.float32)
        self._row_pitch = separator.row_pitch
        self._columns: list[Floats] = []
        self._activations: list[Floats] = []
        self._frames: deque[tuple[int, Floats]] = deque()  # Ends and activations of the newest frames.
        self._due = 0.0

    def add(self, output: Output) -> None:
        """Take the next block of output (at most a hop long), and a column if one is due."""
        late = self._separator.framing.latency  # Frames get the sound after the lookahead.
        self._frames.append((self._position + output.mix.shape[1] + late - late // 2, self._by_pitch()))
        self._advance(output.stems.mean(axis=1))

    def finish(self) -> None:
        """At the end of the sound, take the columns whose windows extend beyond it."""
        hop = self._separator.framing.hop
        for _ in range(self._size // 2 // hop + 1):
            self._advance(np.zeros((len(self.stem_names), hop), np.float32))

    def _advance(self, block: Floats) -> None:
        self._recent = np.concatenate([self._recent, block], axis=1)[:, -self._size :]
        self._position += block.shape[1]
        while self._due < self.samples and self._position >= self._due + self._size / 2:
            self._take_column()
            self._due += self._step

    def _take_column(self) -> None:
        sounds = np.concatenate([self._recent.sum(axis=0, keepdims=True), self._recent])
        self._columns.append(np.abs(np.fft.rfft(sounds * self._window, axis=1)).astype(np.float32))
        while len(self._frames) > 1 and self._frames[0][0] < self._due:
            self._frames.popleft()
        self._activations.append(self._frames[0][1])

    def _by_pitch(self) -> Floats:
        """The activations [stem, pitch] of the last frame."""
        by_pitch = np.zeros((len(self.stem_names), 128), np.float32)
        for stem, row in enumerate(self._separator.activations):
            by_pitch[stem] = np.bincount(self._row_pitch, row, 128)
        return by_pitch

    def spectrogram_db(self, index: int) -> npt.NDArray[np.float64]:
        """Levels [pitch, column] of the mix (0) or a stem (1 ...), in bands of half a semitone, in dB below the mix's peak."""
        V = np.stack(self._columns).astype(np.float64)
        peak = V[:, 0].max() + 1e-12
        edges = pitch_hz(np.arange(LOWEST_PITCH, HIGHEST_PITCH + 1, 0.5) - 0.25)
        bins = np.clip(np.round(edges * self._size / self.sample_rate).astype(int), 0, V.shape[2] - 1)
        bands = np.stack([V[:, index, low : max(high, low + 1)].max(axis=1) for low, high in pairwise(bins)])
        levels: npt.NDArray[np.float64] = 20 * np.log10(bands / peak + 1e-9)
        return levels

    def activations(self) -> Floats:
        """Activations [column, stem, pitch] of the frame at the time of each column."""
        return np.stack(self._activations)


def pitch_hz(pitch: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Frequency of MIDI pitches in Hz, with A4 = 440 Hz."""
    return np.asarray(440 * 2 ** ((pitch - 69) / 12), np.float64)


def draw(trace: Trace, score: Score | None, title: str, voice: str = "", sung: SungPitch | None = None) -> bytes:
    """The picture as PNG. It needs no display. sung: the pitch of the stem called `voice`, which is drawn as a line."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = ("mix", *trace.stem_names)
    figure = Figure(figsize=(14, 2.6 * len(names) + 0.8), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, parse_math=False)
    axes = np.atleast_1d(figure.subplots(len(names), 1, sharex=True, sharey=True))
    activations = trace.activations()
    loudest = activations.max() + 1e-12
    for index, (name, axis) in enumerate(zip(names, axes, strict=True)):
        _draw_spectrogram(axis, trace, index)
        stems = range(len(names) - 1) if index == 0 else [index - 1]
        for stem in stems:
            _draw_roll(axis, trace, activations[:, stem] / loudest, COLOURS[stem % len(COLOURS)], gates=index == 0)
        if sung is not None and name == voice:
            axis.plot(sung.times_s, semitones(sung.hz), color=COLOURS[(index - 1) % len(COLOURS)], linewidth=1.5)
        _label(axis, name, index, score, sung is not None and name == voice)
    axes[-1].set_xlabel("time in s")
    image = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # The font can lack a character of the file name.
        figure.savefig(image, format="png")
    return image.getvalue()


def _extent(trace: Trace) -> tuple[float, float, float, float]:
    return (trace.start_s, trace.start_s + trace.samples / trace.sample_rate, LOWEST_PITCH - 0.25, HIGHEST_PITCH + 0.25)


def _draw_spectrogram(axis: Any, trace: Trace, index: int) -> None:
    axis.imshow(trace.spectrogram_db(index), origin="lower", aspect="auto", extent=_extent(trace), cmap="gray",
                vmin=-RANGE_DB, vmax=0, interpolation="nearest")


def _draw_roll(axis: Any, trace: Trace, levels: Floats, colour: str, gates: bool) -> None:
    """Draw the notes [column, pitch] of one stem in its colour: with `gates` all equally, else stronger by activation."""
    from matplotlib.colors import to_rgb

    shown = levels[:, LOWEST_PITCH : HIGHEST_PITCH + 1].T
    image = np.zeros((*shown.shape, 4), np.float32)
    image[..., :3] = to_rgb(colour)
    level = np.clip(1 + 20 * np.log10(shown + 1e-9) / 60, 0, 1)
    image[..., 3] = np.where(shown > 0, 0.45 if gates else 0.15 + 0.75 * level, 0)
    extent = (*_extent(trace)[:2], LOWEST_PITCH - 0.5, HIGHEST_PITCH + 0.5)
    axis.imshow(image, origin="lower", aspect="auto", extent=extent, interpolation="nearest")


def _label(axis: Any, name: str, index: int, score: Score | None, sung: bool) -> None:
    what = "colours: open gates" if index == 0 else "line: pitch" if sung else "colour: activations"
    if index == 0 and score is None:
        what = "no MIDI: every gate is open"
    colour = "white" if index == 0 else COLOURS[(index - 1) % len(COLOURS)]
    axis.text(0.005, 0.95, f"{name}  ({what})" if name != "residual" else "residual", transform=axis.transAxes, va="top",
              color=colour, fontweight="bold", bbox={"facecolor": "black", "alpha": 0.6, "pad": 2})
    octaves = range(24, HIGHEST_PITCH + 1, 12)
    axis.set_yticks(list(octaves), [f"C{pitch // 12 - 1}" for pitch in octaves])
