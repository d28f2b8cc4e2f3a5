"""The end of a run: tables, summary and picture from the journal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rtsep.batch import places
from rtsep.batch.items import Item
from rtsep.batch.journal import NAME, Journal
from rtsep.batch.picture import draw
from rtsep.batch.run import rows
from rtsep.batch.summary import summarise
from rtsep.batch.table import as_csv, as_parquet
from rtsep.errors import RtsepError
from rtsep.files.results import atomic_write


@contextmanager
def finishing(items: Sequence[Item], journal: Journal, home: Path, out: str) -> Iterator[None]:
    """If a run ends early, tables are written of what is done, as far as that is possible."""
    try:
        yield
    except BaseException:
        with suppress(RtsepError):
            finish(items, journal, home, out)
        raise


def finish(items: Sequence[Item], journal: Journal, home: Path, out: str) -> dict[str, Any]:
    """Write all that tells of the run into its home, and to `out` where that is elsewhere; gives the summary."""
    parquet = as_parquet(rows(items, journal))
    summary = {**summarise(rows(items, journal)), "parquet": parquet is not None}
    title = f"{summary['done']} of {summary['items']} items, {summary['sound_hours']:.2f} hours of sound"
    files = {"results.csv": as_csv(rows(items, journal)), "summary.json": json.dumps(summary, indent=2).encode() + b"\n",
             "summary.png": draw(rows(items, journal), title)}
    if parquet is not None:
        files["results.parquet"] = parquet
    for name, data in files.items():
        atomic_write(home / name, data)
    if places.is_remote(out):
        for name in (*files, NAME):
            if (home / name).exists():
                with places.reaching(out) as (system, path):
                    system.makedirs(path, exist_ok=True)
                    system.put_file(str(home / name), f"{path}/{name}")
    return summary


