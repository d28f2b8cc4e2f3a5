"""The display of live playing: a screen, one line per second, or JSON for other programs.

The screen uses rich, which the tables need in any case. Unlike textual, it has no event loop that takes over the program, and
it adds no package. Every picture fills the alternate screen, so nothing is left of an earlier picture or of another size.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from rich.console import Console, ConsoleDimensions
from rich.control import Control
from rich.screen import Screen

from rtsep.engine.separator import SILENT_DB
from rtsep.hosts.checkup import Measure
from rtsep.hosts.ending import telling_gone
from rtsep.hosts.keys import Keys
from rtsep.hosts.panel import Panel
from rtsep.hosts.player import Player
from rtsep.hosts.screen import screen
from rtsep.hosts.status import Status

FRAME_S, LINE_S = 0.1, 1.0  # Seconds between two pictures on the screen, and between two lines of text.


def status_line(status: Status) -> str:
    """The status as one line of plain text."""
    loudest = max(status.input_db, default=SILENT_DB)
    stems = " ".join(f"{stem.name} {stem.peak_db:.0f}" for stem in status.stems)
    told = "; ".join(text for text in ("" if status.state == "playing" else status.state, status.hint, status.scene,
                                       status.following, status.playback, status.recording and f"recording {status.recording}",
                                       "frozen" if status.frozen else "") if text)
    latency_ms = 1000 * status.latency_samples / status.sample_rate + (status.device_latency_ms or 0.0)
    line = (f"{status.seconds:.0f} s: in {loudest:.0f} dB, {stems}; notes {len(status.held)}; "
            f"latency {latency_ms:.1f} ms; load {100 * status.load:.0f}/{100 * status.worst_load:.0f} %, "
            f"late {status.late_blocks}" + (f", xruns {status.xruns}" if status.xruns else ""))
    return (f"{line}; {told}" if told else line).encode("ascii", "replace").decode()


def status_json(status: Status) -> str:
    """The status as one JSON object."""
    return json.dumps(asdict(status) | {"counters": dict(status.counters)}, allow_nan=False)


class ScreenFace:
    """Screen and keys. A check measures the tuning by `measure_cents`; `invitation`: the page's link. Thread: control."""

    def __init__(
        self, console: Console | None = None, measure_cents: Measure | None = None, invitation: Sequence[str] = ()
    ) -> None:
        self._console = console or Console()
        self._keys = Keys(self._leave, self._enter)
        self._panel, self._next_s = Panel(measure_cents, invitation), 0.0
        self._size = (0, 0)

    def __enter__(self) -> ScreenFace:
        self._keys.__enter__()
        self._enter()
        return self

    def __exit__(self, *error: Any) -> None:
        with suppress(OSError):  # Perhaps the terminal is gone.
            self._leave()
        self._keys.__exit__(*error)

    def _enter(self) -> None:
        """Switch to the alternate screen."""
        self._console.set_alt_screen(True)
        self._console.show_cursor(False)
        self._size = (0, 0)

    def _leave(self) -> None:
        """Switch back to the screen as it was."""
        self._console.set_alt_screen(False)
        self._console.show_cursor(True)

    def show(self, status: Status) -> None:
        """Draw at most ten times a second."""
        if time.monotonic() >= self._next_s:
            self._next_s = time.monotonic() + FRAME_S
            with telling_gone():
                self._draw(status)

    def _draw(self, status: Status) -> None:
        self._panel.status = status
        width, height = self._present_size()
        if (width, height) != self._size:  # The terminal has perhaps moved its text.
            self._size = (width, height)
            self._console.clear()
        picture = screen(status, self._panel.selected, width, height, self._panel.listing)
        self._console.control(Control.home())
        self._console.print(Screen(picture), end="")

    def _present_size(self) -> tuple[int, int]:
        """Columns and lines of the terminal now; the environment does not count."""
        with suppress(OSError, ValueError):
            columns, lines = os.get_terminal_size(self._console.file.fileno())
            if columns and lines:
                self._console.size = ConsoleDimensions(columns, lines)
        return self._console.size

    def act(self, player: Player) -> bool:
        """Do what the pressed keys ask for. Returns False to quit."""
        with telling_gone():
            keys = self._keys.read()
        return all([self._panel.press(key, player) for key in keys])


class LineFace:
    """One line or JSON object per second on standard output, and messages as they come. No keys."""

    def __init__(self, as_json: bool, console: Console | None = None) -> None:
        self._console = console or Console(soft_wrap=True)
        self._text = status_json if as_json else status_line
        self._as_json, self._next_s, self._said = as_json, 0.0, 0

    def __enter__(self) -> LineFace:
        return self

    def __exit__(self, *_error: object) -> None:
        return None

    def show(self, status: Status) -> None:
        """Print new messages, and the status if it is time."""
        for message in status.messages:
            if message.number > self._said:
                self._said = message.number
                if not self._as_json:
                    self._print(message.text)
        if time.monotonic() >= self._next_s:
            self._next_s = time.monotonic() + LINE_S
            self._print(self._text(status))

    def _print(self, line: str) -> None:
        with telling_gone():
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def act(self, _player: Player) -> bool:
        """Go on."""
        return True
