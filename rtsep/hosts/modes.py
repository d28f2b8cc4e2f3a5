"""The best mode that this computer can play at the block size of a device. A short measurement finds it once, and it is kept.

Mode `instant` adds no latency and costs more than `live`. It is chosen if its worst block leaves enough time to spare.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rtsep.compiling import store
from rtsep.engine.separator import Separator
from rtsep.engine.streaming import Engine, entry_at
from rtsep.hosts.computer import knows_work
from rtsep.hosts.driver import Opened
from rtsep.stages.common import plays_drums

MODES = ("instant", "live")  # The better mode comes first.
CARRIED = 0.5  # The worst block can take this share of its duration for its own work: driver and system need the rest.
MEASURED_S = 1.0  # This many seconds of sound are measured; they take about 0.2 s of work.
WARM_S = 0.1  # This many seconds of sound are played before the measurement.
LOUDNESS = 0.1  # Standard deviation of the noise that is played.
UNKNOWN_BLOCK = 64  # This block size, in samples, is measured if that of the device is unknown.
VOICE_S = 0.023  # The latency of live playing with a voice, in seconds, unless the player chooses another.
KEPT_MOST = 200  # At most this many measurements are kept.


@dataclass(frozen=True)
class Choice:
    """A mode, and why it was chosen."""

    mode: str = ""
    why: str = ""


def measure(separator: Separator, sample_rate: float, channels: int, block: int) -> float:
    """The work of the worst block as a share of its duration, for noise and a held note. Do not use `separator` afterwards."""
    separator.prepare(sample_rate, channels, block)
    prepared = separator.rehearsal()
    entry, call = entry_at(separator.entry_address), prepared.call
    noise = np.random.default_rng(0).standard_normal((channels, block)).astype(np.float32) * np.float32(LOUDNESS)
    prepared.input[:, :block] = noise
    call["frames"] = block
    clock = time.thread_time_ns if knows_work() else time.perf_counter_ns
    blocks, warm = (max(round(seconds * sample_rate / block), 2) for seconds in (MEASURED_S, WARM_S))
    took = np.zeros(blocks)
    for i in range(-warm, blocks):
        began = clock()
        entry(call.ctypes.data)
        if i >= 0:
            took[i] = clock() - began
        call["event_count"] = 0  # The note is held from here on.
    # The 99th percentile: the engine does not cause rarer outliers.
    return float(np.percentile(took, 99)) * 1e-9 * sample_rate / block


def choose_mode(separator: Separator, device: str, sample_rate: float, channels: int, block: int) -> Choice:
    """The best mode that this computer can play on `device` in blocks of `block` samples (0: unknown).

    It is measured once for each version of the code, device and size. Drums are played in mode `live`: causal filters respond
    too late to strokes, which costs about 10 dB.
    """
    if any(plays_drums(preset) for preset in separator.presets):
        return Choice(MODES[1], "it separates drums better than instant does")
    block = block or UNKNOWN_BLOCK
    size = f"{sample_rate:g} Hz, {channels} channels, {block} samples, {len(separator.stem_names)} stems"
    key = f"{store.fingerprint()}, {device}, {size}"
    shares = store.read_kept(_file(), float)
    if key not in shares:
        shares[key] = round(measure(separator.again({"mode": MODES[0]}), sample_rate, channels, block), 3)
        store.write_kept(_file(), dict(list(shares.items())[-KEPT_MOST:]))
    takes = f"instant takes {100 * shares[key]:.0f} % of a block of {block} samples here"
    return Choice(MODES[0], takes) if shares[key] <= CARRIED else Choice(MODES[1], f"{takes}, which is too much")


def for_voice(sample_rate: float) -> dict[str, str | int]:
    """The parameters of live playing with a voice: live mode, with a power of two of samples near VOICE_S."""
    return {"mode": MODES[1], "latency_samples": 2 ** round(math.log2(VOICE_S * sample_rate))}


def in_best_mode(engine: Engine, device: Opened, channels: int) -> tuple[Engine, Choice]:
    """The engine, not prepared yet, in the mode or with the latency that its parameters give, else in the best mode here.

    A voice is played with VOICE_S of latency.

    channels: number of channels of the sound that the engine is going to hear.
    """
    if not isinstance(engine, Separator) or {"mode", "latency_samples"} & engine.params.keys():
        return engine, Choice(str(engine.value("mode")))
    if engine.routing.voice is not None:
        asked = for_voice(device.sample_rate)
        latency_ms = 1000 * int(asked["latency_samples"]) / device.sample_rate
        why = f"{latency_ms:.0f} ms separate a voice better than less; --latency chooses another value"
        return engine.again(asked), Choice(MODES[1], why)
    choice = choose_mode(engine, device.name, device.sample_rate, channels, device.block)
    return engine.again({"mode": choice.mode}), choice


def _file() -> Path | None:
    return store.kept_file("modes.json")
