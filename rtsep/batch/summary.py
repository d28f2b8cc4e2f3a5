"""A run in some figures, and the items to look at first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

WORST = 10  # So many items are named as the worst.
TEXTS = 10  # So many different warnings are counted by name.


def summarise(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The fields of summary.json."""
    status, texts = Counter[str](), Counter[str]()
    columns = {name: list[float]() for name in ("seconds", "took_s", "cpu_s", "residual_db", "sdr_db", "warnings")}
    worst: list[tuple[float, str]] = []
    for row in rows:
        status[str(row["status"])] += 1
        for name, values in columns.items():
            if row.get(name) is not None:
                values.append(float(row[name]))
        texts.update(_kind(text) for text in str(row.get("warning_texts") or "").split("; ") if text)
        worst = _with(worst, row)
    seconds, cpu_s = sum(columns["seconds"]), sum(columns["cpu_s"])
    return {
        "items": sum(status.values()), **{name.replace(" ", "_"): status[name] for name in ("done", "failed", "to do")},
        "sound_hours": round(seconds / 3600, 4), "cpu_hours": round(cpu_s / 3600, 4),
        "sound_per_cpu": round(seconds / cpu_s, 2) if cpu_s else None,
        "items_with_warnings": sum(count > 0 for count in columns["warnings"]),
        "warnings": dict(texts.most_common(TEXTS)),
        "mean_sdr_db": _mean(columns["sdr_db"]), "items_with_sdr": len(columns["sdr_db"]),
        "mean_residual_db": _mean(columns["residual_db"]),
        "worst": [id for _, id in worst],
    }


def _mean(values: Sequence[float]) -> float | None:
    return round(float(np.mean(values)), 3) if values else None


def _kind(text: str) -> str:
    """A warning without its figures, so that equal ones count together."""
    return " ".join("N" if any(letter.isdigit() for letter in word) else word for word in text.split())


def badness(row: Mapping[str, Any]) -> float | None:
    """How bad an item is: its SDR turned round, or else how loud its residual is; None: not known."""
    if row.get("sdr_db") is not None:
        return -float(row["sdr_db"])
    return None if row.get("residual_db") is None else float(row["residual_db"])


def _with(worst: list[tuple[float, str]], row: Mapping[str, Any]) -> list[tuple[float, str]]:
    value = badness(row)
    return worst if value is None else sorted([*worst, (value, str(row["id"]))], reverse=True)[:WORST]
