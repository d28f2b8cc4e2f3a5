"""Plays a recording into the engine: pause, jumps, a loop, other speeds, its own notes. A thread reads ahead into a ring."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import numpy.typing as npt

from rtsep.callbacks import shared
from rtsep.errors import RtsepError
from rtsep.hosts.asked import FASTEST, SLOWEST
from rtsep.hosts.lanes import Lanes
from rtsep.hosts.recording import (
    Recording,
    Source,
    as_events,
    faded,
    import_stretch,
    pressed_before,
    releases,
)
from rtsep.kernels.memory import EVENT

CHUNK = 4096  # The file is read in portions of this many samples.
LOOK_S = 0.005  # The reader looks for room in the ring at intervals of this many seconds.
AHEAD_S = 0.1  # Playing begins when this many seconds have been read.
SKIP_S = 5.0  # A press of a key jumps by this many seconds.
QUIET_S = 0.2  # A jump waits at most this many seconds for the fade before it: perhaps no device is there.
AFTER_S = 0.3  # After the end, this many seconds of silence are played, so that the engine's latency is over.
LOUDEST_DB, SILENCE_DB = 12.0, -60.0  # The highest and the lowest level, in dB; the lowest is silence.


class Playback:
    """A recording that plays. The control thread calls its methods; a separate thread reads the file.

    `events` are its notes, EVENT [n], at samples of the file.
    """

    def __init__(self, recording: Recording, lanes: Lanes, events: npt.NDArray[np.void], say: Callable[[str], None]) -> None:
        self.recording, self._lanes, self._events, self._say = recording, lanes, events, say
        self._source = Source(recording, lanes.sample_rate, lanes.channels)
        self._orders: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.paused, self.finished = False, False
        self.speed, self.loop = 1.0, list[float]()  # Begin and end of the loop in seconds.
        self.levels_db = {"recording": 0.0, "microphone": 0.0}
        self._next, self._starting = 0, False  # The file's sample that is read next; whether it does not sound yet.
        self._ended = False
        self._resume = 0  # The file's sample where it goes on after a pause.
        # The time of the last jump in s; jumps asked for, and done; the place of the last one in the ring.
        self._aim, self._asked, self._jumps, self._landing = 0.0, 0, 0, 0
        self._late = np.zeros(0, EVENT)  # Notes for which the ring had no room.
        self._places: deque[tuple[int, int, float]] = deque([(0, 0, 1.0)], 64)  # Sample of the ring, of the file; ratio.
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recording", daemon=True)

    # --- the control thread ---

    def start(self) -> None:
        """Begin to play."""
        self._orders.put(lambda: self._jump(self._next))
        self._thread.start()

    def close(self) -> None:
        """Stop reading."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._source.close()

    @property
    def seconds(self) -> float:
        """The time in the file that is heard now."""
        tail = self._lanes.file_span[0]
        ring, frame, ratio = next((place for place in reversed(self._places) if place[0] <= tail), self._places[0])
        return min(frame + (tail - ring) / ratio, self.recording.frames) / self.recording.sample_rate

    def pause(self) -> None:
        """Pause, or go on. After the end, play from the beginning."""
        self.paused = not self.paused
        self._orders.put(self._pause if self.paused else self._go_on)

    def seek(self, seconds: float) -> None:
        """Jump to a time in the file."""
        frame = round(min(max(seconds * self.recording.sample_rate, 0), self.recording.frames - 1))
        self._aim, self._asked = frame / self.recording.sample_rate, self._asked + 1
        self._orders.put(lambda: self._seek(frame))

    def skip(self, steps: int) -> None:
        """Jump forward, or back, by steps of some seconds. If a jump is not heard yet, start from where it leads."""
        on_its_way = self._jumps < self._asked or self._lanes.file_span[0] < self._landing
        self.seek((self._aim if on_its_way else self.seconds) + steps * SKIP_S)

    def set_loop(self) -> None:
        """Set the beginning of the loop here; at the next call its end; at the third call remove the loop."""
        now = self.seconds
        if len(self.loop) == 1 and now > self.loop[0] + 2 * AHEAD_S:
            self.loop = [self.loop[0], now]
            self.seek(self.loop[0])
        else:
            self.loop = [] if self.loop else [now]

    def set_speed(self, speed: float) -> None:
        """Play slower or faster at the same pitch. RtsepError if the package for that is missing."""
        if not SLOWEST <= speed <= FASTEST:
            raise RtsepError(f"--speed {speed:g}: allowed is {SLOWEST:g} to {FASTEST:g}")
        if speed != 1:
            import_stretch()
        self.speed = speed
        self.seek(self.seconds)

    def set_level(self, which: str, db: float) -> None:
        """Set the level of "recording" or "microphone"."""
        self.levels_db[which] = db = min(max(db, SILENCE_DB), LOUDEST_DB)
        index = shared.FILE_GAIN if which == "recording" else shared.INPUT_GAIN
        self._lanes.set_control(index, 0 if db <= SILENCE_DB else round(shared.MILLIONTHS * 10 ** (db / 20)))

    def told(self) -> str:
        """What plays, as text."""
        loop = f", loop from {clock(self.loop[0])}" + (f" to {clock(self.loop[1])}" if len(self.loop) > 1 else "") \
            if self.loop else ""
        speed = f", {100 * self.speed:.0f} % speed" if self.speed != 1 else ""
        levels = "".join(f", {which} {db:+.0f} dB" for which, db in self.levels_db.items() if db)
        total = clock(self.recording.frames / self.recording.sample_rate)
        state = ", at its end" if self.finished else ", paused" if self.paused else ""
        return f"{self.recording.path.name} {clock(self.seconds)} of {total}{speed}{loop}{levels}{state}"

    # --- the reader's thread ---

    def _run(self) -> None:
        while not self._stop.is_set():
            with suppress(queue.Empty):
                while True:
                    self._orders.get_nowait()()
            try:
                busy = self._fill()
            except RtsepError as error:
                self._say(str(error))
                self._ended, busy = True, False
            self._look_for_end()
            if not busy:
                self._stop.wait(LOOK_S)

    def _pause(self) -> None:
        self._quiet()
        self._resume = round(self.seconds * self.recording.sample_rate)
        for message in releases(self._events):
            self._lanes.send(time.monotonic_ns(), *message)

    def _go_on(self) -> None:
        self._jump(0 if self.finished else self._resume)

    def _seek(self, frame: int) -> None:
        self._jump(frame)
        self._landing, self._jumps = self._places[-1][0], self._jumps + 1

    def _quiet(self) -> None:
        """Let the sound fade out and stop."""
        self._lanes.set_control(shared.FILE_ON, 0)
        until = time.monotonic() + QUIET_S
        while not self._lanes.word(shared.FILE_QUIET) and time.monotonic() < until:
            time.sleep(LOOK_S / 5)

    def _jump(self, frame: int) -> None:
        """Play from the file's sample `frame`: now, or, if it is paused, after the pause."""
        self._quiet()
        self._resume = frame
        self._lanes.set_control(shared.FILE_ENDED, 0)
        self._lanes.set_control(shared.FILE_FROM, self._lanes.file_span[1])
        self._ended, self.finished, self._starting = False, False, True
        self._begin(frame)

    def _begin(self, frame: int) -> None:
        """Read from `frame` on: all notes end there, and the notes that sound there begin."""
        head = self._lanes.file_span[1]
        self._source.begin(self.speed)
        self._places.append((head, frame, self._source.ratio))
        self._next = frame
        self._late = as_events(head, [*releases(self._events), *pressed_before(self._events, frame)])

    def _fill(self) -> bool:
        """Read a portion if there is room. Returns whether there was room."""
        if self._ended or self._lanes.file_room() < CHUNK * (1 + self._source.ratio) + AFTER_S * self._lanes.sample_rate:
            return False
        loop = self.loop  # The control thread can replace it meanwhile.
        begin, stop = self._next, self._stop_of(loop)
        end = min(begin + CHUNK, stop)
        looped, last = end == stop < self.recording.frames, end == stop
        block = self._source.read(begin, end, last) if end > begin else np.zeros((self._lanes.channels, 0), np.float32)
        started = self._places[-1][1]
        block = faded(block, self._lanes.sample_rate, begin == started and begin > 0, looped)
        self._put(block, self._notes(begin, end))
        self._next = end
        if looped:
            self._begin(round(loop[0] * self.recording.sample_rate))
        elif last:
            self._put(np.zeros((self._lanes.channels, round(AFTER_S * self._lanes.sample_rate)), np.float32), self._late[:0])
            self._lanes.set_control(shared.FILE_ENDED, 1)
            self._ended = True
        if self._starting and (last or self._lanes.file_span[1] - self._places[-1][0] >= AHEAD_S * self._lanes.sample_rate):
            self._starting = False
            self._lanes.set_control(shared.FILE_ON, int(not self.paused))
        return True

    def _stop_of(self, loop: list[float]) -> int:
        """The file's sample at which reading stops: the end of the loop, or of the file."""
        loop_end = round(loop[1] * self.recording.sample_rate) if len(loop) == 2 else self.recording.frames
        return loop_end if self._next < loop_end else self.recording.frames

    def _notes(self, begin: int, end: int) -> npt.NDArray[np.void]:
        """The notes at the file's samples from `begin` to `end`, at samples of the ring."""
        ring, frame, ratio = self._places[-1]
        at = self._events["sample"]
        found = self._events[(at >= begin) & (at < end)].copy()
        found["sample"] = ring + np.rint((found["sample"] - frame) * ratio)
        return found

    def _put(self, block: npt.NDArray[np.float32], notes: npt.NDArray[np.void]) -> None:
        notes = np.concatenate([self._late, notes])
        self._late = notes[self._lanes.put_file(block, notes) :]

    def _look_for_end(self) -> None:
        if self._ended and not self.finished and self._lanes.file_span[0] >= self._lanes.file_span[1]:
            self._lanes.set_control(shared.FILE_ON, 0)
            self.finished = self.paused = True
            self._say(f"{self.recording.path.name} is at its end")


def clock(seconds: float) -> str:
    """Minutes and seconds."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
