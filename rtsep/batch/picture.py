"""The picture of a run: histograms of times, levels and warnings, and the ten worst items."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from rtsep.batch.summary import WORST, badness

BINS = 40  # Histograms have so many bars.
LONGEST = 40  # An id is shown with at most so many letters, its last ones.


def draw(rows: Iterable[Mapping[str, Any]], title: str) -> bytes:
    """The picture as PNG. Needs no display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    done = [{name: row.get(name) for name in ("id", "took_s", "residual_db", "sdr_db", "warnings")}
            for row in rows if row["status"] == "done"]
    figure = Figure(figsize=(12, 8), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, parse_math=False)
    axes = figure.subplots(2, 2)
    _histogram(axes[0, 0], [row["took_s"] for row in done], "processing time of an item in s")
    _histogram(axes[0, 1], [row["residual_db"] for row in done], "level of the residual against all stems in dB")
    _histogram(axes[1, 0], [row["warnings"] for row in done], "warnings of an item")
    _draw_worst(axes[1, 1], done)
    image = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # The font may lack a letter of a name.
        figure.savefig(image, format="png")
    return image.getvalue()


def _histogram(axis: Any, values: list[Any], label: str) -> None:
    known = np.array([value for value in values if value is not None], float)
    whole = len(known) > 0 and bool((known == np.round(known)).all()) and float(np.ptp(known)) < BINS
    bins: Any = np.arange(known.min() - 0.5, known.max() + 1) if whole else BINS
    axis.hist(known, bins=bins)
    axis.set_xlabel(label)
    axis.set_ylabel("items")


def _draw_worst(axis: Any, done: list[dict[str, Any]]) -> None:
    rated = sorted(((value, row) for row in done if (value := badness(row)) is not None), key=lambda each: -each[0])[:WORST]
    by_sdr = any(row["sdr_db"] is not None for _, row in rated)
    names = [str(row["id"])[-LONGEST:].replace("$", r"\$") for _, row in rated]
    values = [row["sdr_db"] if row["sdr_db"] is not None else row["residual_db"] for _, row in rated]
    axis.barh(range(len(rated)), values)
    axis.set_yticks(range(len(rated)), names)
    axis.invert_yaxis()
    axis.set_xlabel("SDR in dB" if by_sdr else "residual in dB")
    axis.set_title(f"the {len(rated)} worst")
