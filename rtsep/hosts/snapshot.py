"""Reads the status of live playing at one moment, for a display or another program."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field, replace

from rtsep.callbacks.shared import FRAMES
from rtsep.engine.separator import SILENT_DB, Separator
from rtsep.hosts.advice import Adviser
from rtsep.hosts.computer import knows_work
from rtsep.hosts.lanes import Meters
from rtsep.hosts.midi import MidiPorts
from rtsep.hosts.modes import Choice
from rtsep.hosts.player import Player
from rtsep.hosts.recorder import Recorder
from rtsep.hosts.sounding_notes import SoundingNotes
from rtsep.hosts.status import Hold, Status, StemStatus
from rtsep.hosts.sung import told_note
from rtsep.hosts.table import shown as named
from rtsep.hosts.watch import WatchedDevice
from rtsep.hosts.worst import Worst


@dataclass
class Scene:
    """All objects that take part in live playing."""

    player: Player
    device: WatchedDevice
    ports: MidiPorts | None
    recorder: Recorder
    started_s: float  # Time of the start in seconds of time.monotonic.
    measured_ms: float | None = None  # The measured round trip through the device and a cable.
    chosen: Choice = field(default_factory=Choice)  # The mode at the start, and why.
    adviser: Adviser | None = None
    load: Worst = field(default_factory=Worst)
    work: Worst = field(default_factory=Worst)
    notes: SoundingNotes = field(default_factory=SoundingNotes)

    @property
    def mode(self) -> str:
        """The mode being played."""
        return str(self.player.separator.value("mode"))


def decibels(peak: float) -> float:
    """The level of a magnitude in dBFS; -120 is silence."""
    return max(20 * math.log10(peak), SILENT_DB) if 0 < peak < math.inf else SILENT_DB


def _latency(scene: Scene) -> tuple[float | None, str]:
    if scene.measured_ms is not None:
        return scene.measured_ms, "measured through the cable"
    reported = scene.device.opened.latency_ms()
    return reported, "unknown" if reported is None else "reported by the driver"


def _meters(scene: Scene) -> Meters:
    """The measurements of the callback. While no device calls it, levels and load are 0."""
    meters = scene.player.lanes.meters()
    if scene.device.state == "playing":
        return meters
    inputs, outputs, stems = ([0.0] * len(peaks) for peaks in (meters.inputs, meters.outputs, meters.stems))
    return Meters(inputs, outputs, stems, 0.0, meters.worst_load, meters.worst_work)


def _held(scene: Scene) -> tuple[int, ...]:
    """Pitches held by keys or pedals, ascending; also those that the engine holds, if a device calls it."""
    player = scene.player
    engine = player.separator.held_pitches if scene.device.state == "playing" else ()
    return tuple(sorted({*player.watch.held(), *engine}))


def _hands(scene: Scene) -> dict[str, tuple[int, ...]]:
    """The fields of the status about the keys of each hand."""
    separator = scene.player.separator
    if not isinstance(separator, Separator) or scene.device.state != "playing":
        return {}
    left, right = separator.hand_pitches
    return {"left": left, "right": right, "uncertain": separator.uncertain_pitches}


def _midi(scene: Scene) -> tuple[str, ...]:
    """The ports that notes come from: our own, and those that are connected to the device's port."""
    return (*(scene.ports.ports if scene.ports is not None else ()), *scene.device.opened.midi_ports())


def snapshot(scene: Scene) -> Status:
    """The present status, with advice. Thread: control."""
    status = _snapshot(scene)
    advice = scene.adviser.look(status) if scene.adviser is not None else ""
    return replace(status, hint=advice or status.hint)


def _snapshot(scene: Scene) -> Status:
    now_s = time.monotonic()
    player, opened = scene.player, scene.device.opened

    def hold(name: str, peak: float) -> Hold:
        return player.holds.note(now_s, name, decibels(peak))

    lanes, separator = player.lanes, player.separator
    meters, counters = _meters(scene), player.counters()
    device_ms, source = _latency(scene)
    shown = player.said.shown(now_s)
    scene.notes.look(player)
    faders = zip(player.faders(), meters.stems, scene.notes.told, scene.notes.sounding, strict=True)
    return Status(
        seconds=now_s - scene.started_s,
        state=scene.device.state,
        device=opened.name,
        sample_rate=opened.sample_rate,
        block_samples=lanes.word(FRAMES),
        mode=scene.mode,
        mode_chosen=scene.chosen.why if scene.mode == scene.chosen.mode else "",
        latency_samples=separator.latency,
        device_latency_ms=device_ms,
        device_latency_source=source,
        load=meters.load,
        peak_load=scene.load.note(now_s, meters.worst_load),
        peak_work=scene.work.note(now_s, meters.worst_work),
        worst_load=scene.load.session,
        losses=scene.device.losses,
        late_blocks=counters["late_blocks"],
        late_by_work=counters["late_by_work"] if knows_work() else None,
        underflows=counters["underflows"],
        overflows=counters["overflows"],
        xruns=counters["xruns"],
        bad_samples=counters["bad_samples"],
        dropped_notes=counters["dropped_notes"],
        clipped_samples=counters["clipped_samples"],
        input_db=tuple(map(decibels, meters.inputs)),
        output_db=tuple(map(decibels, meters.outputs)),
        input_holds=tuple(hold(f"input {at}", peak) for at, peak in enumerate(meters.inputs)),
        output_holds=tuple(hold(f"output {at}", peak) for at, peak in enumerate(meters.outputs)),
        stems=tuple(StemStatus(name, decibels(peak), hold(f"stem {at}", peak), gain, muted, soloed, told, sounding)
                    for at, ((name, gain, muted, soloed), peak, told, sounding) in enumerate(faders)),
        notes=player.watch.notes,
        held=_held(scene),
        **_hands(scene),
        midi=_midi(scene),
        hint="" if scene.ports is None and not opened.has_midi else player.watch.hint(time.monotonic_ns()),
        preset=player.preset_name,
        bypass=bool(separator.value("bypass")),
        wet=float(separator.value("wet")),
        recording=scene.recorder.told(),
        scene=player.setlist.told,
        following="" if player.listener is None else player.listener.told(),
        voice=told_note(separator) if scene.device.state == "playing" else "",
        playback="" if player.playback is None else player.playback.told(),
        frozen=player.frozen,
        learning=named(player.controls.learning, player),
        message=shown[-1].text if shown else "",
        messages=tuple(player.said.last),
        shown=len(shown),
        counters=counters,
    )
