"""Whether what is there is whole, and belongs to what it was made from."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from rtsep.batch import places
from rtsep.batch.items import Item
from rtsep.batch.task import Task, inputs_of, key_of, task_of
from rtsep.batch.work import TOLD, finished
from rtsep.errors import RtsepError
from rtsep.files.sound import open_sound
from rtsep.hosts.render import Job

SOUNDS = (".wav", ".flac", ".ogg", ".mp3")  # Endings of stems.


def check(items: Iterable[Item], job: Job, out: str) -> Iterator[tuple[Item, str]]:
    """For every item what is wrong with its results; "" for nothing. All inputs and all results are read."""
    for item in items:
        with tempfile.TemporaryDirectory(prefix="rtsep-check-") as folder:
            yield item, _fault(task_of(item, job), places.joined(out, item.id), Path(folder))


def _fault(task: Task, target: str, folder: Path) -> str:
    told = finished(target)
    if told is None:
        return "it is not done"
    try:
        if fault := _files_fault(told, target, folder):
            return fault
        inputs = [places.fetched(address, folder / "in") for address in inputs_of(task.item)]
        key = key_of(task, inputs)
    except (RtsepError, OSError) as error:
        return str(error)
    return "" if key == told["key"] else "its files, its options, its preset or rtsep have changed since"


def _files_fault(told: dict[str, Any], target: str, folder: Path) -> str:
    """What is wrong with the files of an item's folder."""
    for name, size in told["files"].items():
        address = places.joined(target, name)
        if not places.seen(address):
            return f"{name} is missing"
        if places.size_of(address) != size:
            return f"{name} has {places.size_of(address)} bytes, and had {size}"
        if name.endswith(SOUNDS):
            with open_sound(places.fetched(address, folder / "out")) as sound:
                sound.check_end()
    return "" if TOLD not in told["files"] else f"{TOLD} lists itself"
