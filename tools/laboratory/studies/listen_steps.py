"""What each error of heard notes costs: true notes become heard ones step by step."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from laboratory.grid import tell
from laboratory.heard import WITHIN_S, heard, true_notes
from laboratory.pieces import Piece
from laboratory.report import shown, table
from laboratory.songs import TUNING
from laboratory.studies.listen import PAGE, PRESETS, conditions, routed, solos
from laboratory.study import Given, Row, Table, study
from laboratory.systems import LIVE, judge_told, preset_named, separate
from rtsep.notes.build import Note, build_score

SECONDS = 16.0
"""So many seconds of each piece are separated, if nothing else is asked for."""


def pairs(found: list[Note], true: list[Note]) -> list[tuple[int, int]]:
    """Indices of true notes and of the found ones nearest to them, of the same pitch and within 2 WITHIN_S, each once."""
    near, free = list[tuple[int, int]](), set(range(len(found)))
    for number, note in enumerate(true):
        away = {one: abs(found[one].onset_s - note.onset_s) for one in free if found[one].pitch == note.pitch}
        best = min(away, key=away.__getitem__, default=-1)
        if away and away[best] <= 2 * WITHIN_S:
            free.discard(best)
            near.append((number, best))
    return near


def steps(found: list[Note], true: list[Note]) -> dict[str, list[Note]]:
    """Lists of notes between `true` and `found` ones, by what is wrong in them."""
    both = pairs(found, true)
    hit, hits = [true[number] for number, _ in both], [found[number] for _, number in both]
    missed = [note for number, note in enumerate(true) if number not in dict(both)]
    wrong = [note for number, note in enumerate(found) if number not in {one for _, one in both}]

    def with_heard(*names: str) -> list[Note]:
        return [mine._replace(**{name: getattr(other, name) for name in names}) for mine, other in zip(hit, hits, strict=True)]

    lists = {"true notes": true, "without those missed": hit, "with the wrong ones": true + wrong,
             "with heard onsets": with_heard("onset_s") + missed, "with heard ends": with_heard("offset_s") + missed,
             "with heard velocities": with_heard("velocity") + missed, "heard notes": found,
             "heard notes without the wrong ones": hits, "heard notes with those missed": found + missed}
    return {name: sorted(note._replace(part=0, offset_s=max(note.offset_s, note.onset_s + WITHIN_S)) for note in notes)
            for name, notes in lists.items()}


@study("listen-steps", page=PAGE, takes=("seconds", "pieces"))
def listen_steps(given: Given) -> list[Table]:
    """SDR in dB of hands, by the tracker, and of a piano beside a recording, with notes between true and heard ones.

    16 s of each tuning piece by an unheard piano, with the preset `gm-piano`, live with 512 samples.
    """
    tuning = replace(given, seconds=given.seconds or SECONDS, own={**given.own, "role": TUNING})
    rows = [row for piece in solos(tuning) for row in _rows(tuning, piece)]
    lines = [[name, *(shown(float(np.mean([row["sdr_db"] for row in rows if (row["notes"], row["condition"]) == (name, case)])))
                      for case in dict.fromkeys(row["condition"] for row in rows))]
             for name in dict.fromkeys(row["notes"] for row in rows)]
    return [Table("listen-steps", table(["notes", "hands, alone", "piano, beside a recording"], lines, 1), rows)]


def _rows(given: Given, piece: Piece) -> Iterator[Row]:
    preset = next(iter(PRESETS.values()))
    piece = replace(piece, preset=preset_named(preset))
    for condition in ("alone", "beside a recording"):
        altered = conditions(given)[condition](piece)
        found = steps(heard(altered, preset).notes, true_notes(altered))
        for name, notes in found.items():
            tell(1, 1, f"{piece.name} {condition} {name}")
            one = routed(replace(altered, score=build_score(name, notes, ["piano"])))
            for stem, figures in judge_told(one, separate(one, LIVE)).items():
                yield {"piece": piece.name, "condition": condition, "notes": name, "stem": stem, **figures}
