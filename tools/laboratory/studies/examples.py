"""Examples to listen to: the mix, the stems by another version of the engine and by this one, and the truth."""

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
import soundfile

from laboratory.conditions import early_notes
from laboratory.pieces import Piece, bands
from laboratory.ready import one_told, songs, stems_of
from laboratory.report import shown, table
from laboratory.rooms import LIVING_ROOM, in_room
from laboratory.songs import REPORTING
from laboratory.sources import BUILD
from laboratory.studies.unheard import PAGE
from laboratory.study import ROOT, Given, MissingError, Row, Table, option, study
from laboratory.systems import LIVE, Stems, judge_told, params_of, preset_named
from laboratory.versions import Version, copied

FOLDER = BUILD / "examples"
EARLY_S = 0.08
"""Notes are told this many seconds early."""
KINDS = {"all told": lambda piece: piece, "company": one_told, "early": partial(early_notes, early_s=EARLY_S),
         "room": partial(in_room, room=LIVING_ROOM, microphones=2)}
"""How the songs are altered."""
SONGS = {"all told": ("clara trio", "reel"), "early": ("la donna", "bwv40"), "room": ("concertino", "opus 74"),
         "company": ("mazurka",)}
"""The songs of each kind; `company` also has a piano of two_hands."""
BAND = "joplin_maple_leaf"


def examples_of(given: Given) -> Iterator[tuple[str, Piece, list[int]]]:
    """Kind, piece, and the General MIDI programs of its stems, if any, by which another version chooses its presets."""
    whole = {piece.name: piece for piece in songs(given, REPORTING)}
    for kind, names in SONGS.items():
        for piece in (whole[name] for name in names if name in whole):
            try:
                altered = KINDS[kind](piece)
            except MissingError as error:
                given.miss(error)
                continue
            yield kind, altered, [stem.program for name, stem in stems_of(piece).items() if name in altered.told]
    for piece in bands(given, preset_named("gm-piano")):
        if piece.name == BAND:
            yield "company", piece, []


def write(path: Path, sound: np.ndarray, rate: int) -> None:
    """Write a sound [channel, sample] as FLAC with 16 bits; values beyond 1 are clipped."""
    soundfile.write(path, np.clip(sound, -1, 1).T, rate, "PCM_16")


def write_example(folder: Path, kind: str, piece: Piece, versions: dict[str, Stems]) -> list[Row]:
    """Write the files of a piece; give a row for each told stem."""
    name = f"{kind} {piece.name}".replace(" ", "_")
    write(folder / f"{name}-mix.flac", piece.mix, piece.sample_rate)
    rows = []
    for stem, truth in piece.told.items():
        for version, sound in {**{version: stems[stem] for version, stems in versions.items()}, "truth": truth}.items():
            write(folder / f"{name}-{stem}-{version}.flac", sound, piece.sample_rate)
        figures = {version: judge_told(piece, stems)[stem]["sdr_db"] for version, stems in versions.items()}
        rows.append({"kind": kind, "piece": piece.name, "stem": stem, "file": f"{name}-{stem}", "mix": f"{name}-mix.flac",
                     **figures})
    return rows


def index(rows: list[Row], versions: list[str]) -> str:
    """The page that lists the files, with the SDR in dB beside each."""
    lines = [[row["kind"], row["piece"], row["stem"], f"[mix]({row['mix']})",
              *(f"[{version}]({row['file']}-{version}.flac) {shown(row[version])}" for version in versions),
              f"[truth]({row['file']}-truth.flac)"] for row in rows]
    return table(["kind", "piece", "stem", "mix", *versions, "truth"], lines, 3)


@study("examples", option("--before", type=Path, metavar="CHECKOUT", help="a folder with another version of rtsep"), page=PAGE,
       takes=("seconds", "pieces"))
def examples(given: Given) -> list[Table]:
    """Examples to listen to, in build/examples: mix, before, after and truth, two pieces of each kind; SDR in dB.

    before: another checkout with its own presets. after: this one, as in `unheard`. The songs are all told, told 80 ms early,
    or in a room of 0.5 s with two microphones. company: a violin whose piano is not told, and a piano under a saxophone. Live,
    512 samples. The sounds are FLAC files with 16 bits, beside an index.md.
    """
    checkouts = {**({"before": given["before"]} if given["before"] else {}), "after": ROOT}
    FOLDER.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    with ExitStack() as stack:
        engines = {name: stack.enter_context(Version(copied(BUILD / "versions" / name, checkout=checkout), BUILD / "versions"
                                                     / "cache")) for name, checkout in checkouts.items()}
        for kind, piece, programs in examples_of(given):
            made = {name: engine.separate(piece, params_of(LIVE), programs if name == "before" else ())
                    for name, engine in engines.items()}
            rows += write_example(FOLDER, kind, piece, made)
    text = index(rows, list(checkouts))
    (FOLDER / "index.md").write_text(f"# Before and after\n\nSDR in dB beside each sound.\n\n{text}\n", encoding="utf-8")
    return [Table("examples", text, [{name: row[name] for name in row if name not in ("file", "mix")} for row in rows])]
