"""Live playing: options become a device, a separator, MIDI ports, a recorder and a face, and a loop looks after them.

The loop runs about twenty times per second in the main thread. The native callback of the device makes the sound, and the MIDI
thread takes the notes, so nothing here can delay them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from rtsep.compiling import machine
from rtsep.engine.separator import Separator
from rtsep.files.growing import check_format
from rtsep.hosts.advice import Adviser
from rtsep.hosts.computer import knows_work
from rtsep.hosts.controls import Controls
from rtsep.hosts.driver import Opened, libraries_told
from rtsep.hosts.ending import GoneError, stop_signals
from rtsep.hosts.following import listener_of
from rtsep.hosts.found_takes import mend_all
from rtsep.hosts.keep import Keeper
from rtsep.hosts.lanes import CAPACITY, Lanes
from rtsep.hosts.listener import NoteListener
from rtsep.hosts.live_job import LiveJob, count_parts, engine_of, has_notes, has_tracks, route_live, set_list_of, start_of
from rtsep.hosts.midi import MidiPorts, NoMidiError
from rtsep.hosts.modes import in_best_mode
from rtsep.hosts.notewatch import NoteWatch
from rtsep.hosts.plans import Split
from rtsep.hosts.playback import Playback
from rtsep.hosts.player import Player
from rtsep.hosts.recorder import Recorder
from rtsep.hosts.routes import route_outputs
from rtsep.hosts.said import Said
from rtsep.hosts.setlist import set_mixer
from rtsep.hosts.setup_saving import SetupSaver
from rtsep.hosts.snapshot import Scene, snapshot
from rtsep.hosts.status import Status
from rtsep.hosts.takes import TakeForm, check_base
from rtsep.hosts.watch import WatchedDevice

TAKE = "take"  # The name of takes, in the current folder, if neither --record nor --take gives another one.
TICK_S = 0.05  # The control thread looks after everything at intervals of this many seconds.


class Face(Protocol):
    """The display and the keys of a player. GoneError: its terminal or reader is gone; then the session ends in order."""

    def show(self, status: Status) -> None:
        """Show the status; called every tick."""

    def act(self, player: Player) -> bool:
        """Do what the pressed keys ask for. Returns False to end."""
        ...


def live(job: LiveJob, open_device: Callable[[bool], Opened], face: Face) -> dict[str, Any]:
    """Play until the face, a signal or `job.seconds` ends it. Returns the report: counters, takes, saved presets and set-up.

    `open_device(rescan)` opens the device; with `rescan`, after a loss, it first lists all devices again. RtsepError, before
    any sound: anything that the user can correct.
    """
    said, playing = list[str](), threading.Event()
    with ExitStack() as stack:
        stop = stack.enter_context(stop_signals(playing))
        messages = Said(job.log)
        stack.callback(messages.close)
        if job.log is not None:
            stack.enter_context(libraries_told(lambda line: messages.log(f"(a library) {line}")))
        device = WatchedDevice(open_device, said.append)
        stack.callback(lambda: device.opened.close())
        ports = _ports(job, said, lambda *a: player.receive(*a), lambda part: player.midi_lost(part))
        heard = job.listen or job.followed is not None
        gated = ports is not None or device.opened.has_midi or has_notes(job) or heard
        separator = engine_of(job, gated, said)
        opened = device.opened
        channels = opened.inputs or (min(job.recording.channels, 2) if job.recording is not None else 1)
        sources = opened.sources(separator.stem_names) or route_outputs(
            job.routes, separator.stem_names, channels, opened.outputs)
        device.stem_names = separator.stem_names
        controls = Controls(job.controls, None if job.setup is None else job.setup.knobs)
        said += controls.notes
        keeper = Keeper(separator, job.keep, job.overwrite, job.keep_background, job.made_by)
        saver = SetupSaver(job)
        start = start_of(job, separator, said)
        base = job.record or job.take or Path(TAKE)
        check_format(job.record_format, channels, round(opened.sample_rate))
        if job.record is not None:
            check_base(base)
        said += [*mend_all(base.parent), *keeper.leftovers()]
        machine.want("live", *opened.objects)
        separator, chosen = in_best_mode(separator, opened, channels)
        separator.prepare(opened.sample_rate, channels, CAPACITY)  # The first time, this compiles.
        measured_ms = opened.measure_latency_ms() if job.measure_latency else None
        if measured_ms is not None:
            said.append(f"measured latency of the device: {measured_ms:.1f} ms, through the cable")
        lanes = Lanes(separator, opened.sample_rate, sources, len(job.midi), job.recording is not None)
        lanes.delay_notes(job.midi_offset_ms)
        lanes.pre_fader(job.pre_fader)
        watch = NoteWatch(frozenset(job.channels) or None, frozenset(separator.row_pitch.tolist()))
        player = Player(separator, lanes, controls, watch, count_parts(job, opened.has_midi), keeper, messages)
        if job.by == "split" and job.mosaic is None:
            player.split = Split(job.split_pitch, lambda pitch: route_live(replace(job, split_pitch=pitch), "", gated))
        if job.setup is not None:
            set_mixer(player, start)
        player.playback = _playback(job, lanes, len(job.midi) + opened.has_midi, said, stack)
        player.setlist = set_list_of(job, separator, said)
        playing.set()  # Before this line there is nothing to save.
        player.recorder = recorder = Recorder(lanes, base, TakeForm(
            separator.stem_names, opened.sample_rate, lanes.channels, separator.routing.table, job.record_format,
            {"mode": chosen.mode, "mode_chosen": chosen.why}), said.append)
        stack.callback(recorder.close)
        if job.record is not None:
            recorder.start(separator.latency)
        opened.start(lanes)
        if job.listen and isinstance(separator, Separator):
            stack.enter_context(NoteListener(lanes, job.hearing, player.receive, said.append))
        if job.followed is not None and isinstance(separator, Separator):
            player.listener = listener_of(job.followed, separator, lanes, player, said.append)
            stack.callback(player.listener.close)
            player.listener.start()
        if player.playback is not None:
            player.playback.start()
        if opened.warning:
            said.append(opened.warning)
        if ports is not None:
            stack.enter_context(ports)
        scene = Scene(player, device, ports, recorder, time.monotonic(), measured_ms, chosen, Adviser(opened.words))
        player.save_setup = lambda: player.say(f"saved the set-up in {saver.save(scene)}")
        player.add_scene = lambda: player.say(f"saved in {saver.add_scene(scene)}: {player.setlist.told}")
        _loop(job, scene, said, stop, face)
        report = _report(scene) | {"saved_presets": [str(path) for path in keeper.keep_all(player.separator)],
                                  "saved_setup": None if job.save_setup is None else str(saver.save(scene))}
    return report


def _ports(
    job: LiveJob, said: list[str], receive: Callable[..., None], lost: Callable[[int], None]
) -> MidiPorts | None:
    """The MIDI ports. Without MIDI there is a message, and the result is None: then every template is open."""
    if not job.midi:
        return None
    try:
        return MidiPorts(job.midi, receive, lost, said.append)
    except NoMidiError as error:
        said.append(f"{error}; rtsep plays without notes: every template is open")
        return None


def _playback(job: LiveJob, lanes: Lanes, part: int, said: list[str], stack: ExitStack) -> Playback | None:
    """The recording that plays, or None. Its notes belong to `part`, or each track of them is a part."""
    if job.recording is None:
        return None
    tracks = has_tracks(job)
    playback = Playback(job.recording, lanes, job.recording.events(0 if tracks else part, tracks), said.append)
    stack.callback(playback.close)
    playback.loop = list(job.loop)
    if job.speed != 1:
        playback.set_speed(job.speed)
    return playback


def _loop(job: LiveJob, scene: Scene, said: list[str], stop: threading.Event, face: Face) -> None:
    player, ends = scene.player, time.monotonic() + (job.seconds or 0)
    while not stop.wait(TICK_S):
        player.tick()
        scene.recorder.voice.look(player.separator, scene.recorder.recording)
        _watch(scene)
        while said:
            player.say(said.pop(0))
        try:
            face.show(snapshot(scene))
            goes_on = face.act(player)
        except GoneError:
            return
        if job.ends_with_recording and player.playback is not None and player.playback.finished:
            return
        if not goes_on or (job.seconds is not None and time.monotonic() >= ends):
            return


def _watch(scene: Scene) -> None:
    """Look after the device. Notes that came through it end when it is lost, or when their connection is cut."""
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
