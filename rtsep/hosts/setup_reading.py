"""Reads the file of a set-up, and checks it entry by entry. An entry has the name of its option.

No engine is loaded here, so mistakes are reported at once, with their lines.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from rtsep.errors import RtsepError
from rtsep.hosts.asked import BY, FORMATS, nearest
from rtsep.hosts.setups import Settings, Setup, find_setup
from rtsep.hosts.toml_text import Place, from_toml, line_of
from rtsep.params import param_of
from rtsep.presets.library import find_preset, is_path
from rtsep.presets.wish import parse_wish

PROGRAMS = 128  # Program changes have numbers from 1 to this one, in the way that keyboards show them.


def read_setup(name: str) -> Setup:
    """The set-up called `name`. RtsepError, with the line: an entry that is not allowed."""
    path = find_setup(name)
    try:
        text = path.read_text(encoding="utf-8")
        table = from_toml(text)
    except (OSError, ValueError) as error:  # A TOMLDecodeError is a ValueError, and tells the line.
        raise RtsepError(f"{path} cannot be read as a set-up: {error}") from error
    return _Reader(path, text).setup(table)


Convert = Callable[[Any], Any]


def _of(kind: type | tuple[type, ...], told: str, then: Convert = lambda value: value) -> Convert:
    def convert(value: Any) -> Any:
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise RtsepError(f"give {told}")
        return then(value)

    return convert


def _one_of(choices: tuple[str, ...]) -> Convert:
    def convert(value: Any) -> str:
        if value not in choices:
            raise RtsepError(f"give one of {', '.join(choices)}")
        return str(value)

    return convert


_text, _switch = _of(str, "a text, such as \"name\""), _of(bool, "true or false")
_number, _whole = _of((int, float), "a number", float), _of(int, "a whole number")


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(map(_text, value if isinstance(value, list) else [value]))


def _channels(value: Any) -> str:
    return ",".join(str(_whole(each)) for each in (value if isinstance(value, list) else [value]))


def _program(value: Any) -> int:
    if not 1 <= _whole(value) <= PROGRAMS:
        raise RtsepError(f"give a program from 1 to {PROGRAMS}")
    return int(value)


# Entries that are files or folders; their paths start from the folder of the set-up.
PATHS = ("drum_map", "mosaic", "play", "play_midi", "record", "score", "take")
OPTIONS: Mapping[str, Convert] = {
    "input": _text, "output": _text, "inputs": _whole, "outputs": _whole, "rate": _number, "block": _whole, "midi": _texts,
    "jack": _switch, "listen": _switch, "line": _switch, "line_range": _text, "allow_feedback": _switch,
    "channels": _channels, "by": _one_of(BY), "split": _text,
    "midi_offset_ms": _number, "follow": _one_of(("keys", "sound")), "start_bar": _whole, "keyboard_part": _texts,
    "route": _texts,
    "pre_fader": _switch, "record_format": _one_of(FORMATS),
    "speed": _number, "loop": _text, "voice": _switch, "voice_name": _text, "voice_range": _text, "melody": _text,
    **dict.fromkeys(PATHS, _text),
}
SETTINGS: Mapping[str, Convert] = {"preset": _texts, "mute": _texts, "solo": _texts}
SCENE: Mapping[str, Convert] = {"name": _text, "program": _program}


class _Reader:
    """Checks a table entry by entry."""

    def __init__(self, path: Path, text: str) -> None:
        self._path, self._text = path, text

    def setup(self, table: Mapping[str, Any]) -> Setup:
        self._check_names(table, (), (*OPTIONS, *SETTINGS, "gains", "parameters", "controls", "scene"))
        options = {name: self._value(table[name], (name,), convert) for name, convert in OPTIONS.items() if name in table}
        options |= {name: self._file(options[name]) for name in PATHS if name in options}
        given = table.get("scene", [])
        if not isinstance(given, list) or not all(isinstance(each, Mapping) for each in given):
            raise self._error(("scene",), "write [[scene]] above each scene")
        base = self._settings(table, ())
        scenes = tuple(self._scene(each, number) for number, each in enumerate(given))
        return Setup(self._path, self._text, options, base, scenes, self._knobs(table) if "controls" in table else None)

    def _scene(self, table: Mapping[str, Any], number: int) -> Settings:
        place = ("scene", number)
        self._check_names(table, place, (*SCENE, *SETTINGS, "gains", "parameters"))
        told = {name: self._value(table[name], (*place, name), convert) for name, convert in SCENE.items() if name in table}
        return replace(self._settings(table, place), name=told.get("name", str(number + 1)), program=told.get("program"))

    def _settings(self, table: Mapping[str, Any], place: Place) -> Settings:
        told = {name: self._value(table[name], (*place, name), convert) for name, convert in SETTINGS.items() if name in table}
        presets = self._value(told.get("preset", ()), (*place, "preset"), self._presets)
        gains = self._table(table, (*place, "gains"), lambda stem, db: float(param_of(f"gain_db.{stem}").parse(_number(db))))
        params = self._table(table, (*place, "parameters"), lambda name, value: param_of(name).parse(value))
        return Settings("", None, presets, params, gains, told.get("mute", ()), told.get("solo", ()))

    def _presets(self, texts: tuple[str, ...]) -> tuple[str, ...]:
        texts = tuple(str(self._file(text)) if is_path(text) else text for text in texts)
        wish = parse_wish(texts)
        for name in filter(None, (wish.plain, *wish.by_stem.values())):
            if not find_preset(name).is_file():
                raise RtsepError(f"there is no file {name}; rtsep presets lists the presets")
        return texts

    def _knobs(self, table: Mapping[str, Any]) -> dict[tuple[int, int], str]:
        def place(_target: str, value: Any) -> tuple[int, int]:
            if not (isinstance(value, list) and len(value) == 2 and _whole(value[0]) in range(1, 17)
                    and _whole(value[1]) in range(128)):
                raise RtsepError("give channel (1 to 16) and controller (0 to 127), such as [1, 7]")
            return value[0] - 1, value[1]

        return {at: target for target, at in self._table(table, ("controls",), place).items()}

    def _table(self, table: Mapping[str, Any], place: Place, convert: Callable[[str, Any], Any]) -> dict[str, Any]:
        given = self._value(table.get(str(place[-1]), {}), place, _of(dict, f"a table: lines below [{place[-1]}]"))
        return {name: self._value(value, (*place, name), partial(convert, name)) for name, value in given.items()}

    def _file(self, name: str) -> Path:
        return self._path.absolute().parent / Path(name).expanduser()

    def _value(self, value: Any, place: Place, convert: Convert) -> Any:
        try:
            return convert(value)
        except RtsepError as error:
            raise self._error(place, f"{place[-1]} = {value!r}: {error}") from error

    def _check_names(self, table: Mapping[str, Any], place: Place, known: tuple[str, ...]) -> None:
        for name in table:
            if name not in known:
                raise self._error((*place, name), f"no entry is called {name!r}{nearest(name, known)}; the entries are: "
                                  f"{', '.join(known)}")

    def _error(self, place: Place, text: str) -> RtsepError:
        line = line_of(self._text, place)
        return RtsepError(f"{self._path}, line {line}: {text}" if line else f"{self._path}: {text}")
