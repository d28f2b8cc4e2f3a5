"""The client of `tests/soak_jack.py` that plays a tape to `rtsep`, and knows where a take can have gaps."""

from __future__ import annotations

import threading
import time
from collections import deque

import numpy as np
from pretended_card import RATE
from soak_devices import PITCHES
from soak_takes import CHANNEL, Played, check, coded

from rtsep.callbacks import shared

PERIOD = 1024
TARGETS = ("in_1", "in_2", "midi_in")


class Tape:
    """Plays positions in freewheel while sound and notes are connected to `rtsep`, as fast as `speed` and the disk allow.

    In real time it is silent, since JACK can then pass a block twice, or not at all.
    """

    def __init__(self, seed: int, speed: float) -> None:
        self.played, self.position = Played(), 0
        self.gone, self.hurry = threading.Event(), threading.Event()
        self.wrong: Exception | None = None
        self.receive = self.lanes = None
        self.holes: deque[int] = deque(maxlen=100_000)  # Positions before which a take can have silence.
        self.away: deque[tuple[int, float]] = deque()  # (position, least seconds for which the server was away there).
        self._rng, self._speed, self._pace_s = np.random.default_rng([seed, 1]), speed, 0.0
        self._client, self._ports, self._fast, self._stop_s = None, [], False, 0.0
        self._lost_s, self._down, self._cycles = 0.0, [], 0

    # --- the control thread ---

    def come(self) -> None:
        """Become a client of the server."""
        import jack

        self._client, self._fast = jack.Client("tape", no_start_server=True), False
        self._ports = [self._client.outports.register(f"out_{c}") for c in (1, 2)]
        self._ports.append(self._client.midi_outports.register("midi"))
        self._client.set_process_callback(self._process)
        self._client.activate()

    def leave(self) -> None:
        """Leave the server."""
        self._mute()
        self._client.deactivate()
        self._client.close()
        self._client = None

    def connect(self) -> None:
        """The connections that are missing."""
        for port, target in zip(self._ports, TARGETS, strict=True):
            if not port.is_connected_to(f"rtsep:{target}"):
                self._client.connect(*(port.name, f"rtsep:{target}"))

    def is_connected(self) -> bool:
        """Whether sound and notes are connected."""
        return len(self._ports) == 3 and all(
            port.is_connected_to(f"rtsep:{target}") for port, target in zip(self._ports, TARGETS, strict=True))

    def cut(self, number: int) -> None:
        """Disconnect one port."""
        self._client.disconnect(self._ports[number].name, f"rtsep:{TARGETS[number]}")

    def drop_port(self) -> None:
        """Remove the second of the sound's ports."""
        port = self._ports[1]
        self._mute()
        port.unregister()

    def add_port(self) -> None:
        """Add the port again."""
        outs = {port.shortname: port for port in self._client.outports}
        outs["out_2"] = self._client.outports.register("out_2")
        self._ports = [outs["out_1"], outs["out_2"], *self._client.midi_outports]

    def hasten(self) -> None:
        """Let the server run in freewheel."""
        if not self._fast and self._client is not None and self.is_connected():
            self._client.set_freewheel(True)
            self._fast = True

    def slow_down(self, stop_s: float) -> None:
        """Stop once for this time, in real time."""
        self.calm()
        self._stop_s = stop_s

    def calm(self) -> None:
        """Let the server run in real time."""
        if self._fast:
            self._fast = False
            self._await_cycles()
            self._client.set_freewheel(False)

    def lost(self, now_s: float) -> None:
        """Note that the server is away from now on."""
        self._lost_s = now_s

    def back(self, now_s: float) -> None:
        """Note that the server comes back now."""
        self.away.append((self.position, now_s - self._lost_s))

    def _mute(self) -> None:
        """Be silent from the next block on, and wait for that block. Otherwise half a block could be left."""
        self._ports = []
        self._await_cycles()

    def _await_cycles(self) -> None:
        cycles, until = self._cycles, time.monotonic() + 2
        while self._cycles < cycles + 2 and time.monotonic() < until:
            time.sleep(0.001)

    # --- the process thread ---

    def _process(self, frames: int) -> None:
        try:
            self._play(frames)
            self._cycles += 1
        except Exception as error:
            self.wrong = error

    def _play(self, frames: int) -> None:
        ports = self._ports
        sounds = [port.get_array() for port in self._client.outports]
        if len(ports) < 3 or not self._fast or not self.is_connected():
            time.sleep(self._stop_s)
            self._stop_s = 0.0
            if not self.holes or self.holes[-1] != self.position:
                self.holes.append(self.position)
            for sound in sounds:
                sound[:] = 0
            for port in self._client.midi_outports:
                port.clear_buffer()
            return
        self._wait(frames)
        for port, plane in zip(ports, coded(self.position, frames), strict=False):
            port.get_array()[:] = plane
        ports[2].clear_buffer()
        for offset, message in self._notes(frames):
            self.played.notes.append((self.position + offset, *message))
            ports[2].write_midi_event(offset, message)
        self.position += frames

    def _wait(self, frames: int) -> None:
        self._pace_s = max(self._pace_s + frames / RATE / self._speed, time.monotonic() - 0.5)
        time.sleep(max(self._pace_s - time.monotonic(), 0))
        header, size = self.lanes._arrays["tap_headers"][0], self.lanes._arrays["sound"].shape[1]
        until = time.monotonic() + 1
        while size > 1 and header[shared.HEAD] - header[shared.TAIL] > size // 2 and time.monotonic() < until:
            time.sleep(0.001)

    def _notes(self, frames: int) -> list[tuple[int, tuple[int, int, int]]]:
        """Press and release some keys."""
        count = int(self._rng.integers(0, 4)) if self._rng.random() < 0.2 else 0
        found = []
        for offset in np.sort(self._rng.choice(frames, count, replace=False)).tolist():
            pitch = int(self._rng.choice(PITCHES))
            status, velocity = (0x80, 0) if pitch in self._down else (0x90, int(self._rng.integers(1, 128)))
            self._down.remove(pitch) if status == 0x80 else self._down.append(pitch)
            found.append((offset, (status | CHANNEL, pitch, velocity)))
        return found

    # --- takes ---

    def check_gaps(self, report: dict, at: np.ndarray, runs: list[tuple[int, int]], _played: Played) -> None:
        """Check that positions follow one another except where something broke, and that the program reports silence there."""
        folder, there = report["folder"], np.flatnonzero(at >= 0)
        heard = at[there]
        holes = set(self.holes)
        breaks = np.flatnonzero((np.diff(heard) != 1) | (np.diff(there) != 1))
        for before, after in zip(heard[breaks].tolist(), heard[breaks + 1].tolist(), strict=True):
            check(after == before + 1, folder, "goes on with", after, "after", before)
            check(after in holes, folder, "has silence before", after, "where nothing broke")
        silent_s, told_s = sum(end - begin for begin, end in runs) / RATE, report["gap_s"]
        away_s = sum(seconds for place, seconds in list(self.away) if len(heard) and heard[0] < place <= heard[-1])
        check(away_s - 0.1 <= told_s <= silent_s + 0.002, folder, "tells gaps of", told_s, "s; it is silent for", silent_s,
              "s, and the server was away for", away_s)
        check(bool(report["gaps"]) == bool(told_s), folder, "tells", report["gaps"], "gaps of", told_s)
