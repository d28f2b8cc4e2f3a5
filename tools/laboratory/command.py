"""The command line of the laboratory: python tools/lab.py STUDY [SETTING ...] [--seconds S] [--pieces NAME ...] [--write]"""

from __future__ import annotations

import argparse
import inspect
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import laboratory.studies  # noqa: F401  (enters every study)
from laboratory.report import publish
from laboratory.study import ROOT, SHARED, STUDIES, Given, MissingError, Study
from rtsep.errors import RtsepError

GENERAL = ("study", "settings", "seconds", "pieces", "shared", "write")
SETTING_HELP = """a line of the table: the name of a usual line; or
parameters of the engine as NAME=VALUE, separated by commas, "" for the defaults; also
preset=NAME, late_ms=X (MIDI that comes X ms late) and velocity=V (of every note); or another way to separate: mix, oracle,
plain, split, flucoma, offline, filters"""


def parser() -> argparse.ArgumentParser:
    """The parser of all studies."""
    lines = "\n".join(f"  {name:<17}{STUDIES[name].about}" for name in sorted(STUDIES))
    top = argparse.ArgumentParser(prog="lab.py", description=f"Run a study and print its tables.\n\nstudies:\n{lines}",
                                  formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = top.add_subparsers(dest="study", metavar="STUDY", help="name of the study; STUDY --help explains it")
    for study in STUDIES.values():
        _add(commands.add_parser(study.name, description=inspect.cleandoc(study.run.__doc__ or ""),
                                 formatter_class=argparse.RawDescriptionHelpFormatter), study)
    return top


def _add(one: argparse.ArgumentParser, study: Study) -> None:
    """The options of one study."""
    length = "all of it" if study.seconds is None else f"{study.seconds:g}"
    if "settings" in study.takes:
        one.add_argument("settings", nargs="*", metavar="SETTING", help=SETTING_HELP)
    if "seconds" in study.takes:
        one.add_argument("--seconds", type=float, metavar="S", help=f"how much of each piece (default: {length})")
    if "pieces" in study.takes:
        one.add_argument("--pieces", nargs="+", default=(), metavar="NAME",
                         help="only these pieces, by name; or folders with your own pieces")
    for flags, arguments in study.options:
        one.add_argument(*flags, **arguments)
    one.add_argument("--shared", type=Path, default=Path(os.path.relpath(SHARED)), metavar="PATH",
                     help="folder of the recordings (default: %(default)s)")
    one.add_argument("--write", action="store_true", help=f"write tables into {study.page}, rows into docs/measurements/data")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line. Exit status: 0: done; 1: worse than the stored figures; 2: something is missing or wrong."""
    top = parser()
    options = vars(top.parse_args(arguments))
    if options["study"] is None:
        top.print_help()
        return 0
    study = STUDIES[options["study"]]
    own = {name: value for name, value in options.items() if name not in GENERAL}
    given = Given(options.get("settings") or (), options.get("seconds") or study.seconds, options.get("pieces") or (),
                  options["shared"], own)
    if options["write"] and (given.settings or given.pieces or options.get("seconds")):
        print(f"{study.name}: --write is for the whole study; leave out settings, --seconds and --pieces", file=sys.stderr)
        return 2
    return run(study, given, options["write"])


def run(study: Study, given: Given, write: bool) -> int:
    """Run a study, print its tables, and print what is missing."""
    try:
        tables = study.run(given)
    except MissingError as error:
        given.miss(error)
        tables = ()
    except RtsepError as error:
        print(f"{study.name}: {error}", file=sys.stderr)
        return 2
    if texts := [table.text for table in tables if table.text]:
        print("\n\n".join(texts))
    if given.pieces and not any(table.rows for table in tables):
        given.missing.append(f"{study.name} plays no piece called {' or '.join(given.pieces)}")
    for sentence in given.missing:
        print(f"{study.name}: {sentence}", file=sys.stderr)
    if given.missing:
        return 2
    if write:
        publish(tables, ROOT / study.page, ROOT / "docs" / "measurements" / "data")
    return max((table.status for table in tables), default=0)
