"""`rtsep takes`: lists what rtsep live has recorded, and mends takes that were cut off."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rtsep.errors import RtsepError


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "takes", help="list the takes of rtsep live, and mend those that were cut off",
        description="Lists the takes that rtsep live has recorded into a folder: name, length, size, stems and state. It mends "
        "takes that a crash or a loss of power has cut off: a WAV file keeps everything that was on the disk, a FLAC file "
        "loses at most the last 0.2 s. It does not touch takes that are being recorded.")
    parser.add_argument("folder", type=Path, nargs="?", default=Path(), metavar="FOLDER",
                        help="the folder with the takes, or one take (default: the current folder)")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Mend the takes that were cut off, then list all."""
    if not arguments.folder.is_dir():
        raise RtsepError(f"{arguments.folder} is not a folder: give the folder with the takes")
    from rtsep.commands.tables import show_takes
    from rtsep.hosts.found_takes import find_takes, mend_all

    said, found = mend_all(arguments.folder), find_takes(arguments.folder)
    if arguments.json:
        print(json.dumps({"takes": [asdict(take) for take in found], "mended": said}, indent=2))
        return
    for text in said:
        print(f"rtsep: {text}", file=sys.stderr)
    show_takes(found, arguments.folder)
