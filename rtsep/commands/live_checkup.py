"""`rtsep live --check`: from some seconds of play it tells whether level, notes, tuning, blocks and disk are right."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from rtsep.errors import RtsepError
from rtsep.hosts.checks import Row, cents_row, computer_row, disk_row, level_row, offset_row

SECONDS = 10.0  # Without --seconds, the check listens for this many seconds.
LEAST_S = 3.0  # The tuning is measured only if notes sound for at least this many seconds.
FRAMES = 120  # The tuning is measured on at most this many frames, spread over the take.


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
    """Listen, and print the table. Returns whether all is right."""
    from rtsep.hosts.live import live

    seconds = job.seconds or SECONDS
    print(f"rtsep: play for {seconds:g} s, as loud as you will play later", file=sys.stderr, flush=True)
    home, face = (job.take or Path("take")).absolute().parent, _Listener()
    with tempfile.TemporaryDirectory() as folder:
        heard = replace(job, record=Path(folder) / "take", record_format="wav", seconds=seconds)
        report = live(heard, open_device, face)
        if face.last is None or not report["takes"]:
            raise RtsepError("--check: no sound came from the device; choose another one (rtsep devices lists them)")
        rows = [*_sound(Path(report["takes"][0]["folder"]), job), *_computer(face.last, report, home)]
    for row in rows:
        print(row.text)
    return not any(row.advice for row in rows)


def _sound(folder: Path, job: Any) -> Iterator[Row]:
    from rtsep.files.sound import read_sound
    from rtsep.hosts.note_offset import note_offset_ms
    from rtsep.notes.read import read_notes

    sound, rate = read_sound(folder / "input.wav", cut=True)
    yield level_row(sound)
    notes = read_notes(folder / "session.mid", rate).notes()
    if not len(notes):
        yield Row("notes", "none came", "is the keyboard on, and is this the right port (--midi)?" if job.midi else "")
        return
    offset = note_offset_ms(sound.mean(axis=0), rate, zip(notes["onset_s"].tolist(), notes["pitch"].tolist(), strict=True))
    yield offset_row(offset, job.midi_offset_ms, "give --midi-offset-ms {:.0f}") if offset is not None else Row(
        "notes", f"{len(notes)} came, too few with a clear onset in the sound", "play some notes one after the other")
    yield tuning_row(sound, rate, notes, job)


def tuning_row(sound: Any, rate: int, notes: Any, job: Any) -> Row:
    """The tuning of the instrument against the preset."""
    from rtsep.presets.library import find_preset
    from rtsep.presets.preset import load_preset
    from rtsep.presets.wish import DEFAULT, parse_wish

    preset = load_preset(find_preset(parse_wish(job.presets).plain or DEFAULT))
    try:
        cents = measure_cents(sound, rate, notes, preset)
    except RtsepError as error:
        return Row("tuning", f"unknown ({error})", "")
    return cents_row(cents, preset.name, float(job.params.get("tuning_cents", 0.0)),
                     "give --set tuning_cents={:.0f}, or calibrate a preset")


def measure_cents(sound: Any, rate: int, notes: Any, preset: Any) -> float:
    """How many cents higher than `preset` the instrument in `sound` [channel, sample] sounds; `notes` are NOTE [n].

    RtsepError if this cannot be measured.
    """
    from rtsep.training.calibrate import AFTER_S, BEFORE_S, HOP, Heard, at_rate, estimate_cents
    from rtsep.training.gates import note_gates
    from rtsep.windows import choose_framing, magnitudes, window_pair

    fitted = at_rate(preset, rate)
    window, _ = window_pair(choose_framing("live", rate))
    ends = np.arange(1, sound.shape[1] // HOP + 1) * HOP
    gates = note_gates(notes, fitted.row_pitch, ends / rate, BEFORE_S, AFTER_S)
    some = np.flatnonzero(gates.any(axis=1))
    if len(some) * HOP < LEAST_S * rate:
        raise RtsepError(f"too little was played: at least {LEAST_S:g} s are needed")
    some = some[np.linspace(0, len(some) - 1, min(len(some), FRAMES)).astype(int)]
    rows = gates[some].any(axis=0)
    spectra = magnitudes(np.nan_to_num(sound), ends[some], window)
    if not spectra.any():
        raise RtsepError("the input was silent")
    heard = Heard(spectra, gates[np.ix_(some, rows)], np.zeros(len(some), bool), rate / HOP, notes[:0])
    return float(estimate_cents(heard, fitted.W[rows]))


def _computer(status: Any, report: dict[str, Any], home: Path) -> Iterator[Row]:
    late = report["counters"]["late_by_work"] if report["knows_work"] else report["counters"]["late_blocks"]
    lost = late + report["counters"]["underflows"] + report["counters"]["xruns"]
    yield computer_row(status.mode, status.block_samples, status.worst_load, lost)
    yield disk_row(home, report["sample_rate"] * 4 * 2 * (len(status.stems) + 1))
