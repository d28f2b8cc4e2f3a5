"""The options of `rtsep live`, and the engine for them, which is not prepared yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from rtsep.engine.separator import Separator
from rtsep.engine.streaming import Engine
from rtsep.errors import RtsepError
from rtsep.hosts.asked import check_by_channel, check_by_hands, check_score
from rtsep.hosts.followed_routes import Followed, followed_programs, route_followed
from rtsep.hosts.following import followed_params
from rtsep.hosts.listener import lookahead_of
from rtsep.hosts.recording import Recording
from rtsep.hosts.setlist import SetList, with_stems
from rtsep.hosts.setups import Settings, Setup
from rtsep.hosts.transcription import Hearing, hearing_of
from rtsep.notes.drum_maps import read_drum_map, stand_ins
from rtsep.notes.folded import ENGINE_PARTS
from rtsep.notes.programs import CHANNELS
from rtsep.notes.routing import (
    Routing,
    by_channels,
    by_drum,
    by_hands,
    by_port,
    by_split,
    by_track,
    everything,
    only_channels,
    only_voice,
    with_voice,
)
from rtsep.notes.score_parts import by_score
from rtsep.notes.told_melody import ALONE
from rtsep.params import Value, parse_params
from rtsep.presets.bent import all_with_bends
from rtsep.presets.instruments import choose, programs_by_name
from rtsep.presets.preset import Preset
from rtsep.presets.wish import parse_wish


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
    seconds: float | None = None  # How long to play; None: until the player stops it.
    controls: Path | None = None
    measure_latency: bool = False
    mosaic: Path | None = None  # Remake the sound from this file's frames instead of separating it.
    keep: tuple[str, ...] = ()  # FILE or FILE@STEM: presets to write
    keep_background: bool = False
    made_by: str = ""
    drum_map: Path | None = None  # Groups of drums by key, see `rtsep.notes.drum_maps`.
    score: Path | None = None  # The score that is played: its parts, or its hands, are the stems.
    listen: bool = False  # Hear the notes in the input.
    line: bool | None = None  # Hear a single line; None: if the preset plays one.
    span: tuple[int, int] | None = None  # The lowest and the highest pitch of the line; None: those of the preset.
    followed: Followed | None = None  # The same score, if it is followed by the sound.
    record_format: str = "wav"  # wav or flac
    pre_fader: bool = False  # Outputs of single stems play them before their faders.
    take: Path | None = None  # The name for takes that a key begins; None: `record`, else `TAKE`.
    setup: Setup | None = None  # The set-up that was read, if there is one; the options overrule it.
    start: Settings = field(default_factory=Settings)  # Gains, mutes and solos at the start.
    scenes: tuple[Settings, ...] = ()  # A set list; the other fields hold its first scene.
    other_stems: bool = False  # By the options, stems have other names than in the set-up, so its stems need not exist.
    recording: Recording | None = None  # Play it instead of a microphone, or beside it.
    loop: tuple[float, ...] = ()  # Its loop, in seconds.
    speed: float = 1.0
    ends_with_recording: bool = False
    save_setup: str | None = None  # Write a set-up of this name at the end.
    log: Path | None = None  # Write all messages to this file, with times.
    voice: str = ""  # Name of the stem of a voice; empty: there is none.
    melody: str = ""  # The MIDI port on which the voice's notes are played along; it is also the last one in `midi`.
    jack: bool = False  # Notes also come from JACK.

    @cached_property
    def hearing(self) -> Hearing:
        """How `listen` hears the notes. RtsepError: there is no such preset."""
        return hearing_of(self.presets, self.line, self.span)


def route_live(job: LiveJob, name: str, gated: bool) -> Routing:
    """The routing of notes from keyboards, as `_route_notes`, with the stem of a voice, if there is one, and its melody."""
    if job.followed is not None and not job.melody:
        return route_followed(job.followed, job.by, job.channels, job.voice)
    if not job.voice:
        return _route_notes(job, name, gated)
    if not job.melody:
        return with_voice(_route_notes(job, name, gated), job.voice)
    part, others = len(job.midi) - 1, replace(job, midi=job.midi[:-1])
    notes = has_notes(job) or job.jack or bool(others.midi)
    routing = with_voice(_route_notes(others, name, gated), job.voice) if notes else only_voice(job.voice)
    table = routing.table.copy()
    table[part] = len(routing.names) - 1
    return replace(routing, table=table)


def _route_notes(job: LiveJob, name: str, gated: bool) -> Routing:
    """The routing of notes from keyboards. Without notes (`gated` False) all templates make one stem, or those of --by.

    A single stem is called `name`.
    """
    if job.by == "channel":
        check_by_channel(gated, job.channels)
    if job.followed is not None:
        return route_followed(job.followed, job.by, job.channels)
    if job.score is not None:
        check_score(gated, job.by)
        return by_score(job.score, job.by, channels=job.channels or range(1, CHANNELS + 1))
    if job.by == "hands":
        check_by_hands(gated)
        return by_hands(None, job.channels or range(1, CHANNELS + 1))
    if not gated:
        if job.by == "drum":
            return by_drum(None, read_drum_map(job.drum_map))
        return by_split(None, job.split_pitch) if job.by == "split" else everything(name)
    if job.by == "channel":
        return by_channels(job.channels)
    if job.by in ("split", "drum"):
        routing = (by_drum(None, read_drum_map(job.drum_map)) if job.by == "drum" else
                   by_split(None, job.split_pitch, job.channels or range(1, CHANNELS + 1)))
    elif job.by == "all" or len(job.midi) < 2:
        routing = everything(name)
    else:
        routing = by_port(job.midi)
    return only_channels(routing, job.channels) if job.channels else routing


def engine_of(job: LiveJob, gated: bool, said: list[str]) -> Engine:
    """The engine for `job`, not prepared yet."""
    params = parse_params(job.params if gated else {**job.params, "gate": False})
    if job.listen:
        params.setdefault("lookahead_ms", lookahead_of(job.hearing))
        if job.hearing.line:
            said.append(f"rtsep hears one note at a time (--no-line: chords). The sound is {params['lookahead_ms']:g} ms later")
    if job.followed is not None:
        params = {**followed_params(float(params.get("lookahead_ms", 0))), **params}
    return _separator(job, gated, params, said) if job.mosaic is None else mosaic_engine(job, job.mosaic, params)


def mosaic_engine(job: LiveJob, path: Path, params: Mapping[str, Value]) -> Engine:
    """The mosaic of the source at `path`. RtsepError: an option that does not go with a mosaic."""
    from rtsep.grains.engine import Mosaic, refuse_with_mosaic  # Imported only for mosaics.
    from rtsep.grains.source import load_source

    refuse_with_mosaic({"--preset": job.presets, "--by": job.by != "port", "--score": job.score, "--voice": job.voice})
    routing = everything("mosaic")
    return Mosaic(load_source(path), params, only_channels(routing, job.channels) if job.channels else routing)


def _separator(job: LiveJob, gated: bool, params: Mapping[str, Value], said: list[str]) -> Separator:
    wish = parse_wish(job.presets)
    tracks = _by_tracks(job, gated)
    routing = route_live(job, wish.name, gated) if tracks is None else with_voice(tracks, job.voice) if job.voice else tracks
    programs = programs_by_name(routing) if job.followed is None else followed_programs(job.followed, job.by, job.voice)
    instruments = choose(wish, routing, programs, _drum_keys(job, gated))
    said += instruments.warnings
    melody = job.melody or (job.followed is not None and job.followed.melody is not None)
    if melody and len(routing.names) == 1:
        params = {**ALONE, **params}
    return Separator(_bent(job, instruments.presets), routing, params)


def _bent(job: LiveJob, presets: Sequence[Preset]) -> Sequence[Preset]:
    """The presets, with bent rows for a single line that is heard; presets that are kept have none."""
    bends = job.listen and not job.keep and job.hearing.line
    return all_with_bends(presets) if bends else presets


def has_notes(job: LiveJob) -> bool:
    """Whether the recording has its own notes."""
    return job.recording is not None and job.recording.score is not None


def count_parts(job: LiveJob, has_midi: bool) -> int:
    """How many MIDI parts there are; `has_midi`: notes also come through the device."""
    told = 0 if job.followed is None else len(job.followed.score.track_names)
    return len(job.midi) + has_midi + has_notes(job) + job.listen + told


def has_tracks(job: LiveJob) -> bool:
    """Whether every track of the recording's notes is a stem."""
    return has_notes(job) and job.by == "port" and job.score is None and not job.midi


