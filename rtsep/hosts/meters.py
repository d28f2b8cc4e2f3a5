"""Meters and keys as lines of text."""

from __future__ import annotations

from dataclasses import dataclass

from rich.text import Text

from rtsep.engine.separator import SILENT_DB
from rtsep.hosts.status import Hold, StemStatus
from rtsep.hosts.words import note_name

YELLOW_DB, RED_DB = -12.0, -3.0  # A meter is yellow above the first level, in dBFS, and red above the second.
LOWEST_DB = -60.0  # A meter is empty at this level, in dBFS.
FIRST_KEY, LAST_KEY = 21, 108  # MIDI pitches of a piano's lowest and highest key.
BLACK = frozenset((1, 3, 6, 8, 10))  # Pitch classes of the black keys.
WIDE = 72  # From this many columns on, the held peak is also written as a number.


def _filled(db: float, width: int) -> int:
    return round(width * min(max(1 - db / LOWEST_DB, 0.0), 1.0))


def meter(db: float, width: int, held_db: float = SILENT_DB) -> Text:
    """A bar from -60 to 0 dBFS with a mark at the held peak; yellow above -12, red above -3."""
    filled, held = _filled(db, width), _filled(held_db, width)
    yellow, red = _filled(YELLOW_DB, width), _filled(RED_DB, width)
    bar = "█" * filled + "·" * (width - filled)
    if held > filled:
        bar = bar[: held - 1] + "│" + bar[held:]
    text = Text(bar, style="dim")
    for first, end in ((0, filled), (held - 1, held) if held > filled else (0, 0)):
        text.stylize("not dim green", first, min(end, yellow))
        text.stylize("not dim yellow", max(first, yellow), min(end, red))
        text.stylize("not dim red", max(first, red), end)
    return text


def level_row(
    name: str, peak_db: float, hold: Hold, width: int, names: int, stem: StemStatus | None = None, chosen: bool = False
) -> Text:
    """A line of `width` columns: name, meter, level, for a stem its gain, S and M, and the clip mark."""
    wide = width >= WIDE
    level = f"{peak_db:4.0f}" if peak_db > SILENT_DB else "   –"
    tail = Text(f" {level}{' dB' if wide else ''}")
    if wide:
        tail.append(f" peak {hold.db:4.0f}" if hold.db > SILENT_DB else " " * 10)
    gain = "" if stem is None else "off" if stem.gain_db <= SILENT_DB else f"{stem.gain_db:+.1f}"
    tail.append(f"{gain:>9}{' dB' if wide and gain not in ('', 'off') else '   ' if wide else ''}" if wide else f"{gain:>6}")
    for on, letter, style in ((stem and stem.soloed, "S", "bold yellow"), (stem and stem.muted, "M", "bold red")):
        tail.append(f" {letter}" if wide else letter, style=style) if on else tail.append(" " * (1 + wide))
    tail.append((" CLIP" if wide else "C") if hold.clipped else " " * (5 if wide else 1), style="bold white on red")
    head = Text(f"{'›' if chosen else ' '} {name[:names]:{names}} ", style="bold" if chosen else "")
    return head.append_text(meter(peak_db, max(width - len(head) - len(tail), 4), hold.db)).append_text(tail)


@dataclass(frozen=True)
class HeldKeys:
    """Held pitches: those of each hand, and those that are uncertain between the hands."""

    held: tuple[int, ...] = ()
    left: tuple[int, ...] = ()
    right: tuple[int, ...] = ()
    uncertain: tuple[int, ...] = ()

    def mark(self, pitch: int) -> tuple[str, str]:
        """The mark of a held key and its colour. A hand fills its half of the column, or draws a thin line if uncertain."""
        hands = (pitch in self.left, pitch in self.right)
        marks = {(True, False): ("▌▏", "cyan"), (False, True): ("▐▕", "magenta")}
        if hands not in marks:
            return "█", "bold cyan"
        shapes, colour = marks[hands]
        return (shapes[1], colour) if pitch in self.uncertain else (shapes[0], f"bold {colour}")

    def names(self) -> str:
        """The names of the keys, those of a hand after L or R. Uncertain keys have a question mark."""
        others = [pitch for pitch in self.held if pitch not in (*self.left, *self.right)]
        told = [(letter, [note_name(pitch) + "?" * (pitch in self.uncertain) for pitch in keys])
                for letter, keys in (("", others), ("L ", self.left), ("R ", self.right))]
        return "keys: " + ("  ".join(letter + " ".join(keys) for letter, keys in told if keys) or "–")


def keyboard(keys: HeldKeys) -> Text:
    """The 88 keys of a piano, one column each, with held keys filled."""
    text = Text()
    for pitch in range(FIRST_KEY, LAST_KEY + 1):
        black = pitch % 12 in BLACK
        if pitch in keys.held:
            mark, style = keys.mark(pitch)
            text.append(mark, style=style)
        else:
            text.append("▪" if black else ("|" if pitch % 12 == 0 else "_"), style="dim")
    return text
