"""`rtsep devices`: lists the sound devices and MIDI ports for `rtsep live`."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import Any

from rtsep.errors import RtsepError


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("devices", help="list sound devices and MIDI ports for rtsep live",
                                 description="Lists the sound devices and MIDI ports, with the names and numbers for rtsep "
                                 "live, and says whether a JACK server is running.")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.set_defaults(run=run)


def _jack(look: Any) -> dict[str, Any]:
    """What is known about the JACK server."""
    try:
        rate, block = look()
        return {"running": True, "sample_rate": rate, "block": block}
    except RtsepError as error:
        return {"running": False, "why": str(error)}


def _found(look: Any) -> tuple[list[Any], str]:
    """The result of `look`, or an empty list and the reason."""
    try:
        return look(), ""
    except RtsepError as error:
        return [], str(error)


def run(arguments: argparse.Namespace) -> None:
    """List devices and ports, or say why this is not possible."""
    from rtsep.commands.tables import show_devices
    from rtsep.hosts.devices import import_sounddevice, list_devices
    from rtsep.hosts.jack import running_server
    from rtsep.hosts.midi import list_midi_ports

    devices, no_sound = _found(lambda: list_devices(import_sounddevice()))
    ports, no_midi = _found(list_midi_ports)
    jack = _jack(running_server)
    if arguments.json:
        print(json.dumps({"devices": [asdict(device) for device in devices], "midi_ports": ports, "jack": jack,
                          "problems": [text for text in (no_sound, no_midi) if text]}, indent=2))
    else:
        show_devices(devices, no_sound, ports, no_midi, jack)
