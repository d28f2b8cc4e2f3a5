"""What `rtsep live` refuses before anything is loaded: values that are not allowed, and options that would be ignored."""

from __future__ import annotations

import argparse

from rtsep.commands.follow_options import by_sound, check_follow, has_notes
from rtsep.commands.listen_options import check_listen
from rtsep.errors import RtsepError
from rtsep.hosts.asked import FASTEST, SLOWEST, check_by_channel, check_by_hands, check_score, parse_route, parse_time
from rtsep.presets.library import find_preset
from rtsep.presets.wish import parse_wish

MOST_DELAY_MS, MOST_BLOCK = 1000, 16384  # Greatest values of --midi-offset-ms, in ms, and of --block, in samples.
PATCHBAY = "connect the ports with a patchbay, such as qjackctl, or with jack_connect"
SERVER = "the JACK server decides it (jackd -r and -p, or qjackctl's settings)"
NOT_WITH_JACK = {  # Options that a JACK client cannot use, and what to do instead.
    "input": PATCHBAY, "output": PATCHBAY, "allow_feedback": PATCHBAY, "rate": SERVER, "block": SERVER,
    "outputs": "the mix and each stem have as many ports as --inputs says",
    "route": f"the mix and each stem have their own ports; {PATCHBAY}",
}


def check(arguments: argparse.Namespace) -> None:
    """RtsepError for mistakes that the options alone show."""
    check_follow(arguments)
    _check_numbers(arguments)
    parse_channels(arguments.channels)
    parse_loop(arguments.loop)
    if not SLOWEST <= arguments.speed <= FASTEST:
        raise RtsepError(f"--speed {arguments.speed:g}: allowed is {SLOWEST:g} to {FASTEST:g}")
    for route in arguments.route:
        parse_route(route)
    _check_ignored(arguments)
    check_listen(arguments)
    if arguments.by == "channel":
        check_by_channel(has_notes(arguments), arguments.channels)
    if arguments.score is not None and not by_sound(arguments):
        check_score(has_notes(arguments), arguments.by)
    if arguments.by == "hands":
        check_by_hands(has_notes(arguments))
    _check_files(arguments)


def parse_channels(text: str) -> tuple[int, ...]:
    """The value of --channels."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not all(word.isdecimal() and 1 <= int(word) <= 16 for word in words):
        raise RtsepError(f"--channels {text}: give MIDI channels from 1 to 16, such as 1 or 1,3")
    return tuple(sorted({int(word) for word in words}))


def parse_loop(text: str | None) -> tuple[float, ...]:
    """The value of --loop: begin and end in seconds; empty without --loop."""
    if not text:
        return ()
    first, _, last = text.partition("-")
    begin, end = parse_time(first, "--loop"), parse_time(last, "--loop")
    if end <= begin:
        raise RtsepError(f"--loop {text}: give the beginning first, such as 0:42-0:50")
    return begin, end


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _check_numbers(arguments: argparse.Namespace) -> None:
    delay_ms = arguments.midi_offset_ms
    if not 0 <= delay_ms <= MOST_DELAY_MS:
        why = ("rtsep cannot play notes before they come; raise the latency, or delay the sound" if delay_ms < 0
               else f"allowed is 0 to {MOST_DELAY_MS} ms")
        raise RtsepError(f"--midi-offset-ms {delay_ms:g}: {why}")
    if arguments.seconds is not None and not arguments.seconds > 0:
        raise RtsepError(f"--seconds {arguments.seconds:g}: give more than 0")
    if not 0 <= arguments.block <= MOST_BLOCK:
        raise RtsepError(f"--block {arguments.block}: allowed is 0 to {MOST_BLOCK} samples")
    for name in ("inputs", "outputs", "rate"):
        if not getattr(arguments, name) >= 0:
            raise RtsepError(f"{_option(name)} {getattr(arguments, name):g}: give more than 0, or leave it out")


def _check_ignored(arguments: argparse.Namespace) -> None:
    """RtsepError for an option that would have no effect here."""
    for name, instead in NOT_WITH_JACK.items() if arguments.jack else ():
        if getattr(arguments, name):
            raise RtsepError(f"{_option(name)} does not go with --jack: {instead}")
    for name in ("channels", "midi_offset_ms") if not has_notes(arguments) else ():
        if getattr(arguments, name):
            raise RtsepError(f"{_option(name)} needs notes: give --midi PORT, or --jack")
    if arguments.split is not None and arguments.by != "split":
        raise RtsepError(f"--split {arguments.split} needs --by split")
    for name, usual in (("play_midi", None), ("speed", 1.0), ("loop", None)) if arguments.play is None else ():
        if getattr(arguments, name) != usual:
            raise RtsepError(f"{_option(name)} needs a recording: give --play FILE")
    if arguments.pre_fader and not (arguments.jack or arguments.route):
        raise RtsepError("--pre-fader needs outputs of single stems: give --jack, or --route STEM=OUTPUTS")


def _check_files(arguments: argparse.Namespace) -> None:
    """RtsepError for presets and files that do not exist."""
    wish = parse_wish(arguments.presets)
    for name in filter(None, (wish.plain, *wish.by_stem.values())):
        if not find_preset(name).is_file():
            raise RtsepError(f"--preset {name}: there is no such file; rtsep presets lists the presets")
    for option in ("mosaic", "drum_map", "score", "play", "play_midi"):
        path = getattr(arguments, option)
        if path is not None and not path.is_file():
            raise RtsepError(f"{_option(option)} {path}: there is no such file; check the path")
