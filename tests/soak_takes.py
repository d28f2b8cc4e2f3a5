"""Sound in which each sample tells its position, and checks of what a take of it must contain, for `tests/soak.py`."""

from __future__ import annotations

import ctypes
import gc
import json
import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import mido
import numpy as np
import soundfile

BITS = 14  # A channel carries this many bits of the position, in steps of 2^-15. It is never 0: only gaps are silent.
STEP = 2.0 ** -(BITS + 1)
MOST = 1 << 2 * BITS  # The first position that is too large for two channels.
CHANNEL = 3  # The tape plays its notes on this channel, counted from 0; nothing else uses it.
MOST_LATENCY = 256  # The engine's latency, in samples.
WORST_SUM = 1e-5  # The sum of the stems may differ from the input by this much.


class FindingError(Exception):
    """The soak has found an error."""


def check(right: object, *told: object) -> None:
    """Raise FindingError unless `right`; `told` says what is wrong."""
    if not right:
        raise FindingError(" ".join(map(str, told)))


def coded(begin: int, count: int) -> np.ndarray:
    """float32 [2, count]: samples that tell positions begin, begin + 1, ..."""
    return _of(np.arange(begin, begin + count))


def positions(sound: np.ndarray) -> np.ndarray:
    """The position that each sample of `sound` [2, n] tells; -1 for silence."""
    low, high = np.round(sound / STEP).astype(np.int64) - 1
    found = np.where((low == -1) & (high == -1), -1, low + (high << BITS))
    heard = found >= 0
    wrong = _of(found[heard]) != sound[:, heard]
    if wrong.any():
        check(False, "a sample is none that was played, at sample", int(np.argmax(wrong.any(axis=0))))
    return found


def _of(at: np.ndarray) -> np.ndarray:
    return (STEP * (1 + np.stack([at % (1 << BITS), at >> BITS]))).astype(np.float32)


@dataclass
class Played:
    """What the tape has played: notes (position, status, data1, data2), and how long it was away before a position.

    An absence is given by its least and its greatest number of samples. The device's thread writes here.
    """

    notes: deque[tuple[int, int, int, int]] = field(default_factory=deque)
    away: dict[int, tuple[float, float]] = field(default_factory=dict)

    def forget(self, before: int) -> None:
        """Forget what no later take can contain."""
        while self.notes and self.notes[0][0] < before:
            self.notes.popleft()
        for at in [at for at in list(self.away) if at < before]:
            del self.away[at]


@dataclass(frozen=True)
class Checked:
    """A take that passed all checks: its first and last position (None if it is empty), its samples and its gaps."""

    first: int | None
    last: int | None
    samples: int
    gaps: int
    gap_samples: int


def check_take(report: dict, played: Played, check_gaps: Callable[..., None] | None = None) -> Checked:
    """Read and check a take. Raises FindingError if samples, the sum of the stems, gaps or notes are wrong."""
    folder = Path(report["folder"])
    if report["seconds"] == 0:
        if report["events"]:  # This happens if the disk was full before the first sound; an empty FLAC file cannot be read.
            mido.MidiFile(folder / "session.mid")
        return Checked(None, None, 0, 0, 0)  # Otherwise the take has vanished, and another one can have its name.
    hidden = [path.name for path in folder.iterdir() if path.name.startswith(".")]
    check(not hidden, folder, "is not finished: it holds", hidden)
    check(json.loads((folder / "report.json").read_text()) == report, folder, "has another report than was told")
    sounds = {stem["name"]: soundfile.read(folder / stem["file"], dtype="float32", always_2d=True)[0].T
              for stem in report["stems"]}
    heard = sounds.pop("input")
    check({sound.shape for sound in sounds.values()} == {heard.shape}, folder, "has files of several lengths")
    check(report["seconds"] == round(heard.shape[1] / report["sample_rate"], 3), folder, "has another length than was told")
    at = positions(heard)
    runs = silences(at)
    missed = np.abs(sum(sounds.values()) - heard).max(axis=0, initial=0)
    check(missed.max(initial=0) < WORST_SUM, folder, "has stems that miss their input by", missed.max(initial=0), "from sample",
          int(np.argmax(missed >= WORST_SUM)), "of", len(at), "with gaps", runs)
    (check_gaps or _check_gaps)(report, at, runs, played)
    _check_notes(folder, report["sample_rate"], at, played)
    there = at[at >= 0]
    first, last = (int(there[0]), int(there[-1])) if len(there) else (None, None)
    return Checked(first, last, len(at), len(runs), int(sum(end - begin for begin, end in runs)))


