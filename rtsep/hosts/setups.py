"""Set-ups of `rtsep live`: TOML files that hold all settings, so that one word starts a session; and the places of set-ups."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from platformdirs import user_data_path

from rtsep.errors import RtsepError
from rtsep.hosts.asked import nearest
from rtsep.hosts.toml_text import Place, lines_of
from rtsep.params import Value

ENDING = ".toml"


@dataclass(frozen=True)
class Settings:
    """Settings that can change during play: those of a set-up without scenes, or of one scene. `name` "": it is not a scene.

    `presets`: values of --preset. `gains`: of stems, in dB. `program`: the MIDI program, 1 to 128, that calls the scene.
    """

    name: str = ""
    program: int | None = None
    presets: tuple[str, ...] = ()
    params: Mapping[str, Value] = field(default_factory=dict)
    gains: Mapping[str, float] = field(default_factory=dict)
    muted: tuple[str, ...] = ()
    soloed: tuple[str, ...] = ()

    def over(self, base: Settings) -> Settings:
        """The same; entries that it does not have come from `base`."""
        return replace(self, presets=self.presets or base.presets, params={**base.params, **self.params},
                       gains={**base.gains, **self.gains}, muted=self.muted or base.muted, soloed=self.soloed or base.soloed)


@dataclass(frozen=True)
class Setup:
    """A set-up that was read. `options`: values of options, by their names with "_". `knobs`: bindings; None: it has none.

    An entry that a scene in `scenes` does not have comes from `base`, the first part of the file.
    """

    path: Path
    text: str
    options: Mapping[str, Any]
    base: Settings
    scenes: tuple[Settings, ...]
    knobs: Mapping[tuple[int, int], str] | None

    @contextmanager
    def telling_where(self) -> Iterator[None]:
        """Add file and line to an RtsepError that begins with an option, a parameter or a gain in this file."""
        try:
            yield
        except RtsepError as error:
            told = re.match(r"(?:--)?([\w-]+)(?:\.(\S+?))?(?= |:|$)", str(error))
            lines = lines_of(self.text)
            line = next((lines[place] for place in self._places(*told.groups()) if place in lines), 0) if told else 0
            if not line:
                raise
            raise RtsepError(f"{self.path}, line {line}: {error}") from error

    def _places(self, entry: str, stem: str | None) -> Iterator[Place]:
        """The places where an error about `entry`, or about its `stem`, can come from."""
        tables: list[Place] = [(), *(("scene", number) for number, _ in enumerate(self.scenes))]
        for table in tables:
            yield from ((*table, "gains", stem), (*table, "gains")) if stem else ()
            yield from ((*table, "parameters", entry), (*table, entry.replace("-", "_")))


def setups_folder() -> Path:
    """The folder of the user's own set-ups; perhaps it does not exist."""
    return user_data_path("rtsep", appauthor=False) / "setups"


def setup_path(name: str) -> Path:
    """The file for a new set-up: the path `name`, or a file in the user's own folder, where `find_setup` finds it by name."""
    if name.endswith(ENDING) or os.sep in name or "/" in name:
        return Path(name if name.endswith(ENDING) else name + ENDING)
    if not name.strip() or name.startswith("."):
        raise RtsepError(f"a set-up cannot be called {name!r}: give a name such as concert, or the path of a file")
    return setups_folder() / f"{name}{ENDING}"


def find_setup(name: str) -> Path:
    """The file of set-up `name`: a path, or a file in the user's own folder or in the current one. RtsepError offers names."""
    places = list(dict.fromkeys((setup_path(name), Path(f"{name.removesuffix(ENDING)}{ENDING}"))))
    found = next((path for path in places if path.is_file()), None)
    if found is None:
        known = sorted({path.stem for folder in {path.parent for path in places} for path in folder.glob(f"*{ENDING}")})
        raise RtsepError(f"no set-up is called {name!r}{nearest(name, known)}; looked for {' and '.join(map(str, places))}; "
                         "rtsep live --save-setup NAME writes one")
    return found
