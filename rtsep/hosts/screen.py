"""The picture of live playing, for a terminal of any size: a small one shows the most important things, and less of others.

Every picture has at most as many lines and columns as the terminal. Latency, load, late blocks, states and messages come first.
Meters get the lines that are left; stems that do not fit scroll with the chosen stem.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

from rtsep.engine.separator import SILENT_DB
from rtsep.hosts.meters import HeldKeys, keyboard, level_row
from rtsep.hosts.status import Hold, Status
from rtsep.hosts.words import latency_texts, losses_texts, recording_text

NARROW = 60  # A terminal with fewer columns than this gets short texts.
LOW = 20  # A terminal with fewer lines than this gets fewer lines for its head and its messages.
LEAST_LIST = 6  # A list has a note if it has more lines than this.
KEYBOARD = 88  # A piano has this many keys, and its picture has as many columns.
HELP = ("?: keys   q: quit   up/down: stem   +/-: gain   m: mute   s: solo   r: record   space: panic",
        "?: keys  q: quit  r: record  space: panic", "? keys  q quit  r record")


@dataclass(frozen=True)
class Listing:
    """A list that covers the meters while it is open.

    `chosen` is the row of the cursor, `note` a text about this row, `keys` a text about the keys.
    """

    title: str
    rows: Sequence[str]
    chosen: int = 0
    note: str = ""
    keys: str = ""


def fitting(width: int, *texts: str) -> str:
    """The first text that fits; the texts come longest first."""
    return next((text for text in texts if len(text) <= width), texts[-1])


def screen(status: Status, selected: int, width: int, height: int, listing: Listing | None = None) -> Text:
    """The whole status on `height` lines of `width` columns."""
    low = height < LOW
    head = [*_head(status, width, low), *_flow(states(status), width)]
    said = _said(status, width, 2 if low else 4)
    foot = [*said, Text(fitting(width, *HELP) if listing is None else listing.keys, style="dim")]
    room = max(height - len(head) - len(foot), 1)
    body = _body(status, selected, width, room) if listing is None else _listed(listing, width, room)
    lines = [*head, *body, *[Text()] * (room - len(body)), *foot][:height]
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return Text("\n", no_wrap=True, end="").join(lines)


def _head(status: Status, width: int, low: bool) -> list[Text]:
    """Device, latency, load and dropouts."""
    playing = status.state == "playing"
    device = f"{status.device}, {status.sample_rate:g} Hz"
    title = Text(device if playing else status.state, style="bold" if playing else "bold red")
    trouble = "red" if status.late_blocks + status.underflows + status.xruns else ""
    losses = Text(fitting(width, *losses_texts(status)), style=trouble)
    if low:
        return [*([] if playing else [title]), Text(fitting(width, *latency_texts(status))), losses]
    title.append(f"   {status.preset}", style="not bold default")
    ports = Text(f"MIDI: {', '.join(status.midi) or 'none'}")
    return [title, Text(fitting(width, *latency_texts(status))), losses, ports]


def states(status: Status) -> list[Text]:
    """The states that stay until they are changed: scene, recording, learning a knob, frozen, bypass, muted, soloed."""
    bypass = "BYPASS: the input as it is" if status.bypass else ""
    wet = f"{100 * status.wet:.0f} % separated" if status.wet < 1 else ""
    muted, soloed = (", ".join(stem.name for stem in status.stems if getattr(stem, kind)) for kind in ("muted", "soloed"))
    found = (
        (status.scene, "bold"), (status.following, "bold"), (status.playback, "bold"),
        (status.voice and f"VOICE {status.voice}", "bold green"),
        (recording_text(status), "bold red"),
        (status.learning and f"LEARNING {status.learning}: move its knob or press its button; Esc cancels", "bold yellow"),
        ("FROZEN: nothing learns" if status.frozen else "", "bold cyan"), (bypass, "bold yellow"),
        (muted and f"MUTED {muted}", "red"), (soloed and f"SOLO {soloed}", "yellow"), (wet, ""))
    return [Text(text, style=style) for text, style in found if text]


def _flow(texts: Sequence[Text], width: int) -> list[Text]:
    """The texts on as few lines as they need. There is at least one line, so that the lines below stay in place."""
    lines = [Text()]
    for text in texts:
        if lines[-1] and len(lines[-1]) + 2 + len(text) > width:
            lines.append(Text())
        lines[-1].append(Text("  " if lines[-1] else "").append_text(text))
    return lines


def _said(status: Status, width: int, most: int) -> list[Text]:
    """Advice, and the messages that have not expired, newest last, on `most` lines. The newest gets at least one line."""
    said = status.messages[len(status.messages) - status.shown :]
    hint = textwrap.wrap(status.hint, width)[: most - bool(said)]
    lines: list[str] = []
    for message in reversed(said):
        wrapped = textwrap.wrap(message.text, width)
        if lines and len(lines) + len(wrapped) > most - len(hint):
            break
        lines = wrapped + lines
    kept = lines[: most - len(hint)]
    if len(kept) < len(lines):
        kept[-1] = kept[-1][: width - 1] + "…"
    found = [Text(line, style="yellow") for line in hint] + [Text(line) for line in kept]
    return [*[Text()] * (most - len(found)), *found]


def _body(status: Status, selected: int, width: int, room: int) -> list[Text]:
    """Meters of inputs, outputs and stems, and the held keys."""
    held = HeldKeys(status.held, status.left, status.right, status.uncertain)
    keys = [keyboard(held) if width >= KEYBOARD else Text(held.names())] if room > 2 else []
    room -= len(keys)
    names = max(min(max((len(stem.name) for stem in status.stems), default=0), 10 if width < NARROW else 20), 6)
    ends = _ends(status, width, names, room - len(status.stems)) if room > 1 else []
    stems = [level_row(stem.name, stem.peak_db, stem.hold, width, names, stem, number == selected)
             for number, stem in enumerate(status.stems)]
    return [*ends, *_around(stems, selected, max(room - len(ends), 1)), *keys]


def _ends(status: Status, width: int, names: int, spare: int) -> list[Text]:
    """Inputs and outputs: one line for each if `spare` lines are enough; else one line for all inputs and one for all outputs;
    else one line for all."""
    ends = [(name, peak, hold) for name, peaks, holds in (
        ("in", status.input_db, status.input_holds), ("out", status.output_db, status.output_holds))
        for peak, hold in zip(peaks, holds, strict=True)]
    if len(ends) <= spare:
        numbered = [f"{name} {1 + sum(other[0] == name for other in ends[:at])}" for at, (name, *_) in enumerate(ends)]
        return [level_row(name, peak, hold, width, names) for name, (_, peak, hold) in zip(numbered, ends, strict=True)]
    loudest = [(name, max(peak for other, peak, _ in ends if other == name),
                Hold(max(hold.db for other, _, hold in ends if other == name),
                     any(hold.clipped for other, _, hold in ends if other == name)))
               for name in dict.fromkeys(name for name, *_ in ends)]
    if len(loudest) <= spare:
        return [level_row(name, peak, hold, width, names) for name, peak, hold in loudest]
    told = [f"{name} {peak:.0f} dB{' CLIP' if hold.clipped else ''}" if peak > SILENT_DB else f"{name} silent"
            for name, peak, hold in loudest]
    return [Text("  " + "   ".join(told), style="red" if any(hold.clipped for *_, hold in loudest) else "")]


def _around(rows: Sequence[Text], chosen: int, room: int) -> list[Text]:
    """As many rows as fit into `room` lines, with the chosen row among them."""
    first = min(max(chosen - room // 2, 0), max(len(rows) - room, 0))
    return list(rows[first : first + room])


def _listed(listing: Listing, width: int, room: int) -> list[Text]:
    """The list under its title, with a mark on the chosen row, and its note below. Rows take as many lines as they need."""
    note = textwrap.wrap(listing.note, width)[:2] if room > LEAST_LIST else []
    lines, cursor = list[Text](), 0
    for at, row in enumerate(listing.rows):
        chosen = at == listing.chosen
        cursor = len(lines) if chosen else cursor
        lines += [Text(line, style="bold" if chosen else "") for line in textwrap.wrap(
            row, width, initial_indent="› " if chosen else "  ", subsequent_indent="    ", replace_whitespace=False)]
    shown = _around(lines, cursor, room - 1 - len(note))
    return [Text(listing.title, style="bold reverse"), *shown, *[Text(line, style="dim") for line in note]][:room]
