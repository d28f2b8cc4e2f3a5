"""`rtsep presets` and `rtsep params`: list presets and parameters."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from rtsep.commands.common import say_warnings


def add(commands: Any) -> None:
    """Declare both commands."""
    params = commands.add_parser("params", help="list every parameter with unit, range and default")
    params.add_argument("--osc", action="store_true", help="list the addresses of rtsep live --osc instead")
    params.set_defaults(run=list_params)
    presets = commands.add_parser("presets", help="list the presets; show one; check a file")
    presets.set_defaults(run=list_presets)
    actions = presets.add_subparsers(dest="action", metavar="ACTION")
    show = actions.add_parser("show", help="show the content of a preset")
    show.add_argument("preset", help="name of a preset, or path of a preset file")
    show.set_defaults(run=show_one)
    check = actions.add_parser("check", help="check a preset file")
    check.add_argument("file", type=Path, help="path of a preset file")
    check.set_defaults(run=check_file)


def list_params(arguments: argparse.Namespace) -> None:
    """Print every parameter, or every address of OSC."""
    from rtsep.commands.tables import show_addresses, show_params

    (show_addresses if arguments.osc else show_params)()


def list_presets(_arguments: argparse.Namespace) -> None:
    """Print every preset."""
    from rtsep.commands.tables import show_presets

    show_presets()


def show_one(arguments: argparse.Namespace) -> None:
    """Print the content of a preset."""
    from rtsep.commands.tables import show_preset
    from rtsep.presets.library import find_preset
    from rtsep.presets.preset import load_preset

    show_preset(load_preset(find_preset(arguments.preset)))


def check_file(arguments: argparse.Namespace) -> None:
    """Check a preset file."""
    from rtsep.presets.preset import load_preset

    preset = load_preset(arguments.file)
    say_warnings([*preset.notes])
    print(f"{arguments.file}: a valid preset with {len(preset.W)} templates")
