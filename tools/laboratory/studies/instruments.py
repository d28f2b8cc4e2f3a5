"""Several instruments at once: a stem for each MIDI track, each with a preset of its own, beside one preset for all."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from laboratory import trio
from laboratory.grid import distinct, measure, where, with_field
from laboratory.pieces import Piece, excerpt, group_of, load_piece
from laboratory.report import pivot
from laboratory.study import Given, Row, Table, need_file, study
from laboratory.systems import LIVE, judge_quickly, preset_named
from rtsep.notes.routing import by_track
from rtsep.presets.instruments import choose, parse_wish, stem_programs
from rtsep.presets.preset import Preset
from rtsep.training.inputs import gather
from rtsep.training.isolated import Settings
from rtsep.training.learn import About, Job, learn

SONG_STEMS = {"piano_left": "Piano left", "piano_right": "Piano right", "solo_cello": "solo_cello"}
SYSTEMS = {"mix": "mix", "one": "`piano` for all stems", "another": "instruments that are not heard",
           "heard": "those that are heard", "oracle": "oracle mask"}
PROVENANCE = dict.fromkeys(("source", "licence", "attribution"), "see the recordings") | {"made_by": "lab.py instruments"}


@cache
def learnt(folder: Path, name: str) -> Preset:
    """A preset of the isolated notes NAME.flac and NAME.csv in `folder`, with all defaults."""
    given = gather([need_file(folder / f"{name}.flac")], [folder / f"{name}.csv"], "notes", lambda *_: None)
    return learn(given, Job(Settings()), About(name, name, PROVENANCE), lambda *_: None).preset


def songs(given: Given) -> list[Piece]:
    """piano_and_others with all three tracks told."""
    return group_of(given, "piano_and_others", SONG_STEMS)


def by_program(piece: Piece) -> list[Preset]:
    """What `rtsep render` takes if nothing is said, stem by stem."""
    routing = by_track(piece.score)
    programs = stem_programs(routing, piece.score, np.zeros(len(piece.score.seconds), np.uint32))
    return list(choose(parse_wish([]), routing, programs).presets)


def with_others(piece: Piece, others: dict[str, Preset]) -> list[Preset]:
    """As by_program, but some stems play what `others` say."""
    return [others.get(stem, preset) for stem, preset in zip(by_track(piece.score).names, by_program(piece), strict=True)]


def instruments_of(piece: Piece, notes: Path) -> dict[str, list[Preset]]:
    """Of each system the preset of every stem. The songs' cello is the one of other_notes, their pianos are nobody's; the trio
    is played by FluidR3, which the shipped presets know."""
    found = {"one": [preset_named("piano")] * len(piece.score.track_names)}
    if piece.group == "piano_and_others":
        return found | {"another": by_program(piece), "heard": with_others(piece, {"solo_cello": learnt(notes, "cello")})}
    if (notes / "cello.csv").exists():
        bowed = {part: learnt(notes, f"msgeneral_{part}") for part in ("violin", "cello")}
        found["another"] = with_others(piece, {"piano": preset_named("grand-piano"), **bowed})
    return found | {"heard": by_program(piece)}


def run(given: Given, pieces: Sequence[Piece]) -> list[Row]:
    """Every system on every piece: a row for each true stem."""
    rows: list[Row] = []
    for piece in pieces:
        rows += _rows(given, piece, "mix", "mix", ()) + _rows(given, piece, "oracle", f"oracle,{LIVE}", ())
        for system, presets in instruments_of(piece, given.shared / "other_notes").items():
            rows += _rows(given, replace(piece, preset=presets), system, LIVE, presets)
    return rows


def _rows(given: Given, piece: Piece, system: str, text: str, presets: Sequence[Preset]) -> list[Row]:
    plays = dict(zip(by_track(piece.score).names, (preset.name for preset in presets), strict=False))
    return [{"set": row["set"], "piece": row["piece"], "stem": row["stem"], "preset": plays.get(row["stem"]), "system": system,
             "sdr_db": row["sdr_db"], "si_sdr_db": row["si_sdr_db"]}
            for row in measure(given, [piece], {system: text}, judge=judge_quickly)]


def instrument_table(rows: Sequence[Row]) -> str:
    """A line for every stem, and of every set the mean."""
    named = with_field(rows, "system", lambda row: SYSTEMS[row["system"]])
    lines = [row for (group,) in distinct(rows, "set")
             for name in (lambda row: f"{row['piece']}: {row['stem']}", lambda row: f"**mean of {row['set']}**")
             for row in with_field(where(named, set=group), "SDR in dB", name)]
    return pivot(lines, ["SDR in dB"], ["system"], form=".1f", columns=[(system,) for system in SYSTEMS.values()])


@study("instruments", takes=("seconds", "pieces"))
def instruments(given: Given) -> list[Table]:
    """Several instruments at once: a preset for each stem, of instruments that are heard or not, beside one for all.

    The songs of piano_and_others with the cello's notes told as well, and a trio that is made here and needs fluidsynth and
    fluid-soundfont-gm.
    """
    canon = given.there(lambda build: excerpt(load_piece(build(), "trio"), given.seconds), [trio.build])
    pieces = [*songs(given), *(piece for piece in canon if not given.pieces or piece.name in given.pieces)]
    rows = run(given, pieces)
    return [Table("instruments", instrument_table(rows), rows)]
