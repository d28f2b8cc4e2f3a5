"""The interface that hosts use, the same for separator and mosaic, and the block processing that both share."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from rtsep.engine.prepared import Prepared
from rtsep.kernels.memory import EVENT, GAINS
from rtsep.notes.routing import Routing
from rtsep.params import Value
from rtsep.stages.polyphony import FREE, HELD, KEY_DOWN
from rtsep.windows import Framing

SILENT_DB = -120.0  # A gain of this many decibels or less means silence.

Floats = npt.NDArray[np.float32]
Entry = Callable[[int], None]  # A compiled function; its argument is the address of a Call record.


@dataclass(frozen=True)
class Counters:
    """Counts since the last reset: problems, frames, and notes that were given to hands or sought in a score."""

    bad_samples: int
    unmatched_notes: int
    closed_rows: int
    stolen_voices: int
    frames: int
    hand_notes: int = 0
    revised_notes: int = 0
    uncertain_notes: int = 0
    followed_notes: int = 0
    unmatched_in_score: int = 0


@dataclass(frozen=True)
class Output:
    """One processed block, as views that are valid until the next call.

    stems: float32 [stem, channel, sample], the residual last; mix: float32 [channel, sample].
    """

    stems: Floats
    mix: Floats


class Engine(Protocol):
    """What a host can use of a `Separator` or a `Mosaic`; the docstrings of these say more."""

    routing: Routing
    stem_names: tuple[str, ...]

    @property
    def plays(self) -> tuple[str, ...]:
        """The name of what each stem plays; at least one name."""
        ...

    @property
    def params(self) -> Mapping[str, Value]:
        """The parameters that were given."""
        ...

    @property
    def framing(self) -> Framing:
        """Sizes of frames, in samples."""
        ...

    @property
    def latency(self) -> int:
        """Samples from input to output."""
        ...

    @property
    def prepared(self) -> Prepared:
        """The result of the last `prepare` or `exchange`."""
        ...

    @property
    def entry_address(self) -> int:
        """Address of the compiled entry, for native callbacks."""
        ...

    @property
    def counters(self) -> Counters:
        """The counters since the last reset."""
        ...

    @property
    def row_pitch(self) -> npt.NDArray[np.int64]:
        """The pitches that the engine can play."""
        ...

    @property
    def held_pitches(self) -> tuple[int, ...]:
        """MIDI pitches of the held notes."""
        ...

    @property
    def details(self) -> dict[str, Any]:
        """Additional fields of report.json."""
        ...


    def prepare(self, sample_rate: float, channels: int, max_block: int) -> None:
        """Design and reset. It allocates."""
        ...

    def again(self, params: Mapping[str, Value]) -> Engine:
        """A new engine of the same kind with `params` changed; not prepared."""
        ...

    def exchange(self, *, params: Mapping[str, Value]) -> bool:
        """Continue with `params` changed; False if that needs `prepare`."""
        ...

    def rehearsal(self) -> Prepared:
        """A separate state for warming up caches."""
        ...

    def reset(self) -> None:
        """Forget all sound and all notes."""
        ...

    def set(self, name: str, value: Value) -> None:
        """Change a mixer parameter while playing."""
        ...

    def value(self, name: str) -> Value:
        """The value of a parameter."""
        ...

    def process(self, block: Floats, events: npt.NDArray[np.void] | None = None) -> Output:
        """Process one block."""
        ...



def entry_at(address: int) -> Entry:
    """The compiled entry at `address` as a Python function, which releases the interpreter's lock while it runs."""
    return ctypes.CFUNCTYPE(None, ctypes.c_void_p)(address)


def play_block(now: Prepared, entry: Entry, block: Floats, events: npt.NDArray[np.void]) -> Output:
    """Process one block [channel, sample] and its EVENTs with `entry`. ValueError for shapes or offsets that do not fit."""
    frames = block.shape[1]
    if block.shape[0] != now.input.shape[0] or frames > now.input.shape[1]:
        raise ValueError(f"block {block.shape}: expected {now.input.shape[0]} channels and at most "
                         f"{now.input.shape[1]} samples")
    events = np.ascontiguousarray(events, EVENT)
    if len(events):
        at = events["sample"]
        if at[0] < 0 or at[-1] >= frames or (np.diff(at) < 0).any():
            raise ValueError("events must lie inside the block, in order")
    now.input[:, :frames] = block
    call = now.call
    call["frames"], call["events"], call["event_count"] = frames, events.ctypes.data, len(events)
    entry(call.ctypes.data)
    return Output(now.stems[:, :, :frames], now.mix[:, :frames])


def rehearse(warm: Prepared, entry: Entry) -> None:
    """Play two hops of `warm`, so that the first real block finds code and memory in this thread's caches."""
    hop = warm.plan.framing.hop
    warm.call["frames"] = size = min(warm.input.shape[1], hop)
    for _ in range(0, 2 * hop, size):
        entry(warm.call.ctypes.data)


def set_targets(now: Prepared, value: Callable[[str], Value], stem_names: Sequence[str]) -> None:
    """Set the mixer's targets: wet, bypass, and the factor of every stem."""
    now.targets[:GAINS] = float(value("wet")), float(value("bypass"))
    for i, stem in enumerate(stem_names):
        level = float(value(f"gain_db.{stem}"))
        now.targets[GAINS + i] = 0 if level <= SILENT_DB else 10 ** (level / 20)


def held_pitches(now: Prepared, stem: int | None = None) -> tuple[int, ...]:
    """MIDI pitches of the notes that keys or pedals hold, of all stems or of one, ascending."""
    voices = now.state["voices"].copy()
    held = np.isin(voices["status"], (KEY_DOWN, HELD))
    if stem is not None:
        held &= voices["stem"] == stem
    return tuple(sorted(set(voices["pitch"][held].tolist())))


def open_notes(now: Prepared) -> list[tuple[int, int, bool]]:
    """(stem, MIDI pitch, whether keys or pedals hold it) of every note whose templates are open, ascending."""
    voices = now.state["voices"].copy()
    voices = voices[voices["status"] != FREE]
    held = np.isin(voices["status"], (KEY_DOWN, HELD)).tolist()
    found = dict(sorted(zip(zip(voices["stem"].tolist(), voices["pitch"].tolist(), strict=True), held, strict=True)))
    return [(stem, pitch, is_held) for (stem, pitch), is_held in found.items()]


def uncertain_pitches(now: Prepared) -> tuple[int, ...]:
    """MIDI pitches of the held notes whose hand is uncertain, ascending; see `rtsep.stages.hands`."""
    recent = now.state["recent"][: int(now.state["recent_count"][0])].copy()
    voices = now.state["voices"][recent["voice"]]
    same = (voices["onset"] == recent["sample"]) & (voices["pitch"] == recent["pitch"])
    held = np.isin(voices["status"], (KEY_DOWN, HELD)) & same
    return tuple(sorted(set(recent["pitch"][held & (recent["doubtful"] == 1)].tolist())))


def counters_of(now: Prepared) -> Counters:
    """The counters since the last reset."""
    return Counters(*(int(now.state[field.name][0]) for field in fields(Counters)))
