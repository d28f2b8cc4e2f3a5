"""Files that appear whole or not at all: they grow under hidden names, and get their real names at the very end."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from rtsep.errors import RtsepError

Given = str | os.PathLike[str]


class UnwritableError(RtsepError):
    """A result could not be written: the disk is full or has failed, or it may not be written."""


def write_error(path: Given, error: OSError) -> UnwritableError:
    """The error for a `path` that could not be written."""
    return UnwritableError(f"cannot write {path}: {error.strerror or error}; free some space or choose another place")


def atomic_write(path: Given, data: bytes) -> None:
    """Write `data` to `path`, and replace an old file. If this fails, the old file stays, and nothing else is left behind.

    RtsepError if it cannot be written.
    """
    hidden = _hidden(Path(path))
    try:
        _write_new(hidden, data)
        os.replace(hidden, path)
    except OSError as error:
        raise write_error(path, error) from error
    finally:
        with suppress(OSError):
            hidden.unlink()


def sync(path: Given) -> None:
    """Wait until the file is on the disk; sometimes a full disk shows only then. OSError if it fails."""
    with open(path, "r+b") as file:
        os.fsync(file.fileno())


def _write_new(path: Path, data: bytes) -> None:
    with open(path, "xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _hidden(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")


class Results:
    """Files that appear in a folder all at once.

    `names`: the files that will come. `protect`: input files, which are never replaced. RtsepError if the folder cannot be
    made, or if there is something with such a name: a protected file, a folder, or, without `overwrite`, any file. Thread:
    control.
    """

    def __init__(self, folder: Given, names: Sequence[str], overwrite: bool, protect: Sequence[Given]) -> None:
        self.folder = Path(folder)
        self._overwrite, self._protect = overwrite, tuple(protect)
        self._hidden: dict[Path, Path] = {}  # Target: hidden file.
        try:
            if self.folder.exists() and not self.folder.is_dir():
                raise RtsepError(f"{folder} is a file: give a folder for the results")
            for name in names:
                self._check(self.folder / name)
            self._made = _make(self.folder)
        except OSError as error:
            raise write_error(folder, error) from error

    def protect(self, paths: Sequence[Given]) -> None:
        """Protect more inputs."""
        self._protect += tuple(paths)

    def new(self, name: str) -> Path:
        """The hidden file to fill; `commit` gives it the name `name`."""
        target = self.folder / name
        self._check(target)
        return self._hidden.setdefault(target, _hidden(target))

    def add(self, name: str, content: bytes | str) -> None:
        """Write a whole file; text becomes UTF-8. RtsepError if it cannot be written."""
        data = content.encode() if isinstance(content, str) else content
        try:
            _write_new(self.new(name), data)
        except OSError as error:
            raise write_error(self.folder / name, error) from error

    def commit(self) -> None:
        """Give all files their names, in the order of `new`. RtsepError if one fails; then no file is left."""
        placed: list[Path] = []
        target = self.folder
        try:
            for target in self._hidden:
                self._check(target)  # Perhaps it was created meanwhile.
            for target, hidden in self._hidden.items():
                os.replace(hidden, target)
                placed.append(target)
        except OSError as error:
            for path in placed:
                path.unlink(missing_ok=True)
            raise write_error(target, error) from error
        self._hidden, self._made = {}, []

    def abort(self) -> None:
        """Remove the hidden files, and the folders that were made for them. After `commit` it does nothing."""
        for hidden in self._hidden.values():
            with suppress(OSError):
                hidden.unlink()
        _remove(self._made)
        self._hidden, self._made = {}, []

    def _check(self, target: Path) -> None:
        if not target.exists() and not target.is_symlink():
            return
        if any(os.path.exists(path) and target.exists() and target.samefile(path) for path in self._protect):
            raise RtsepError(f"{target} is the input: choose another folder for the results")
        if target.is_dir():
            raise RtsepError(f"{target} is a folder, and a result has this name: choose another folder")
        if not self._overwrite:
            raise RtsepError(f"{target} is there already: choose another folder, or give --overwrite")


def _make(folder: Path) -> list[Path]:
    """Make `folder` and its parents. Returns the new ones, innermost first."""
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        _remove(new)
        raise
    return new


def _remove(folders: Sequence[Path]) -> None:
    """Remove the folders that are empty."""
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()
