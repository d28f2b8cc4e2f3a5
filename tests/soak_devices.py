"""The devices of `tests/soak.py`: a pretended card, faster than any real one, and a keyboard whose port comes and goes."""

from __future__ import annotations

import threading
import time
from collections import deque
from pathlib import Path

import numpy as np
from native_callback import call
from pretended_card import RATE, Card
from soak_takes import CHANNEL, Played, check, coded

from rtsep.callbacks import shared
from rtsep.errors import RtsepError
from rtsep.hosts.takes import Take

PITCHES = (40, 47, 52, 59, 60, 64, 67, 72)
AWAY_S = 2.0  # A device that is this many seconds late was away, even if the test has not removed it.
FLOOD = 6000  # So many messages at once are more than the ring holds.
QUIET_BLOCKS = 40  # After this many blocks all messages of a flood are played or dropped.
SLOW_S = 14.0  # While the disk is slow, this many seconds of sound come, which is more than the ring holds.
SILENT_OFF = (0x8F, 0, 0)  # A message that does nothing.


class FastCards:
    """Cards that play one tape `speed` times as fast as real time. Each new card replaces a lost one."""

    def __init__(self, seed: int, speed: float) -> None:
        self.played, self.position, self.events = Played(), 0, 0
        self.gone = threading.Event()
        self.wrong: Exception | None = None
        self.hurry = threading.Event()  # Set while the card does not wait for the disk.
        self.floods = 0
        self.receive = None  # Called with each message (part, time in ns, message).
        self._rng, self._speed = np.random.default_rng([seed, 1]), speed
        self._card: FastCard | None = None
        self._pace_s, self._quiet, self._stall_s = time.monotonic(), 0, 0.0
        self._before: tuple[int, int] | None = None  # Bounds of the time, in ns, when the next block is due.
        self._down: list[int] = []
        self._came_back = False  # Whether the last block was the first after an absence.

    def open(self, _rescan: bool) -> FastCard:
        """Open the card. Raises RtsepError while it is gone."""
        if self.gone.is_set():
            raise RtsepError("no card")
        self._card = FastCard(self)
        return self._card

    def lose(self) -> None:
        """Unplug the card."""
        self.gone.set()
        assert self._card is not None
        self._card.dead = "unplugged"

    def come_back(self) -> None:
        """Plug the card in again."""
        self.gone.clear()

    def stall(self, seconds: float) -> None:
        """Let the device stop for this time, without an error."""
        self._stall_s = seconds

    def block(self, lanes) -> None:
        """Play one block, as fast as the tape's speed and the disk allow."""
        frames = int(self._rng.choice([32, 64, 128, 441, 512, 1024, 4096, 6000], p=[.05, .05, .1, .2, .3, .2, .05, .05]))
        self._wait(lanes, frames)
        words = lanes._arrays["words"]
        warm = words[shared.WARMED] != 0
        if warm and (receive := self.receive) is not None:
            self._notes(receive)
        before, recorded = self._counts(lanes), int(words[shared.RECORDED])
        begun_ns = time.monotonic_ns()
        heard = call(lanes, coded(self.position, frames))
        self._note_absence(warm, int(words[shared.BACK]), begun_ns, time.monotonic_ns(), frames)
        check(np.isfinite(heard).all(), "what is played is not finite")
        if not warm:
            return
        self.position += frames
        self._check(lanes, before, recorded, frames)

    def _wait(self, lanes, frames: int) -> None:
        self._pace_s = max(self._pace_s + frames / RATE / self._speed, time.monotonic() - 0.5)
        time.sleep(max(self._pace_s - time.monotonic(), 0))
        if self._stall_s:
            time.sleep(self._stall_s)
            self._stall_s = 0.0
        headers, size = lanes._arrays["tap_headers"], lanes._arrays["sound"].shape[1]
        pieces = headers[1]
        while not self.hurry.is_set() and (
                headers[0][shared.HEAD] - headers[0][shared.TAIL] > size // 2 > 1
                or pieces[shared.HEAD] - pieces[shared.TAIL] > 8192
                or headers[2][shared.HEAD] - headers[2][shared.TAIL] > 4096):
            time.sleep(0.001)

    def _notes(self, receive) -> None:
        """Press and release some keys; now and then send more messages than the ring holds."""
        if self._quiet:
            self._quiet -= 1
            return
        if self.floods:
            self.floods, self._quiet = self.floods - 1, QUIET_BLOCKS
            for _ in range(FLOOD):
                receive(1, time.monotonic_ns(), SILENT_OFF)
            return
        for _ in range(int(self._rng.integers(0, 4)) if self._rng.random() < 0.1 else 0):
            pitch = int(self._rng.choice(PITCHES))
            status, velocity = (0x80, 0) if pitch in self._down else (0x90, int(self._rng.integers(1, 128)))
            self._down.remove(pitch) if status == 0x80 else self._down.append(pitch)
            message = (status | CHANNEL, pitch, velocity)
            self.played.notes.append((self.position, *message))
            receive(1, time.monotonic_ns(), message)

    def _note_absence(self, warm: bool, back: int, begun_ns: int, ended_ns: int, frames: int) -> None:
        """Remember how long the device can have been away before this block."""
        if warm and self._before is not None:
            least, most = begun_ns - self._before[1], ended_ns - self._before[0]
            if most > (0 if self._came_back else AWAY_S * 1e9):
                before = self.played.away.get(self.position, (0.0, 0.0))
                sure = least > (0 if self._came_back else AWAY_S * 1e9)
                bounds = (max(least, 0) if sure else 0, most)
                self.played.away[self.position] = tuple(
                    old + new * 1e-9 * RATE for old, new in zip(before, bounds, strict=True))
        self._came_back = not warm
        if warm:
            self._before = tuple(at + round(frames / RATE * 1e9) for at in (begun_ns, ended_ns))

    @staticmethod
    def _counts(lanes) -> tuple[int, int, int]:
        """The numbers of messages taken from the ring, of those dropped or waiting, and of events recorded or lost."""
        words, headers = lanes._arrays["words"], lanes._arrays["tap_headers"]
        return (int(lanes._arrays["header"][shared.TAIL]), int(words[shared.DROPPED] + words[shared.PENDING]),
                int(headers[2][shared.HEAD] + words[shared.LOST_EVENTS]))

    def _check(self, lanes, before, recorded: int, frames: int) -> None:
        """Check that each message taken from the ring is recorded, dropped or waiting, while everything is recorded."""
        taken, kept, events = (now - then for now, then in zip(self._counts(lanes), before, strict=True))
        if int(lanes.word(shared.RECORDED)) - recorded == frames:
            check(taken == kept + events, f"{taken} messages taken, {kept} wait or were dropped, {events} recorded")
        counted = lanes.word(shared.POSITION)
        check(counted == self.position, "samples: counted", counted, "not", self.position)


