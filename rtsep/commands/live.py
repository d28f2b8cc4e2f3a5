"""`rtsep live`: the engine on a sound device, with a MIDI keyboard."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import Any

from rtsep.commands.common import (
    add_drum_map,
    add_keeping,
    add_mosaic,
    add_params,
    add_preset,
    checked_params,
    say_warnings,
)
from rtsep.commands.live_checks import check, parse_channels
from rtsep.notes.pitch import parse_pitch


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "live", help="separate what a microphone hears while it is played",
        description="Separates what comes into a sound device while it is played, with the notes of MIDI keyboards, and plays "
        "the mix of the stems: mute a hand, solo the piano, turn down everything else. rtsep devices lists the names; key ? "
        "lists the keys, and o all that may change while it plays and can be learnt by a MIDI knob or button.")
    parser.add_argument("--input", metavar="DEV", help="device to listen to: number, name, part of it (default: the usual one)")
    parser.add_argument("--output", metavar="DEV", help="device to play on (default: the usual one)")
    parser.add_argument("--inputs", type=int, default=0, metavar="N", help="input channels (default: all, at most 2)")
    parser.add_argument("--outputs", type=int, default=0, metavar="N",
                        help="output channels (default: all, at most 2)")
    parser.add_argument("--rate", type=float, default=0.0, metavar="HZ", help="sample rate (default: the device's)")
    parser.add_argument("--block", type=int, default=0, metavar="SAMPLES",
                        help="samples that the device hands over at a time (default: what it prefers; 1024 on PulseAudio)")
    parser.add_argument("--midi", action="append", default=[], metavar="PORT",
                        help="MIDI port to take notes from: number, name or part of it, which is waited for if it is not "
                        "there yet; can be given several times. Without it every template is open (in rtsep render --midi is "
                        "a file)")
    parser.add_argument("--channels", default="", metavar="LIST", help="MIDI channels to listen to, such as 1,3 (default: all)")
    parser.add_argument("--by", choices=("port", "channel", "split", "drum", "all"), default="port",
                        help="what makes a stem: a MIDI port, a channel of --channels, a side of --split (without "
                        "channel 10), a group of drums (kick, snare, hihat, toms, cymbals, percussion), or all notes together "
                        "(default: %(default)s)")
    add_drum_map(parser)
    parser.add_argument("--split", metavar="NOTE", help="lowest note of the stem `high` with --by split (default: C4)")
    parser.add_argument("--midi-offset-ms", type=float, default=0.0, metavar="MS",
                        help="delay the notes by this much if the sound comes later than they do (0 to 1000)")
    add_preset(parser)
    add_params(parser)
    add_mosaic(parser)
    parser.add_argument("--route", action="append", default=[], metavar="STEM=OUTPUTS",
                        help="play a stem, or mix, on separate outputs, such as residual=3-4 (default: mix=1-2)")
    parser.add_argument("--pre-fader", action="store_true",
                        help="outputs of single stems (--route, --jack) play them as they are: gain, mute and solo change the "
                        "mix alone")
    parser.add_argument("--record", type=Path, metavar="NAME",
                        help="record from the start: input, stems and notes, into a folder of this name, or NAME-1, NAME-2 ... "
                        "if there is one already. Without it, r records into take, take-1 ...")
    parser.add_argument("--record-format", choices=("wav", "flac"), default="wav",
                        help="what is recorded: wav, float without a limit, or flac, 24 bits in half the room (default: "
                        "%(default)s)")
    add_keeping(parser, "at the end, and whenever you press k")
    parser.add_argument("--overwrite", action="store_true", help="replace a preset that is there already; a recording never is")
    parser.add_argument("--jack", action="store_true",
                        help="be a JACK client: a port per stem, notes, knobs and buttons by JACK MIDI (needs pip install "
                        "'rtsep[jack]'); options of devices (--input, --rate, --block, --route ...) do not go with it")
    parser.add_argument("--allow-feedback", action="store_true",
                        help="use microphone and loudspeaker of the same computer: with headphones only")
    parser.add_argument("--measure-latency", action="store_true",
                        help="play noise for some seconds, hear it back through a cable from output 1 to input 1, and say how "
                        "late it is; whatever else is heard is refused")
    parser.add_argument("--no-ui", action="store_true", help="no screen: one status line a second")
    parser.add_argument("--json", action="store_true", help="no screen: one JSON object a second")
    parser.add_argument("--log", type=Path, metavar="FILE", help="write every message to this file, too, with date and time")
    parser.add_argument("--seconds", type=float, metavar="S", help="end after this time (default: when you press q)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Play until q, Ctrl-C, or the end of --seconds; print what was recorded."""
    check(arguments)
    params, channels = checked_params(arguments), parse_channels(arguments.channels)
    split = parse_pitch(arguments.split or "C4")
    from rtsep.hosts.live import LiveJob, live

    job = LiveJob(tuple(arguments.midi), tuple(arguments.presets), arguments.by, split,
                  channels, params, tuple(arguments.route), arguments.midi_offset_ms,
                  arguments.record, arguments.overwrite, arguments.seconds, None, arguments.measure_latency, arguments.mosaic,
                  tuple(arguments.keep), arguments.save_background, shlex.join(["rtsep", *arguments.words]),
                  arguments.drum_map, arguments.record_format, arguments.pre_fader, arguments.log)
    open_device = _jack(arguments) if arguments.jack else _portaudio(arguments)
    from rtsep.hosts.driver import quiet_session

    with quiet_session(), _face(arguments) as face:
        report = live(job, open_device, face)
    _tell(report)


