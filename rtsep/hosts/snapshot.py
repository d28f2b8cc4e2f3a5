"""Everything that a display or another program wants to know, read at one moment."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

from rtsep.hosts.lanes import Lanes, shared
from rtsep.hosts.midi import MidiPorts
from rtsep.hosts.player import Player
from rtsep.hosts.recorder import Recorder
from rtsep.hosts.status import Status, StemStatus

SILENCE_DB = -120.0


class Opened(Protocol):
    """A device that was opened; every backend has one."""

    name: str
    sample_rate: float
    inputs: int
    outputs: int
    warning: str  # "" or what the user should know
    has_midi: bool  # whether notes come in through the device itself

    def start(self, lanes: Lanes) -> None:
        """Begin to call. RtsepError if the device refuses."""

    def trouble(self) -> str:
        """Why it is dead, or ""."""
        ...

    def measure_latency_ms(self) -> float:
        """Through a cable, before `start`. RtsepError if that cannot be."""
        ...

    def latency_ms(self) -> float | None:
        """Input and output of the device together; None = unknown."""
        ...

    def sources(self, stems: Sequence[str]) -> list[tuple[int, int]] | None:
        """What its outputs play, (stem, channel) each, if it is the one to decide."""
        ...

    def close(self) -> bool:
        """Stop, in two seconds at most; whether it did."""
        ...


class Device(Protocol):
    """The device that plays now, and how it is."""

    opened: Opened
    state: str


@dataclass
class Scene:
    """All that takes part."""

    player: Player
    device: Device
    ports: MidiPorts | None
    recorder: Recorder | None
    started_s: float  # time.monotonic
    measured_ms: float | None = None  # round trip through the device, heard through a cable


def decibels(peak: float) -> float:
    """dBFS of a magnitude; -120 is silence."""
    return max(20 * math.log10(peak), SILENCE_DB) if 0 < peak < math.inf else SILENCE_DB


def _latency(scene: Scene) -> tuple[float | None, str]:
    if scene.measured_ms is not None:
        return scene.measured_ms, "measured through the cable"
    reported = scene.device.opened.latency_ms()
    return reported, "unknown" if reported is None else "reported by the driver"


def snapshot(scene: Scene) -> Status:
    """The status now. The worst load is the one since the last snapshot. Thread: control."""
    player, opened = scene.player, scene.device.opened
    lanes, separator = player.lanes, player.separator
    meters, counters = lanes.meters(), {**lanes.counters(), **asdict(separator.counters)}
    device_ms, source = _latency(scene)
    faders = zip(player.faders(), meters.stems, strict=True)
    return Status(
        seconds=time.monotonic() - scene.started_s,
        state=scene.device.state,
        device=opened.name,
        sample_rate=opened.sample_rate,
        block_samples=lanes.word(shared.FRAMES),
        latency_samples=separator.latency,
        device_latency_ms=device_ms,
        device_latency_source=source,
        load=meters.load,
        peak_load=meters.worst_load,
        late_blocks=counters["late_blocks"],
        underflows=counters["underflows"],
        overflows=counters["overflows"],
        bad_samples=counters["bad_samples"],
        dropped_notes=counters["dropped_notes"],
        clipped_samples=counters["clipped_samples"],
        input_db=tuple(map(decibels, meters.inputs)),
        output_db=tuple(map(decibels, meters.outputs)),
        stems=tuple(StemStatus(name, decibels(peak), gain, muted, soloed)
                    for (name, gain, muted, soloed), peak in faders),
        held=tuple(sorted({*player.watch.held(), *separator.held_pitches})),
        midi=() if scene.ports is None else tuple(scene.ports.ports),
        hint="" if scene.ports is None else player.watch.hint(time.monotonic_ns()),
        preset=player.preset_name,
        bypass=bool(separator.value("bypass")),
        wet=float(separator.value("wet")),
        recording="" if scene.recorder is None else scene.recorder.told(),
        message=player.message,
        counters=counters,
    )
