"""Stage: notes open and close templates. See `rtsep.stages.gate`."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from rtsep.reference.notes import Note
from rtsep.reference.passed import Floats, Group, Open
from rtsep.reference.setup import Setup
from rtsep.stages.polyphony import LATER, NEVER

StemPitch = tuple[int, int]


def open_pitches(notes: Iterable[Note], end: int) -> dict[StemPitch, int]:
    """(stem, pitch) of the notes that the frame ending at `end` contains, and the latest onset of each (LATER: unheard)."""
    found: dict[StemPitch, int] = {}
    for note in notes:
        if note.onset < end < note.close:
            key = (note.stem, note.pitch)
            heard = [onset for onset in (note.sounds_from, found.get(key, LATER)) if onset != LATER]
            found[key] = max(heard, default=LATER)
    return dict(sorted(found.items()))


def within_limit(found: dict[StemPitch, int], H: Floats, end: int, setup: Setup) -> list[StemPitch]:
    """The (stem, pitch) that stay open: the quietest close first, and the oldest among equals; young ones count as loud."""

    def loudness(key: StemPitch) -> tuple[float, int]:
        young = end - found[key] < setup.size
        return (math.inf if young else H[key[0], setup.rows[key]].sum(), found[key])

    kept = sorted(found, key=loudness)
    while sum(len(setup.rows[key]) for key in kept) > setup.open_limit:
        kept.pop(0)
    return sorted(kept)


def open_rows(
    found: dict[StemPitch, int], kept: list[StemPitch], early: set[StemPitch], end: int, setup: Setup
) -> list[tuple[int, int, int]]:
    """(stem, row, onset) of the open rows: those of `kept` for the age of their note, and first rows of drums in `early`.

    Drums in `early` were perhaps struck and are not told yet; their rows open only up to the limit.
    """
    room = setup.open_limit - sum(len(setup.rows[key]) for key in kept)
    opened = []
    for key in sorted({*kept, *early}):
        young = [row for row in setup.rows[key] if key in kept
                 and setup.row_age[row, 0] <= max(end - found[key], 0) < setup.row_age[row, 1]]
        first = [row for row in setup.rows[key] if key in early and setup.drums[key[0]] and row not in young
                 and setup.row_age[row, 0] < setup.early][:room]
        room -= len(first)
        opened += [(key[0], row, found[key]) for row in young] + [(key[0], row, NEVER) for row in first]
    return opened


def grouped(opened: list[tuple[int, int, int]], setup: Setup) -> Open:
    """The open (stem, row, onset), and the groups of each stem's pitch; rows that are open early form separate groups."""
    groups: dict[tuple[int, int, bool], Group] = {}
    for i, (stem, row, onset) in enumerate(opened):
        pitch, told = setup.pitch_of[row], onset != NEVER
        groups.setdefault((stem, pitch, told), Group(stem, pitch, onset, told)).members.append(i)
    stem_of, rows, onsets = np.array(opened, np.int64).reshape(-1, 3).T
    return Open(stem_of, rows, onsets, list(groups.values()))


@dataclass
class Gate:
    """Which templates are open, frame by frame."""

    setup: Setup
    played: set[StemPitch] = field(default_factory=set)  # all that were told so far
    closed_rows: int = 0  # rows closed because too many were open

    def step(self, notes: list[Note], H: Floats, struck: int, end: int) -> Open:
        """The templates that the frame before `end` may contain.

        H [stem, row] are the last frame's activations, which tell which notes are quiet. `struck` is the sample of the last
        stroke.
        """
        setup = self.setup
        if end <= setup.lead_in:
            return grouped([], setup)
        if not setup.gated:
            keys = [(int(stem), int(pitch)) for stem, pitch in np.argwhere(setup.reach)]
            return grouped([(stem, row, 0) for stem, pitch in keys for row in setup.rows[stem, pitch]], setup)
        found = open_pitches(notes, end)
        kept = within_limit(found, H, end, setup)
        self._count_closed(found, set(kept), H, end)
        self.played |= {key for key, onset in found.items() if onset > 0}
        early = self.played if end - struck < setup.early else set()
        return grouped(open_rows(found, kept, early, end, setup), setup)

    def _count_closed(self, found: dict[StemPitch, int], kept: set[StemPitch], H: Floats, end: int) -> None:
        """Count each closing once: if the pitch was open in the last frame, or would open now."""
        for key in found.keys() - kept:
            if 0 <= end - found[key] <= self.setup.hop or H[key[0], self.setup.rows[key]].sum() > 0:
                self.closed_rows += len(self.setup.rows[key])
