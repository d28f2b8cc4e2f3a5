"""Options of `rtsep render` about what it writes: a range, formats, names, standard output."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rtsep.errors import RtsepError

if TYPE_CHECKING:
    from rtsep.hosts.output import Delivery

FORMATS = ("wav", "flac", "ogg", "mp3")  # As in files/encode.py, which is loaded only when it is needed.


def add_output(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--start", metavar="TIME",
                        help="write only from this time of MIX on, in s (72.5) or min:s (1:12.5). rtsep hears the notes that "
                        "sound there from their onset, and the files say at which time they begin")
    parser.add_argument("--end", metavar="TIME", help="write only up to this time of MIX")
    parser.add_argument("--format", choices=FORMATS, default="wav",
                        help="format of the stems; ogg and mp3 are lossy (default: %(default)s)")
    parser.add_argument("--rate", type=int, metavar="HZ",
                        help="sample rate of the stems (default: that of MIX); needs pip install 'rtsep[rate]'")
    parser.add_argument("--name", action="append", default=[], metavar="STEM=NAME", dest="names",
                        help="rename a stem and its file, such as --name track_1=Keys; can be given several times")
    parser.add_argument("--one-file", action="store_true",
                        help="write all stems into one file, called stems, with the channels of one stem after the other's")
    parser.add_argument("--loudness", type=float, metavar="LUFS",
                        help="also write the file mixdown: the mix of the stems with gain_db, wet and bypass, at this loudness "
                        "as a whole (EBU R 128), such as -14; needs ffmpeg. The stems do not change")


def add_handover(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `rtsep render` about standard output."""
    parser.add_argument("--stdout", metavar="STEM", help="send the file of this stem to standard output, and nothing else")
    parser.add_argument("--json", action="store_true", help="print the report as JSON on standard output, and nothing else")


def delivery_of(arguments: argparse.Namespace) -> Delivery:
    """The options as the host takes them. RtsepError: a text that is not a time."""
    from rtsep.hosts.asked import parse_time
    from rtsep.hosts.output import Delivery

    times = {f"{name}_s": None if (text := getattr(arguments, name)) is None else parse_time(text, f"--{name}")
             for name in ("start", "end")}
    return Delivery(names=tuple(arguments.names), rate=arguments.rate, one_file=arguments.one_file,
                    loudness_lufs=arguments.loudness, stdout=getattr(arguments, "stdout", None), **times)


@contextmanager
def folder_for(arguments: argparse.Namespace) -> Iterator[Path]:
    """The folder for the results; with --stdout and without --out, a temporary one. RtsepError: no folder was given."""
    if arguments.stdout is not None and arguments.json:
        raise RtsepError("--stdout and --json both need standard output: leave one of them out (--out DIR keeps report.json)")
    if arguments.stdout is not None:
        from rtsep.files.pipes import check_standard_output

        check_standard_output()
    if arguments.out is not None:
        yield arguments.out
    elif arguments.stdout is None:
        raise RtsepError("render needs a folder for the results: give --out DIR")
    else:
        from rtsep.files.pipes import roomy_folder

        with tempfile.TemporaryDirectory(prefix="rtsep-", dir=roomy_folder()) as folder:
            yield Path(folder)


def hand_over(arguments: argparse.Namespace, report: dict[str, Any]) -> None:
    """Send the result to standard output: the file of a stem, the report as JSON, or a summary for people."""
    from rtsep.commands.tables import show_render
    from rtsep.files.pipes import to_standard_output

    if arguments.stdout is not None:
        wanted = (stem["file"] for stem in report["stems"] if arguments.stdout in (stem["name"], stem.get("stem")))
        to_standard_output(arguments.out / next(wanted))
    elif arguments.json:
        print(json.dumps(report, indent=2))
    elif "modes" in report:
        for mode, one in report["modes"].items():
            show_render(one, arguments.out / mode)
    else:
        show_render(report, arguments.out)


def explain_unknown(arguments: argparse.Namespace, unknown: Sequence[str]) -> str:
    """The error for arguments that render does not know; most often it is a second mix."""
    if any(word.startswith("-") for word in unknown):
        return f"unrecognized arguments: {' '.join(unknown)}"
    mixes = ", ".join([str(arguments.mix), *unknown])
    return (f"render takes one MIX, and {1 + len(unknown)} were given ({mixes}): run it once for each, each time with its own "
            "--midi and --out. If they are parts of one recording, mix them into one file first")
