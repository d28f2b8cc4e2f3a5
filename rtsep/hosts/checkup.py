"""The check on the screen of `rtsep live`: what is known so far, and what you still have to play.

A separate thread measures notes and tuning, from the sound and the notes that the engine got in the last seconds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from rtsep.callbacks.shared import POSITION
from rtsep.engine.separator import Separator
from rtsep.errors import RtsepError
from rtsep.files.growing import SAMPLE_BYTES
from rtsep.hosts.checks import Row, cents_row, computer_row, disk_row, level_row, offset_row
from rtsep.hosts.ear import Heard
from rtsep.hosts.note_offset import AFTER_S, LEAST, median_ms, offset_s
from rtsep.hosts.player import Player
from rtsep.hosts.status import Status
from rtsep.presets.preset import Preset

EVERY_S, TUNING_EVERY_S = 1.0, 8.0  # Seconds between two measurements of the notes, and of the tuning.
NOTES = 16  # The offset is the median of the last notes, this many.

Measure = Callable[[npt.NDArray[np.float32], int, npt.NDArray[np.void], Preset], float]  # Cents; RtsepError: unknown.


class Checkup:
    """The rows of the check. `measure_cents` measures the tuning. Thread: control; measuring has its own thread."""

    def __init__(self, player: Player, measure_cents: Measure) -> None:
        self._player, self._measure_cents = player, measure_cents
        self._since = 0  # Notes before this sample were played with another delay.
        self._next_s = self._next_tuning_s = 0.0
        self._thread: threading.Thread | None = None
        self._level = level_row(np.zeros((1, 0), np.float32))
        self._offsets = dict[tuple[int, int], float | None]()  # Offsets of notes, by sample and pitch.
        self._tuning = Row("tuning", "play for some seconds", "", known=False)

    def rows(self, status: Status) -> list[Row]:
        """What is known so far."""
        now_s = time.monotonic()
        if now_s >= self._next_s and (self._thread is None or not self._thread.is_alive()):
            self._next_s = now_s + EVERY_S
            self._begin(now_s >= self._next_tuning_s)
        lost = (status.late_blocks if status.late_by_work is None else status.late_by_work) + status.underflows + status.xruns
        return [self._level, self._notes(status), self._tuning,
                computer_row(status.mode, status.block_samples, status.worst_load, lost), *self._disk()]

    def accept(self) -> None:
        """Delay the notes by the time that the check offers. RtsepError if it offers none."""
        offset_ms = self._offset_ms()
        if offset_ms is None or not offset_row(offset_ms, self._player.lanes.delay_ms, "offered").advice == "offered":
            raise RtsepError("there is no delay to set: the notes come in time, or you must play some notes, one after the "
                             "other")
        if self._brings_notes:
            raise RtsepError("the notes come from the recording, and no delay moves them")
        self._player.lanes.delay_notes(round(self._player.lanes.delay_ms + offset_ms))
        self._offsets, self._since = {}, self._player.lanes.word(POSITION)
        self._player.say(f"notes are delayed by {self._player.lanes.delay_ms:g} ms")

    def wait(self) -> None:
        """Wait until the present measurement is done."""
        if self._thread is not None:
            self._thread.join()

    @property
    def _brings_notes(self) -> bool:
        playback = self._player.playback
        return playback is not None and playback.recording.score is not None

    def _notes(self, status: Status) -> Row:
        offset_ms, found = self._offset_ms(), sum(each is not None for each in self._offsets.values())
        if offset_ms is None:
            return Row("notes", f"{found} of {LEAST} heard: play some, one after the other", "", known=False)
        offer = "the notes of the recording do not fit it" if self._brings_notes else "Enter delays them by {:.0f} ms"
        return offset_row(offset_ms, self._player.lanes.delay_ms, offer)

    def _offset_ms(self) -> float | None:
        return median_ms(self._offsets[key] for key in sorted(self._offsets)[-NOTES:])

    def _disk(self) -> list[Row]:
        recorder, lanes = self._player.recorder, self._player.lanes
        bytes_per_s = lanes.sample_rate * lanes.channels * (lanes.stems + 1) * SAMPLE_BYTES["wav"]
        return [] if recorder is None else [disk_row(recorder.base.absolute().parent, bytes_per_s)]

    def _begin(self, with_tuning: bool) -> None:
        heard, engine = self._player.lanes.ear.heard(self._since), self._player.separator
        preset = engine.presets[0] if isinstance(engine, Separator) else None
        now_cents = float(engine.value("tuning_cents")) if preset is not None else 0.0
        self._thread = threading.Thread(target=self._measure, args=(heard, preset, now_cents, with_tuning), name="check")
        self._thread.start()

    # --- the measuring thread ---

    def _measure(self, heard: Heard, preset: Preset | None, now_cents: float, with_tuning: bool) -> None:
        self._level = level_row(heard.sound)
        mono, offsets = heard.sound.mean(axis=0), self._offsets
        seconds = heard.sound.shape[1] / heard.rate
        for note in heard.notes[-NOTES:]:
            key = heard.first + round(float(note["onset_s"]) * heard.rate), int(note["pitch"])
            if key not in offsets and note["onset_s"] + AFTER_S < seconds:
                offsets[key] = offset_s(mono, heard.rate, float(note["onset_s"]), key[1])
        if preset is None:
            self._tuning = Row("tuning", "a mosaic has none", "")
        elif with_tuning and len(heard.notes) >= LEAST:
            self._measure_tuning(heard, preset, now_cents)

    def _measure_tuning(self, heard: Heard, preset: Preset, now_cents: float) -> None:
        try:
            cents = self._measure_cents(*heard[:2], heard.notes, preset)
            self._tuning = cents_row(cents, preset.name, now_cents, "set tuning_cents to {:.0f} (key o)")
        except RtsepError as error:
            self._tuning = Row("tuning", f"unknown ({error})", "", known=False)
        self._next_tuning_s = time.monotonic() + TUNING_EVERY_S
