"""What the bench writes: CSV, JSON, plots, and the tables of a page."""

import csv
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from evaluate_systems import MEASURES, OFFLINE

Row = dict[str, str | float | int | None]
GROUPS = ("two_hands", "demo", "piano_and_others", "drums")
FIELDS = ("system", "setting", "latency_samples", "latency_ms", "set", "role", "piece", "stem", *MEASURES)
CONDITION_FIELDS = ("condition", "set", "role", "piece", "stem", "sdr_db", "si_sdr_db")


# --- means ------------------------------------------------------------------------------------------------------------


def mean_db(rows: Iterable[Row], measure: str = "sdr_db") -> float:
    """Mean over pieces of the mean over their stems; nan without any."""
    pieces: dict[object, list[float]] = {}
    for row in rows:
        if np.isfinite(float(row[measure])):
            pieces.setdefault((row["set"], row["piece"]), []).append(float(row[measure]))
    return float(np.mean([np.mean(values) for values in pieces.values()])) if pieces else float("nan")


def where(rows: Iterable[Row], **wanted: object) -> list[Row]:
    """The rows whose fields have these values."""
    return [row for row in rows if all(row[name] == value for name, value in wanted.items())]


def distinct(rows: Iterable[Row], *names: str) -> list[tuple]:
    """The different values of these fields, in the order of their first row."""
    return list(dict.fromkeys(tuple(row[name] for name in names) for row in rows))


def _groups(rows: Sequence[Row]) -> list[str]:
    there = [group for (group,) in distinct(rows, "set")]
    return [group for group in GROUPS if group in there] + [group for group in there if group not in GROUPS]


# --- tables -----------------------------------------------------------------------------------------------------------


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A Markdown table; all columns but the first to the right."""
    rule = ["---"] + ["--:"] * (len(head) - 1)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, rule, *lines))


def shown(value: float, form: str = ".1f") -> str:
    """A number for a table; a dash for what was not measured."""
    return format(value, form) if np.isfinite(value) else "–"


def system_table(rows: Sequence[Row]) -> str:
    """SDR of every system in every set; SI-SDR, SIR and SAR in the reporting sets."""
    groups = _groups(rows)
    reporting = where(rows, role="reporting") or list(rows)
    lines = []
    for system, setting, latency_ms in distinct(rows, "system", "setting", "latency_ms"):
        mine = where(rows, system=system, setting=setting)
        judged = where(reporting, system=system, setting=setting)
        latency = "offline" if latency_ms is None else f"{latency_ms:.1f}"
        lines.append([f"{system}, {setting}", latency, *(shown(mean_db(where(mine, set=group))) for group in groups),
                      *(shown(mean_db(judged, measure)) for measure in MEASURES[1:])])
    return table(["system", "latency, ms", *(f"SDR {group}" for group in groups), "SI-SDR", "SIR", "SAR"], lines)


def stem_table(rows: Sequence[Row]) -> str:
    """SDR of every stem of every piece for the systems that matter most."""
    chosen = [("mix", "nothing done"), ("FluCoMa way", "2048/1024"), ("rtsep", "live 512"), ("rtsep", "quality 4096"),
              ("offline score-informed NMF", OFFLINE), ("oracle ratio mask", "live 512")]
    lines = []
    for group, piece, stem in distinct(rows, "set", "piece", "stem"):
        mine = where(rows, set=group, piece=piece, stem=stem)
        cells = [mean_db(where(mine, system=system, setting=setting)) for system, setting in chosen]
        lines.append([f"{group}/{piece}: {stem}", *map(shown, cells)])
    return table(["stem", "mix", "FluCoMa way 2048", "live 512", "quality 4096", "offline NMF", "oracle 512"], lines)


def gap_table(rows: Sequence[Row]) -> str:
    """How far the engine is behind (-) or ahead of (+) the oracle with the same windows and the other ways, in dB."""
    groups, lines = _groups(rows), []
    for other, its in (("oracle ratio mask", None), ("offline score-informed NMF", OFFLINE), ("FluCoMa way", "2048/1024")):
        for setting in ("live 128", "live 512", "quality 4096"):
            cells = []
            for group in groups:
                mine = mean_db(where(rows, system="rtsep", setting=setting, set=group))
                theirs = mean_db(where(rows, system=other, setting=its or setting, set=group))
                cells.append(shown(mine - theirs, "+.1f"))
            lines.append([f"{setting} against {other}{f', {its}' if its else ''}", *cells])
    return table(["", *groups], lines)


def changes_db(rows: Sequence[Row], condition: str) -> dict[tuple[str, str], float]:
    """By how much each piece (set, name) that the condition concerns differs from the first condition, in dB."""
    first = distinct(rows, "condition")[0][0]
    pieces = distinct(where(rows, condition=condition), "set", "piece")
    return {(group, piece): mean_db(where(rows, condition=condition, set=group, piece=piece))
            - mean_db(where(rows, condition=first, set=group, piece=piece)) for group, piece in pieces}


def condition_table(rows: Sequence[Row]) -> str:
    """Mean SDR in every condition, how much that is more or less than as it is, and the piece that suffers most."""
    groups, lines = _groups(rows), []
    for (condition,) in distinct(rows, "condition"):
        changes = changes_db(rows, condition)
        cells = []
        for group in groups:
            mine = [change for (its, _), change in changes.items() if its == group]
            cells += [shown(mean_db(where(rows, condition=condition, set=group))),
                      shown(float(np.mean(mine)) if mine else np.nan, "+.1f")]
        worst = min(changes, key=lambda piece: changes[piece])
        lines.append([condition, *cells, f"{worst[1]} {changes[worst]:+.1f}" if changes[worst] < -0.05 else "–"])
    head = [text for group in groups for text in (f"SDR {group}", "change")]
    return table(["condition", *head, "worst piece"], lines)


def fill_page(page: Path, parts: dict[str, str]) -> None:
    """Put each text between the lines `<!-- begin NAME -->` and `<!-- end NAME -->` of a Markdown page."""
    text = page.read_text(encoding="utf-8")
    for name, part in parts.items():
        pattern = rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)"
        text = re.sub(pattern, lambda match, part=part: f"{match[1]}{part}\n{match[2]}", text, flags=re.DOTALL)
    page.write_text(text, encoding="utf-8")


# --- files ------------------------------------------------------------------------------------------------------------


def write_csv(path: Path, fields: Sequence[str], rows: Iterable[Row]) -> None:
    """Rows as CSV; numbers with two digits, empty for what was not measured."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fields)
        writer.writeheader()
        writer.writerows({name: _plain(row[name], "") for name in fields} for row in rows)


