"""`rtsep demo`: separates a bundled clip; it needs no device and no file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from rtsep.commands.common import progress_bar, say_warnings


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("demo", help="separate the bundled piano clip and measure the result")
    parser.add_argument("--out", type=Path, default=Path("rtsep-demo"), metavar="DIR",
                        help="folder for stems, report.json and picture.png (default: %(default)s)")
    parser.add_argument("--overwrite", action="store_true", help="replace results that are there already")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Separate the clip, measure the stems, and show the result."""
    from rtsep.commands.tables import show_demo
    from rtsep.hosts.demo import demo

    with progress_bar() as progress:
        report = demo(arguments.out, arguments.overwrite, progress)
    say_warnings(report["warnings"])
    show_demo(report, arguments.out)
