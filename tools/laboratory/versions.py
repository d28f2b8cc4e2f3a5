"""Other versions of the engine: another checkout, or this one with other constants; each separates in its own process."""

from __future__ import annotations

import ast
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from laboratory.pieces import Piece
from laboratory.study import ROOT, need_file
from laboratory.systems import Params, Stems, preset_of, routing_of
from rtsep.errors import RtsepError

WORKER = ROOT / "tools" / "laboratory" / "workers" / "separate.py"
Edit = tuple[str, str, str]
"""A module in rtsep/, such as stages/gate.py, a constant in it, and its new value in Python's notation."""


# --- constants --------------------------------------------------------------------------------------------------------


def edited(text: str, constant: str, value: str) -> str:
    """The source of a module with another value for a constant; the line can set several constants.

    RtsepError unless exactly one line at the top level sets it.
    """
    places = [node for statement in ast.parse(text).body for node in _values(statement, constant)]
    if len(places) != 1:
        raise RtsepError(f"{constant} is set {len(places)} times; only a constant that is set once can be exchanged")
    lines = text.splitlines(keepends=True)
    first, last = places[0].lineno - 1, places[0].end_lineno - 1
    before = lines[first].encode()[: places[0].col_offset].decode()
    after = lines[last].encode()[places[0].end_col_offset :].decode()
    return "".join([*lines[:first], f"{before}{value}{after}", *lines[last + 1 :]])


def _values(statement: ast.stmt, constant: str) -> list[ast.expr]:
    """The values to which a statement sets the constant."""
    if isinstance(statement, ast.AnnAssign) and statement.value is not None:
        return [statement.value] if isinstance(statement.target, ast.Name) and statement.target.id == constant else []
    if not isinstance(statement, ast.Assign):
        return []
    found: list[ast.expr] = []
    for target in statement.targets:
        if isinstance(target, ast.Name) and target.id == constant:
            found.append(statement.value)
        elif isinstance(target, ast.Tuple) and isinstance(statement.value, ast.Tuple):
            found += [value for name, value in zip(target.elts, statement.value.elts, strict=True)
                      if isinstance(name, ast.Name) and name.id == constant]
    return found


# --- copies -----------------------------------------------------------------------------------------------------------


def copied(folder: Path, edits: Iterable[Edit] = (), checkout: Path = ROOT) -> Path:
    """A new folder with the packages of a checkout and with other constants, from which a worker imports them."""
    shutil.rmtree(folder, ignore_errors=True)
    need_file(checkout / "rtsep" / "__init__.py", "give the folder of a checkout of rtsep")
    shutil.copytree(checkout / "rtsep", folder / "rtsep", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "rtsep_presets").symlink_to((checkout / "presets").resolve(), target_is_directory=True)
    for module, constant, value in edits:
        path = need_file(folder / "rtsep" / module, "a table of edits names it")
        try:
            path.write_text(edited(path.read_text(encoding="utf-8"), constant, value), encoding="utf-8")
        except RtsepError as error:
            raise RtsepError(f"rtsep/{module}: {error}") from None
    return folder


class Version:
    """A process that separates with the packages in a folder; `with` ends it. Compiled code is kept in `cache`.

    Its working folder is that folder, since the compiler, a separate process, searches packages in the working folder first.
    """

    def __init__(self, folder: Path, cache: Path) -> None:
        environment = {**os.environ, "PYTHONPATH": str(folder.resolve()), "RTSEP_CACHE_DIR": str(cache.resolve())}
        self.folder = folder
        self.process = subprocess.Popen([sys.executable, WORKER], cwd=folder, env=environment, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)

    def __enter__(self) -> Version:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def separate(self, piece: Piece, params: Params, programs: Sequence[int] = ()) -> Stems:
        """The stems of a piece, with its presets, or with those that this version chooses for General MIDI programs."""
        routing = routing_of(piece)
        job = {"presets": list(programs) or preset_of(piece), "names": routing.names, "table": routing.table,
               "params": dict(params), "sound": piece.mix, "rate": piece.sample_rate,
               "events": piece.score.events(piece.sample_rate, piece.late_s)}
        try:
            pickle.dump(job, self.process.stdin)
            self.process.stdin.flush()
            return pickle.load(self.process.stdout)
        except (BrokenPipeError, EOFError):
            raise RtsepError(f"rtsep in {self.folder} cannot separate {piece.name}; see its message above") from None
