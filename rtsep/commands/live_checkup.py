"""`rtsep live --check`: some seconds of play tell whether level, notes, tuning, blocks and disk are as they should be."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rtsep.errors import RtsepError

SECONDS = 10.0  # Without --seconds, it listens for this many seconds.
FAINT_DB, SILENT_DB = -36.0, -70.0  # An input below these levels, in dBFS, is faint, or silent.
CLIPS = 0.999  # Samples of at least this magnitude are clipped.
OFF_MS, OFF_CENTS = 12.0, 10.0  # Notes and tuning may be off by so many ms and cents.
LEAST_ROOM_MIN = 10.0  # Less room than for this many minutes of recording is little.


class Row(NamedTuple):
    """What was looked at, what was found, and what to do about it, or ""."""

    what: str
    found: str
    advice: str


class _Listener:
    """A face that only keeps the last status."""

    last: Any = None

    def show(self, status: Any) -> None:
        """Keep it."""
        self.last = status

    def act(self, _player: Any) -> bool:
        """Go on."""
        return True


def check_up(job: Any, open_device: Callable[[bool], Any]) -> bool:
    """Listen, and print the table; gives whether all is well."""
    from rtsep.hosts.live import live

    seconds = job.seconds or SECONDS
    print(f"rtsep: play for {seconds:g} s, as loud as you will", file=sys.stderr, flush=True)
    home, face = (job.take or Path("take")).absolute().parent, _Listener()
    with tempfile.TemporaryDirectory() as folder:
        heard = replace(job, record=Path(folder) / "take", record_format="wav", seconds=seconds)
        report = live(heard, open_device, face)
        if face.last is None or not report["takes"]:
            raise RtsepError("--check: the device gave no sound")
        rows = [*_sound(Path(report["takes"][0]["folder"]), job), *_computer(face.last, report, home)]
    for row in rows:
        print(f"{'ok  ' if not row.advice else 'look'}  {row.what:<8} {row.found}" + (f": {row.advice}" if row.advice else ""))
    return not any(row.advice for row in rows)


def _sound(folder: Path, job: Any) -> Iterator[Row]:
    from rtsep.files.sound import read_sound
    from rtsep.notes.read import read_notes

    sound, rate = read_sound(folder / "input.wav", cut=True)
    peak = float(np.abs(sound).max(initial=0.0))
    peak_db, clipped = 20 * np.log10(max(peak, 1e-6)), int((np.abs(sound) >= CLIPS).sum())
    advice = ("turn the input down" if clipped else "is it the right device (--input), and plugged in?" if peak_db < SILENT_DB
              else "turn the input up" if peak_db < FAINT_DB else "")
    yield Row("level", f"peak {peak_db:.0f} dB, {clipped} clipped samples", advice)
    notes = read_notes(folder / "session.mid", rate).notes()
    if not len(notes):
        yield Row("notes", "none came", "is the keyboard on, and the right port (--midi)?" if job.midi else "")
        return
    yield _offset(sound.mean(axis=0), rate, notes, job)
    yield tuning_row(folder, job)


def _offset(sound: Any, rate: int, notes: Any, job: Any) -> Row:
    from rtsep.hosts.note_offset import note_offset_ms

    offset = note_offset_ms(sound, rate, zip(notes["onset_s"].tolist(), notes["pitch"].tolist(), strict=True))
    if offset is None:
        return Row("notes", f"{len(notes)} came, too few with a clear beginning of their sound",
                   "play some notes one after the other")
    told = f"{abs(offset):.0f} ms {'ahead of' if offset > 0 else 'behind'} their sound"
    if abs(offset) <= OFF_MS:
        return Row("notes", told, "")
    return Row("notes", told, f"give --midi-offset-ms {job.midi_offset_ms + offset:.0f}" if offset > 0 else
               f"give --midi-offset-ms {job.midi_offset_ms + offset:.0f}" if job.midi_offset_ms + offset >= 0 else
               "give --set late_midi=on, or delay the sound")


def tuning_row(folder: Path, job: Any) -> Row:
    """How far the take in `folder` is tuned from the preset."""
    from rtsep.presets.library import find_preset
    from rtsep.presets.preset import load_preset
    from rtsep.presets.wish import DEFAULT, parse_wish
    from rtsep.training.calibrate import at_rate, estimate_cents, hear
    from rtsep.training.inputs import Take, gather

    try:
        [given] = gather([folder], [], "recording", lambda *_: None)
        assert isinstance(given.source, Take)
        preset = at_rate(load_preset(find_preset(parse_wish(job.presets).plain or DEFAULT)), given.source.sample_rate)
        cents = estimate_cents(hear([given.source], preset.row_pitch), preset.W)
    except RtsepError as error:
        return Row("tuning", f"unknown ({error})", "")
    now = float(job.params.get("tuning_cents", 0.0))
    return Row("tuning", f"{cents:+.0f} cents against {preset.name}",
               "" if abs(cents - now) <= OFF_CENTS else f"give --set tuning_cents={cents:.0f}, or calibrate a preset")


def _computer(status: Any, report: dict[str, Any], home: Path) -> Iterator[Row]:
    late = report["counters"]["late_by_work"] if report["knows_work"] else report["counters"]["late_blocks"]
    lost = late + report["counters"]["underflows"] + report["counters"]["xruns"]
    found = f"mode {status.mode}, blocks of {status.block_samples}, worst load {100 * status.worst_load:.0f} %, {lost} dropouts"
    yield Row("computer", found, "give larger blocks (--block), or --mode live" if lost else "")
    minutes = shutil.disk_usage(home).free / (report["sample_rate"] * 4 * 2 * (len(status.stems) + 1)) / 60
    yield Row("disk", f"room for {minutes:.0f} min of recording in {home}",
              "" if minutes >= LEAST_ROOM_MIN else "make room, or record elsewhere (--take)")