def silences(at: np.ndarray) -> list[tuple[int, int]]:
    """(begin, end) of each run of -1."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], at < 0, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _check_gaps(report: dict, at: np.ndarray, runs: list[tuple[int, int]], played: Played) -> None:
    """Check that positions follow one another between gaps, and that a gap is as long as the missing sound and the absence."""
    told = f"{report['folder']}: gap"
    steps = np.diff(at)
    check(np.all((steps == 1) | (at[1:] < 0) | (at[:-1] < 0)), report["folder"], "has samples that are lost or not in order",
          np.flatnonzero((steps != 1) & (at[1:] >= 0) & (at[:-1] >= 0))[:3])
    total = sum(end - begin for begin, end in runs)
    check(round(total / report["sample_rate"], 3) == report["gap_s"], told, "of", total, "samples; told:", report["gap_s"], "s")
    check(len(runs) <= report["gaps"] and bool(runs) == bool(report["gaps"]), told, "s:", len(runs), "told:", report["gaps"])
    absences = list(played.away.items())
    for begin, end in runs:
        before = at[begin - 1] if begin else (at[end] - 1 if end < len(at) else None)
        after = at[end] if end < len(at) else (None if before is None else before + 1)
        if before is None or after is None:
            continue
        bounds = [each for place, each in absences if before < place <= after]
        away = end - begin - (after - before - 1)
        least, most = (sum(each[i] for each in bounds) for i in (0, 1))
        check(least - 2 <= away <= most + 2, told, "before", after, "is", away, "samples; the device was away for", least, most)
    there = at[at >= 0]
    for place, (least, _most) in absences:
        if least > 2 and len(there) and there[0] < place <= there[-1]:
            where = int(np.searchsorted(there, place))
            index = int(np.flatnonzero(at >= 0)[where])
            check(index and at[index - 1] < 0, told, "before", place, "is missing: the device was away for", least, "samples")


def _check_notes(folder: Path, rate: float, at: np.ndarray, played: Played) -> None:
    """Check that the tape's notes lie at their samples, except at the ends of the take and in its gaps."""
    heard = np.flatnonzero(at >= 0)
    there = at[heard]
    expected = set()
    for place, *message in list(played.notes):
        where = int(np.searchsorted(there, place))
        if where < len(there) and there[where] == place:
            expected.add((int(heard[where]), *message))
    file = mido.MidiFile(folder / "session.mid")
    found = set()
    for track in file.tracks:
        now = 0
        for message in track:
            now += message.time
            if message.type in ("note_on", "note_off") and message.channel == CHANNEL:
                found.add((round(now * 0.5 / file.ticks_per_beat * rate), *message.bytes()))
    inside = [{note for note in notes if 0 < note[0] < len(at) and at[note[0]] >= 0} for notes in (expected, found)]
    check(inside[0] == inside[1], folder, "of", len(at), "samples from", there[:1], "misses notes",
          sorted(inside[0] - inside[1])[:5], "and has others", sorted(inside[1] - inside[0])[:5])


def resident_mb() -> float:
    """The resident memory of this process, after free memory was given back to the system."""
    gc.collect()
    if hasattr(ctypes.CDLL(None), "malloc_trim"):
        ctypes.CDLL(None).malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def held() -> dict[str, int]:
    """The numbers of threads and open files of this process."""
    return {"threads": len(os.listdir("/proc/self/task")), "files": len(os.listdir("/proc/self/fd"))}