class FastCard(Card):
    """One card, with its own thread."""

    def __init__(self, cards: FastCards) -> None:
        super().__init__()
        self._cards, self._ended = cards, threading.Event()
        self._thread = threading.Thread(target=self._run, name="card")

    def start(self, lanes):
        self.lanes = lanes
        self._thread.start()

    def _run(self) -> None:
        try:
            while not self.dead and not self._ended.is_set():
                self._cards.block(self.lanes)
        except Exception as error:
            self._cards.wrong = error

    def midi_ports(self):
        return ()

    def close(self):
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join()
        return True


class Keyboards:
    """A pretended python-rtmidi with one port, `keys`, that comes and goes. `play` sends to all inputs that have it open."""

    API_UNIX_JACK = 1

    def __init__(self) -> None:
        self.ports, self.open = ["keys"], set[MidiIn]()
        self.sent = 0

    def get_compiled_api(self):
        return [0]

    def MidiIn(self, _api, name):
        return MidiIn(self)

    def play(self, *message: int) -> None:
        """Send a message to all open inputs."""
        for each in list(self.open) if self.ports else ():
            each.waiting.append(message)
            self.sent += 1


class MidiIn:
    """An input of the pretended MIDI system."""

    def __init__(self, keyboards: Keyboards) -> None:
        self._keyboards, self.waiting = keyboards, deque()

    def get_ports(self):
        return list(self._keyboards.ports)

    def open_port(self, _number, name):
        self._keyboards.open.add(self)

    def close_port(self):
        self._keyboards.open.discard(self)

    def ignore_types(self, **_which):
        pass

    def get_message(self):
        return (self.waiting.popleft(), 0.0) if self.waiting else None

    def delete(self):
        self._keyboards.open.discard(self)


class SlowDisk:
    """A disk that stops for a while: writing waits, but the card does not."""

    def __init__(self, cards: FastCards) -> None:
        self._cards, self.wanted, self._write = cards, threading.Event(), Take.write

    def write(self, take: Take, planes: np.ndarray) -> None:
        """Do what `Take.write` does, but later."""
        if self.wanted.is_set():
            self.wanted.clear()
            until = self._cards.position + SLOW_S * RATE
            self._cards.hurry.set()
            while self._cards.position < until and not self._cards.gone.is_set():
                time.sleep(0.01)
            self._cards.hurry.clear()
        self._write(take, planes)


def fill_disk(path: Path) -> None:
    """Fill the disk."""
    with open(path, "wb", buffering=0) as file:
        try:
            while file.write(bytes(65536)):
                pass
        except OSError:
            return
