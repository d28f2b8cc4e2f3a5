"""General MIDI programs: the instruments that the parts of a MIDI file ask for.

A program is a number from 0 (acoustic grand piano) to 127, as in MIDI messages. `DRUMS`, 128, stands for all percussion kits of
channel 10.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

DRUMS = 128  # The number for percussion kits, after MIDI's programs 0 to 127.
CHANNELS = 16  # A MIDI port has this many channels.
DRUM_CHANNEL = 9  # General MIDI's channel of drums, counted from 0.
FAMILY_SIZE = 8  # A family of General MIDI has this many programs.
FAMILIES = ("piano", "chromatic percussion", "organ", "guitar", "bass", "strings", "ensemble", "brass", "reed", "pipe",
            "synth lead", "synth pad", "synth effects", "ethnic", "percussive", "sound effects", "drums")

HELD_FAMILIES = ("organ", "strings", "ensemble", "brass", "reed", "pipe", "synth lead", "synth pad")  # See is_held.
FADING_STRINGS = (45, 46, 47)  # Programs of the family strings whose notes fade: pizzicato, harp and timpani.

Strike = tuple[int, int, int]  # tick, track, channel
Change = tuple[int, int, int, int]  # tick, track, channel, program


def family(program: int) -> str:
    """The General MIDI family of a program, such as strings."""
    return FAMILIES[program // FAMILY_SIZE]


def is_held(program: int) -> bool:
    """Whether a program sounds as long as a key is held, like a violin or an organ; other notes fade, like a piano's."""
    return family(program) in HELD_FAMILIES and program not in FADING_STRINGS


def describe(programs: Iterable[int]) -> str:
    """Programs as text: "40 (strings), 128 (drums)". A run within a family becomes "0 to 3 (piano)"."""
    runs: list[list[int]] = []
    for program in sorted(programs):
        if runs and program == runs[-1][-1] + 1 and family(program) == family(runs[-1][0]):
            runs[-1].append(program)
        else:
            runs.append([program])
    return ", ".join(f"{run[0]} to {run[-1]} ({family(run[0])})" if len(run) > 1 else f"{run[0]} ({family(run[0])})"
                     for run in runs)


def played_programs(
    strikes: Iterable[Strike], changes: Iterable[Change], masters: Mapping[int, int] | None = None
) -> dict[tuple[int, int], int]:
    """The program that plays the most notes of each (track, channel); channels of the second port count on from 16.

    A change applies to its own track. A track without changes on a channel follows tracks that have no notes there. The program
    is 0 until the first change, as in General MIDI. A member of an MPE zone follows its master (`masters`: member to master) if
    nothing changes its own program; it is never drums.
    """
    told, ticks, obeys = sorted(changes, key=lambda change: change[0]), dict[tuple[int, int], list[int]](), masters or {}
    for tick, track, channel in strikes:
        ticks.setdefault((track, channel), []).append(tick)

    def heard(track: int, channel: int) -> list[Change]:
        there = [change for change in told if change[2] == channel]
        own = [c for c in there if c[1] == track] or [c for c in there if (c[1], channel) not in ticks]
        return own or (heard(track, obeys[channel]) if channel in obeys else [])

    return {key: DRUMS if key[1] % CHANNELS == DRUM_CHANNEL and key[1] not in obeys else _most_played(struck, heard(*key))
            for key, struck in ticks.items()}


def _most_played(struck: list[int], changes: list[Change]) -> int:
    """The program in force at the largest number of the ticks `struck`."""
    programs = np.array([0, *(change[3] for change in changes)])
    at = np.searchsorted([change[0] for change in changes], struck, side="right")
    return int(np.bincount(programs[at]).argmax())
