"""The players of `rtsep bench`: the engine at one size, its FFTs alone, the activation step alone; each keeps its times."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from rtsep.compiling import machine
from rtsep.engine.prepared import Prepared
from rtsep.engine.separator import Separator
from rtsep.engine.streaming import entry_at
from rtsep.files.sound import read_sound
from rtsep.hosts.demo import clip_folder
from rtsep.notes.routing import Routing
from rtsep.notes.score import EVENT
from rtsep.presets.library import bundled_presets
from rtsep.presets.preset import Preset, load_preset

PRESET = "grand-piano"
SAMPLE_RATE = 44100  # All measurements are at this rate, in Hz.
RIGHT_GAIN, RIGHT_DELAY = 0.7, 300  # Gain of the right channel, and its delay in samples.
UPDATES = 10  # The activation step alone is measured with this many updates.
DROPPED = 100  # This many blocks at the start of each size do not count (docs/measurements/cost.md).
TURN_SAMPLES = 12800  # A turn of one size lasts this many samples, 0.3 s (docs/measurements/cost.md).

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Size:
    """The sizes that the cost depends on. `stems` excludes the residual; `block` 0 is one hop."""

    window_samples: int = 4096
    hop_samples: int = 128
    open_rows: int = 10
    stems: int = 2
    channels: int = 2
    mode: str = "live"
    iterations: int = 5
    estimator: str = "encoder+kl"
    block: int = 0


def stereo_clip() -> Floats:
    """The bundled mix, float32 [2, sample], without its first second; the right channel is later and softer."""
    mix = read_sound(clip_folder() / "mix.flac")[0][0]
    return np.stack([mix, RIGHT_GAIN * np.roll(mix, RIGHT_DELAY)])[:, SAMPLE_RATE:].astype(np.float32)


def load_piano() -> Preset:
    """The bundled preset for measuring, even if the user has a preset of the same name."""
    return load_preset(next(path for path in bundled_presets() if path.stem == PRESET))


def _routing(stems: int) -> Routing:
    """A routing of part 0 to the first stem, of part 1 to the second, and so on."""
    table = np.full((32, 16, 128), -1, np.int8)
    table[:stems] = np.arange(stems)[:, None, None]
    return Routing(tuple(f"stem_{i}" for i in range(stems)), table)


def _notes(preset: Preset, rows: int, stems: int) -> npt.NDArray[np.void]:
    """Notes over the whole keyboard that open `rows` rows, divided among the stems."""
    each = len(preset.W) // len(preset.pitches)
    chosen = np.linspace(0, len(preset.pitches) - 1, rows // each).round().astype(int)
    events = np.zeros(len(chosen), EVENT)
    events["status"], events["data1"], events["data2"] = 0x90, np.asarray(preset.pitches)[chosen], 80
    events["part"] = np.arange(len(chosen)) % stems
    return events


def prepared_separator(preset: Preset, size: Size, block: int) -> Separator:
    """The engine at `size`, ready for blocks of `block` samples."""
    separator = Separator(preset, _routing(size.stems), {
        "mode": size.mode, "window_samples": size.window_samples, "hop_samples": size.hop_samples,
        "iterations": size.iterations, "estimator": size.estimator, "max_open_rows": max(size.open_rows, 64)})
    separator.prepare(SAMPLE_RATE, size.channels, block)
    return separator


def _function(name: str, arguments: int) -> Callable[..., None]:
    """A compiled function that only measuring needs; its arguments are numbers and addresses."""
    return ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * arguments)(machine.address("bench", name))


class Player:
    """A separator of one size with held notes, which plays the clip in a loop and keeps the time of each block."""

    def __init__(self, preset: Preset, size: Size, clip: Floats) -> None:
        self.size = size
        self.block = size.block or size.hop_samples
        self.times_us: list[float] = []
        self.work_us: list[float] = []
        self._separator = prepared_separator(preset, size, self.block)
        self._entry = entry_at(self._separator.entry_address)
        self._clip = clip[: size.channels]
        self._position = self.block
        self._separator.process(self._clip[:, : self.block], _notes(preset, size.open_rows, size.stems))
        self._separator.process(self._clip[:, : self.block])  # From here on the call has no events.
        self._run(max(DROPPED, 2 * size.window_samples // self.block))
        if self._separator.open_count != size.open_rows:
            raise RuntimeError(f"{self._separator.open_count} rows are open instead of {size.open_rows}")

    def rehearsal(self) -> Prepared:
        """The same plan with another state, which is not heard."""
        return self._separator.rehearsal()

    def _run(self, blocks: int) -> tuple[list[float], list[float]]:
        """Microseconds of the compiled entry, called in the way of a native callback, for each block.

        The first list is by the clock. The second counts only the time in which this thread had a processor: the thread of an
        audio driver has priority, so it waits less.
        """
        address, given = self._separator.prepared.call.ctypes.data, self._separator.prepared.input
        times, work, clock, worked, entry = [], [], time.perf_counter_ns, time.thread_time_ns, self._entry
        for _ in range(blocks):
            if self._position + self.block > self._clip.shape[1]:
                self._position = 0
            given[:, : self.block] = self._clip[:, self._position : self._position + self.block]
            self._position += self.block
            before = worked()
            begin = clock()
            entry(address)
            times.append((clock() - begin) / 1000)
            work.append((worked() - before) / 1000)
        return times, work

    def take_turn(self) -> None:
        """Play for a while. The first frames do not count: they bring the data of this size back into the cache."""
        self._run(4 * max(self.size.hop_samples, self.block) // self.block)
        times, work = self._run(TURN_SAMPLES // self.block)
        self.times_us += times
        self.work_us += work


class Floor:
    """The FFTs of one player's frames, and nothing else."""

    TIMES = 8  # FFTs per measurement: with this many, the call itself hardly counts.

    def __init__(self, player: Player) -> None:
        size, self._prepared = player.size, player.rehearsal()
        self.stems = min(size.stems, size.open_rows)
        self._transform = _function("transform_frames", 4)
        self.times_us: list[float] = []
        self._run()

    def _run(self) -> None:
        self._transform(self._prepared.plan.record.ctypes.data, self._prepared.state_record.ctypes.data, self.stems, self.TIMES)

    def take_turn(self) -> None:
        """Measure some frames."""
        for i in range(5):
            begin = time.perf_counter_ns()
            self._run()
            if i:
                self.times_us.append((time.perf_counter_ns() - begin) / 1000 / self.TIMES)


