"""What is done: a line for each item that ended, written as it ends. The tables are made from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from rtsep.batch import places
from rtsep.batch.task import Task, seen
from rtsep.batch.work import PARTS, Outcome
from rtsep.compiling.store import cache_base
from rtsep.errors import RtsepError
from rtsep.files.results import write_error

NAME = "journal.jsonl"


def home_of(out: str) -> Path:
    """The folder of this computer for journal and tables: `out`, or where it is remote one in the cache, for that address."""
    if not places.is_remote(out):
        return places.local(out)
    base = cache_base()
    if base is None:
        raise RtsepError("no cache folder can be written, and the journal of a remote --out is kept there: set RTSEP_CACHE_DIR")
    return base / "batch" / hashlib.sha256(out.rstrip("/").encode()).hexdigest()[:16]


@contextmanager
def alone_in(out: str) -> Iterator[Path]:
    """The home of `out`, which no other run has meanwhile. RtsepError: one has it, or it cannot be made."""
    home = home_of(out)
    try:
        lock = places.held(home, f"another rtsep batch works in {out}: wait until it has ended, or give another --out")
    except OSError as error:
        raise write_error(out, error) from error
    try:
        if not places.is_remote(out):
            places.remove_folder(home / PARTS)  # What a run that was killed has left.
        yield home
        if not places.is_remote(out):
            places.remove_folder(home / PARTS)
    finally:
        lock.release()


@dataclass(frozen=True)
class Entry:
    """What the journal knows of an item without reading its row, which begins at the byte `at`."""

    seen: str
    settings: str
    key: str
    kind: str
    at: int


class Journal:
    """The journal in a folder. Thread: control."""

    def __init__(self, home: Path) -> None:
        self.path = home / NAME
        self.entries: dict[str, Entry] = {}
        self._file: IO[bytes] | None = None
        self._end = 0
        if self.path.exists():
            for at, line in _lines(self.path):
                self._note(line, at)
                self._end = at + len(line)

    def _note(self, line: bytes, at: int) -> None:
        told = json.loads(line)
        self.entries[told["id"]] = Entry(told["seen"], told["settings"], told["key"], told["kind"], at)

    def add(self, task: Task, outcome: Outcome) -> None:
        """Note that an item has ended. RtsepError: it cannot be written; then the journal is as before."""
        kind = "failed" if outcome.kind == "failed" else "done"
        told = {"id": task.item.id, "seen": outcome.seen, "settings": task.settings, "key": outcome.key, "kind": kind,
                "text": outcome.text, "row": outcome.row or {}}
        line = json.dumps(told, ensure_ascii=False).encode() + b"\n"
        try:
            if self._file is None:
                self._file = open(self.path, "ab", buffering=0)  # noqa: SIM115
                self._file.truncate(self._end)  # The last line may have been cut off.
            self._file.write(line)
        except OSError as error:
            raise write_error(self.path, error) from error
        self._note(line, self._end)
        self._end += len(line)

    def row(self, id: str) -> dict[str, Any]:
        """What became of an item: the columns of its row, with status and error."""
        entry = self.entries.get(id)
        if entry is None:
            return {"status": "to do"}
        with open(self.path, "rb") as file:
            file.seek(entry.at)
            told = json.loads(file.readline())
        return {"status": told["kind"], "error": told["text"], "key": told["key"], **told["row"]}

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *raised: object) -> None:
        if self._file is not None:
            self._file.close()

    def settled(self, task: Task, retry_failed: bool) -> bool:
        """Whether the item needs nothing: neither it nor what its results depend on has changed."""
        entry = self.entries.get(task.item.id)
        if entry is None or entry.settings != task.settings or (retry_failed and entry.kind == "failed"):
            return False
        return entry.seen == seen(task.item)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Each whole line and where it begins; a last one that was cut off is left out."""
    at = 0
    with open(path, "rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                return
            try:
                told: Mapping[str, Any] = json.loads(line)
            except ValueError as error:
                raise RtsepError(f"{path}, byte {at}: it is damaged; move it away, and what is done is found again by the "
                                 "items' folders") from error
            if {"id", "seen", "settings", "key", "kind"} - told.keys():
                raise RtsepError(f"{path} is no journal of rtsep batch: give another --out")
            yield at, line
            at += len(line)

