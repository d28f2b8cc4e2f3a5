"""Several instruments at once, with a preset for each stem, and the quality of each shipped preset."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from laboratory import trio
from laboratory.drums import preset_of_hits
from laboratory.duets import duet
from laboratory.grid import distinct, measure, where, with_field
from laboratory.pieces import HITS, Piece, excerpt, group_of, load_piece
from laboratory.ready import by_program
from laboratory.report import pivot
from laboratory.shipped import INSTRUMENTS
from laboratory.sources import SOUNDFONT
from laboratory.study import Given, Row, Table, need_file, option, study
from laboratory.systems import LIVE, Stems, judge_quickly, preset_named
from rtsep.notes.routing import by_track
from rtsep.notes.score import read_midi
from rtsep.presets.preset import Preset
from rtsep.training.inputs import gather
from rtsep.training.isolated import Settings
from rtsep.training.learn import About, Job, learn

SONG_STEMS = {"piano_left": "Piano left", "piano_right": "Piano right", "solo_cello": "solo_cello"}
SYSTEMS = {"mix": "mix", "one": "`piano` for all stems", "another": "instruments that are not heard",
           "heard": "those that are heard", "oracle": "oracle mask"}
PROVENANCE = dict.fromkeys(("source", "licence", "attribution"), "see the recordings") | {"made_by": "lab.py instruments"}
FONTS = {"heard in training": SOUNDFONT, "never heard": SOUNDFONT.parent / "TimGM6mb.sf2"}
PARTNER = "gm-piano"
OTHERS = "other"  # the track of all drums except kick, snare and hi-hat
PRESET_WAYS = {"rtsep": LIVE, "oracle": f"oracle,{LIVE}"}
JUDGED = [instrument for instrument in INSTRUMENTS if instrument.programs and instrument.name != "piano"]


# --- songs and a trio -------------------------------------------------------------------------------------------------


@cache
def learnt(folder: Path, name: str) -> Preset:
    """A preset learnt from the isolated notes NAME.flac and NAME.csv in `folder`, with all defaults."""
    given = gather([need_file(folder / f"{name}.flac")], [folder / f"{name}.csv"], "notes", lambda *_: None)
    return learn(given, Job(Settings()), About(name, name, PROVENANCE), lambda *_: None).preset


def songs(given: Given) -> list[Piece]:
    """piano_and_others with all three tracks told."""
    return group_of(given, "piano_and_others", SONG_STEMS)


def with_others(piece: Piece, others: dict[str, Preset]) -> list[Preset]:
    """The presets of by_program, except for the stems in `others`."""
    return [others.get(stem, preset) for stem, preset in zip(by_track(piece.score).names, by_program(piece), strict=True)]


def instruments_of(piece: Piece, notes: Path) -> dict[str, list[Preset]]:
    """For each system the preset of every stem.

    The songs' cello is that of other_notes, and no preset knows their pianos. FluidR3, which the shipped presets know, plays
    the trio.
    """
    found = {"one": [preset_named("piano")] * len(piece.score.track_names)}
    if piece.group == "piano_and_others":
        return found | {"another": by_program(piece), "heard": with_others(piece, {"solo_cello": learnt(notes, "cello")})}
    if (notes / "cello.csv").exists():
        bowed = {part: learnt(notes, f"msgeneral_{part}") for part in ("violin", "cello")}
        found["another"] = with_others(piece, {"piano": preset_named("grand-piano"), **bowed})
    return found | {"heard": by_program(piece)}


def run(given: Given, pieces: Sequence[Piece]) -> list[Row]:
    """Run every system on every piece; give a row for each true stem."""
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
    """A line for every stem, and for the mean of every set."""
    named = with_field(rows, "system", lambda row: SYSTEMS[row["system"]])
    lines = [row for (group,) in distinct(rows, "set")
             for name in (lambda row: f"{row['piece']}: {row['stem']}", lambda row: f"**mean of {row['set']}**")
             for row in with_field(where(named, set=group), "SDR in dB", name)]
    return pivot(lines, ["SDR in dB"], ["system"], form=".1f", columns=[(system,) for system in SYSTEMS.values()])


@study("instruments", takes=("seconds", "pieces"))
def instruments(given: Given) -> list[Table]:
    """Several instruments at once: a preset for each stem (of the very instruments, or of others) against one preset for all.

    The pieces are the songs of piano_and_others, with the cello's notes told as well, and a trio that is made here and needs
    fluidsynth and fluid-soundfont-gm.
    """
    canon = given.there(lambda build: excerpt(load_piece(build(), "trio"), given.seconds), [trio.build])
    pieces = [*songs(given), *(piece for piece in canon if not given.pieces or piece.name in given.pieces)]
    rows = run(given, pieces)
    return [Table("instruments", instrument_table(rows), rows)]


# --- shipped presets --------------------------------------------------------------------------------------------------


def judge_first(piece: Piece, stems: Stems) -> dict[str, dict[str, float]]:
    """The figures of the instrument, without its partner."""
    return {"track_1": judge_quickly(piece, stems)["track_1"]}


def duets(given: Given, names: list[str]) -> list[Row]:
    """The rows of each instrument in its duet, played by both soundfonts."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for called, font in FONTS.items():
            pieces = given.there(lambda instrument, font=font, called=called: replace(
                excerpt(duet(instrument, font, Path(folder)), given.seconds), group=called,
                preset=[preset_named(instrument.name), preset_named(PARTNER)]), [each for each in JUDGED if each.name in names])
            rows += measure(given, pieces, PRESET_WAYS, judge=judge_first)
    return rows