class Step:
    """The activation step alone, of the engine and in plain NumPy (float64), for one number of bins and rows."""

    TIMES = 4

    def __init__(self, bins: int, rows: int) -> None:
        self.bins, self.rows = bins, rows
        rng = np.random.default_rng(0)
        self._V, self._W = rng.gamma(0.5, size=bins) + 1e-6, rng.gamma(0.5, size=(rows, bins)) + 1e-6
        self._V /= self._V.sum()
        self._W /= self._W.sum(axis=1, keepdims=True)
        stride = -(-bins // 16) * 16
        V, W = np.zeros(stride, np.float32), np.zeros((rows, stride), np.float32)
        V[:bins], W[:, :bins] = self._V, self._W
        self._kept = V, W, np.zeros((3, stride + rows + 1), np.float32), np.arange(rows)
        V_at, W_at, scratch_at, rows_at = (array.ctypes.data for array in self._kept)
        self._estimate = partial(_function("estimate_frames", 9), V_at, W_at, stride, rows, bins, UPDATES, scratch_at, rows_at,
                                 self.TIMES)
        self.ours_us: list[float] = []
        self.numpy_us: list[float] = []
        self._estimate()
        self._plain()

    def _plain(self) -> npt.NDArray[np.float64]:
        """KL updates in plain NumPy; the rows of W sum to 1."""
        V, W = self._V, self._W
        h = np.full(self.rows, 1 / self.rows)
        for _ in range(UPDATES):
            h *= W @ (V / (h @ W))
        return h

    def take_turn(self) -> None:
        """Measure both, one after the other."""
        begin = time.perf_counter_ns()
        self._estimate()
        middle = time.perf_counter_ns()
        self._plain()
        self.numpy_us.append((time.perf_counter_ns() - middle) / 1000)
        self.ours_us.append((middle - begin) / 1000 / self.TIMES)
