"""Studies: functions from the command line's options to tables, each with a name, a page of the docs and its own options."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rtsep.errors import RtsepError

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / "docs"
SHARED = ROOT.parent / "shared" / "data"
Row = dict[str, Any]
Settings = Mapping[str, str]
Option = tuple[tuple[str, ...], Mapping[str, Any]]


class MissingError(RtsepError):
    """A part that a study needs is not on this computer. The message says in one sentence what to install or fetch."""


@dataclass
class Given:
    """The options of the command line. own: the study's own options. missing: messages that are added while the study runs."""

    settings: Sequence[str] = ()
    seconds: float | None = None
    pieces: Sequence[str] = ()
    shared: Path = SHARED
    own: Mapping[str, Any] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    def __getitem__(self, name: str) -> Any:
        """One of the study's own options."""
        return self.own[name]

    def chosen(self, usual: Settings, base: str = "") -> Settings:
        """The settings of the command line, after `base` if they do not name usual ones; without settings, the usual ones."""
        named = {text or "as it ships": text for text in self.settings}
        return {label: usual.get(label, f"{base},{text}") for label, text in named.items()} or usual

    def there(self, make: Callable[[Any], Any], things: Iterable[Any]) -> list[Any]:
        """The results of `make` for each thing; missing ones are noted and left out."""
        found = []
        for thing in things:
            try:
                found.append(make(thing))
            except MissingError as error:
                self.miss(error)
        return found

    def miss(self, error: MissingError) -> None:
        """Note what is missing; the study goes on with the rest."""
        if str(error) not in self.missing:
            self.missing.append(str(error))


@dataclass(frozen=True)
class Table:
    """One result: its text is printed and, with `--write`, put between the marks NAME in the study's page.

    rows: written to docs/measurements/data/NAME.csv. files: written beside it, each a name and a function that writes it.
    status: the exit status of the command.
    """

    name: str
    text: str
    rows: Sequence[Row] = ()
    files: Mapping[str, Callable[[Path], object]] = field(default_factory=dict)
    status: int = 0


@dataclass(frozen=True)
class Study:
    """A study. run: measures; its docstring is the study's help. seconds: the usual length of a piece; None: all of it."""

    name: str
    run: Callable[[Given], Sequence[Table]]
    page: str = "docs/measurements/benchmarks.md"
    seconds: float | None = None
    options: tuple[Option, ...] = ()
    takes: tuple[str, ...] = ("settings", "seconds", "pieces")

    @property
    def about(self) -> str:
        """Its subject, in one line."""
        return (self.run.__doc__ or "").strip().splitlines()[0]


STUDIES: dict[str, Study] = {}


def option(*flags: str, **arguments: Any) -> Option:
    """An option of one study, in the form for argparse."""
    return flags, arguments


def study(name: str, *options: Option, **more: Any) -> Callable[[Callable[[Given], Sequence[Table]]], Callable]:
    """A decorator that enters a function into STUDIES."""
    def enter(run: Callable[[Given], Sequence[Table]]) -> Callable:
        STUDIES[name] = Study(name, run, options=options, **more)
        return run
    return enter


def need_program(program: str, advice: str) -> None:
    """Raise MissingError unless the program is installed."""
    if shutil.which(program) is None:
        raise MissingError(f"the program {program} is missing; install it, on Debian: {advice}")


def need_file(path: Path, advice: str = "the recordings are not part of rtsep; --shared names their folder") -> Path:
    """The path. MissingError if it does not exist."""
    if not path.exists():
        raise MissingError(f"{path} is missing; {advice}")
    return path


def need_module(module: str, advice: str) -> None:
    """Raise MissingError unless the Python module can be imported."""
    if not importlib.util.find_spec(module):
        raise MissingError(f"the Python package {module} is missing; install it: {advice}")


def run_tool(main: Callable[[], None]) -> None:
    """Run the command line of a tool; if something is missing or wrong, print a sentence, and exit with status 2."""
    try:
        main()
    except RtsepError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
