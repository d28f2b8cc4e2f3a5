"""How well the shipped presets work: little duets with a piano, and drum grooves."""

import tempfile
from dataclasses import replace
from pathlib import Path

from laboratory.drums import preset_of_hits
from laboratory.duets import duet
from laboratory.grid import measure
from laboratory.pieces import HITS, Piece, excerpt, load_piece
from laboratory.report import pivot
from laboratory.shipped import INSTRUMENTS
from laboratory.sources import SOUNDFONT
from laboratory.study import Given, Row, Table, need_file, option, study
from laboratory.systems import LIVE, Stems, judge_quickly, preset_named
from rtsep.notes.score import read_midi

FONTS = {"heard in training": SOUNDFONT, "never heard": SOUNDFONT.parent / "TimGM6mb.sf2"}
PARTNER = "gm-piano"
OTHERS = "other"  # the track of the drums that are neither kick, snare nor hi-hat
WAYS = {"rtsep": LIVE, "oracle": f"oracle,{LIVE}"}
JUDGED = [instrument for instrument in INSTRUMENTS if instrument.programs and instrument.name != "piano"]


def judge_first(piece: Piece, stems: Stems) -> dict[str, dict[str, float]]:
    """The instrument alone, not its partner."""
    return {"track_1": judge_quickly(piece, stems)["track_1"]}


def duets(given: Given, names: list[str]) -> list[Row]:
    """Rows of each instrument in its duet, as both soundfonts play it."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for called, font in FONTS.items():
            pieces = given.there(lambda instrument, font=font, called=called: replace(
                excerpt(duet(instrument, font, Path(folder)), given.seconds), group=called,
                preset=[preset_named(instrument.name), preset_named(PARTNER)]), [each for each in JUDGED if each.name in names])
            rows += measure(given, pieces, WAYS, judge=judge_first)
    return rows


def grooves(given: Given) -> list[Row]:
    """Rows of each groove with `drum-kit`, also when the notes of all drums are told, and with hits of its own kit."""
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
            rows += [{**row, "preset": kit} for row in measure(given, [case], {"mix": "mix", **WAYS}, judge=judge_quickly)]
    return rows


@study("presets", option("--only", nargs="+", choices=[each.name for each in JUDGED], metavar="NAME",
                         help="these presets alone"), page="presets/README.md", takes=("seconds",))
def presets(given: Given) -> list[Table]:
    """How well the shipped presets work: little duets with a piano, and drum grooves; SDR in dB.

    Every duet is rendered twice: by FluidR3, which the presets were learnt from, and by TimGM6mb (Debian package
    timgm6mb-soundfont), whose instruments they have never heard. Both parts are equally loud, so that the mix itself has 0 dB.
    """
    names = given["only"] or [each.name for each in JUDGED]
    rows = [{**row, "preset": f"`{row['piece']}`"} for row in duets(given, names)]
    tables = [Table("duets", pivot(rows, ["preset"], ["set", "settings"], form=".1f"), rows)]
    for played in given.there(lambda play: play(given), [grooves] if "drum-kit" in names else []):
        text = pivot(played, ["piece", "preset"], ["settings"], form=".1f", joined="stem")
        tables.append(Table("preset-grooves", text, played))
    return tables
