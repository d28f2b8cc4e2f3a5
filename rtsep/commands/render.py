"""`rtsep render`: separates a sound file into stems, with its MIDI."""

from __future__ import annotations

import argparse
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

from rtsep.commands.common import add_keeping, add_score, progress_bar, say_warnings
from rtsep.commands.job import GROUPS, add_job, job_of
from rtsep.commands.listen_options import add_listen, listening_of
from rtsep.commands.output import add_handover, explain_unknown, folder_for, hand_over
from rtsep.commands.voice_options import add_voice, range_of, voice_of
from rtsep.errors import RtsepError

ABOUT = """\
Separates the sound file MIX with the streaming engine; the result sounds
exactly as it would live. Writes one file for each stem and the residual, and
report.json. The files are as long as MIX (or as the range from --start to
--end) and aligned with it. They add up to MIX; in MP3 and Ogg, which are lossy,
only nearly; at another --rate, to MIX at that rate. With --mode all, every mode
renders into its own folder, and onset.png shows one onset in each.
"""
# What --score does without --midi.
ALONE = (". Without --midi, the notes of FILE need not be in time: rtsep first finds when each of them sounds, in any tempo, "
         "with repeats and cuts, and also writes notes.mid and path.png")


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "render", help="separate a sound file into stems",
        description=ABOUT, epilog=GROUPS, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mix", type=Path, metavar="MIX", help="sound file: WAV, FLAC, AIFF, Ogg, MP3; M4A and video if "
                        "ffmpeg is installed; any channels; - is standard input")
    parser.add_argument("--midi", action="append", default=[], metavar="FILE[@STEM]",
                        help="the notes that sound in MIX: a MIDI file, a table or a score, see below. Without it and "
                        "without --score, every template is open. Can be given several times: rtsep takes the notes of all "
                        "files. With @STEM all notes of a file are one stem with this name: --midi left.mid@left --midi "
                        "right.mid@right")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for the results; needed, except with --stdout")
    add_score(parser, ALONE)
    add_listen(parser, "in place of --midi. The heard notes are also written: notes.mid")
    add_voice(parser)
    add_job(parser, "all")
    add_handover(parser)
    add_keeping(parser, "at the end")
    parser.add_argument("--overwrite", action="store_true", help="replace results that are there already")
    parser.set_defaults(run=run, explain_unknown=explain_unknown)


def run(arguments: argparse.Namespace) -> None:
    """Render, and print what was written."""
    with folder_for(arguments) as arguments.out:
        _run(arguments)


def _run(arguments: argparse.Namespace) -> None:
    from rtsep.hosts.compare import render_modes
    from rtsep.hosts.render import render

    job = replace(job_of(arguments, "all"), mix=arguments.mix, out=arguments.out, midi=tuple(arguments.midi),
                  overwrite=arguments.overwrite, keep=tuple(arguments.keep), keep_background=arguments.save_background,
                  made_by=shlex.join(["rtsep", *arguments.words]), score=arguments.score,
                  **listening_of(arguments), **voice_of(arguments))
    job = replace(job, params={**job.params, **range_of(arguments)})
    if job.params.get("mode") == "all":
        if job.keep:
            raise RtsepError("--save-preset and --mode all do not go together, since each mode adapts its own templates: "
                             "choose one mode")
        job = replace(job, params={name: value for name, value in job.params.items() if name != "mode"})
        with progress_bar() as progress:
            report = render_modes(job, progress)
        say_warnings(report["warnings"])
        hand_over(arguments, report)
        return
    with progress_bar() as progress:
        report = render(job, lambda done, total: progress(job.mix.name, done, total))
    say_warnings(report["warnings"])
    hand_over(arguments, report)
