"""`rtsep live`: the engine on a sound device, with a MIDI keyboard."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rtsep.commands.common import (
    add_drum_map,
    add_keeping,
    add_mosaic,
    add_params,
    add_preset,
    add_score,
    checked_params,
    file_or_none,
    say_warnings,
)
from rtsep.commands.follow_options import add_follow, read_followed
from rtsep.commands.listen_options import add_listen, listening_of
from rtsep.commands.live_checks import check, parse_channels, parse_loop
from rtsep.commands.live_remote import add_remote, check_remote, with_remote
from rtsep.commands.live_setup import renames_stems, scenes_of, with_setup
from rtsep.commands.voice_options import PLAYED, add_voice, played_voice_of, range_of
from rtsep.hosts.asked import BY, FORMATS
from rtsep.hosts.setup_reading import read_setup
from rtsep.hosts.setups import Setup
from rtsep.notes.pitch import parse_pitch


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "live", help="separate the sound of a microphone while you play",
        description="Separates the sound of an input device while you play, with the notes of MIDI keyboards, and plays the "
        "mix of the stems: mute a hand, solo the piano, turn down everything else. rtsep devices lists devices and ports. "
        "While it plays, key ? lists the keys, and key o lists all controls and lets a MIDI knob or button learn them.")
    _declare(parser)
    parser.set_defaults(run=lambda arguments: run(parser, arguments))


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("setup", nargs="?", metavar="SETUP",
                        help="set-up to start from: a TOML file that sets these options and more. Give its name, or the path "
                        "of the file; options on the command line overrule it")
    parser.add_argument("--save-setup", metavar="NAME",
                        help="at the end, and whenever you press S, save the present settings as a set-up: give its name, or "
                        "the path of the file")
    parser.add_argument("--input", metavar="DEV",
                        help="input device: its number, its name or a part of the name (default: the default of the system)")
    parser.add_argument("--output", metavar="DEV", help="output device (default: the default of the system)")
    parser.add_argument("--inputs", type=int, default=0, metavar="N", help="number of input channels (default: all, at most 2)")
    parser.add_argument("--outputs", type=int, default=0, metavar="N",
                        help="number of output channels (default: all, at most 2)")
    parser.add_argument("--rate", type=float, default=0.0, metavar="HZ", help="sample rate (default: the device's)")
    parser.add_argument("--block", type=int, default=0, metavar="SAMPLES",
                        help="samples in a block of the device (default: what it prefers; 1024 on PulseAudio)")
    parser.add_argument("--midi", action="append", default=[], metavar="PORT",
                        help="MIDI port that the notes come from: its number, its name or a part of the name. rtsep waits for "
                        "a port that is not there yet. Can be given several times. Without it every template is open (in rtsep "
                        "render, --midi is a file)")
    parser.add_argument("--channels", default="", metavar="LIST", help="MIDI channels to listen to, such as 1,3 (default: all)")
    parser.add_argument("--by", choices=BY, default="port",
                        help="what makes a stem: port = a MIDI port; channel = a channel of --channels; split = the keys on "
                        "one side of --split (without channel 10); hands = a hand of the player, found from the notes so far "
                        "(without channel 10); drum = a group of drums (kick, snare, hihat, toms, cymbals, percussion); all = "
                        "all notes together (default: %(default)s)")
    add_listen(parser, "in place of a keyboard. The sound is 80 ms later then, 140 ms with --line (--set lookahead_ms)")
    add_score(parser, ". Without a keyboard, rtsep live follows the score by the sound")
    add_follow(parser)
    add_voice(parser, PLAYED)
    add_drum_map(parser)
    parser.add_argument("--split", metavar="NOTE", help="lowest note of the stem `high` with --by split (default: C4)")
    parser.add_argument("--midi-offset-ms", type=float, default=0.0, metavar="MS",
                        help="delay of the notes, 0 to 1000 ms, for sound that comes later than its notes")
    add_preset(parser)
    add_params(parser)
    add_mosaic(parser)
    parser.add_argument("--play", type=file_or_none, metavar="FILE",
                        help="play this recording instead of the sound of an input; with --input, play both. Keys on the "
                        "screen pause, seek, loop, and change speed and levels")
    parser.add_argument("--play-midi", type=file_or_none, metavar="FILE",
                        help="notes of the recording (MIDI, or any file that rtsep render --midi takes). Each of its tracks is "
                        "a stem, unless you give --by or --midi")
    parser.add_argument("--speed", type=float, default=1.0, metavar="FACTOR",
                        help="speed of the recording at the same pitch, 0.25 to 2; needs pip install 'rtsep[speed]'")
    parser.add_argument("--loop", metavar="FROM-TO", help="repeat this part of the recording, such as 0:42-0:50")
    parser.add_argument("--route", action="append", default=[], metavar="STEM=OUTPUTS",
                        help="play a stem, or mix, on these outputs, such as residual=3-4; can be given several times "
                        "(default: mix=1-2)")
    parser.add_argument("--pre-fader", action=argparse.BooleanOptionalAction, default=False,
                        help="gain, mute and solo change the mix only, not the outputs of single stems (--route, --jack)")
    parser.add_argument("--record", type=file_or_none, metavar="NAME",
                        help="record input, stems and notes from the start, into a folder with this name, or NAME-1, NAME-2 "
                        "... if there is one already")
    parser.add_argument("--take", type=file_or_none, metavar="NAME",
                        help="name for the takes that key r records: folders NAME, NAME-1 ... (default: the name of --record, "
                        "else take)")
    parser.add_argument("--record-format", choices=FORMATS, default="wav",
                        help="format of recordings: wav = 32-bit float, which never clips; flac = 24 bits, half the size "
                        "(default: %(default)s)")
    add_keeping(parser, "at the end, every minute, and whenever you press k")
    parser.add_argument("--overwrite", action="store_true",
                        help="replace a preset or set-up that is there already; a recording is never replaced")
    parser.add_argument("--jack", action=argparse.BooleanOptionalAction, default=False,
                        help="be a JACK client: each stem has a port, and notes, knobs and buttons come by JACK MIDI (needs "
                        "pip install 'rtsep[jack]'). The options of devices (--input, --rate, --block, --route ...) do not go "
                        "with it")
    parser.add_argument("--allow-feedback", action=argparse.BooleanOptionalAction, default=False,
                        help="allow the microphone and the loudspeaker of one computer together: only with headphones")
    parser.add_argument("--measure-latency", action="store_true",
                        help="measure the latency of the device first: connect output 1 to input 1 by a cable, and rtsep plays "
                        "noise for some seconds. It refuses to measure any other sound")
    parser.add_argument("--check", action="store_true",
                        help="check instead of a session: play for 10 s (or --seconds), and read in a short table whether "
                        "level, timing of the notes, tuning, blocks and disk are right, and what to do if not; exit code 0 if "
                        "all is right, else 1")
    add_remote(parser)
    parser.add_argument("--no-ui", action="store_true", help="no screen: print one status line per second")
    parser.add_argument("--json", action="store_true", help="no screen: print one JSON object per second")
    parser.add_argument("--log", type=Path, metavar="FILE", help="write all messages, also those of ALSA and JACK, to this "
                        "file, with date and time")
    parser.add_argument("--seconds", type=float, metavar="S", help="end after this time (default: when you press q)")


def run(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """Play until q, Ctrl-C, or the end of --seconds; then print what was recorded."""
    setup = None if arguments.setup is None else read_setup(arguments.setup)
    if setup is None:
        _play(arguments, None)
        return
    with setup.telling_where():
        _play(with_setup(parser, arguments, setup), setup)


def _play(arguments: argparse.Namespace, setup: Setup | None) -> None:
    check(arguments)
    check_remote(arguments)
    given, channels = {**checked_params(arguments), **range_of(arguments)}, parse_channels(arguments.channels)
    split, loop = parse_pitch(arguments.split or "C4"), parse_loop(arguments.loop)
    from rtsep.hosts.live import live
    from rtsep.hosts.live_job import LiveJob

    scenes = scenes_of(setup, arguments.presets, given)
    recording, followed = _recording(arguments), read_followed(arguments)
    has_keys = sys.stdin is not None and sys.stdin.isatty() and not _is_plain(arguments)
    job = LiveJob(
        jack=arguments.jack, **played_voice_of(arguments, followed),
        presets=scenes[0].presets, by=arguments.by, split_pitch=split, channels=channels, params=scenes[0].params,
        routes=tuple(arguments.route), midi_offset_ms=arguments.midi_offset_ms,
        record=arguments.record, overwrite=arguments.overwrite, seconds=arguments.seconds,
        measure_latency=arguments.measure_latency, mosaic=arguments.mosaic, keep=tuple(arguments.keep),
        keep_background=arguments.save_background, made_by=shlex.join(["rtsep", *arguments.words]),
        drum_map=arguments.drum_map, score=arguments.score, followed=followed, **listening_of(arguments),
        record_format=arguments.record_format, pre_fader=arguments.pre_fader, take=arguments.take, setup=setup, start=scenes[0],
        scenes=scenes if setup is not None and setup.scenes else (), other_stems=renames_stems(arguments, setup),
        recording=recording, loop=loop, speed=arguments.speed, ends_with_recording=not has_keys,
        save_setup=arguments.save_setup, log=arguments.log)
    open_device = _jack(arguments) if arguments.jack else _portaudio(arguments, recording)
    from rtsep.hosts.driver import quiet_session

    if arguments.check:
        from rtsep.commands.live_checkup import check_up

        if not check_up(job, open_device):
            raise SystemExit(1)
        return

    chosen = with_remote(arguments, lambda invitation: _face(arguments, invitation))
    with quiet_session(), chosen as face:
        report = live(job, open_device, face)
    _tell(report)


def _recording(arguments: argparse.Namespace) -> Any:
    """The recording that --play names; None without --play."""
    if arguments.play is None:
        return None
    from rtsep.hosts.recording import import_stretch, open_recording

    if arguments.speed != 1:
        import_stretch()
    return open_recording(arguments.play, arguments.play_midi)


def _portaudio(arguments: argparse.Namespace, recording: Any) -> Any:
    from rtsep.hosts.portaudio import Opener, Wanted

    rate = arguments.rate or (recording.sample_rate if recording is not None else 0.0)
    return Opener(Wanted(arguments.input, arguments.output, arguments.inputs, arguments.outputs, rate,
                         arguments.block, arguments.allow_feedback, _listens(arguments)))


def _listens(arguments: argparse.Namespace) -> bool:
    """Whether an input is heard: beside a recording only if the options ask for one."""
    return arguments.play is None or bool(arguments.input or arguments.inputs)


def _jack(arguments: argparse.Namespace) -> Any:
    from rtsep.hosts.jack import JackClient
    from rtsep.hosts.jack_connections import Connections

    connections = Connections()
    return lambda _rescan: JackClient(arguments.inputs or 2, listens=_listens(arguments), connections=connections)


def _face(arguments: argparse.Namespace, invitation: Sequence[str]) -> Any:
    from rtsep.hosts.display import LineFace, ScreenFace

    if _is_plain(arguments):
        return LineFace(arguments.json)
    from rtsep.commands.live_checkup import measure_cents

    return ScreenFace(measure_cents=measure_cents, invitation=invitation)


def _is_plain(arguments: argparse.Namespace) -> bool:
    """Whether there is no screen."""
    return bool(arguments.json or arguments.no_ui or not sys.stdout.isatty())


def _tell(report: dict[str, Any]) -> None:
    """Print the final messages on stderr, after the screen has closed."""
    from rtsep.hosts.words import counted

    counters = report["counters"]
    played = counters["samples"] / report["sample_rate"]
    waited = counters["late_blocks"] - counters["late_by_work"] if report["knows_work"] else 0
    told = f" ({waited} of them had to wait for other programs)" if waited > 0 else ""
    xruns = f", {counted(counters['xruns'], 'xrun')}" if counters["xruns"] else ""
    print(f"rtsep: played {played:.1f} s, {counters['late_blocks']} of {counters['blocks']} blocks late{told}{xruns}",
          file=sys.stderr)
    if counters["hand_notes"]:
        print(f"rtsep: gave {counted(counters['hand_notes'], 'note')} to the hands: {counters['revised_notes']} changed hands "
              f"within 50 ms, {counters['uncertain_notes']} are uncertain", file=sys.stderr)
    if report["measured_ms"] is not None:
        print(f"rtsep: measured latency of the device: {report['measured_ms']:.1f} ms", file=sys.stderr)
    if report["saved_setup"] is not None:
        print(f"rtsep: saved the set-up in {report['saved_setup']}", file=sys.stderr)
    for path in report["saved_presets"]:
        print(f"rtsep: saved the adapted preset in {path}", file=sys.stderr)
    for take in report["takes"]:
        gaps = f", of which {take['gap_s']:.1f} s are silence in {counted(take['gaps'], 'gap')}" if take["gaps"] else ""
        print(f"rtsep: recorded {take['seconds']:.1f} s into {take['folder']}{gaps}", file=sys.stderr)
        clipped = [f"{counted(take['clipped_samples'], 'sample')} clipped in the recording; --record-format wav never clips"]
        say_warnings(take["warnings"] + (clipped if take["clipped_samples"] else []))
