"""Draws the picture of a training: templates in the order of the keys, activations with the score, and the loss."""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np

from rtsep.training.initial import pitch_hz
from rtsep.training.isolated import Floats, Templates
from rtsep.training.learn import Learnt
from rtsep.training.music import Music

RANGE_DB = 60.0  # Levels that lie this many decibels or more below the loudest one are black.
COLUMNS = 1600  # Pictures of activations have about this many columns, more than a screen shows.
PER_SEMITONE = 4  # The frequency axis has this many steps per semitone.
LOWEST_HZ = 27.5  # The frequency axis begins at A0, in Hz.
SCORE, FILLED = "#4fc3f7", "#ffb74d"


def draw_training(learnt: Learnt) -> bytes:
    """The picture as PNG. Needs no display. The activations are those of the first instrument that music taught here."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    activations = bool(learnt.music) and len(learnt.music[0].H) > 0
    figure = Figure(figsize=(14, 9 if activations else 5), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(f"{learnt.preset.title}: {len(learnt.preset.W)} templates", parse_math=False)
    grid = figure.add_gridspec(2 if activations else 1, 4)
    _draw_templates(figure.add_subplot(grid[0, :3]), learnt)
    _draw_cost(figure.add_subplot(grid[0, 3]), learnt.templates)
    if activations:
        _draw_activations(figure.add_subplot(grid[1, :]), learnt.music[0], learnt)
    image = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # The font may lack a letter of the title.
        figure.savefig(image, format="png")
    return image.getvalue()


def log_frequency(templates: Templates) -> tuple[Floats, Floats]:
    """Templates in dB relative to the peak of each, [row, step], and the frequency of each step in Hz."""
    bin_hz = templates.sample_rate / templates.framing.window_size
    steps = int(PER_SEMITONE * 12 * np.log2(templates.sample_rate / 2 / LOWEST_HZ))
    hz = LOWEST_HZ * 2 ** (np.arange(steps) / (12 * PER_SEMITONE))
    bins = np.arange(templates.W.shape[1])
    levels = np.stack([np.interp(hz / bin_hz, bins, row) for row in templates.W])
    return 20 * np.log10(levels / levels.max(axis=1, keepdims=True) + 1e-9), hz


def _draw_templates(axis: Any, learnt: Learnt) -> None:
    """Draw W: one column for each template, from the lowest to the highest pitch, with marks for filled pitches."""
    templates = learnt.templates
    levels, hz = log_frequency(templates)
    axis.imshow(levels.T, origin="lower", aspect="auto", vmin=-RANGE_DB, vmax=0, cmap="magma", interpolation="nearest",
                extent=(-0.5, len(levels) - 0.5, 0, len(hz)))
    octaves = pitch_hz(np.arange(24, 133, 12))
    octaves = octaves[octaves < hz[-1]]
    axis.set_yticks(12 * PER_SEMITONE * np.log2(octaves / LOWEST_HZ), [f"{each:.0f}" for each in octaves])
    first = [int(np.argmax(templates.row_pitch == pitch)) for pitch in range(0, 128, 12) if pitch in templates.row_pitch]
    axis.set_xticks(first, [f"C{templates.row_pitch[i] // 12 - 1}" for i in first])
    filled = np.flatnonzero(learnt.preset.filled[templates.row_pitch])
    axis.plot(filled, np.full(len(filled), 2), "|", color=FILLED, markersize=6)
    axis.set_title("W: templates" + (" (marked: never heard, filled)" if len(filled) else ""))
    axis.set_ylabel("frequency in Hz")


def _draw_cost(axis: Any, templates: Templates) -> None:
    losses = np.maximum(templates.losses, 1e-30)
    axis.semilogy(losses, "o-" if len(losses) < 30 else "-", markersize=3)
    axis.set_title("cost")
    axis.set_xlabel(f"updates ({templates.reason.replace('_', ' ')})")
    axis.grid(True, which="both", alpha=0.3)


def _draw_activations(axis: Any, music: Music, learnt: Learnt) -> None:
    """Draw H by pitch, in dB, under the score's notes, take after take."""
    pitch = music.templates.row_pitch
    low, high = int(pitch.min()), int(pitch.max())
    by_pitch = np.zeros((high - low + 1, len(music.H)), np.float32)
    np.add.at(by_pitch, pitch - low, music.H.T)
    step = max(len(music.H) // COLUMNS, 1)
    shown = by_pitch[:, : len(music.H) // step * step].reshape(len(by_pitch), -1, step).max(axis=2)
    begins = np.flatnonzero(np.diff(music.frame_s, prepend=np.inf) < 0)
    starts_s = np.cumsum([0.0, *(music.frame_s[begin - 1] for begin in begins[1:])])
    end_s = starts_s[-1] + music.frame_s[-1]
    axis.imshow(20 * np.log10(shown / (shown.max() + 1e-30) + 1e-9), origin="lower", aspect="auto", vmin=-RANGE_DB, vmax=0,
                cmap="gray", interpolation="nearest", extent=(0, end_s, low - 0.5, high + 0.5))
    for start_s, take in zip(starts_s, learnt.takes, strict=False):
        axis.hlines(take.notes["pitch"] + 0.42, start_s + take.notes["onset_s"], start_s + take.notes["offset_s"], SCORE, lw=1)
    octaves = range(low + -low % 12, high + 1, 12)
    axis.set_yticks(list(octaves), [f"C{each // 12 - 1}" for each in octaves])
    axis.set_title("H: activations by pitch, and the score (blue)")
    axis.set_xlabel("time in s")