def write_json(path: Path, content: dict) -> None:
    """What was run, and all rows; null for what was not measured."""
    path.write_text(json.dumps(_plain(content, None), separators=(",", ":")) + "\n", encoding="utf-8")


def _plain(value: object, unknown: object) -> object:
    if isinstance(value, dict):
        return {key: _plain(part, unknown) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part, unknown) for part in value]
    if isinstance(value, float):
        return round(value, 2) if np.isfinite(value) else unknown
    return unknown if value is None else value


# --- plots ------------------------------------------------------------------------------------------------------------


def draw_latency(path: Path, rows: Sequence[Row]) -> None:
    """SDR against latency, a line per system and a panel per set; offline systems are level lines."""
    groups = _groups(rows)
    figure, panels = _figure(len(groups))
    for panel, group in zip(panels, groups, strict=True):
        for number, (system,) in enumerate(distinct(rows, "system")):
            mine = where(rows, system=system, set=group)
            points = [(latency, mean_db(where(mine, latency_ms=latency))) for (latency,) in distinct(mine, "latency_ms")]
            if not points:
                continue
            style = {"color": f"C{number}", "label": system}
            if points[0][0]:
                panel.plot(*zip(*sorted(points), strict=True), "o-", **style)
            else:
                panel.axhline(points[0][1], linestyle="--", **style)
        panel.set(title=group, xscale="log", xlabel="latency, ms", xticks=(3, 6, 12, 23, 46, 93), ylabel="mean SDR, dB")
        panel.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
        panel.minorticks_off()
        panel.grid(alpha=0.3)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=8)
    figure.savefig(path, dpi=100)


def draw_conditions(path: Path, rows: Sequence[Row]) -> None:
    """Bars: by how much the mean SDR of the reporting pieces changes (of all pieces where none is for reporting)."""
    judged = where(rows, role="reporting") or list(rows)
    names = [name for (name,) in distinct(judged, "condition")][1:]
    figure, (panel,) = _figure(1)
    panel.barh(names, [float(np.mean(list(changes_db(judged, name).values()))) for name in names], color="C1")
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


