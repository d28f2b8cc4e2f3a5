"""Records a session: a thread writes the content of the callback's rings to takes. Takes begin and end during play."""

from __future__ import annotations

import errno
import queue
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rtsep.callbacks.shared import RECORDED
from rtsep.errors import RtsepError
from rtsep.files.growing import SAMPLE_BYTES
from rtsep.hosts.lanes import Lanes
from rtsep.hosts.recorded_notes import Sounding, as_recorded
from rtsep.hosts.sung import TakenVoice
from rtsep.hosts.takes import Take, TakeForm
from rtsep.hosts.timeline import Timeline
from rtsep.hosts.words import counted
from rtsep.notes.messages import Message

LOOK_S = 0.05  # The rings are emptied at intervals of this many seconds.
UPDATE_S = 1.0  # Files are forced to the disk at intervals of this many seconds.
RING_S = 10.0  # The ring holds this many seconds of sound, for times when the disk is busy.
BEGIN_S = 5.0  # `start` waits at most this many seconds until the take has begun; only a busy disk takes longer.
NEARLY_FULL_MIN = (10, 1)  # There is one message when less than each of these times, in minutes, can still be recorded.

Floats = npt.NDArray[np.float32]


class Recorder:
    """Records takes called `base`, `base`-1, `base`-2 ... A full disk ends the take, while the music goes on.

    `say` gets messages for the player, and `reports` holds the report of every take that has ended. Thread: control; a separate
    thread writes the files, and calls `say`.
    """

    def __init__(self, lanes: Lanes, base: Path, form: TakeForm, say: Callable[[str], None]) -> None:
        self.base, self.reports = base, list[dict[str, Any]]()
        self.recording = False
        self._form, self._lanes, self._say = form, lanes, say
        self.voice = TakenVoice(lanes)
        self._bytes_per_s = form.sample_rate * form.channels * len(form.stems) * SAMPLE_BYTES[form.format]
        self._orders: queue.SimpleQueue[tuple[Take, int] | str] = queue.SimpleQueue()
        self._begun = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        # Only the recorder's thread uses these.
        self._take: Take | None = None
        self._time: Timeline | None = None
        self._began = 0  # The sample of the timeline at which the take begins.
        self._gaps_before = (0, 0)  # Gaps, and samples of silence, in the takes before it.
        self._waiting: list[tuple[int, int, Message]] = []  # Notes whose sound is not written yet, at samples of the engine.
        self._sounding = Sounding()
        self._minutes, self._warned_min = 0.0, float("inf")
        self._update_at_s, self._trouble = 0.0, ""

    # --- the control thread ---

    def start(self, latency: int) -> None:
        """Begin a take with the next block; if a take is being recorded, the next one follows without a gap.

        `latency`: of the engine, in samples. RtsepError if the take cannot begin, or while the latency is changing.
        """
        if not self.recording and self._lanes.heartbeat and not self._lanes.arrived:
            raise RtsepError("the latency is changing: press again in a moment")
        take = Take(self.base, self._form)
        if not self.recording:
            self._look_for_room(take.folder, float("inf"))
        self._begun.clear()
        self.recording = True
        self._orders.put((take, latency))
        if self._thread.ident is None:
            self._thread.start()
        self._begun.wait(BEGIN_S)

    def change_form(self, stem_names: tuple[str, ...], table: npt.NDArray[np.int8], mode: str) -> None:
        """From the next take on, use these names of stems, this `table` from notes to stems, and this mode in the report."""
        changed = {} if self._form.about.get("mode") == mode else {"mode": mode, "mode_chosen": "changed while playing"}
        self._form = replace(self._form, stem_names=stem_names, table=table, about={**self._form.about, **changed})

    def stop(self) -> None:
        """End the take, if there is one."""
        self.recording = False
        self._lanes.record_stop()
        self._orders.put("stop")

    def close(self) -> list[dict[str, Any]]:
        """End the recording. Returns the reports of all takes; so do later calls."""
        self._lanes.record_stop()
        if self._thread.ident is not None:
            self._orders.put("end")
            self._thread.join()
        self.recording = False
        return self.reports

    def told(self) -> str:
        """The state of the recording as a short text, or ""."""
        take, time_line = self._take, self._time
        if take is None or time_line is None:
            return f"ended: {self._trouble}" if self._trouble else ""
        gaps = f", {counted(time_line.gaps, 'gap')}" if time_line.gaps else ""
        return f"{take.folder.name}: {take.seconds:.0f} s{gaps}, room for {_minutes(self._minutes)}"

    # --- the recorder's thread ---

    def _run(self) -> None:
        order: tuple[Take, int] | str = ""
        while order != "end":
            order = ""
            with suppress(queue.Empty):
                order = self._orders.get(timeout=LOOK_S)
            self._work(self._drain)
            if isinstance(order, tuple):
                self._begin(*order)
            elif order:
                self._end()

    def _work(self, act: Callable[[], None]) -> None:
        """Call `act`, which writes files. If it fails, the take ends there."""
        try:
            act()
        except OSError as error:
            self._end(self._reason(error))

    def _reason(self, error: OSError) -> str:
        """Why nothing can be written. Errors of encoders do not say it."""
        with suppress(OSError):
            if error.errno == errno.ENOSPC or shutil.disk_usage(self.base.parent).free < self._bytes_per_s:
                return "the disk is full"
        return f"the disk failed ({error.strerror or error})"

    def _begin(self, take: Take, latency: int) -> None:
        presses: list[tuple[int, Message]] = []
        if self._take is None or self._time is None:
            self._time, self._sounding = Timeline(self._form.channels, latency), Sounding()
            self._lanes.record_start(RING_S)
        else:
            presses = self._sounding.presses()
            self._finish(self._take)
        self._take, self._trouble, self._began = take, "", self._time.at
        self._gaps_before = self._time.gaps, self._time.gap_samples
        self.recording, self._update_at_s = True, 0.0
        self._begun.set()
        take.add([(0, *press) for press in presses], played=False)

    def _end(self, trouble: str = "") -> None:
        take, self._take = self._take, None
        if take is None:
            return
        self._lanes.record_stop()
        self.recording, self._trouble = False, trouble
        self._note(take, self._waiting)
        self._finish(take, trouble)
        self._time, self._waiting = None, []

    def _finish(self, take: Take, trouble: str = "") -> None:
        """End `take`. It never raises, whatever happens to the take."""
        at, began = (self._time or Timeline(1, 0)).sample, self._began
        take.add([(take.end, *release) for release in self._sounding.releases()], played=False)
        try:
            self._count_gaps(take)
        except OSError as error:
            trouble = trouble or self._reason(error)
        try:
            report = take.finish(trouble)
        except Exception as error:  # After any error, the recorder goes on.
            self._trouble = f"{error}; {take.folder} keeps what was recorded, and rtsep takes mends it"
            self.reports.append(take.told(self._trouble))
            self._say(self._trouble)
            return
        self.reports.append(report)
        self.voice.save(take.folder, report["seconds"], lambda sample: at(sample) - began, self._say)
        told = f"{take.folder} holds {report['seconds']:.1f} s"
        self._say(f"recording ended: {trouble}; {told}, and playing goes on" if trouble else f"recorded: {told}")

    def _drain(self) -> None:
        """Write what has come since the last time. OSError if the disk is full."""
        try:
            self._drain_sound()
        finally:
            self._drain_notes()  # After the sound, so that all notes of this sound are there.
        if self._take is not None and time.monotonic() >= self._update_at_s:
            self._update_at_s = time.monotonic() + UPDATE_S
            self._update(self._take)

    def _drain_sound(self) -> None:
        blocks: list[Floats] = []
        until = self._lanes.word(RECORDED)  # Otherwise the loop would never end with a device that is faster than the disk.
        while (piece := self._lanes.read_record()) is not None:
            for block in () if self._time is None else self._time.add(*piece):
                blocks.append(block)
                if sum(each.shape[1] for each in blocks) > self._form.sample_rate:
                    self._write(blocks)
            if piece[0] >= until:
                break
        self._write(blocks)

    def _drain_notes(self) -> None:
        events = self._lanes.read_events()
        if self._take is None or self._time is None:
            return
        self._waiting += as_recorded(events)
        at = [self._time.sample(each[0]) for each in self._waiting]  # Below 0: from an earlier recording.
        done = [each for each, sample in zip(self._waiting, at, strict=True) if 0 <= sample < self._time.at]
        self._waiting = [each for each, sample in zip(self._waiting, at, strict=True) if sample >= self._time.at]
        self._note(self._take, done)

    def _write(self, blocks: list[Floats]) -> None:
        if blocks and self._take is not None:
            self._take.write(np.concatenate(blocks, axis=1))
        blocks.clear()

    def _note(self, take: Take, notes: list[tuple[int, int, Message]]) -> None:
        assert self._time is not None
        for _sample, part, message in notes:
            self._sounding.receive(part, message)
        take.add([(self._time.sample(sample) - self._began, part, message) for sample, part, message in notes])

    def _count_gaps(self, take: Take) -> None:
        if self._time is not None:
            gaps, samples = self._gaps_before
            take.count_gaps(self._time.gaps - gaps, self._time.gap_samples - samples)

    def _update(self, take: Take) -> None:
        self._count_gaps(take)
        take.update()
        self._look_for_room(take.folder, self._warned_min)

    def _look_for_room(self, folder: Path, warned_min: float) -> None:
        """See how long the disk can still record, and warn if this has fallen below a limit since the warning `warned_min`."""
        self._minutes, self._warned_min = shutil.disk_usage(folder).free / self._bytes_per_s / 60, warned_min
        passed = [limit for limit in NEARLY_FULL_MIN if self._minutes < limit < warned_min]
        if passed:
            self._warned_min = min(passed)
            self._say(f"the disk is nearly full: there is room for {_minutes(self._minutes)} of recording")


def _minutes(minutes: float) -> str:
    """The time that is left, as text."""
    if minutes < 1:
        return f"{60 * minutes:.0f} s"
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.0f} h"