def _portaudio(arguments: argparse.Namespace) -> Any:
    from rtsep.hosts.portaudio import Opener, Wanted

    return Opener(Wanted(arguments.input, arguments.output, arguments.inputs, arguments.outputs, arguments.rate,
                         arguments.block, arguments.allow_feedback))


def _jack(arguments: argparse.Namespace) -> Any:
    from rtsep.hosts.jack import JackClient

    return lambda _rescan: JackClient(arguments.inputs or 2)


def _face(arguments: argparse.Namespace) -> Any:
    from rtsep.hosts.display import LineFace, ScreenFace

    if arguments.json or arguments.no_ui or not sys.stdout.isatty():
        return LineFace(arguments.json)
    return ScreenFace()


def _tell(report: dict[str, Any]) -> None:
    """Print the final messages on stderr, after the screen has closed."""
    counters = report["counters"]
    played = counters["samples"] / report["sample_rate"]
    waited = counters["late_blocks"] - counters["late_by_work"] if report["knows_work"] else 0
    told = f" ({waited} of which had to wait for other programs)" if waited > 0 else ""
    xruns = f", {counters['xruns']} xrun{'s' * (counters['xruns'] > 1)}" if counters["xruns"] else ""
    print(f"rtsep: played {played:.1f} s, {counters['late_blocks']} of {counters['blocks']} blocks late{told}{xruns}",
          file=sys.stderr)
    if report["measured_ms"] is not None:
        print(f"rtsep: measured latency of the device: {report['measured_ms']:.1f} ms", file=sys.stderr)
    for path in report["saved_presets"]:
        print(f"rtsep: saved what was learnt in {path}", file=sys.stderr)
    for take in report["takes"]:
        count = take["gaps"]
        gaps = f", of which {take['gap_s']:.1f} s are silence in {count} gap{'s' * (count > 1)}" if count else ""
        print(f"rtsep: recorded {take['seconds']:.1f} s into {take['folder']}{gaps}", file=sys.stderr)
        clipped = [f"samples that were clipped: {take['clipped_samples']}; --record-format wav has no limit"]
        say_warnings(take["warnings"] + (clipped if take["clipped_samples"] else []))