def _by_tracks(job: LiveJob, gated: bool) -> Routing | None:
    """The tracks of the recording's notes as stems; None if the stems are made in another way."""
    if not has_tracks(job) or job.recording is None or job.recording.score is None or not gated:
        return None
    routing = by_track(job.recording.score)
    if len(routing.table) > ENGINE_PARTS:
        raise RtsepError(f"--play-midi: more than {ENGINE_PARTS} tracks have notes: give --by hands, split, drum or all")
    return routing if len(routing.names) > 1 else None


def _drum_keys(job: LiveJob, gated: bool) -> Mapping[int, int]:
    return stand_ins((), read_drum_map(job.drum_map)) if gated else {}


def start_of(job: LiveJob, engine: Engine, said: list[str]) -> Settings:
    """Gains, mutes and solos at the start, for stems that exist. RtsepError: a stem does not exist."""
    return with_stems(job.start, engine.stem_names, _missing(job, said))


def set_list_of(job: LiveJob, engine: Engine, said: list[str]) -> SetList:
    """The set list, which can be empty, with all its presets loaded. RtsepError: a scene that cannot be played."""
    known: dict[tuple[str, ...], Sequence[Preset] | None] = {}
    if isinstance(engine, Separator):
        known[job.presets] = engine.presets
        keys = _drum_keys(job, bool(engine.value("gate")))
        for texts in dict.fromkeys(scene.presets for scene in job.scenes):
            if texts not in known:
                wish = parse_wish(texts)
                known[texts] = _bent(job, choose(wish, engine.routing, programs_by_name(engine.routing), keys).presets)
    elif any(scene.presets for scene in job.scenes):
        raise RtsepError("preset: a mosaic plays its source and uses no preset: leave out preset in the scenes")
    scenes = [with_stems(scene, engine.stem_names, _missing(job, said)) for scene in job.scenes]
    fallback = {name: value for name, value in engine.params.items() if name not in job.params}
    return SetList(scenes, [known.get(scene.presets) for scene in job.scenes], fallback)


def _missing(job: LiveJob, said: list[str]) -> Callable[[str], None]:
    """What to do if a stem of the set-up does not exist: say it if the options have renamed the stems, else an error."""
    def missing(text: str) -> None:
        if not job.other_stems:
            raise RtsepError(text)
        said.append(f"left out of the set-up: {text}")

    return missing
