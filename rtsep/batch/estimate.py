"""What a run would do, from a trial of its first recording: time, and room on the disk."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rtsep.batch import places
from rtsep.batch.carried import placed
from rtsep.batch.run import Plan
from rtsep.batch.task import Task, inputs_of, job_of, with_files
from rtsep.compiling import machine
from rtsep.errors import RtsepError
from rtsep.files.sound import open_sound
from rtsep.hosts.render import render

TRIAL_S = 20.0  # So many seconds of the first recording are separated for the estimate.
LOOKED_AT = 1000  # The length of at most so many recordings is looked up; the mean of these counts for the others.


@dataclass(frozen=True)
class Estimate:
    """items: to do. sound_s: their length. cpu_s: processor time. size: bytes of results."""

    items: int
    sound_s: float
    cpu_s: float
    size: int

    def told(self, workers: int) -> dict[str, Any]:
        """As the command tells it."""
        return {"to_do": self.items, "sound_hours": round(self.sound_s / 3600, 4), "cpu_hours": round(self.cpu_s / 3600, 4),
                "workers": workers, "hours": round(self.cpu_s / 3600 / workers, 4), "gigabytes": round(self.size / 1e9, 3)}


def estimate(planned: Plan) -> Estimate:
    """Separate the beginning of the first recording into a temporary folder, and reckon. RtsepError: it cannot be separated."""
    tasks = planned.tasks
    if not tasks:
        return Estimate(0, 0.0, 0.0, 0)
    machine.compile_objects("engine")
    with tempfile.TemporaryDirectory(prefix="rtsep-trial-") as folder:
        sound_s = _mean_s(tasks, Path(folder)) * len(tasks)
        cpu, size = _trial(planned, tasks[0], Path(folder))
    return Estimate(len(tasks), sound_s, cpu * sound_s, round(size * sound_s))


def _mean_s(tasks: Sequence[Task], folder: Path) -> float:
    """The mean length of the recordings; those that cannot be read do not count."""
    step, known = max(len(tasks) // LOOKED_AT, 1), []
    for task in tasks[::step]:
        try:
            with open_sound(places.fetched(task.item.mix, folder / "in"), cut=True) as sound:
                known.append(sound.frames / sound.sample_rate)
        except RtsepError:
            continue
        if places.is_remote(task.item.mix):
            places.remove_folder(folder / "in")
    if not known:
        raise RtsepError("none of the recordings can be read")
    return sum(known) / len(known)


def _trial(planned: Plan, task: Task, folder: Path) -> tuple[float, float]:
    """Processor time and bytes per second of sound, of the first seconds of an item."""
    item = replace(task.item, truths={})
    paths = {address: places.fetched(address, folder / "in") for address in inputs_of(item)}
    job = placed(job_of(item, planned.order.job), planned.order.carried)
    job = replace(with_files(job, item, paths), out=folder / "out")
    if job.delivery.start_s is None and job.delivery.end_s is None:
        with open_sound(job.mix, cut=True) as sound:
            long = sound.frames / sound.sample_rate > TRIAL_S
        job = replace(job, delivery=replace(job.delivery, end_s=TRIAL_S if long else None))
    began = time.process_time()
    report = render(job)
    cpu_s, seconds = time.process_time() - began, max(report["seconds"], 1e-3)
    return cpu_s / seconds, sum(file.stat().st_size for file in job.out.iterdir()) / seconds
