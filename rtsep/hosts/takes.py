"""A take: the folder of one recording. It gets its own name at its start, and is whole after any end.

During the recording, the folder holds a hidden journal of notes, a lock, and a hidden marker. The marker says what is in the
take, and keeps room for its end on a full disk. If there is a marker and no program holds the lock, the take was cut off:
`mend` makes it whole.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from filelock import FileLock, Timeout

from rtsep import __version__
from rtsep.errors import RtsepError
from rtsep.files.growing import GrowingFlac, GrowingWav, growing, mend_sounds, write_all
from rtsep.files.results import atomic_write, write_error
from rtsep.hosts.recorded_notes import Journal, midi_bytes, read_journal
from rtsep.notes.messages import Message

MARKER, JOURNAL, LOCK = ".recording", ".notes", ".lock"
NOTES, REPORT = "session.mid", "report.json"
ROOM_BYTES = 65_536  # The marker has at least this many bytes, as room for report and notes when the disk is full.
MOST_CUT_S = 10.0  # Files of a take that was cut off are cut to one length if they lose at most this many seconds.

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class TakeForm:
    """What every take of a session holds. `table` has the stem of a note by part, channel and pitch."""

    stem_names: tuple[str, ...]  # The residual is one of them.
    sample_rate: float
    channels: int
    table: npt.NDArray[np.int8]
    format: str = "wav"
    about: Mapping[str, Any] = field(default_factory=dict)  # Further fields of the report.

    @property
    def stems(self) -> list[dict[str, str]]:
        """Name and file of the input and of every stem."""
        return [{"name": name, "file": f"{name}.{self.format}"} for name in ("input", *self.stem_names)]


class Take:
    """A take that is being recorded. RtsepError if it cannot begin. Thread: one at a time."""

    def __init__(self, base: Path, form: TakeForm) -> None:
        self._form = form
        try:
            self.folder = _new_folder(base)
        except OSError as error:
            raise write_error(base, error) from error
        self._lock = FileLock(self.folder / LOCK, thread_local=False)
        self._report: dict[str, Any] = {
            "rtsep_version": __version__, **form.about, "format": form.format, "sample_rate": form.sample_rate,
            "channels": form.channels, "seconds": 0.0, "events": 0, "gaps": 0, "gap_s": 0.0, "clipped_samples": 0,
            "warnings": [], "stems": form.stems,
        }
        self._sounds: list[GrowingWav | GrowingFlac] = []
        self._open: list[io.FileIO | Journal | GrowingWav | GrowingFlac] = []
        try:
            with suppress(OSError, NotImplementedError):  # Some network folders have no locks.
                self._lock.acquire(timeout=0)
            self._marker, self._room = io.FileIO(self.folder / MARKER, "x+"), ROOM_BYTES
            self._open.append(self._marker)
            self._mark(self._room)
            self._journal = Journal(self.folder / JOURNAL, form.table)
            self._open.append(self._journal)
            for stem in form.stems:
                self._sounds.append(growing(self.folder / stem["file"], round(form.sample_rate), form.channels))
                self._open.append(self._sounds[-1])
        except OSError as error:
            self._discard()
            raise write_error(self.folder, error) from error

    def told(self, trouble: str) -> dict[str, Any]:
        """The report so far, for a take that could not be finished."""
        return self._report | {"seconds": round(self.seconds, 3), "folder": str(self.folder), "warnings": [trouble]}

    @property
    def seconds(self) -> float:
        """The length so far, in seconds."""
        return min(sound.frames for sound in self._sounds) / self._form.sample_rate

    @property
    def end(self) -> int:
        """The sample at which it ends so far: no sound and no note comes after it."""
        return max(min(sound.frames for sound in self._sounds), self._journal.last)

    def write(self, planes: Floats) -> None:
        """Append a block [plane, sample] of the input and of every stem. OSError if the disk is full."""
        if self._form.format == "flac":
            self._report["clipped_samples"] += int(np.count_nonzero(np.abs(planes) > 1))
        for sound, block in zip(self._sounds, np.split(planes, len(self._sounds)), strict=True):
            sound.write(block)

    def add(self, notes: Iterable[tuple[int, int, Message]], played: bool = True) -> None:
        """Append messages (sample, part, message). `played` False: they only begin or end the take."""
        self._journal.add(notes, played)

    def count_gaps(self, gaps: int, samples: int) -> None:
        """Set the number of gaps, and of the samples of silence in them. OSError if the disk is full."""
        if gaps != self._report["gaps"]:
            self._report |= {"gaps": gaps, "gap_s": round(samples / self._form.sample_rate, 3)}
            self._mark(self._room)

    def update(self) -> None:
        """Force everything to the disk, so that it survives a loss of power. OSError if the disk is full."""
        if self._journal.bytes > self._room - ROOM_BYTES:  # The MIDI file is smaller than its journal.
            self._room += ROOM_BYTES
            self._mark(self._room)
        for each in (self._journal, *self._sounds):
            each.update()

    def finish(self, trouble: str = "") -> dict[str, Any]:
        """End the take, and return its report; `trouble` says why it ended early. An empty take is removed.

        RtsepError if this fails; `mend` can then make it whole.
        """
        closing = [sound.close for sound in self._sounds]
        try:
            for act in (*closing, lambda: self._mark(0), self._journal.close):  # The marker's room is for the notes.
                try:
                    act()
                except OSError:  # After a full disk, `complete` puts the files in order.
                    trouble = trouble or "the disk is full or failed"
            self._report["warnings"] = [trouble] if trouble else []
            frames = None if trouble else self._sounds[0].frames
            return complete(self.folder, self._report, self._journal.events, frames)
        except OSError as error:
            raise write_error(self.folder, error) from error
        finally:
            self._marker.close()
            self._lock.release()
            with suppress(OSError):
                if not (self.folder / MARKER).exists():
                    (self.folder / LOCK).unlink(missing_ok=True)
                    self.folder.rmdir()  # Only if nothing is in it.

    def _mark(self, room: int) -> None:
        text = json.dumps(self._report).encode()
        self._marker.seek(0)
        write_all(self._marker, text.ljust(room))
        self._marker.truncate()
        os.fsync(self._marker.fileno())

    def _discard(self) -> None:
        """Remove the files of a take that could not begin."""
        for each in self._open:
            with suppress(OSError):
                each.close()
        self._lock.release()
        _vanish(self.folder, self._form.stems)


def check_base(base: Path) -> None:
    """RtsepError, before any sound, if no take can be recorded under this name."""
    there = next(path for path in (base.parent, *base.parents) if path.exists())
    if not there.is_dir():
        raise RtsepError(f"{there} is a file: give a folder for the takes")
    if not os.access(there, os.W_OK | os.X_OK):
        raise RtsepError(f"cannot write {base}: no permission to write into {there}; choose another place")


def _new_folder(base: Path) -> Path:
    """Make a new folder: NAME, or NAME-1, NAME-2 ... if that exists."""
    base.parent.mkdir(parents=True, exist_ok=True)
    for number in count():
        folder = base.with_name(f"{base.name}-{number}") if number else base
        with suppress(FileExistsError):
            folder.mkdir()
            return folder
    raise AssertionError


def complete(
    folder: Path, report: dict[str, Any], events: int | None = None, frames: int | None = None
) -> dict[str, Any]:
    """Make a take whole: files of one length, notes as MIDI, the report. Its files must be closed. Returns the report.

    `frames`: the length in samples, if all files are whole. It raises OSError or RtsepError.
    """
    stems, rate = report["stems"], float(report["sample_rate"])
    if frames is None:
        frames = max(mend_sounds([folder / stem["file"] for stem in stems], round(MOST_CUT_S * rate)), default=0)
    report |= {"seconds": round(frames / rate, 3), "folder": str(folder)}
    if (folder / JOURNAL).exists():
        notes = read_journal(folder / JOURNAL)
        report["events"] = len(notes) if events is None else events
        if frames or report["events"]:
            atomic_write(folder / NOTES, midi_bytes(notes, [stem["name"] for stem in stems[1:]], rate))
    if not frames and not report["events"]:
        _vanish(folder, stems)
        return report
    atomic_write(folder / REPORT, (json.dumps(report, indent=2) + "\n").encode())
    for name in (JOURNAL, MARKER):
        (folder / name).unlink(missing_ok=True)
    return report


def _vanish(folder: Path, stems: Iterable[Mapping[str, str]]) -> None:
    """Remove the files and the folder of an empty take."""
    for name in (*(stem["file"] for stem in stems), JOURNAL, LOCK, MARKER):
        with suppress(OSError):
            (folder / name).unlink()
    with suppress(OSError):
        folder.rmdir()


def mend(folder: Path) -> dict[str, Any] | None:
    """Make a take whole that was cut off. Returns its report; None: a program is recording it. RtsepError if it fails."""
    lock = FileLock(folder / LOCK, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except (Timeout, OSError, NotImplementedError):  # Without a lock, perhaps the take is being recorded.
        return None
    try:
        report = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        report["warnings"] = ["it was cut off, and mended"]
        if any(Path(stem["file"]).name != stem["file"] for stem in report["stems"]):
            raise ValueError("its marker names files elsewhere")
        return complete(folder, report)
    except (OSError, ValueError, LookupError, TypeError, ArithmeticError, AttributeError, RecursionError) as error:
        raise RtsepError(f"{folder} was cut off and cannot be mended ({error}): its files stay as they are") from error
    finally:
        lock.release()
        with suppress(OSError):
            (folder / LOCK).unlink(missing_ok=True)
