"""Writing a set-up from what is set now: --save-setup, and a key of `rtsep live`."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

from rtsep.errors import RtsepError
from rtsep.files.results import atomic_write, write_error
from rtsep.hosts.live_job import LiveJob
from rtsep.hosts.player import Player
from rtsep.hosts.setups import Settings, Setup, setup_path
from rtsep.hosts.snapshot import Scene
from rtsep.hosts.table import shown
from rtsep.hosts.toml_text import to_toml
from rtsep.presets.library import find_preset, is_path
from rtsep.presets.wish import parse_wish

HEAD = "# A set-up of rtsep live; its entries are options, described by rtsep live --help.\n\n"
USUAL = "setup"  # Without a name, set-ups are called so, and setup-1, setup-2 ...


class SetupSaver:
    """Writes what is set in `scene` to `path`, else to the set-up that was `loaded`, else under a new name. Thread: control.

    RtsepError, before anything is played, if `path` exists: it stays unless `overwrite`. What was loaded may be replaced, and
    is kept beside the new file, with ~ after its name.
    """

    def __init__(self, job: LiveJob) -> None:
        self._job, self._loaded = job, job.setup
        self._path = None if job.save_setup is None else setup_path(job.save_setup)
        self._written = False
        if self._path is not None and self._path.exists() and not job.overwrite and not self._is_loaded(self._path):
            raise RtsepError(f"--save-setup {job.save_setup}: {self._path} exists already; choose another name, or give "
                             "--overwrite")

    def _is_loaded(self, path: Path) -> bool:
        return self._loaded is not None and path.exists() and path.samefile(self._loaded.path)

    def save(self, scene: Scene) -> Path:
        """Write it; gives the file."""
        path = self._path = self._path or (self._loaded.path if self._loaded is not None else _unused())
        text = HEAD + to_toml(_table(self._job, scene, self._loaded))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists() and not self._written:
                atomic_write(path.with_name(path.name + "~"), path.read_bytes())
            atomic_write(path, text.encode())
        except OSError as error:
            raise write_error(path, error) from error
        self._written = True
        return path


def _unused() -> Path:
    return next(path for number in count() if not (path := setup_path(f"{USUAL}-{number}" if number else USUAL)).exists())


def _table(job: LiveJob, scene: Scene, loaded: Setup | None) -> dict[str, Any]:
    player = scene.player
    now = _settings(job, scene)
    knobs = {_shown(target, player): [channel + 1, controller]
             for (channel, controller), target in player.controls.bindings.items()}
    table = _options(job, scene)
    if not player.setlist.scenes or loaded is None:
        return {**table, **_as_table(now), **({"controls": knobs} if knobs else {})}
    scenes = [_as_table(each) for each in loaded.scenes]
    at = loaded.scenes[player.setlist.at]
    gains = {**dict.fromkeys(loaded.base.gains, 0.0), **now.gains}
    params = {**{name: player.value(name) for name in loaded.base.params}, **now.params}
    named = {"name": at.name, **({} if at.program is None else {"program": at.program})}
    scenes[player.setlist.at] = {**named, **_as_table(now), **({"gains": gains} if gains else {}),
                                 **({"parameters": params} if params else {})}
    return {**table, **_as_table(loaded.base), **({"controls": knobs} if knobs else {}), "scene": scenes}


def _shown(target: str, player: Player) -> str:
    """A control with its stem as it will be called, which the preset of the first scene decides."""
    return target if player.setlist.at else shown(target, player)


def _options(job: LiveJob, scene: Scene) -> dict[str, Any]:
    """The options that are not at their defaults, as entries."""
    ports = list(job.midi) if scene.ports is None else scene.ports.names
    player = scene.player
    split = player.split
    entries: dict[str, Any] = {
        **scene.device.opened.settings(), "midi": ports, "by": job.by if job.by != "port" else "",
        "split": "" if split is None else str(split.pitch), "channels": list(job.channels),
        "drum_map": job.drum_map, "score": job.score, "mosaic": job.mosaic, "midi_offset_ms": player.lanes.delay_ms,
        "route": list(job.routes), "pre_fader": job.pre_fader, "take": scene.recorder.base,
        "record_format": job.record_format if job.record_format != "wav" else ""}
    return {name: str(value.absolute()) if isinstance(value, Path) else value for name, value in entries.items() if value}


def _settings(job: LiveJob, scene: Scene) -> Settings:
    """What is set now."""
    player = scene.player
    engine = player.separator
    unasked = {name for name, value in (("mode", scene.chosen.mode), ("gate", False))
               if name not in job.params and engine.params.get(name) == value}
    params = {name: value for name, value in engine.params.items()
              if not name.startswith("gain_db.") and name not in unasked}
    names = player.stem_names if player.setlist.at else player.shown_names
    faders = [(name, gain, muted, soloed) for name, (_, gain, muted, soloed) in zip(names, player.faders(), strict=True)]
    return Settings("", None, () if job.mosaic is not None else _presets(job, scene), params,
                    {stem: gain for stem, gain, _, _ in faders if gain}, tuple(stem for stem, _, muted, _ in faders if muted),
                    tuple(stem for stem, _, _, soloed in faders if soloed))


def _presets(job: LiveJob, scene: Scene) -> tuple[str, ...]:
    """The presets of the stems, by name, or by the file that they were given as."""
    engine, files = scene.player.separator, dict[str, str]()
    for texts in (job.presets, *(each.presets for each in job.scenes)):
        wish = parse_wish(texts)
        files |= {find_preset(text).stem: str(Path(text).absolute())
                  for text in (wish.plain, *wish.by_stem.values()) if text and is_path(text)}
    names = [files.get(name, name) for name in engine.plays]
    if len(set(names)) == 1:
        return (names[0],)
    return tuple(f"{name}@{stem}" for name, stem in zip(names, engine.stem_names, strict=False))


def _as_table(settings: Settings) -> dict[str, Any]:
    presets = list(settings.presets)
    given: Mapping[str, Any] = {
        "name": settings.name, "program": settings.program, "preset": presets[0] if len(presets) == 1 else presets,
        "mute": list(settings.muted), "solo": list(settings.soloed), "gains": dict(settings.gains),
        "parameters": dict(settings.params)}
    return {name: value for name, value in given.items() if value}
