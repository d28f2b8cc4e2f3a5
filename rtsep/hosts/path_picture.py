"""The picture of an aligned score: where in the score the player is at each time, and how sure rtsep is."""

from __future__ import annotations

import io
import warnings

import numpy as np

from rtsep.hosts.aligned import PASSAGE_S, SURE, Aligned
from rtsep.hosts.picture import COLOURS

MOST_POINTS = 20_000  # The path is drawn with at most this many points.
GAP_S = 1.0  # A line is broken where the score goes back, or on by more than this many seconds at once.


def draw_path(aligned: Aligned, title: str) -> bytes:
    """The picture as PNG. It needs no display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 7), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, parse_math=False)
    path, sure = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    sound_s, score_s = aligned.alignment.path_s[:: max(len(aligned.alignment.path_s) // MOST_POINTS, 1)].T
    moves = np.diff(score_s, prepend=score_s[:1])
    path.plot(sound_s, np.where((moves < 0) | (moves > GAP_S), np.nan, score_s), color=COLOURS[0], linewidth=2)
    path.set_ylabel("time in the score in s")
    starts = PASSAGE_S * np.arange(len(aligned.sureness))
    heights = np.nan_to_num(aligned.sureness)
    sure.bar(starts, heights, PASSAGE_S, align="edge", edgecolor="white",
             color=[COLOURS[2] if height >= SURE else COLOURS[3] for height in heights])
    sure.axhline(SURE, color="gray", linewidth=1)
    sure.set(ylim=(0, 1), ylabel="sureness", xlabel="time in the recording in s")
    for number, height in enumerate(heights):
        if height < SURE:
            path.axvspan(starts[number], starts[number] + PASSAGE_S, color=COLOURS[3], alpha=0.2)
    image = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # The font can lack a character of the file name.
        figure.savefig(image, format="png")
    return image.getvalue()
