"""The rows of a check of live playing: each says what was found, and what to do about it if it is not right."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FAINT_DB, SILENT_DB = -36.0, -70.0  # An input below the first level, in dBFS, is faint; below the second it is silent.
CLIPS = 0.999  # Samples of at least this magnitude count as clipped.
OFF_MS, OFF_CENTS = 12.0, 10.0  # Notes that are off by up to this many ms, and tuning by this many cents, are right.
LEAST_ROOM_MIN = 10.0  # Room for less than this many minutes of recording is too little.


class Row(NamedTuple):
    """What was checked, what was found, and what to do about it, or "". `known`: whether enough was played to know it."""

    what: str
    found: str
    advice: str
    known: bool = True

    @property
    def text(self) -> str:
        """The row as it is printed."""
        mark = "look" if self.advice else "ok" if self.known else "…"
        return f"{mark:<4}  {self.what:<8} {self.found}" + (f": {self.advice}" if self.advice else "")


def level_row(sound: npt.NDArray[np.float32]) -> Row:
    """The level of the input."""
    peak = float(np.abs(sound).max(initial=0.0))
    peak_db, clipped = 20 * np.log10(max(peak, 1e-6)), int((np.abs(sound) >= CLIPS).sum())
    advice = ("turn the input down" if clipped else "is it the right device (--input), and plugged in?" if peak_db < SILENT_DB
              else "turn the input up" if peak_db < FAINT_DB else "")
    return Row("level", f"peak {peak_db:.0f} dB, {clipped} clipped samples", advice)


def offset_row(offset_ms: float, delay_ms: float, offer: str) -> Row:
    """How far the notes are off; rtsep delays them by `delay_ms` already. `offer` has a place for the delay that is right."""
    told = f"{abs(offset_ms):.0f} ms {'ahead of' if offset_ms > 0 else 'behind'} their sound"
    if abs(offset_ms) <= OFF_MS:
        return Row("notes", told, "")
    wanted = delay_ms + offset_ms
    return Row("notes", told, offer.format(wanted) if wanted >= 0 else "give --set late_midi=on, or delay the sound")


def cents_row(cents: float, preset: str, now: float, offer: str) -> Row:
    """The tuning of the instrument against its preset, which plays at `now` cents. `offer` has a place for the tuning."""
    return Row("tuning", f"{cents:+.0f} cents against {preset}", "" if abs(cents - now) <= OFF_CENTS else offer.format(cents))


def computer_row(mode: str, block: int, worst_load: float, lost: int) -> Row:
    """Whether the computer is fast enough for this."""
    found = f"mode {mode}, blocks of {block}, worst load {100 * worst_load:.0f} %, {lost} dropouts"
    return Row("computer", found, "give larger blocks (--block), or --mode live" if lost else "")


def disk_row(folder: Path, bytes_per_s: float) -> Row:
    """How much can be recorded in `folder`, which need not exist yet."""
    there = next(each for each in (folder, *folder.parents) if each.is_dir())
    minutes = shutil.disk_usage(there).free / bytes_per_s / 60
    return Row("disk", f"room for {minutes:.0f} min of recording in {folder}",
               "" if minutes >= LEAST_ROOM_MIN else "make room, or record elsewhere (--take)")
