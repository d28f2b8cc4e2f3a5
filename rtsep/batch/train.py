"""Training on the recordings of a manifest: what `rtsep.training.passes` asks for goes to the workers of an engine."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rtsep.batch import places
from rtsep.batch.engines import Engine, Lost
from rtsep.batch.items import Item
from rtsep.batch.stamp import Stamp, other_stamp, own_stamp
from rtsep.batch.task import split_midi
from rtsep.errors import RtsepError
from rtsep.files.results import atomic_write
from rtsep.training.inputs import Given
from rtsep.training.isolated import Progress
from rtsep.training.learn import About, Job, Learnt, learn
from rtsep.training.passes import Workers, train_spread
from rtsep.training.spread import Recording, look


@contextmanager
def at_hand(address: str) -> Iterator[Path]:
    """The file at an address; of a remote one a copy, as long as `with` lasts."""
    with tempfile.TemporaryDirectory(prefix="rtsep-train-", ignore_cleanup_errors=True) as folder:
        yield places.fetched(address, Path(folder))


@dataclass(frozen=True)
class Folder:
    """Files in a folder at any address; see `rtsep.training.spread.Store`."""

    address: str

    def load(self, name: str) -> bytes | None:
        """The content; None: there is no such file."""
        place = places.joined(self.address, name)
        return places.read_bytes(place) if places.seen(place) else None

    def save(self, name: str, data: bytes) -> None:
        """Write a file."""
        place = places.joined(self.address, name)
        if not places.is_remote(place):
            atomic_write(places.local(place), data)
            return
        with places.reaching(place) as (system, path):
            system.pipe_file(path, data)

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        place = places.joined(self.address, name)
        if not places.is_remote(place):
            places.local(place).unlink(missing_ok=True)
        elif places.seen(place):
            with places.reaching(place) as (system, path):
                system.rm_file(path)


@dataclass(frozen=True)
class _Call:
    """A function of the training, with what its tasks share, and which rtsep it is."""

    function: Callable[[Any, Any], Any]
    shared: Any
    stamp: Stamp


def _called(call: _Call, task: tuple[int, Any]) -> tuple[Any, str]:
    """The result, or what is wrong in one line."""
    if own_stamp() != call.stamp:
        return None, other_stamp(call.stamp)
    try:
        return call.function(call.shared, task[1]), ""
    except (RtsepError, OSError) as error:
        return None, str(error)


def train(
    items: Sequence[Item], job: Job, about: About, engine: Engine, kept: str, progress: Progress
) -> Learnt:
    """As `rtsep.training.learn.learn`, of the recordings of all items; activations and checkpoints lie in the folder `kept`.

    KeyboardInterrupt: they stay, and the same call goes on. RtsepError: as there, or another training has the folder.
    """
    def do(function: Callable[[Any, Any], Any], shared: Any, tasks: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        results = engine.map(_called, _Call(function, shared, own_stamp()), enumerate(tasks))
        try:
            for (number, _), found in results:
                if isinstance(found, Lost):
                    raise RtsepError(f"a recording cannot be learnt from: {found.reason}")
                value, fault = found
                if fault:
                    raise RtsepError(fault)
                yield number, value
        finally:
            results.close()  # type: ignore[attr-defined]

    recordings = [_recording(item) for item in items]
    with _alone_in(kept):
        workers = Workers(do, engine.workers, at_hand, Folder(kept))
        progress("reading", 0, len(recordings), None)
        given: list[Given] = workers.all(look, (at_hand, job), recordings)
        progress("reading", len(recordings), len(recordings), None)
        groups = iter([[recording.sound] for recording in recordings] if job.stacked else [[each.sound for each in recordings]])
        return learn(given, job, about, progress,
                     lambda takes, settings, progress: train_spread(takes, next(groups), settings, workers, progress))


def _recording(item: Item) -> Recording:
    if len(item.midi) != 1:
        raise RtsepError(f"{item.mix} has {len(item.midi)} files of notes in the manifest: training takes one for each "
                         "recording")
    return Recording(item.mix, split_midi(item.midi[0])[0])


@contextmanager
def _alone_in(kept: str) -> Iterator[None]:
    """The folder for this training alone; it goes when the training is done."""
    if places.is_remote(kept):
        yield
        return
    folder = places.local(kept)
    try:
        lock = places.held(folder, f"another training works in {kept}: wait until it has ended")
    except OSError as error:
        raise RtsepError(f"{kept} cannot be written: {error.strerror or error}") from error
    try:
        yield
        if {each.name for each in folder.iterdir()} <= {places.LOCK}:
            places.remove_folder(folder)
    finally:
        lock.release()
