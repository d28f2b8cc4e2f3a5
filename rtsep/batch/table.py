"""The table of results: a row for each item, as CSV and, where pyarrow is installed, as Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

TEXT, WHOLE, NUMBER = "string", "int64", "float64"
COLUMNS = {
    "id": TEXT, "status": TEXT, "error": TEXT, "tags": TEXT, "seconds": NUMBER, "sample_rate": WHOLE, "channels": WHOLE,
    "mode": TEXT, "preset": TEXT, "stems": WHOLE, "took_s": NUMBER, "cpu_s": NUMBER, "realtime_factor": NUMBER,
    "latency_samples": WHOLE, "latency_ms": NUMBER, "bad_samples": WHOLE, "notes_out_of_range": WHOLE, "closed_rows": WHOLE,
    "stolen_voices": WHOLE, "clipped_samples": WHOLE, "warnings": WHOLE, "warning_texts": TEXT, "level_db": NUMBER,
    "residual_db": NUMBER, "levels_db": TEXT, "sdr_db": NUMBER, "sdr_of_stems_db": TEXT, "worker": TEXT, "key": TEXT,
    "mix": TEXT,
}
AT_ONCE = 10_000  # So many rows are in memory at a time.


def as_csv(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """All rows; what is not known is empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [*COLUMNS], extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def as_parquet(rows: Iterable[Mapping[str, Any]]) -> bytes | None:
    """All rows; None: pyarrow is not installed."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        return None
    schema = pyarrow.schema([(name, getattr(pyarrow, kind)()) for name, kind in COLUMNS.items()])
    left, sink = iter(rows), io.BytesIO()
    with pyarrow.parquet.ParquetWriter(sink, schema) as writer:
        while some := list(islice(left, AT_ONCE)):
            writer.write_table(pyarrow.Table.from_pylist([_typed(row) for row in some], schema))
    return sink.getvalue()


def _typed(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with all columns; numbers where numbers are due."""
    kinds = {NUMBER: float, WHOLE: int, TEXT: str}
    return {name: None if (value := row.get(name)) is None else kinds[kind](value) for name, kind in COLUMNS.items()}
