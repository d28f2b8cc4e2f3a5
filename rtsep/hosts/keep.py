"""Saves adapted presets: for --save-preset, and for a key of `rtsep live`."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path

from rtsep.engine.adapted import adapted_preset
from rtsep.engine.separator import Separator
from rtsep.engine.streaming import Engine
from rtsep.errors import RtsepError
from rtsep.files.results import Results, sync
from rtsep.notes.names import find_stem
from rtsep.presets.library import new_preset, user_folder
from rtsep.presets.preset import Preset, load_preset, save_preset
from rtsep.presets.wish import parse_wish

EVERY_S = 60.0  # During play, the presets of --save-preset are written at intervals of this many seconds.
WRITING_S = 60.0  # If a file is younger than this many seconds, perhaps a program is still writing it.


class Keeper:
    """Writes adapted presets, each whole or not at all.

    `texts` are the values of --save-preset: FILE, or FILE@STEM if stems have different presets. A keeper replaces files that it
    has written itself; any other file stays, unless `overwrite`. RtsepError, before any sound: a file exists, a stem does not
    exist, or there are several presets and no @. Thread: control.
    """

    def __init__(self, engine: Engine, texts: Sequence[str], overwrite: bool, background: bool, made_by: str) -> None:
        self._overwrite, self._background, self._made_by = overwrite, background, made_by
        self._written = set[Path]()
        self._next_s, self._trouble = time.monotonic() + EVERY_S, ""
        self._thread: threading.Thread | None = None
        self.targets = _targets(_learner(engine), texts) if texts else {}
        for path in self.targets.values():
            self._results(path).abort()

    def _results(self, path: Path) -> Results:
        return Results(path.parent, [path.name], self._overwrite or path in self._written, ())

    def keep(self, engine: Engine, stem: int, background: bool = False) -> Path:
        """Write the adapted preset of `stem` to the file of --save-preset, else to the user's presets. Returns the file."""
        self._wait()
        return self._write(*self._adapted(engine, stem, background))

    def _adapted(self, engine: Engine, stem: int, background: bool) -> tuple[Path, Preset]:
        """The file for the preset of `stem`, and the adapted preset."""
        separator = _learner(engine)
        path = self.targets.get(stem) or self._shared(separator, stem) or _unused(separator.presets[stem].name)
        if path.exists() and not (self._overwrite or path in self._written):
            path = _free(path)  # Another program has made this file meanwhile.
        return path, adapted_preset(separator, stem, background=background or self._background, made_by=self._made_by)

    def _write(self, path: Path, preset: Preset) -> Path:
        results = self._results(path)
        try:
            hidden = results.new(path.name)
            save_preset(preset, hidden)
            with suppress(OSError):  # Not every file system can write to the disk at once.
                sync(hidden)
            results.commit()
        finally:
            results.abort()
        self._written.add(path)
        return path

    def _shared(self, separator: Separator, stem: int) -> Path | None:
        """The file of the preset, if it was given for another stem that has the same preset."""
        same = (path for other, path in self.targets.items() if separator.presets[other] is separator.presets[stem])
        return next(same, None)

    def keep_all(self, engine: Engine) -> list[Path]:
        """Write all presets that --save-preset asks for."""
        return [self.keep(engine, stem) for stem in self.targets]

    def keep_now_and_then(self, engine: Engine) -> None:
        """Write them if it is time again, so that a kill or a loss of power loses only the last minute of learning.

        A thread writes the files. RtsepError if the last writing failed.
        """
        if not self.targets or time.monotonic() < self._next_s or (self._thread is not None and self._thread.is_alive()):
            return
        self._next_s = time.monotonic() + EVERY_S
        adapted = [self._adapted(engine, stem, False) for stem in self.targets]
        self._thread = threading.Thread(target=self._write_all, args=(adapted,), name="presets")
        self._trouble, trouble = "", self._trouble
        self._thread.start()
        if trouble:
            raise RtsepError(trouble)

    def _write_all(self, adapted: Sequence[tuple[Path, Preset]]) -> None:
        try:
            for path, preset in adapted:
                self._write(path, preset)
        except (RtsepError, OSError) as error:
            self._trouble = f"the adapted preset could not be saved: {error}"

    def _wait(self) -> None:
        if self._thread is not None:
            self._thread.join()

    def leftovers(self) -> list[str]:
        """Find presets that had no name yet when a crash came. Returns a sentence about each.

        A file that is so young that a program is perhaps still writing it is left alone.
        """
        folders, said = {path.parent for path in self.targets.values()}, []
        with suppress(RuntimeError):  # Perhaps the user has no home folder.
            folders.add(user_folder())
        for hidden in sorted(path for folder in folders for path in folder.glob(".*.npz.*.part")):
            with suppress(OSError):
                if time.time() - hidden.stat().st_mtime > WRITING_S:
                    said.append(_named(hidden))
        return said


def _learner(engine: Engine) -> Separator:
    if not isinstance(engine, Separator):
        raise RtsepError("a mosaic learns nothing: there is no preset to save")
    return engine


def _targets(separator: Separator, texts: Sequence[str]) -> dict[int, Path]:
    """The file of every stem whose preset is to be written."""
    try:
        wish = parse_wish(texts)
        stems = separator.stem_names[:-1]
        targets = {find_stem(selector, stems): new_preset(name) for selector, name in wish.by_stem.items()}
    except RtsepError as error:
        raise RtsepError(str(error).replace("--preset", "--save-preset")) from None
    if wish.plain is not None:
        if len(separator.instruments) > 1:
            names = ", ".join(dict.fromkeys(preset.name for preset in separator.presets))
            raise RtsepError(f"--save-preset {wish.plain}: the stems have the presets {names}; say which one to save, such as "
                             f"--save-preset {wish.plain}@{stems[0]}")
        targets[0] = new_preset(wish.plain)
    if len(set(targets.values())) < len(targets):
        raise RtsepError("--save-preset: two stems have the same file; give each stem its own file")
    return targets


def _unused(name: str) -> Path:
    """A file among the user's own presets that does not exist yet."""
    return _free(user_folder() / f"{name}-adapted.npz")


def _free(path: Path) -> Path:
    """`path`, or the first of NAME-1, NAME-2 ... that does not exist."""
    names = (f"{path.stem}-{number}.npz" if number else path.name for number in count())
    return next(path.with_name(name) for name in names if not path.with_name(name).exists())


def _named(hidden: Path) -> str:
    """Give a preset that a crash left without a name its name, or remove it if it is not whole. Returns a sentence about it."""
    target = _free(hidden.with_name(hidden.name[1:].rpartition(".npz.")[0] + ".npz"))
    try:
        load_preset(hidden)
    except RtsepError:
        hidden.unlink()
        return f"the preset {target.stem} was not written completely when a crash came, and is lost"
    os.link(hidden, target)  # Fails if the name exists by now.
    hidden.unlink()
    return f"the preset {target.stem} was not saved under its name when a crash came: now it is {target}"
