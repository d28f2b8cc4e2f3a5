"""What a worker does, on this computer or any other: one item, from its files to its folder of results."""

from __future__ import annotations

import errno
import json
import math
import os
import platform
import secrets
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from rtsep.batch import places
from rtsep.batch.carried import placed
from rtsep.batch.stamp import other_stamp, own_stamp
from rtsep.batch.task import Order, Task, inputs_of, job_of, key_of, seen, with_files
from rtsep.batch.truth import stem_sdr_db
from rtsep.compiling import machine
from rtsep.errors import RtsepError
from rtsep.files.results import UnwritableError
from rtsep.hosts.render import Job, render

TOLD = "item.json"  # This file in an item's folder says that the folder is whole; it holds the key, the row and the files.
PARTS = ".parts"  # In this folder of the results, items grow before they get their names.
COUNTS = ("bad_samples", "notes_out_of_range", "closed_rows", "stolen_voices", "clipped_samples")
FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class Outcome:
    """What became of an item.

    kind: "done"; "there" (it had been done before); "failed"; "full" (the results cannot be written) and "refused" (this worker
    is another rtsep), which end the run. row: of the table. text: why, in one line. seen: what tells later whether a file has
    changed.
    """

    kind: str
    key: str = ""
    row: Mapping[str, Any] | None = None
    text: str = ""
    seen: str = ""


@cache
def _compiled() -> None:
    """The engine is compiled once on each computer: who comes second waits."""
    machine.compile_objects("engine")


def work(order: Order, task: Task) -> Outcome:
    """Do one item. Whatever is wrong with it is an outcome, and leaves nothing behind."""
    if own_stamp() != order.stamp:
        return Outcome("refused", text=other_stamp(order.stamp))
    before = seen(task.item)  # If a file changes meanwhile, the item will be done again.
    return replace(_attempted(order, task), seen=before)


def _attempted(order: Order, task: Task) -> Outcome:
    try:
        _compiled()
        with _workshop(order.out) as shop:
            return _done(order, task, shop)
    except UnwritableError as error:
        return Outcome("full", text=str(error))
    except RtsepError as error:
        return Outcome("failed", text=str(error))
    except OSError as error:
        return Outcome("full" if error.errno in FULL else "failed", text=str(error))
    except Exception as error:  # A mistake in a library, or in rtsep, costs one item.
        return Outcome("failed", text=" ".join(f"{type(error).__name__}: {error}".split()))


@contextmanager
def _workshop(out: str) -> Iterator[Path]:
    """A folder for one item, beside the results, or of this computer where these lie elsewhere."""
    if places.is_remote(out):
        with tempfile.TemporaryDirectory(prefix="rtsep-item-", ignore_cleanup_errors=True) as temporary:
            yield Path(temporary)
        return
    folder = places.local(out) / PARTS / f"{platform.node()}-{os.getpid()}-{secrets.token_hex(4)}"
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        places.remove_folder(folder)


def _done(order: Order, task: Task, shop: Path) -> Outcome:
    item, target = task.item, places.joined(order.out, task.item.id)
    paths = {address: places.fetched(address, shop / "in") for address in inputs_of(item)}
    key = key_of(task, [paths[address] for address in inputs_of(item)])
    there = finished(target)
    if there is not None and there["key"] == key:
        return Outcome("there", key, there["row"])
    job = replace(with_files(placed(job_of(item, order.job), order.carried), item, paths), out=shop / "out")
    row = _rendered(job, task, {name: paths[address] for name, address in item.truths.items()})
    told = {"key": key, "row": row, "files": {file.name: file.stat().st_size for file in sorted(job.out.iterdir())}}
    (job.out / TOLD).write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    if places.is_remote(order.out):
        places.sent(job.out, target, TOLD)
    else:
        _named(job.out, places.local(target), shop / "old", key)
    return Outcome("done", key, row)


def finished(target: str) -> dict[str, Any] | None:
    """What the folder of a whole item tells; None: there is none."""
    try:
        told = json.loads(places.read_bytes(places.joined(target, TOLD)))
    except (RtsepError, ValueError):
        return None
    return told if isinstance(told, dict) and {"key", "row", "files"} <= told.keys() else None


def _rendered(job: Job, task: Task, truths: Mapping[str, Path]) -> dict[str, Any]:
    """Separate as `rtsep render` does; gives the row."""
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    report = render(job)
    wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
    sdr_db, more = stem_sdr_db(job.out, report, truths)
    known = [value for value in sdr_db.values() if value is not None]
    warnings = [*report["warnings"], *more]
    levels = {stem["name"]: stem.get("level_db") for stem in report["stems"]}
    return {
        **{name: report[name] for name in ("seconds", "sample_rate", "channels", "mode", "preset")},
        "stems": len(report["stems"]), "took_s": round(wall_s, 3), "cpu_s": round(cpu_s, 3),
        "realtime_factor": report["realtime_factor"],
        "latency_samples": report["latency_samples"], "latency_ms": report["latency_ms"],
        **{name: report[name] for name in COUNTS},
        "warnings": len(warnings), "warning_texts": "; ".join(warnings),
        **_levels_db(levels), "levels_db": json.dumps(levels, ensure_ascii=False),
        "sdr_db": round(sum(known) / len(known), 3) if known else None,
        "sdr_of_stems_db": json.dumps(sdr_db, ensure_ascii=False) if sdr_db else "",
        "worker": platform.node(),
    }


def _levels_db(levels: Mapping[str, float | None]) -> dict[str, float | None]:
    """The level of all stems together, and the residual's against it."""
    power = sum(10 ** (level / 10) for level in levels.values() if level is not None)
    whole, rest = (10 * math.log10(power) if power else None), levels.get("residual")
    return {"level_db": None if whole is None else round(whole, 2),
            "residual_db": None if whole is None or rest is None else round(rest - whole, 2)}


def _named(made: Path, target: Path, aside: Path, key: str) -> None:
    """Give the finished folder its name; older results of the item make room. RtsepError: something else is there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with suppress(OSError):  # It exists and is not empty.
        os.rename(made, target)
        return
    told = finished(str(target))
    if told is None:
        raise RtsepError(f"{target} is there already and no result of rtsep batch: move it away, or give another id")
    if told["key"] != key:  # Else another worker was faster.
        os.rename(target, aside)
        os.rename(made, target)
