"""The command line: it parses arguments, runs one command, and turns every error into one line and an exit code."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence
from typing import NoReturn

from rtsep.commands import (
    batch,
    bench,
    calibrate,
    compile,
    demo,
    devices,
    hands,
    live,
    mosaic,
    plugin,
    presets,
    render,
    takes,
    train,
    transcribe,
)
from rtsep.commands.common import CompilingShown
from rtsep.compiling.progress import listening
from rtsep.errors import RtsepError

ENDED_BADLY, INTERRUPTED = 2, 130  # Exit codes after an error, and after Ctrl-C.


class _Parser(argparse.ArgumentParser):
    """argparse, but with errors of one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(ENDED_BADLY, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def _build_parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="rtsep", description="Separates the sound of instruments into stems while you play. "
                     "MIDI tells rtsep which notes sound; a preset tells it what they sound like.")
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    for command in (demo, render, batch, live, takes, hands, transcribe, devices, mosaic, presets, train, calibrate, plugin,
                    bench, compile):
        command.add(commands)
    return parser


def _no_advice(given: argparse.Namespace, unknown: list[str]) -> str:
    """The error for arguments that a command does not know."""
    return f"unrecognized arguments: {' '.join(unknown)}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command, and return the exit code: 0, or 2 after an error (printed in one line), or 130 after Ctrl-C."""
    parser = _build_parser()
    words = sys.argv[1:] if arguments is None else arguments
    given, unknown = parser.parse_known_args(words, argparse.Namespace(words=list(words)))
    if unknown:
        parser.error(getattr(given, "explain_unknown", _no_advice)(given, unknown))
    if given.version:
        from rtsep import __version__

        print(f"rtsep {__version__}")
        return 0
    if given.command is None:
        parser.print_help()
        return 0
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # A character that the terminal cannot show must not end the run.
    shown = CompilingShown()
    try:
        with listening(shown):
            try:
                given.run(given)
            finally:
                shown.stop()
        sys.stdout.flush()
    except RtsepError as error:
        print(f"rtsep: error: {error}", file=sys.stderr)
        return ENDED_BADLY
    except OSError as error:
        print(f"rtsep: error: {error}", file=sys.stderr)
        return ENDED_BADLY
    except KeyboardInterrupt:
        print("rtsep: interrupted; no file is left half-written", file=sys.stderr)
        return INTERRUPTED
    return 0
