"""The display of live playing: a screen, one line per second, or JSON for other programs.

The screen uses rich, which the tables need anyway: it redraws without flicker, and unlike textual it has no event loop that
would take over the program.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from rtsep.engine.separator import SILENT_DB
from rtsep.hosts.keys import HELP, Keys, Panel
from rtsep.hosts.playback_keys import FILE_HELP
from rtsep.hosts.player import Player
from rtsep.hosts.status import Status, StemStatus

FRAME_S, LINE_S = 0.1, 1.0  # Seconds between two pictures on a terminal, and between two lines elsewhere.
YELLOW_DB, RED_DB = -12.0, -3.0  # A meter is yellow and red above these levels, in dBFS.
LOWEST_DB = -60.0  # Level, in dB, at which a meter is empty.
FIRST_KEY, LAST_KEY = 21, 108  # MIDI pitches of a piano's lowest and highest key.
BLACK = frozenset((1, 3, 6, 8, 10))  # Pitch classes of the black keys.


def meter(db: float, width: int) -> Text:
    """A bar from -60 to 0 dBFS; yellow above -12, red above -3."""
    filled = round(width * min(max(1 - db / LOWEST_DB, 0.0), 1.0))
    yellow, red = round(width * (1 - YELLOW_DB / LOWEST_DB)), round(width * (1 - RED_DB / LOWEST_DB))
    text = Text("█" * filled + "·" * (width - filled), style="dim")
    text.stylize("not dim green", 0, min(filled, yellow))
    text.stylize("not dim yellow", min(filled, yellow), min(filled, red))
    text.stylize("not dim red", min(filled, red), filled)
    return text


def keyboard(held: tuple[int, ...]) -> Text:
    """The 88 keys of a piano, one column each, with held keys filled."""
    text = Text()
    for pitch in range(FIRST_KEY, LAST_KEY + 1):
        black = pitch % 12 in BLACK
        if pitch in held:
            text.append("█", style="bold cyan")
        else:
            text.append("▪" if black else ("|" if pitch % 12 == 0 else "_"), style="dim")
    return text


def latency_text(status: Status) -> str:
    """The latency from microphone to loudspeaker, and how it is known."""
    engine_ms = 1000 * status.latency_samples / status.sample_rate
    text = f"mode {status.mode}, latency {engine_ms:.1f} ms ({status.latency_samples} samples)"
    if status.device_latency_ms is None:
        return text + " + the device's, which is unknown"
    total = engine_ms + status.device_latency_ms
    return f"{text} + {status.device_latency_ms:.1f} ms ({status.device_latency_source}) = {total:.1f} ms"


def late_text(status: Status) -> str:
    """The number of late blocks, and how many of them waited for a processor that other programs used."""
    blocks = "late block" if status.late_blocks == 1 else "late blocks"
    waited = 0 if status.late_by_work is None else status.late_blocks - status.late_by_work
    return f"{blocks} ({waited} waited for other programs)" if waited > 0 else blocks


def losses_text(status: Status) -> str:
    """The load, and the problems that were counted."""
    losses = {late_text(status): status.late_blocks, "underflows": status.underflows, "overflows": status.overflows,
              "xruns": status.xruns, "bad samples": status.bad_samples, "notes dropped": status.dropped_notes,
              "clipped": status.clipped_samples}
    told = ", ".join(f"{count} {name}" for name, count in losses.items() if count) or "no dropouts"
    worst = f"worst {100 * status.peak_load:.0f} % in 10 s, {100 * status.worst_load:.0f} % in all"
    return f"load {100 * status.load:.0f} % ({worst}), blocks of {status.block_samples}, {told}"


def _stem_row(stem: StemStatus, chosen: bool, width: int) -> tuple[RenderableType, ...]:
    gain = "off" if stem.gain_db <= SILENT_DB else f"{stem.gain_db:+.1f} dB"
    buttons = Text.assemble(("S", "bold yellow") if stem.soloed else ("·", "dim"), " ",
                            ("M", "bold red") if stem.muted else ("·", "dim"))
    return ("›" if chosen else " ", Text(stem.name, style="bold" if chosen else ""), meter(stem.peak_db, width), gain, buttons)


def screen(status: Status, selected: int, width: int) -> RenderableType:
    """The whole status on one screen of `width` columns."""
    bar = max(min(width - 44, 60), 10)
    levels = Table(box=None, show_header=False, pad_edge=False)
    for name, peaks in (("in", status.input_db), ("out", status.output_db)):
        for number, peak in enumerate(peaks[:8], 1):
            levels.add_row(" ", f"{name} {number}", meter(peak, bar), f"{peak:.0f} dB" if peak > SILENT_DB else "", "")
    for number, stem in enumerate(status.stems):
        levels.add_row(*_stem_row(stem, number == selected, bar))
    played = "bypass: the input as it is" if status.bypass else f"{100 * status.wet:.0f} % separated"
    head = Table(box=box.SIMPLE, show_header=False, width=width)
    head.add_row(Text(f"{status.device}, {status.sample_rate:g} Hz", style="bold" if status.state == "playing" else "bold red"))
    if status.state != "playing":
        head.add_row(Text(status.state, style="red"))
    head.add_row(Text(latency_text(status)))
    if status.mode_chosen:
        head.add_row(Text(f"mode {status.mode} since {status.mode_chosen}; --mode chooses another one", style="dim"))
    head.add_row(Text(losses_text(status), style="red" if status.late_blocks + status.underflows + status.xruns else ""))
    head.add_row(Text(f"preset {status.preset}, {played}; MIDI: {', '.join(status.midi) or 'none'}"))
    for line in filter(None, (status.scene, status.playback)):
        head.add_row(Text(line, style="bold"))
    notes = [Text(line, style=style) for line, style in (
        (status.recording and f"recording {status.recording}", "red"), (status.hint, "yellow"), (status.message, "")) if line]
    return Group(head, levels, Text(), keyboard(status.held) if width >= 88 else Text(_note_names(status.held)), *notes,
                 Text(HELP, style="dim"), *([Text(FILE_HELP, style="dim")] if status.playback else []))


def _note_names(held: tuple[int, ...]) -> str:
    names = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
    return "notes: " + " ".join(f"{names[pitch % 12]}{pitch // 12 - 1}" for pitch in held)


def status_line(status: Status) -> str:
    """The status as one line of plain text."""
    loudest = max(status.input_db, default=SILENT_DB)
    stems = " ".join(f"{stem.name} {stem.peak_db:.0f}" for stem in status.stems)
    told = "; ".join(text for text in ("" if status.state == "playing" else status.state, status.hint, status.scene,
                                       status.playback, status.recording and f"recording {status.recording}") if text)
    latency_ms = 1000 * status.latency_samples / status.sample_rate + (status.device_latency_ms or 0.0)
    line = (f"{status.seconds:.0f} s: in {loudest:.0f} dB, {stems}; notes {len(status.held)}; "
            f"latency {latency_ms:.1f} ms; load {100 * status.load:.0f}/{100 * status.worst_load:.0f} %, "
            f"late {status.late_blocks}" + (f", xruns {status.xruns}" if status.xruns else ""))
    return (f"{line}; {told}" if told else line).encode("ascii", "replace").decode()


def status_json(status: Status) -> str:
    """The status as one JSON object."""
    return json.dumps(asdict(status) | {"counters": dict(status.counters)}, allow_nan=False)


class ScreenFace:
    """The screen and its keys. Thread: control."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console()
        self._live = Live(console=self._console, auto_refresh=False, screen=False, transient=True)
        self._keys = Keys(lambda: self._console.show_cursor(True), self._anew)
        self._panel, self._next_s = Panel(), 0.0

    def __enter__(self) -> ScreenFace:
        self._keys.__enter__()
        self._live.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        with suppress(OSError):  # The terminal may be gone.
            self._live.__exit__(*error)
        self._keys.__exit__(*error)

    def _anew(self) -> None:
        """Begin on an empty screen: a shell has written on it."""
        self._console.clear()
        self._console.show_cursor(False)

    def show(self, status: Status) -> None:
        """Draw at most ten times a second."""
        if time.monotonic() >= self._next_s:
            self._next_s = time.monotonic() + FRAME_S
            self._live.update(screen(status, self._panel.selected, self._console.width), refresh=True)

    def act(self, player: Player) -> bool:
        """Do what the pressed keys ask for; False to quit."""
        return all([self._panel.press(key, player) for key in self._keys.read()])


class LineFace:
    """One line or JSON object per second on standard output, and messages as they come. No keys."""

    def __init__(self, as_json: bool, console: Console | None = None) -> None:
        self._console = console or Console(soft_wrap=True)
        self._text = status_json if as_json else status_line
        self._as_json, self._next_s, self._said = as_json, 0.0, ""

    def __enter__(self) -> LineFace:
        return self

    def __exit__(self, *_error: object) -> None:
        return None

    def show(self, status: Status) -> None:
        """Print when it is time, or when something happened."""
        if status.message != self._said:
            self._said = status.message
            if not self._as_json:
                self._print(status.message)
        if time.monotonic() >= self._next_s:
            self._next_s = time.monotonic() + LINE_S
            self._print(self._text(status))

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def act(self, _player: Player) -> bool:
        """Go on."""
        return True
