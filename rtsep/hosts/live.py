"""Live playing: options become a device, a separator, MIDI ports, a recorder and a face, and a loop attends to them.

The loop runs some twenty times a second in the main thread. Sound is made in the device's native callback, and notes come in on
the MIDI thread, so nothing here can delay them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from rtsep.compiling import machine
from rtsep.engine.separator import Separator
from rtsep.engine.streaming import Engine
from rtsep.files.growing import check_format
from rtsep.hosts.advice import Adviser
from rtsep.hosts.asked import check_by_channel
from rtsep.hosts.computer import knows_work
from rtsep.hosts.controls import Controls
from rtsep.hosts.driver import Opened
from rtsep.hosts.ending import stop_signals
from rtsep.hosts.found_takes import mend_all
from rtsep.hosts.keep import Keeper
from rtsep.hosts.lanes import CAPACITY, Lanes
from rtsep.hosts.midi import MidiPorts, NoMidiError
from rtsep.hosts.modes import in_best_mode
from rtsep.hosts.notewatch import NoteWatch
from rtsep.hosts.plans import Split
from rtsep.hosts.player import Player
from rtsep.hosts.recorder import Recorder
from rtsep.hosts.routes import route_outputs
from rtsep.hosts.said import Said
from rtsep.hosts.snapshot import Scene, snapshot
from rtsep.hosts.status import Status
from rtsep.hosts.takes import TakeForm, check_base
from rtsep.hosts.watch import WatchedDevice
from rtsep.notes.drum_maps import read_drum_map, stand_ins
from rtsep.notes.programs import CHANNELS
from rtsep.notes.routing import Routing, by_channels, by_drum, by_port, by_split, everything, only_channels
from rtsep.params import Value
from rtsep.presets.instruments import choose, programs_by_name
from rtsep.presets.wish import parse_wish

TAKE = "take"  # Takes are called so, in the present folder, unless --record says otherwise.
TICK_S = 0.05  # The control thread looks after everything at intervals of this many seconds.


class Face(Protocol):
    """The display and the keys of a player."""

    def show(self, status: Status) -> None:
        """Show the status; called every tick."""

    def act(self, player: Player) -> bool:
        """Do what the pressed keys ask for; False to end."""
        ...


@dataclass(frozen=True)
class LiveJob:
    """The options of `rtsep live`."""

    midi: tuple[str, ...] = ()
    presets: tuple[str, ...] = ()  # NAME or NAME@STEM
    by: str = "port"
    split_pitch: int = 60
    channels: tuple[int, ...] = ()  # 1 to 16; none given: all
    params: Mapping[str, Value] = field(default_factory=dict)
    routes: tuple[str, ...] = ()  # STEM=OUTPUT or STEM=FIRST-LAST
    midi_offset_ms: float = 0.0
    record: Path | None = None  # Record from the start, into a folder of this name.
    overwrite: bool = False  # Replace saved presets.
    seconds: float | None = None  # How long to play; None: until stopped.
    controls: Path | None = None
    measure_latency: bool = False
    mosaic: Path | None = None  # Remake the sound from this file's frames instead of separating it.
    keep: tuple[str, ...] = ()  # FILE or FILE@STEM: presets to write
    keep_background: bool = False
    made_by: str = ""
    drum_map: Path | None = None  # Groups of drums by key, see `rtsep.notes.drum_maps`.
    record_format: str = "wav"  # Or flac.
    pre_fader: bool = False  # Outputs of single stems play them before their faders.
    log: Path | None = None  # Write all messages to this file, with times.


def route_live(job: LiveJob, name: str, gated: bool) -> Routing:
    """The routing of notes from keyboards; without notes all templates are one stem, or two.

    A single stem is called `name`.
    """
    if not gated:
        if job.by == "channel":
            check_by_channel(gated, job.channels)
        if job.by == "drum":
            return by_drum(None, read_drum_map(job.drum_map))
        return by_split(None, job.split_pitch) if job.by == "split" else everything(name)
    if job.by == "channel":
        check_by_channel(gated, job.channels)
        return by_channels(job.channels)
    if job.by in ("split", "drum"):
        routing = (by_drum(None, read_drum_map(job.drum_map)) if job.by == "drum" else
                   by_split(None, job.split_pitch, job.channels or range(1, CHANNELS + 1)))
    elif job.by == "all" or len(job.midi) < 2:
        routing = everything(name)
    else:
        routing = by_port(job.midi)
    return only_channels(routing, job.channels) if job.channels else routing


def _engine(job: LiveJob, gated: bool, said: list[str]) -> Engine:
    """The engine to be played, not prepared yet."""
    params = dict(job.params) if gated else {**job.params, "gate": False}
    return _separator(job, gated, params, said) if job.mosaic is None else _mosaic(job, job.mosaic, params)


def _mosaic(job: LiveJob, path: Path, params: Mapping[str, Value]) -> Engine:
    from rtsep.grains.engine import Mosaic, refuse_with_mosaic  # Imported only for mosaics.
    from rtsep.grains.source import load_source

    refuse_with_mosaic({"--preset": job.presets, "--by": job.by != "port"})
    routing = everything("mosaic")
    return Mosaic(load_source(path), params, only_channels(routing, job.channels) if job.channels else routing)


def _separator(job: LiveJob, gated: bool, params: Mapping[str, Value], said: list[str]) -> Separator:
    wish = parse_wish(job.presets)
    routing = route_live(job, wish.name, gated)
    drum_keys = stand_ins((), read_drum_map(job.drum_map)) if gated else {}
    instruments = choose(wish, routing, programs_by_name(routing), drum_keys)
    said += instruments.warnings
    return Separator(instruments.presets, routing, params)


def live(job: LiveJob, open_device: Callable[[bool], Opened], face: Face) -> dict[str, Any]:
    """Play until the face, a signal or `job.seconds` ends it; gives counters and what was recorded.

    `open_device(rescan)` opens the device; with `rescan`, after a loss, it first lists all devices anew. RtsepError, before any
    sound, for what the user can correct.
    """
    said, playing = list[str](), threading.Event()
    with ExitStack() as stack:
        stop = stack.enter_context(stop_signals(playing))
        messages = Said(job.log)
        stack.callback(messages.close)
        device = WatchedDevice(open_device, said.append)
        stack.callback(lambda: device.opened.close())
        ports = _ports(job, said, lambda *a: player.receive(*a), lambda part: player.midi_lost(part))
        gated = ports is not None or device.opened.has_midi
        separator = _engine(job, gated, said)
        opened = device.opened
        sources = opened.sources(separator.stem_names) or route_outputs(
            job.routes, separator.stem_names, max(opened.inputs, 1), opened.outputs)
        device.stem_names = separator.stem_names
        controls = Controls(job.controls)
        said += controls.notes
        keeper = Keeper(separator, job.keep, job.overwrite, job.keep_background, job.made_by)
        base = job.record or Path(TAKE)
        check_format(job.record_format, max(opened.inputs, 1), round(opened.sample_rate))
        if job.record is not None:
            check_base(base)
        said += [*mend_all(base.parent), *keeper.leftovers()]
        machine.want("live", *opened.objects)
        separator, chosen = in_best_mode(separator, opened)
        separator.prepare(opened.sample_rate, max(opened.inputs, 1), CAPACITY)  # Compiles the first time.
        measured_ms = opened.measure_latency_ms() if job.measure_latency else None
        if measured_ms is not None:
            said.append(f"measured latency of the device: {measured_ms:.1f} ms, through the cable")
        lanes = Lanes(separator, opened.sample_rate, sources, len(job.midi))
        lanes.delay_notes(job.midi_offset_ms)
        lanes.pre_fader(job.pre_fader)
        watch = NoteWatch(frozenset(job.channels) or None, frozenset(separator.row_pitch.tolist()))
        player = Player(separator, lanes, controls, watch, len(job.midi) + opened.has_midi, keeper, messages)
        if job.by == "split" and job.mosaic is None:
            player.split = Split(job.split_pitch, lambda pitch: route_live(replace(job, split_pitch=pitch), "", gated))
        playing.set()  # Until here there is nothing to save.
        player.recorder = recorder = Recorder(lanes, base, TakeForm(
            separator.stem_names, opened.sample_rate, lanes.channels, separator.routing.table, job.record_format,
            {"mode": chosen.mode, "mode_chosen": chosen.why}), said.append)
        stack.callback(recorder.close)
        if job.record is not None:
            recorder.start(separator.latency)
        opened.start(lanes)
        if opened.warning:
            said.append(opened.warning)
        if ports is not None:
            stack.enter_context(ports)
        scene = Scene(player, device, ports, recorder, time.monotonic(), measured_ms, chosen, Adviser(opened.words))
        _loop(job, scene, said, stop, face)
        report = _report(scene) | {"saved_presets": [str(path) for path in keeper.keep_all(player.separator)]}
    return report


def _ports(
    job: LiveJob, said: list[str], receive: Callable[..., None], lost: Callable[[int], None]
) -> MidiPorts | None:
    """The MIDI ports; None, with a message, if there is no MIDI: then every template is open."""
    if not job.midi:
        return None
    try:
        return MidiPorts(job.midi, receive, lost, said.append)
    except NoMidiError as error:
        said.append(f"{error}; playing without notes: every template is open")
        return None


def _loop(job: LiveJob, scene: Scene, said: list[str], stop: threading.Event, face: Face) -> None:
    player, ends = scene.player, time.monotonic() + (job.seconds or 0)
    while not stop.wait(TICK_S):
        player.tick()
        _watch(scene)
        while said:
            player.say(said.pop(0))
        try:
            face.show(snapshot(scene))
            goes_on = face.act(player)
        except OSError:  # The terminal is gone.
            return
        if not goes_on or (job.seconds is not None and time.monotonic() >= ends):
            return


def _watch(scene: Scene) -> None:
    """Look after the device. Notes that came through it end with it, or with the connection that they came through."""
    player, device = scene.player, scene.device
    lost = device.watch(player.lanes)
    if not device.opened.has_midi:
        return
    if lost or device.opened.midi_parted():
        player.midi_lost(player.lanes.part)
    if lost and scene.ports is not None:
        scene.ports.system_died()


def _report(scene: Scene) -> dict[str, Any]:
    return {
        "sample_rate": scene.player.lanes.sample_rate,
        "counters": scene.player.counters(),
        "knows_work": knows_work(),
        "measured_ms": scene.measured_ms,
        "mode": scene.mode,
        "mode_chosen": scene.chosen.why,
        "takes": scene.recorder.close(),
    }
