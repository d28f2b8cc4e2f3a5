"""Conditions for the development set: rooms, company that nobody tells, and notes that are told at wrong times or wrongly."""

from functools import partial
from pathlib import Path

from laboratory.company import company
from laboratory.conditions import Condition, early_notes, missing_notes, moved_notes, unchanged, wrong_notes, wrong_stem
from laboratory.rooms import ROOMS, in_room
from laboratory.study import SHARED

EARLY_MS = (20, 40, 80, 150)
"""By how many milliseconds all notes are told early."""
SCATTER_S = 0.08
"""Notes are told at most this many seconds early or late, each for itself."""
LATE_MIDI = "late_midi=on"
"""What who has late notes would set."""


def room_conditions() -> list[Condition]:
    """Every room, with one microphone and with two."""
    return [Condition(f"{name}, {count} microphone{'s' * (count > 1)}", partial(in_room, room=room, microphones=count))
            for name, room in ROOMS.items() for count in (1, 2)]


def company_conditions(shared: Path = SHARED) -> list[Condition]:
    """Every company, as loud as the piece."""
    return [Condition(name, alter) for name, alter in company(shared).items()]


def note_conditions() -> list[Condition]:
    """Notes that are early, scattered, missing or wrong."""
    scattered = {"early": (-SCATTER_S, 0.0, ""), "late": (0.0, SCATTER_S, LATE_MIDI),
                 "early or late": (-SCATTER_S, SCATTER_S, LATE_MIDI)}
    return [*(Condition(f"all notes {ms} ms early", partial(early_notes, early_s=ms / 1000)) for ms in EARLY_MS),
            *(Condition(f"each note up to {1000 * SCATTER_S:.0f} ms {name}",
                        partial(moved_notes, earliest_s=earliest, latest_s=latest), setting)
              for name, (earliest, latest, setting) in scattered.items()),
            Condition("5 % of the notes missing", missing_notes), Condition("5 % of the notes wrong", wrong_notes),
            Condition("5 % more notes, played by nobody, as a stem", wrong_stem)]


def hardships(shared: Path = SHARED) -> list[Condition]:
    """All of them; the first is the piece as it is."""
    return [Condition("as it is", unchanged), *room_conditions(), *company_conditions(shared), *note_conditions()]
