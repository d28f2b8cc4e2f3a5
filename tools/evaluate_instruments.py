"""Measures several instruments at once: a stem for each MIDI track, each with a preset of its own, beside one preset for all.

    python tools/evaluate_instruments.py [--seconds S] [--shared PATH]

writes docs/benchmarks/instruments.csv and the table "Several instruments" of docs/benchmarks.md. The songs of piano_and_others
lie in ../shared/data; the trio needs fluidsynth and fluid-soundfont-gm; what is missing is left out.
"""

import argparse
import os
import shutil
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import trio
from evaluate_data import SHARED, Piece, excerpt, load_piece
from evaluate_report import Row, distinct, fill_page, mean_db, shown, table, where, write_csv
from evaluate_systems import MODES, Stems, judge, nothing_done, oracle, play, preset_named
from sources import ROOT, SOUNDFONT

from rtsep.notes.routing import by_track
from rtsep.presets.instruments import choose, parse_wish, stem_programs
from rtsep.presets.preset import Preset
from rtsep.training.inputs import gather
from rtsep.training.isolated import Settings
from rtsep.training.learn import About, Job, learn

MODE = "live 512"
SONG_STEMS = {"piano_left": "Piano left", "piano_right": "Piano right", "solo_cello": "solo_cello"}
FIELDS = ("set", "piece", "stem", "preset", "system", "sdr_db", "si_sdr_db")
SYSTEMS = {
    "mix": "mix", "one": "`piano` for all stems", "another": "instruments that are not heard", "heard": "those that are heard",
    "oracle": "oracle mask",
}
PROVENANCE = dict.fromkeys(("source", "licence", "attribution"), "see the recordings") | {"made_by": "evaluate_instruments.py"}


@cache
def learnt(folder: Path, name: str) -> Preset:
    """A preset of the isolated notes NAME.flac and NAME.csv in `folder`, with all defaults."""
    given = gather([folder / f"{name}.flac"], [folder / f"{name}.csv"], "notes", lambda *_: None)
    return learn(given, Job(Settings()), About(name, name, PROVENANCE), lambda *_: None).preset


def songs(shared: Path) -> list[Piece]:
    """piano_and_others with all three tracks told."""
    folders = sorted(path for path in (shared / "piano_and_others").glob("*") if path.is_dir())
    return [load_piece(folder, "piano_and_others", SONG_STEMS) for folder in folders]


def by_program(piece: Piece) -> list[Preset]:
    """What `rtsep render` takes if nothing is said, stem by stem."""
    routing = by_track(piece.score)
    programs = stem_programs(routing, piece.score, np.zeros(len(piece.score.seconds), np.uint32))
    return list(choose(parse_wish([]), routing, programs).presets)


def with_others(piece: Piece, others: dict[str, Preset]) -> list[Preset]:
    """As by_program, but some stems play what `others` say."""
    return [others.get(stem, preset) for stem, preset in zip(by_track(piece.score).names, by_program(piece), strict=True)]


def instruments(piece: Piece, notes: Path) -> dict[str, list[Preset]]:
    """Of each system the preset of every stem. The songs' cello is the one of other_notes, their pianos are nobody's; the trio
    is played by FluidR3, which the shipped presets know."""
    found = {"one": [preset_named("piano")] * len(piece.score.track_names)}
    has_notes = (notes / "cello.csv").exists()
    if piece.group == "piano_and_others":
        return found | {"another": by_program(piece), "heard": with_others(piece, {"solo_cello": learnt(notes, "cello")})}
    if has_notes:
        bowed = {part: learnt(notes, f"msgeneral_{part}") for part in ("violin", "cello")}
        found["another"] = with_others(piece, {"piano": preset_named("grand-piano"), **bowed})
    return found | {"heard": by_program(piece)}


def measured(piece: Piece, system: str, presets: Sequence[Preset], stems: Stems) -> list[Row]:
    """A row for each true stem."""
    plays = dict(zip(by_track(piece.score).names, (preset.name for preset in presets), strict=False))
    return [{"set": piece.group, "piece": piece.name, "stem": stem, "preset": plays.get(stem), "system": system,
             "sdr_db": measures["sdr_db"], "si_sdr_db": measures["si_sdr_db"]}
            for stem, measures in judge(piece, stems, library=False).items()]


def run(pieces: Sequence[Piece], notes: Path) -> list[Row]:
    """Every system on every piece."""
    rows: list[Row] = []
    for piece in pieces:
        print(f"{piece.group}: {piece.name}", flush=True)
        rows += measured(piece, "mix", (), nothing_done(piece)) + measured(piece, "oracle", (), oracle(piece, MODES[MODE]))
        for system, presets in instruments(piece, notes).items():
            stems = play(piece.mix, piece.sample_rate, piece.score, presets, by_track(piece.score), MODES[MODE])
            rows += measured(piece, system, presets, stems)
    return rows


def instrument_table(rows: Sequence[Row]) -> str:
    """A line for every stem, and of every set the mean."""
    lines = []
    for (group,) in distinct(rows, "set"):
        for piece, stem in distinct(where(rows, set=group), "piece", "stem"):
            there = where(rows, set=group, piece=piece, stem=stem)
            lines.append([f"{piece}: {stem}", *(shown(mean_db(where(there, system=system))) for system in SYSTEMS)])
        lines.append([f"**mean of {group}**", *(shown(mean_db(where(rows, set=group, system=system))) for system in SYSTEMS)])
    return table(["SDR in dB", *SYSTEMS.values()], lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path(os.path.relpath(SHARED)), metavar="PATH",
                        help="where piano_and_others and other_notes lie, if anywhere (default: %(default)s)")
    parser.add_argument("--seconds", type=float, metavar="S", help="only the start of each piece; nothing is written then")
    arguments = parser.parse_args()
    pieces = songs(arguments.shared)
    if shutil.which("fluidsynth") and SOUNDFONT.exists():
        pieces.append(load_piece(trio.build(), "trio"))
    rows = run([excerpt(piece, arguments.seconds) for piece in pieces], arguments.shared / "other_notes")
    text = instrument_table(rows)
    if arguments.seconds is None:
        write_csv(ROOT / "docs" / "benchmarks" / "instruments.csv", FIELDS, rows)
        fill_page(ROOT / "docs" / "benchmarks.md", {"instruments": text})
    print(text)


if __name__ == "__main__":
    main()
