"""Saves the present settings as a set-up: for --save-setup, and for a key of `rtsep live`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from rtsep.engine.separator import Separator
from rtsep.errors import RtsepError
from rtsep.files.results import atomic_write, write_error
from rtsep.hosts.live_job import LiveJob
from rtsep.hosts.playback import Playback
from rtsep.hosts.player import Player
from rtsep.hosts.setup_reading import PROGRAMS
from rtsep.hosts.setups import Settings, setup_path
from rtsep.hosts.snapshot import Scene
from rtsep.hosts.toml_text import from_toml, to_toml
from rtsep.presets.library import find_preset, is_path
from rtsep.presets.preset import Preset
from rtsep.presets.wish import parse_wish

HEAD = "# A set-up of rtsep live. Its entries are options; rtsep live --help describes them.\n\n"
USUAL = "setup"  # A set-up that gets no name is called this, or setup-1, setup-2 ...


class SetupSaver:
    """Saves the present settings: as --save-setup says, else in the set-up that was loaded, else under a new name.

    RtsepError, before any sound, if the file of --save-setup exists: it stays, unless `overwrite`. The set-up that was loaded
    can be replaced; its old content is kept beside the new file, with ~ after the name. Thread: control.
    """

    def __init__(self, job: LiveJob) -> None:
        self._job, self._loaded = job, job.setup
        self._path = None if job.save_setup is None else setup_path(job.save_setup)
        self._written = False
        self._base = Settings() if job.setup is None else job.setup.base  # Settings of the file, as it was read or saved.
        self._scenes = [] if job.setup is None else list(job.setup.scenes)
        self._names = dict[str, str]()  # The names in the file of stems that a saved preset has renamed.
        if self._path is not None and self._path.exists() and not job.overwrite and not self._is_loaded(self._path):
            raise RtsepError(f"--save-setup {job.save_setup}: {self._path} is there already; choose another name, or give "
                             "--overwrite")

    def _is_loaded(self, path: Path) -> bool:
        return self._loaded is not None and path.exists() and path.samefile(self._loaded.path)

    def save(self, scene: Scene) -> Path:
        """Save the present settings. Returns the file."""
        setlist = scene.player.setlist
        self._rename(scene, first=not setlist.at)
        now = _settings(self._job, scene, self._names)
        if setlist.scenes:
            at = self._scenes[setlist.at]
            self._scenes[setlist.at] = replace(_standing_on(self._base, now, scene.player), name=at.name, program=at.program)
            setlist.put(setlist.at, replace(_settings(self._job, scene, {}), name=at.name, program=at.program),
                        _loaded_presets(scene))
        else:
            self._base = now
        return self._write_all(scene, setlist.at)

    def add_scene(self, scene: Scene) -> Path:
        """Save the present settings as a new scene, the last one, and go to it. Returns the file; the rest of it stays."""
        path = self._place()
        if not (self._written or self._is_loaded(path)):
            self.save(scene)
        renamed = self._rename(scene, first=not self._scenes)
        now = _standing_on(self._base, _settings(self._job, scene, self._names), scene.player)
        taken = {each.program or number for number, each in enumerate(self._scenes, 1)}
        number = len(self._scenes) + 1
        program = None if number not in taken else next(free for free in range(1, PROGRAMS + 1) if free not in taken)
        self._scenes.append(replace(now, name=str(number), program=program))
        more = "\n" + to_toml({"scene": [_as_table(self._scenes[-1])]})
        text = path.read_text(encoding="utf-8").rstrip() + "\n"
        if renamed or _misses(self._base, now) or not _holds(text + more, number):
            self._write_all(scene, number - 1)
        else:
            self._write(path, text + more)
        setlist = scene.player.setlist
        new = replace(_settings(self._job, scene, {}), name=str(number), program=program)
        setlist.put(len(setlist.scenes), new, _loaded_presets(scene))
        setlist.at = len(setlist.scenes) - 1
        return path

    def _place(self) -> Path:
        self._path = self._path or (self._loaded.path if self._loaded is not None else _unused())
        return self._path

    def _rename(self, scene: Scene, first: bool) -> bool:
        """Rename stems that have the name of their preset, in all scenes, if the preset of the `first` scene has changed.

        Returns whether a name changed.
        """
        stems = scene.player.stem_names
        before = {stem: self._names.get(stem, stem) for stem in stems}
        if first:
            self._names = dict(zip(stems, scene.player.shown_names, strict=True))
        changed = {before[stem]: self._names.get(stem, stem) for stem in stems if before[stem] != self._names.get(stem, stem)}
        if changed:
            self._base = _renamed(self._base, changed)
            self._scenes = [_renamed(each, changed) for each in self._scenes]
        return bool(changed)

    def _write_all(self, scene: Scene, now: int) -> Path:
        """Write the whole file; scene `now` has the present settings."""
        base, scenes = self._base, self._scenes
        if scenes:  # A scene cannot say that nothing is muted, so each scene lists its own muted stems.
            scenes = [each if at == now else replace(each, muted=each.muted or base.muted, soloed=each.soloed or base.soloed)
                      for at, each in enumerate(scenes)]
            base = replace(base, muted=(), soloed=())
            self._base, self._scenes = base, scenes
        knobs = {_called(target, self._names): [channel + 1, controller]
                 for (channel, controller), target in scene.player.controls.bindings.items()}
        path = self._place()
        options = _options(self._job, scene, self._names)
        self._write(path, HEAD + to_toml({**options, **_as_table(base), **({"controls": knobs} if knobs else {}),
                                          **({"scene": list(map(_as_table, scenes))} if scenes else {})}))
        return path

    def _write(self, path: Path, text: str) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists() and not self._written:
                atomic_write(path.with_name(path.name + "~"), path.read_bytes())
            atomic_write(path, text.encode())
        except OSError as error:
            raise write_error(path, error) from error
        self._written = True


def _unused() -> Path:
    return next(path for number in count() if not (path := setup_path(f"{USUAL}-{number}" if number else USUAL)).exists())


def _standing_on(base: Settings, now: Settings, player: Player) -> Settings:
    """`now` as a scene on `base`: it also has a value for everything that `base` sets."""
    return replace(now, gains={**dict.fromkeys(base.gains, 0.0), **now.gains},
                   params={**{name: player.value(name) for name in base.params}, **now.params})


def _misses(base: Settings, now: Settings) -> bool:
    """Whether `base` mutes or solos stems and `now` does not: a scene cannot express this."""
    return bool((base.muted and not now.muted) or (base.soloed and not now.soloed))


def _holds(text: str, scenes: int) -> bool:
    """Whether this text is a set-up with so many scenes: no scene can follow scenes that are written in one line."""
    try:
        return len(from_toml(text).get("scene", ())) == scenes
    except ValueError:
        return False


def _loaded_presets(scene: Scene) -> Sequence[Preset] | None:
    engine = scene.player.separator
    return engine.presets if isinstance(engine, Separator) else None


def _renamed(settings: Settings, names: Mapping[str, str]) -> Settings:
    """The settings with other names for stems."""
    def called(stem: str) -> str:
        return names.get(stem, stem)

    wishes = (text.rpartition("@") if "@" in text else (text, "", "") for text in settings.presets)
    presets = tuple(f"{name}@{called(stem)}" if at else name for name, at, stem in wishes)
    return replace(settings, presets=presets, gains={called(stem): db for stem, db in settings.gains.items()},
                   muted=tuple(map(called, settings.muted)), soloed=tuple(map(called, settings.soloed)))


def _called(target: str, names: Mapping[str, str]) -> str:
    """A control, with the name of its stem in the file."""
    name, dot, stem = target.partition(".")
    return name + dot + names.get(stem, stem)


def _options(job: LiveJob, scene: Scene, names: Mapping[str, str]) -> dict[str, Any]:
    """The options that are not at their defaults, as entries."""
    ports = list(job.midi) if scene.ports is None else scene.ports.names
    ports, melody = (ports[:-1], ports[-1]) if job.melody else (ports, "")
    player = scene.player
    split = player.split
    routes = [names.get(stem, stem) + equals + at for stem, equals, at in (each.partition("=") for each in job.routes)]
    entries: dict[str, Any] = {
        **scene.device.opened.settings(), "midi": ports, "listen": job.listen,
        "line_range": "" if job.span is None else "{}-{}".format(*job.span), "by": job.by if job.by != "port" else "",
        "split": "" if split is None else str(split.pitch), "channels": list(job.channels),
        "drum_map": job.drum_map, "score": job.score, "mosaic": job.mosaic, "midi_offset_ms": player.lanes.delay_ms,
        "voice": bool(job.voice), "voice_name": job.voice if job.voice != "voice" else "", "melody": melody,
        **({} if job.followed is None else job.followed.entries()), "route": routes, "pre_fader": job.pre_fader,
        **_of_recording(player.playback), "take": scene.recorder.base,
        "record_format": job.record_format if job.record_format != "wav" else ""}
    chosen = {} if job.line is None else {"line": job.line}
    given = {name: str(value.absolute()) if isinstance(value, Path) else value for name, value in entries.items() if value}
    return chosen | given


def _of_recording(playback: Playback | None) -> dict[str, Any]:
    """The present values of --play and the options that belong to it."""
    if playback is None:
        return {}
    loop = "-".join(f"{second:.3f}" for second in playback.loop) if len(playback.loop) == 2 else ""
    return {"play": playback.recording.path, "play_midi": playback.recording.notes,
            "speed": playback.speed if playback.speed != 1 else 0, "loop": loop}


def _settings(job: LiveJob, scene: Scene, names: Mapping[str, str]) -> Settings:
    """The present settings. Stems have the names in `names`, else their names at the start."""
    player = scene.player
    engine = player.separator
    unasked = {name for name, value in (("mode", scene.chosen.mode), ("gate", False))
               if name not in job.params and engine.params.get(name) == value}
    params = {name: value for name, value in engine.params.items()
              if not name.startswith("gain_db.") and name not in unasked}
    called = [names.get(stem, stem) for stem in player.stem_names]
    faders = [(name, gain, muted, soloed) for name, (_, gain, muted, soloed) in zip(called, player.faders(), strict=True)]
    return Settings("", None, () if job.mosaic is not None else _presets(job, scene, called), params,
                    {stem: gain for stem, gain, _, _ in faders if gain}, tuple(stem for stem, _, muted, _ in faders if muted),
                    tuple(stem for stem, _, _, soloed in faders if soloed))


def _presets(job: LiveJob, scene: Scene, stems: Sequence[str]) -> tuple[str, ...]:
    """The presets of the stems: by name, or by path if they were given by path."""
    engine, files = scene.player.separator, dict[str, str]()
    for texts in (job.presets, *(each.presets for each in job.scenes)):
        wish = parse_wish(texts)
        files |= {find_preset(text).stem: str(Path(text).absolute())
                  for text in (wish.plain, *wish.by_stem.values()) if text and is_path(text)}
    names = [files.get(name, name) for stem, name in enumerate(engine.plays) if stem != engine.routing.voice]
    if len(set(names)) == 1:
        return (names[0],)
    return tuple(f"{name}@{stem}" for name, stem in zip(names, stems, strict=False))


def _as_table(settings: Settings) -> dict[str, Any]:
    presets = list(settings.presets)
    given: Mapping[str, Any] = {
        "name": settings.name, "program": settings.program, "preset": presets[0] if len(presets) == 1 else presets,
        "mute": list(settings.muted), "solo": list(settings.soloed), "gains": dict(settings.gains),
        "parameters": dict(settings.params)}
    return {name: value for name, value in given.items() if value}
