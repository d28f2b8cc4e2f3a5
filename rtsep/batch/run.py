"""A run: what is to do goes to the workers, and what comes back is noted at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rtsep.batch import places
from rtsep.batch.carried import gather
from rtsep.batch.engines import Engine, Lost
from rtsep.batch.items import Item, Items, read_items
from rtsep.batch.journal import Journal
from rtsep.batch.stamp import own_stamp
from rtsep.batch.task import Order, Task, seen, task_of
from rtsep.batch.work import TOLD, Outcome, work
from rtsep.errors import RtsepError
from rtsep.hosts.output import check_delivery
from rtsep.hosts.render import Job
from rtsep.params import parse_params


@dataclass
class Done:
    """How far a run is: items of this run by what became of them, and their sound in seconds."""

    total: int
    before: int
    done: int = 0
    failed: int = 0
    sound_s: float = 0.0
    began: float = field(default_factory=time.monotonic)

    @property
    def ended(self) -> int:
        """Items that have ended in this run."""
        return self.done + self.failed

    @property
    def elapsed_s(self) -> float:
        """Since the run began."""
        return max(time.monotonic() - self.began, 1e-9)

    @property
    def left_s(self) -> float | None:
        """About how long the rest takes; None: not known yet."""
        return (self.total - self.before - self.ended) * self.elapsed_s / self.ended if self.ended else None


Tell = Callable[[Done, Item | None, Outcome | None], None]


@dataclass(frozen=True)
class Plan:
    """What all items are, and which are to be done."""

    items: Items
    order: Order
    tasks: tuple[Task, ...]


def plan(given: str, out: str, job: Job, journal: Journal, retry_failed: bool) -> Plan:
    """RtsepError: nothing is there, or an option, a preset or a line of the manifest is wrong."""
    items = read_items(given, out)
    for item in items.items:
        parse_params({**job.params, **dict(item.params)})
    check_delivery(job.delivery)
    order = Order(job, out, own_stamp(), gather(job, {item.presets or job.presets for item in items.items}))
    return Plan(items, order, tuple(_to_do(items.items, job, out, journal, retry_failed)))


def _to_do(
    items: Iterable[Item], job: Job, out: str, journal: Journal, retry_failed: bool
) -> Iterator[Task]:
    for item in items:
        task = task_of(item, job)
        failed = item.id in journal.entries and journal.entries[item.id].kind == "failed"
        if not (journal.settled(task, retry_failed) and (failed or _there(item, out))):
            yield task


def _there(item: Item, out: str) -> bool:
    """Whether an item that is said to be done has its folder. Folders elsewhere are believed in: --check looks at them."""
    return places.is_remote(out) or (places.local(out) / item.id / TOLD).exists()


def do(planned: Plan, engine: Engine, journal: Journal, tell: Tell) -> Done:
    """Do all that is to be done. RtsepError: the disk is full, or a worker is another rtsep; what is done stays."""
    so_far = Done(len(planned.items.items), len(planned.items.items) - len(planned.tasks))
    out = planned.order.out
    tell(so_far, None, None)
    with _stopping(engine.map(work, planned.order, planned.tasks)) as ended:
        for task, found in ended:
            outcome = Outcome("failed", text=found.reason, seen=seen(task.item)) if isinstance(found, Lost) else found
            if outcome.kind in ("full", "refused"):
                raise RtsepError(f"{outcome.text}. {so_far.ended} items were done; the same command goes on with the rest")
            if outcome.kind != "failed" and not _there(task.item, out):
                raise RtsepError(f"a worker has done {task.item.id}, and its results are not in {out} here: give an --out that "
                                 "all workers reach, a shared folder or an address such as s3://bucket/separated")
            journal.add(task, outcome)
            _count(so_far, outcome)
            tell(so_far, task.item, outcome)
    return so_far


def _count(so_far: Done, outcome: Outcome) -> None:
    if outcome.kind == "failed":
        so_far.failed += 1
    else:
        so_far.done += 1
        so_far.sound_s += float((outcome.row or {}).get("seconds", 0.0))


@contextmanager
def _stopping(results: Any) -> Iterator[Any]:
    """The results; whatever happens, nothing goes on behind."""
    try:
        yield results
    finally:
        results.close()


def rows(items: Iterable[Item], journal: Journal) -> Iterator[Mapping[str, Any]]:
    """The rows of the table, in the order of the items."""
    for item in items:
        yield {"id": item.id, **journal.row(item.id), "tags": item.tags, "mix": item.mix}
