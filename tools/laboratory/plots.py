"""Pictures of SDR: against latency, and under adverse conditions."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from laboratory.grid import distinct, where
from laboratory.report import groups_of, mean_db
from laboratory.study import Row


def draw_latency(path: Path, rows: Sequence[Row], styles: Mapping[str, str] | None = None) -> None:
    """Draw SDR against latency, with a line per system and a panel per set; offline systems are horizontal lines.

    Except for the first step, a step is a doubling of the latency. styles: the systems to draw, and how.
    """
    groups = groups_of(rows)
    steps = sorted(samples for (samples,) in distinct(rows, "latency_samples") if samples is not None)
    figure, panels = _figure(len(groups))
    usual = {system: f"C{number}o-" for number, (system,) in enumerate(distinct(rows, "system"))}
    for panel, group in zip(panels, groups, strict=True):
        for system, style in (styles or usual).items():
            mine = where(rows, system=system, set=group)
            points = [(after, mean_db(where(mine, latency_samples=after))) for (after,) in distinct(mine, "latency_samples")]
            if len(points) == 1:
                panel.axhline(points[0][1], linestyle="--", color=style[:2], label=system)
            elif points:
                points.sort()
                panel.plot([steps.index(samples) for samples, _ in points], [db for _, db in points], style, label=system)
        panel.set(title=group, xlabel="latency in samples (44.1 per ms)", ylabel="mean SDR, dB", xticks=range(len(steps)),
                  xticklabels=steps)
        panel.grid(alpha=0.3)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=8)
    figure.savefig(path, dpi=100)


def draw_conditions(path: Path, changes: Mapping[str, Mapping[object, float]]) -> None:
    """Draw bars: the change of the mean SDR under each condition; `changes` has a figure for every piece."""
    figure, (panel,) = _figure(1)
    panel.barh(list(changes), [float(np.mean(list(found.values()))) for found in changes.values()], color="C1")
    panel.axvline(0, color="k", linewidth=0.8)
    panel.invert_yaxis()
    panel.tick_params(axis="y", labelsize=7)
    panel.set(xlabel="change of the mean SDR, dB", title="live 512, reporting pieces")
    figure.savefig(path, dpi=100)


def _figure(panels: int) -> tuple:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(max(4.2 * panels, 8), 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(1, panels, squeeze=False)[0]
