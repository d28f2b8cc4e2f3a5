"""What `rtsep batch` shows: progress while it works, and what came of it."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rtsep.batch.engines import Engine
    from rtsep.batch.items import Item
    from rtsep.batch.run import Done, Plan
    from rtsep.batch.work import Outcome

LINE_S = 60.0  # Where stderr is no terminal, progress is a line every so many seconds.
NAMED = 10  # So many faults are told one by one.


def print_json(value: Any) -> None:
    """One line of JSON on standard output, at once."""
    print(json.dumps(value, ensure_ascii=False), flush=True)


class Shown:
    """Progress on stderr: items, hours of sound per hour, time left. With `as_json`, a line for each item on stdout, too."""

    def __init__(self, planned: Plan, engine: Engine, as_json: bool) -> None:
        self._planned, self._engine, self._json = planned, engine, as_json
        self._bar: Any = None
        self._task: Any = None
        self._last = time.monotonic()

    def __enter__(self) -> Shown:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        for note in self._planned.items.notes:
            print(f"rtsep: {note}", file=sys.stderr)
        console = Console(stderr=True)
        self._bar = Progress(BarColumn(), TextColumn("{task.description}", markup=False), console=console, transient=True,
                             disable=not console.is_terminal)
        self._bar.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._bar.stop()

    def __call__(self, so_far: Done, item: Item | None, outcome: Outcome | None) -> None:
        """An item has ended; None: the run begins."""
        if item is not None and outcome is not None and self._json:
            print_json({"id": item.id, "status": "failed" if outcome.kind == "failed" else "done", "error": outcome.text,
                        **(outcome.row or {})})
        text = _progress(so_far)
        if self._task is None:
            self._task = self._bar.add_task(text, total=so_far.total)
            print(f"rtsep: {so_far.total - so_far.before} of {so_far.total} items are to be done, by {self._engine.where}",
                  file=sys.stderr, flush=True)
        self._bar.update(self._task, completed=so_far.before + so_far.ended, description=text)
        if self._bar.disable and time.monotonic() - self._last >= LINE_S:
            self._last = time.monotonic()
            print(f"rtsep: {text}", file=sys.stderr, flush=True)


def _progress(so_far: Done) -> str:
    """Such as: 12 of 300 items, 1 failed, 34 hours of sound per hour, 1:02:00 left."""
    parts = [f"{so_far.before + so_far.ended} of {so_far.total} items"]
    if so_far.failed:
        parts.append(f"{so_far.failed} failed")
    if so_far.left_s is not None:
        parts += [f"{so_far.sound_s / so_far.elapsed_s:.1f} hours of sound per hour", f"{_clock(so_far.left_s)} left"]
    return ", ".join(parts)


def _clock(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def show_summary(summary: Mapping[str, Any], so_far: Done, out: str, as_json: bool) -> None:
    """What came of a run."""
    more = {"done_now": so_far.done, "done_before": so_far.before, "seconds": round(so_far.elapsed_s, 3),
            "sound_hours_per_hour": round(so_far.sound_s / so_far.elapsed_s, 2)}
    if as_json:
        print_json({"summary": {**summary, **more}})
        return
    lines = [f"{summary['done']} of {summary['items']} items are done ({so_far.done} now), {summary['failed']} failed, "
             f"{summary['items_with_warnings']} have warnings: {out}"]
    if so_far.done:
        lines.append(f"{_clock(so_far.sound_s)} of sound in {_clock(so_far.elapsed_s)}: "
                     f"{so_far.sound_s / so_far.elapsed_s:.1f} hours of sound per hour")
    if summary["mean_sdr_db"] is not None:
        lines.append(f"mean SDR {summary['mean_sdr_db']:.2f} dB, of {summary['items_with_sdr']} items")
    lines += [f"{count} x {text}" for text, count in summary["warnings"].items()]
    if not summary["parquet"]:
        lines.append("there is no results.parquet: pip install pyarrow brings it with the next run")
    if summary["failed"]:
        lines.append("results.csv says why items failed; --retry-failed tries them again")
    print("\n".join(lines))


def show_estimate(told: Mapping[str, Any], planned: Plan, as_json: bool) -> None:
    """What a run would do."""
    if as_json:
        print_json({"items": len(planned.items.items), **told})
        return
    for note in planned.items.notes:
        print(f"rtsep: {note}", file=sys.stderr)
    print(f"{told['to_do']} of {len(planned.items.items)} items would be done: {_clock(3600 * told['sound_hours'])} of sound, "
          f"about {_clock(3600 * told['hours'])} with {told['workers']} workers ({told['cpu_hours']:.2f} processor hours), "
          f"{told['gigabytes']:.2f} GB of results")


def show_check(faults: Mapping[str, str], out: str, as_json: bool) -> bool:
    """What is wrong with the items; gives whether anything is."""
    wrong = {id: fault for id, fault in faults.items() if fault}
    if as_json:
        print_json({"items": len(faults), "wrong": wrong})
    else:
        for id, fault in list(wrong.items())[:NAMED]:
            print(f"{id}: {fault}")
        if len(wrong) > NAMED:
            print(f"and {len(wrong) - NAMED} more (--json tells all)")
        if not wrong:
            print(f"all {len(faults)} items are whole: {out}")
    return bool(wrong)
