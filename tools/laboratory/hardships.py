"""Conditions for the development set: rooms, company whose notes are not told, and notes at wrong times or with wrong keys."""

from functools import partial
from pathlib import Path

from laboratory.company import company
from laboratory.conditions import Condition, early_notes, missing_notes, moved_notes, unchanged, wrong_notes, wrong_stem
from laboratory.rooms import ROOMS, in_room
from laboratory.study import SHARED

EARLY_MS = (20, 40, 80, 150)
"""All notes are told this many milliseconds early."""
SCATTER_S = 0.08
"""Each note is told at most this many seconds early or late, independently of the others."""
LATE_MIDI = "late_midi=on"
"""The setting for users with late notes."""


def room_conditions() -> list[Condition]:
    """Conditions for every room, with one and with two microphones."""
    return [Condition(f"{name}, {count} microphone{'s' * (count > 1)}", partial(in_room, room=room, microphones=count))
            for name, room in ROOMS.items() for count in (1, 2)]


def company_conditions(shared: Path = SHARED) -> list[Condition]:
    """Conditions for every company, which is as loud as the piece."""
    return [Condition(name, alter) for name, alter in company(shared).items()]


def note_conditions() -> list[Condition]:
    """Conditions with early, scattered, missing or wrong notes."""
    scattered = {"early": (-SCATTER_S, 0.0, ""), "late": (0.0, SCATTER_S, LATE_MIDI),
                 "early or late": (-SCATTER_S, SCATTER_S, LATE_MIDI)}
    return [*(Condition(f"all notes {ms} ms early", partial(early_notes, early_s=ms / 1000)) for ms in EARLY_MS),
            *(Condition(f"each note up to {1000 * SCATTER_S:.0f} ms {name}",
                        partial(moved_notes, earliest_s=earliest, latest_s=latest), setting)
              for name, (earliest, latest, setting) in scattered.items()),
            Condition("5 % of the notes missing", missing_notes), Condition("5 % of the notes wrong", wrong_notes),
            Condition("5 % more notes, played by nobody, as a stem", wrong_stem)]


def hardships(shared: Path = SHARED) -> list[Condition]:
    """All conditions; the first one is the unchanged piece."""
    return [Condition("as it is", unchanged), *room_conditions(), *company_conditions(shared), *note_conditions()]