def preset_grooves(given: Given) -> list[Row]:
    """The rows of each groove with `drum-kit`, also with the notes of all drums told, and with hits of its own kit."""
    folder, rows = need_file(given.shared / "drums"), []
    kits = {"`drum-kit`": preset_named("drum-kit"), "drums (own hits)": preset_of_hits(folder / HITS)}
    for path in sorted(path.parent for path in folder.glob("*/drums.mid")):
        piece = excerpt(load_piece(path, "drums"), given.seconds)
        cases = [(kit, replace(piece, preset=preset)) for kit, preset in kits.items()]
        if "residual" in piece.truths:
            truths = {OTHERS if stem == "residual" else stem: truth for stem, truth in piece.truths.items()}
            whole = replace(piece, truths=truths, score=read_midi(path / "drums.mid"), preset=kits["`drum-kit`"])
            cases.append(("`drum-kit`, all drums known", whole))
        for kit, case in cases:
            found = measure(given, [case], {"mix": "mix", **PRESET_WAYS}, judge=judge_quickly)
            rows += [{**row, "preset": kit} for row in found]
    return rows


@study("presets", option("--only", nargs="+", choices=[each.name for each in JUDGED], metavar="NAME",
                         help="only these presets"), page="presets/README.md", takes=("seconds",))
def presets(given: Given) -> list[Table]:
    """The quality of the shipped presets: short duets with a piano, and drum grooves; SDR in dB.

    Every duet is rendered twice: by FluidR3, from which the presets were learnt, and by TimGM6mb (Debian package
    timgm6mb-soundfont), whose instruments they have never heard. Both parts are equally loud, so the mix itself has 0 dB.
    """
    names = given["only"] or [each.name for each in JUDGED]
    rows = [{**row, "preset": f"`{row['piece']}`"} for row in duets(given, names)]
    tables = [Table("duets", pivot(rows, ["preset"], ["set", "settings"], form=".1f"), rows)]
    for played in given.there(lambda play: play(given), [preset_grooves] if "drum-kit" in names else []):
        text = pivot(played, ["piece", "preset"], ["settings"], form=".1f", joined="stem")
        tables.append(Table("preset-grooves", text, played))
    return tables
