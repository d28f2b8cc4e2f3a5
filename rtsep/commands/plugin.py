"""`rtsep plugin`: makes a plug-in for DAWs; it plays presets without Python."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rtsep.commands.common import add_drum_map, add_params, checked_params
from rtsep.commands.live_checks import parse_channels
from rtsep.errors import RtsepError
from rtsep.notes.pitch import parse_pitch

BY = ("split", "hands", "channel", "drum", "all")
SYSTEMS = ("linux-x86_64", "linux-aarch64", "windows-x86_64", "macos-x86_64", "macos-aarch64")
RATES = "44100,48000,88200,96000"
LEAST_RATE, MOST_RATE = 8000, 192000  # Values of --rates, in Hz.
ABOUT = """\
Makes a plug-in for a DAW (Ardour, Reaper, Bitwig, Qtractor ...). The sound and
the notes of a MIDI track go in; the mix and every stem come out. The plug-in
works on any computer with the same system and kind of processor, without
Python and rtsep.

Each --preset is one preset of the plug-in. The DAW can automate gains, wet,
bypass, split, mask power, suppression and more. --install puts the plug-in
where hosts look for plug-ins; --remove NAME removes it. See
docs/reference/plugin.md.
"""


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("plugin", help="make a plug-in for a DAW, which works without Python",
                                 description=ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter)
    place = parser.add_mutually_exclusive_group()
    place.add_argument("-o", "--out", type=Path, metavar="DIR", help="folder to write the plug-in into")
    place.add_argument("--install", action="store_true", help="write it where hosts look for plug-ins, and say where")
    place.add_argument("--remove", metavar="NAME", help="remove the installed plug-in of this name, and nothing else")
    parser.add_argument("--name", help="name in the DAW (default: preset and --by, such as Piano Split)")
    parser.add_argument("--preset", action="append", default=[], metavar="NAME[@STEM]", dest="presets",
                        help="name of a preset or path of a preset file; can be given several times, and each one is a preset "
                        "of the plug-in. Commas join presets for several stems, such as piano@low,strings@high (default: "
                        "piano)")
    parser.add_argument("--by", choices=BY, default="split",
                        help="what makes a stem: split = the keys on one side of --split; hands = a hand of the player; "
                        "channel = a channel of --channels; drum = a group of drums; all = all notes together (default: "
                        "%(default)s)")
    parser.add_argument("--split", metavar="NOTE", help="lowest note of the stem `high` with --by split (default: C4)")
    parser.add_argument("--channels", default="", metavar="LIST", help="MIDI channels to listen to, such as 1,3 (default: all)")
    add_drum_map(parser)
    add_params(parser)
    parser.add_argument("--rates", default=RATES, metavar="LIST",
                        help="sample rates in Hz that the plug-in can play; each takes some megabytes (default: %(default)s)")
    parser.add_argument("--mono", action="store_true", help="one channel instead of two")
    parser.add_argument("--format", default="lv2,clap", metavar="LIST", dest="formats",
                        help="lv2, clap or both (default: %(default)s)")
    parser.add_argument("--system", choices=SYSTEMS, metavar="SYSTEM",
                        help=f"make it for another system: {', '.join(SYSTEMS)}; needs pip install 'rtsep[plugin]'")
    parser.add_argument("--overwrite", action="store_true", help="replace a plug-in of the same name")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Make the plug-in, or remove it."""
    from rtsep.plugin.folders import host_folder, remove

    formats = _formats(arguments.formats)
    if arguments.remove is not None:
        from rtsep.plugin.bundle import slug_of

        for path in remove(slug_of(arguments.remove), [host_folder(format) for format in formats]):
            print(f"removed: {path}")
        return
    if arguments.out is None and not arguments.install:
        raise RtsepError("plugin needs a place to write to: give -o DIR, or --install to put it where hosts look for plug-ins")
    if arguments.install and arguments.system:
        raise RtsepError(f"--install and --system {arguments.system} do not go together: give -o DIR, and copy the plug-in to "
                         "the other computer")
    form = _form(arguments)
    from rtsep.plugin.make import make

    places = {format: host_folder(format) if arguments.install else arguments.out for format in formats}
    made = make(form, places, arguments.overwrite, lambda text: print(f"rtsep: {text}", file=sys.stderr),
                arguments.system or "")
    for path in made:
        print(f"made: {path}")


def _form(arguments: argparse.Namespace) -> Any:
    """The plug-in that the options ask for. RtsepError: options that do not go together."""
    channels, split = parse_channels(arguments.channels), parse_pitch(arguments.split or "C4")
    rates, params = _rates(arguments.rates), checked_params(arguments)
    if arguments.split is not None and arguments.by != "split":
        raise RtsepError(f"--split and --by {arguments.by} do not go together: leave out one of them")
    from rtsep.hosts.live_job import LiveJob, route_live
    from rtsep.notes.drum_maps import read_drum_map, stand_ins
    from rtsep.plugin.bundle import PluginForm
    from rtsep.presets.instruments import choose, programs_by_name
    from rtsep.presets.wish import parse_wish

    wishes = [parse_wish(text.split(",")) for text in arguments.presets] or [parse_wish([])]
    job = LiveJob(by=arguments.by, split_pitch=split, channels=channels, drum_map=arguments.drum_map)
    routing, keys = route_live(job, wishes[0].name, True), stand_ins((), read_drum_map(arguments.drum_map))
    programs: dict[str, Sequence[Any]] = {}
    for text, wish in zip(arguments.presets or ["piano"], wishes, strict=True):
        programs[_program_name(text, programs)] = choose(wish, routing, programs_by_name(routing), keys).presets
    name = arguments.name or f"{next(iter(programs))} {arguments.by}".title()
    return PluginForm(name, routing, programs, params, rates, 1 if arguments.mono else 2,
                      split if arguments.by == "split" else None)


def _program_name(text: str, known: Mapping[str, object]) -> str:
    """The name of a preset of the plug-in: the name of its file. RtsepError: another one has this name."""
    name = ", ".join(Path(part.partition("@")[0]).stem for part in text.split(","))
    if name in known:
        raise RtsepError(f"--preset {text}: {name} was given already; give each preset once")
    return name


def _rates(text: str) -> tuple[int, ...]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words or not all(word.isdecimal() and LEAST_RATE <= int(word) <= MOST_RATE for word in words):
        raise RtsepError(f"--rates {text}: give whole numbers from {LEAST_RATE} to {MOST_RATE} Hz, such as 44100,48000")
    return tuple(sorted({int(word) for word in words}))


def _formats(text: str) -> list[str]:
    from rtsep.plugin.link import FORMATS

    words = [word.strip().lower() for word in text.split(",") if word.strip()]
    if not words or any(word not in FORMATS for word in words):
        raise RtsepError(f"--format {text}: allowed are {' and '.join(FORMATS)}, or both: {','.join(FORMATS)}")
    return list(dict.fromkeys(words))
