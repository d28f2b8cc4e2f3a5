"""The memory that the callback of a device and Python share, seen from Python.

Lanes into the callback: notes (in a ring; if it is full, notes are dropped and counted), the plan (one pointer), some control
words. Lanes out of the callback: counters, meters, and the rings of a recording. Neither side ever waits for the other.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rtsep.callbacks import shared
from rtsep.compiling import machine
from rtsep.engine.prepared import Prepared
from rtsep.engine.streaming import Engine
from rtsep.hosts.ear import Ear
from rtsep.hosts.stem_ear import StemEar
from rtsep.kernels import memory
from rtsep.notes.messages import Message
from rtsep.notes.score import EVENT
from rtsep.windows import power_above

CAPACITY = 4096  # The callback handles at most this many samples at once; longer blocks are cut.
MESSAGES = 4096  # The ring of notes holds this many messages, a power of two.
EVENTS, PIECES = 16384, 16384  # The rings for recording hold this many events and pieces, powers of two.
FILE_S = 2.0  # The file of a recording that plays is read ahead by this many seconds.
FILE_EVENTS = 4096  # The ring for its notes holds this many, a power of two.
PORTS = 512  # There is room for this many addresses of JACK's ports.
MIX, SILENCE = shared.MIX, shared.SILENCE

Floats = npt.NDArray[np.float32]


class Meters(NamedTuple):
    """Measurements of the callback. Peaks are magnitudes; loads are shares of the duration of a block.

    worst_work: the largest share, without the time that it waited for a processor; 0 if unknown.
    """

    inputs: list[float]
    outputs: list[float]
    stems: list[float]
    load: float
    worst_load: float
    worst_work: float


class Lanes:
    """All memory of the callback, which gets `address`.

    `engine` is prepared for blocks of CAPACITY samples. `sources` says what each output of the device plays: (stem, channel);
    the stem can also be MIX for the mixdown, or SILENCE. `part` is the part of notes that come through the device. Thread:
    control, except `send`, which any thread can call.
    """

    def __init__(
        self, engine: Engine, sample_rate: float, sources: Sequence[tuple[int, int]], part: int = 0,
        plays_file: bool = False,
    ) -> None:
        now = engine.prepared
        channels, stems, outputs = now.plan.channels, now.plan.stems, max(len(sources), 1)
        self.sample_rate, self.channels, self.outputs, self.stems, self.part = sample_rate, channels, outputs, stems, part
        self.xruns = 0  # Counted by backends whose driver reports them.
        self._kept: list[Prepared] = []
        self._piece: Floats | None = None  # Room for a piece of a recording; None before the first recording.
        self._session = 0  # Number of the last `record_start`.
        self._lock = threading.Lock()
        f, i = np.float32, np.int64
        self.ear, self.stem_ear = Ear(channels, sample_rate, self.word), StemEar(stems, self.word, self.set_control)
        self._arrays: dict[str, Any] = {
            "control": np.zeros(shared.CONTROLS, i), "words": np.zeros(shared.WORDS, i), "meters": np.zeros(shared.METERS, f),
            "peaks": np.zeros(channels + outputs + stems, f), "levels": now.targets[memory.GAINS :].copy(),
            "sources": np.array([*sources] or [(SILENCE, 0)], i), "input": np.zeros((channels, CAPACITY), f),
            "output": np.zeros((outputs, CAPACITY), f), "header": np.zeros(shared.HEADER, i),
            "messages": np.zeros(MESSAGES, shared.MESSAGE), "heard_header": np.zeros(shared.HEADER, i),
            "heard": np.zeros(MESSAGES, shared.MESSAGE), "queue": np.zeros(shared.QUEUE, EVENT),
            "due": np.zeros(shared.QUEUE, i), "burst": np.zeros(shared.BURST, EVENT),
            "tap_headers": np.zeros((3, shared.HEADER), i), "pieces": np.zeros((PIECES, 3), i),
            "events": np.zeros(EVENTS, EVENT), "ports": np.zeros(PORTS, i),
            "file_headers": np.zeros((2, shared.HEADER), i), "file_events": np.zeros(FILE_EVENTS, EVENT),
            "file": np.full((channels, power_above(FILE_S * sample_rate) if plays_file else 1), 0, f),
            "sound": np.zeros((channels * (1 + stems), 1), f), **self.ear.arrays, **self.stem_ear.arrays,
        }
        self._warm = engine.rehearsal()
        self.record = shared.LIVE.new({
            "entry": engine.entry_address, "warm": self._warm.call, "channels": channels, "outputs": outputs, "stems": stems,
            "capacity": CAPACITY, "messages_size": MESSAGES, "planes": channels * (1 + stems), "sound_size": 1,
            "pieces_size": PIECES, "events_size": EVENTS, "part": part,
            "heard_size": MESSAGES, "ports_size": PORTS, "sample_rate": sample_rate,
            "file_size": self._arrays["file"].shape[1], "file_events_size": FILE_EVENTS, **self.ear.sizes,
            **self.stem_ear.sizes, **self._arrays,
        })
        self._arrays["meters"][shared.INPUT_LEVEL] = 1
        self.set_control(shared.INPUT_GAIN, int(shared.MILLIONTHS))
        self.set_control(shared.FILE_GAIN, int(shared.MILLIONTHS))
        self._push, self._read_heard, self._read_piece, self._read_events, self._file_room, self._put_file = (
            ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * count)(machine.address("live", name))
            for name, count in (("push", 6), ("read_heard", 3), ("read_piece", 4), ("read_events", 3),
                                ("file_room", 1), ("put_file", 5)))
        self._heard = np.zeros((MESSAGES, 5), i)
        self.play(now, fade=True)

    @property
    def address(self) -> int:
        """The address of the LIVE record, the user data of the callback."""
        return int(self.record.ctypes.data)

    @property
    def heartbeat(self) -> int:
        """The number of blocks that the device has asked for."""
        return self.word(shared.HEARTBEAT)

    def word(self, index: int) -> int:
        """The value of a word that the callback writes (callbacks/shared.py)."""
        return int(self._arrays["words"][index])

    def set_control(self, index: int, value: int) -> None:
        """Set a word that the callback reads (callbacks/shared.py)."""
        self._arrays["control"][index] = value

    @property
    def file_span(self) -> tuple[int, int]:
        """How many samples of a recording were played so far, and how many were put into the ring."""
        return tuple(self._arrays["file_headers"][0, [shared.TAIL, shared.HEAD]].tolist())

    def file_room(self) -> int:
        """How many samples `put_file` takes now."""
        return int(self._file_room(self.address))

    def put_file(self, sound: Floats, events: npt.NDArray[np.void]) -> int:
        """Append [channel, sample] of a recording that plays, and EVENTs; gives how many events fitted. Thread: its reader."""
        sound, events = np.ascontiguousarray(sound, np.float32), np.ascontiguousarray(events, EVENT)
        return int(self._put_file(self.address, sound.ctypes.data, sound.shape[1], events.ctypes.data, len(events)))

    def play(self, prepared: Prepared, fade: bool) -> None:
        """Play `prepared` from the next block on: at once if the last plan has the same state, else with `fade`."""
        if prepared.plan.stems != self.stems or prepared.plan.channels != self.channels:
            raise ValueError("stems and channels cannot change while a device plays")
        playing = self.word(shared.PLAYING)
        self._kept = [kept for kept in self._kept if kept.call.ctypes.data == playing] + self._kept[-1:] + [prepared]
        if self.arrived or fade:  # Otherwise the last plan perhaps still waits for its fade, and this plan takes the fade over.
            self._arrays["control"][shared.FADING] = int(fade)
        self._arrays["control"][shared.WANTED] = prepared.call.ctypes.data

    @property
    def arrived(self) -> bool:
        """Whether the callback has switched to the last plan that was given to `play`."""
        return self.word(shared.PLAYING) == int(self._arrays["control"][shared.WANTED])

    def new_thread(self) -> None:
        """Call this before a device calls from a new thread: its first block then warms up the thread, in silence."""
        self._arrays["words"][shared.WARMED] = 0
        self._arrays["meters"][shared.FADE] = 0

    def send(self, time_ns: int, part: int, message: Message) -> bool:
        """Send a message of `part` that came at `time_ns` (time.monotonic_ns). False: the ring is full; this is counted."""
        with self._lock:
            sent = bool(self._push(self.address, time_ns, part, *message))
            if not sent:
                self._arrays["control"][shared.UNSENT] += 1
            return sent

    def heard(self) -> list[tuple[int, int, Message]]:
        """Time, part and message of what came through the device's own MIDI port since the last call; it is played already."""
        count = self._read_heard(self.address, self._heard.ctypes.data, MESSAGES)
        return [(time_ns, part, (status, data1, data2))
                for time_ns, part, status, data1, data2 in self._heard[:count].tolist()]

    def pre_fader(self, on: bool) -> None:
        """If `on`, outputs of single stems play them before their faders, so mute and solo change only the mix."""
        self._arrays["control"][shared.PRE_FADER] = int(on)

    def delay_notes(self, delay_ms: float) -> None:
        """Delay every note by this many milliseconds."""
        self._arrays["control"][shared.DELAY_NS] = round(delay_ms * 1e6)

    @property
    def delay_ms(self) -> float:
        """The delay of the notes in milliseconds."""
        return int(self._arrays["control"][shared.DELAY_NS]) / 1e6

    def meters(self) -> Meters:
        """Present levels and load; the worst load is the worst since the last call."""
        peaks, values = self._arrays["peaks"].tolist(), self._arrays["meters"]
        known = self.word(shared.SEEN_EPOCH) == int(self._arrays["control"][shared.EPOCH])  # If not, no block came since then.
        worst, work = (float(values[at]) if known else 0.0 for at in (shared.WORST_LOAD, shared.WORST_WORK))
        self._arrays["control"][shared.EPOCH] += 1
        a, b = self.channels, self.channels + self.outputs
        return Meters(peaks[:a], peaks[a:b], peaks[b:], float(values[shared.LOAD]), worst, work)

    def counters(self) -> dict[str, int]:
        """All counters of the callback since the start."""
        names = {"blocks": shared.HEARTBEAT, "samples": shared.POSITION, "late_blocks": shared.LATE,
                 "late_by_work": shared.LATE_BY_WORK, "underflows": shared.UNDERFLOWS, "overflows": shared.OVERFLOWS,
                 "clipped_samples": shared.CLIPPED, "lost_pieces": shared.LOST_PIECES, "lost_events": shared.LOST_EVENTS,
                 "lost_heard": shared.LOST_HEARD, "starved_samples": shared.STARVED}
        unsent = int(self._arrays["control"][shared.UNSENT])
        own = {"xruns": self.xruns, "dropped_notes": unsent + self.word(shared.DROPPED)}
        return {name: self.word(at) for name, at in names.items()} | own

    def set_ports(self, addresses: Sequence[int]) -> None:
        """Set the addresses of the ports of JACK: notes, inputs, outputs. Call it before the device starts."""
        self._arrays["ports"][: len(addresses)] = addresses

    def record_start(self, seconds: float) -> None:
        """Record inputs and stems from the next block on, into a ring for at least `seconds`. Later calls use the same ring."""
        if self._piece is None:
            self._make_ring(seconds)
        self._session += 1
        self._arrays["control"][shared.RECORDING] = self._session

    def _make_ring(self, seconds: float) -> None:
        size = power_above(max(seconds * self.sample_rate, 2 * CAPACITY))
        self._arrays["sound"] = np.full((self.channels * (1 + self.stems), size), 0, np.float32)  # `full` writes to all of it.
        self.record["sound"], self.record["sound_size"] = self._arrays["sound"].ctypes.data, size
        self._piece = np.zeros((self._arrays["sound"].shape[0], CAPACITY), np.float32)

    def record_stop(self) -> None:
        """Stop recording with the next block; the ring can still be read."""
        self._arrays["control"][shared.RECORDING] = 0

    def read_record(self) -> tuple[int, Floats] | None:
        """A copy of the oldest piece: its first sample since the first `record_start`, and [plane, sample].

        Planes are inputs, then channels of stems. None: there is no piece of this recording. If a piece begins later than the
        last one ended, samples were dropped. A piece without planes, [0, n], says that the device was away for n samples; the
        samples of the engine do not count these.
        """
        if self._piece is None:
            return None
        told = np.zeros(2, np.int64)
        while length := self._read_piece(self.address, self._piece.ctypes.data, CAPACITY, told.ctypes.data):
            start, session = told.tolist()
            if session == self._session:
                return start, np.zeros((0, -length), np.float32) if length < 0 else self._piece[:, :length].copy()
        return None

    def read_events(self) -> npt.NDArray[np.void]:
        """The events played since the last call, EVENT [n]; their samples count from `record_start`."""
        found = np.zeros(EVENTS, EVENT)
        return found[: self._read_events(self.address, found.ctypes.data, EVENTS)]

