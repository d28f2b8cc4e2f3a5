"""One item as workers get it, with all that its results depend on."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rtsep.batch import places
from rtsep.batch.carried import Carried, file_digest, presets_digest
from rtsep.batch.items import Item
from rtsep.batch.stamp import Stamp, engine_version
from rtsep.hosts.render import Job
from rtsep.notes.merged import split_stem

# What does not change the results of an item: places, and how much the engine is given at a time.
ASIDE = ("mix", "out", "midi", "score", "presets", "drum_map", "mosaic", "overwrite", "made_by", "block", "keep",
         "keep_background")
READ_BYTES = 2**20  # Files are read in portions of this many bytes.


@dataclass(frozen=True)
class Order:
    """What all items of a run share. `job` has the options; its mix, notes and folder are each item's own."""

    job: Job
    out: str
    stamp: Stamp
    carried: Carried


@dataclass(frozen=True)
class Task:
    """One item, and a hash of all that its results depend on but the content of its files."""

    item: Item
    settings: str


def task_of(item: Item, job: Job) -> Task:
    """The task for an item of a run with these options."""
    mine = job_of(item, job)
    options = {name: value for name, value in asdict(mine).items() if name not in ASIDE}
    told = [engine_version(), options, [presets_digest(mine.presets), *mine.presets], file_digest(mine.drum_map),
            file_digest(mine.mosaic), sorted(item.truths), [split_midi(text)[1] for text in item.midi], bool(item.score)]
    return Task(item, _hash(told))


def job_of(item: Item, job: Job) -> Job:
    """The options with those that the item has for itself."""
    params = {**job.params, **dict(item.params)}
    return replace(job, presets=item.presets or job.presets, by=item.by or job.by, params=params)


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:32]


def split_midi(text: str) -> tuple[str, str]:
    """The address of FILE or FILE@STEM, and the stem with its @, or ""."""
    if places.is_remote(text):
        found = re.fullmatch(r"(.*)(@[^/.@]+)", text)
        return (found[1], found[2]) if found else (text, "")
    path, stem = split_stem(str(places.local(text)))
    return str(path), f"@{stem}" if stem else ""


def inputs_of(item: Item) -> list[str]:
    """The addresses of all files of an item."""
    return [item.mix, *(split_midi(text)[0] for text in item.midi), *filter(None, [item.score]),
            *(item.truths[name] for name in sorted(item.truths))]


def with_files(job: Job, item: Item, paths: Mapping[str, Path]) -> Job:
    """The options with the item's own files, which lie at these paths by their addresses."""
    midi = tuple(f"{paths[address]}{stem}" for address, stem in map(split_midi, item.midi))
    return replace(job, mix=paths[item.mix], midi=midi, score=paths[item.score] if item.score else job.score)


def seen(item: Item) -> str:
    """What tells cheaply whether a file of the item has changed."""
    return " ".join(places.seen(address) for address in inputs_of(item))


def key_of(task: Task, files: list[Path]) -> str:
    """The key of an item's results: what they depend on, with the content of its `files`."""
    return _hash([task.settings, *map(_content, files)])


def _content(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(READ_BYTES):
            digest.update(piece)
    return digest.hexdigest()
