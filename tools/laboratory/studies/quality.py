"""SDR against latency, compared with other ways, and under adverse conditions."""

import datetime
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

from laboratory.conditions import all_conditions
from laboratory.conditions import measure as measure_condition
from laboratory.grid import distinct, measure, where
from laboratory.pieces import Piece, all_pieces
from laboratory.plots import draw_conditions, draw_latency
from laboratory.report import groups_of, mean_db, shown, table, write_json
from laboratory.study import ROOT, Given, Row, Table, option, study
from laboratory.systems import MEASURES, MODES, judge
from rtsep.errors import RtsepError

FIGURES = ROOT / "tools" / "figures.json"
QUICK_SECONDS = 10.0
QUICK_PIECES = ("demo", "mozart_k545", "hensel_nachtwanderer")
ALLOWED_LOSS_DB = 0.3
"""A mean SDR may fall by this many dB below its stored figure."""
OFFLINE = "2048/512 at 22.05 kHz"
# SIR and SAR of the engine and of the oracle are computed only for these; those of the others always
LIBRARY_SETTINGS = ("live 512", "quality 4096")


@dataclass(frozen=True)
class System:
    """A line of the tables.

    family: its line in the plots. latency: in samples at the pieces' rate; None: offline. text: the setting. piano_only: it has
    no meaning for pieces with their own preset.
    """

    family: str
    setting: str
    latency: int | None
    text: str
    piano_only: bool = False

    def concerns(self, piece: Piece) -> bool:
        """Whether the system can separate the piece."""
        return piece.preset is None or not self.piano_only

    @property
    def library(self) -> bool:
        """Whether SIR and SAR are computed, which takes long."""
        return self.family not in ("rtsep", "oracle ratio mask") or self.setting in LIBRARY_SETTINGS


def in_modes(family: str, way: str = "") -> list[System]:
    """A way to separate, in every mode."""
    return [System(family, mode, int(mode.split()[1]), way + text) for mode, text in MODES.items()]


def all_systems() -> list[System]:
    """All systems that the full run compares."""
    return [System("mix", "nothing done", 0, "mix"), *in_modes("rtsep"),
            System("rtsep without MIDI, split at C4", "live 512", 512, f"split,{MODES['live 512']}", piano_only=True),
            *(System("FluCoMa way", f"{window}/{hop}", window, f"flucoma,window_samples={window},hop_samples={hop}",
                     piano_only=True) for window, hop in ((1024, 512), (2048, 1024))),
            System("offline score-informed NMF", OFFLINE, None, "offline", piano_only=True),
            *in_modes("oracle ratio mask", "oracle,")]


def run_systems(given: Given, pieces: Sequence[Piece], systems: Sequence[System], library: bool = True) -> list[Row]:
    """Run and judge every system on every piece; give a row per stem. Without the `library` SIR and SAR are left out."""
    rows: list[Row] = []
    for system in systems:
        concerned = {piece.name: piece for piece in pieces if system.concerns(piece)}
        for row in measure(given, concerned.values(), {f"{system.family}, {system.setting}": system.text},
                           judge=partial(judge, library=library and system.library)):
            rate = concerned[row["piece"]].sample_rate
            rows.append({"system": system.family, "setting": system.setting, "latency_samples": system.latency,
                         "latency_ms": None if system.latency is None else 1000 * system.latency / rate,
                         **{name: row[name] for name in ("set", "role", "piece", "stem", *MEASURES)}})
    return rows


def roles_text(pieces: Sequence[Piece]) -> str:
    """A list of the pieces for tuning and of those for reporting."""
    names = {role: [f"{piece.group}/{piece.name}" for piece in pieces if piece.role == role]
             for role in ("tuning", "reporting", "extra")}
    return "\n".join(f"* {role}: {', '.join(found)}" for role, found in names.items() if found)


# --- tables -----------------------------------------------------------------------------------------------------------


def system_table(rows: Sequence[Row]) -> str:
    """A table of SDR of every system in every set, and of SI-SDR, SIR and SAR in the reporting sets."""
    groups = groups_of(rows)
    reporting = where(rows, role="reporting") or list(rows)
    lines = []
    for system, setting, latency_ms in distinct(rows, "system", "setting", "latency_ms"):
        mine = where(rows, system=system, setting=setting)
        judged = where(reporting, system=system, setting=setting)
        latency = "offline" if latency_ms is None else f"{latency_ms:.1f}"
        lines.append([f"{system}, {setting}", latency, *(shown(mean_db(where(mine, set=group))) for group in groups),
                      *(shown(mean_db(judged, measure)) for measure in MEASURES[1:])])
    return table(["system", "latency, ms", *(f"SDR {group}" for group in groups), "SI-SDR", "SIR", "SAR"], lines)


def stem_table(rows: Sequence[Row]) -> str:
    """A table of SDR of every stem of every piece, for the most important systems."""
    chosen = {"mix": ("mix", "nothing done"), "FluCoMa way 2048": ("FluCoMa way", "2048/1024"),
              "live 512": ("rtsep", "live 512"), "quality 4096": ("rtsep", "quality 4096"),
              "offline NMF": ("offline score-informed NMF", OFFLINE), "oracle 512": ("oracle ratio mask", "live 512")}
    lines = []
    for group, piece, stem in distinct(rows, "set", "piece", "stem"):
        mine = where(rows, set=group, piece=piece, stem=stem)
        lines.append([f"{group}/{piece}: {stem}", *(shown(mean_db(where(mine, system=system, setting=setting)))
                                                    for system, setting in chosen.values())])
    return table(["stem", *chosen], lines)


def gap_table(rows: Sequence[Row]) -> str:
    """A table of the engine's difference, in dB, to the oracle with the same windows and to the other ways."""
    groups, lines = groups_of(rows), []
    for other, its in (("oracle ratio mask", None), ("offline score-informed NMF", OFFLINE), ("FluCoMa way", "2048/1024")):
        for setting in ("live 128", "live 512", "quality 4096"):
            mine, theirs = (where(rows, system="rtsep", setting=setting), where(rows, system=other, setting=its or setting))
            cells = [shown(mean_db(where(mine, set=group)) - mean_db(where(theirs, set=group)), "+.1f") for group in groups]
            lines.append([f"{setting} against {other}{f', {its}' if its else ''}", *cells])
    return table(["", *groups], lines)


def changes_db(rows: Sequence[Row], condition: str) -> dict[tuple[str, str], float]:
    """The change of each piece (set, name) under the condition, compared with the first condition, in dB."""
    first = distinct(rows, "condition")[0][0]
    pieces = distinct(where(rows, condition=condition), "set", "piece")
    return {(group, piece): mean_db(where(rows, condition=condition, set=group, piece=piece))
            - mean_db(where(rows, condition=first, set=group, piece=piece)) for group, piece in pieces}


def condition_table(rows: Sequence[Row]) -> str:
    """A table of the mean SDR under every condition, its change, and the piece that loses most."""
    groups, lines = groups_of(rows), []
    for (condition,) in distinct(rows, "condition"):
        changes = changes_db(rows, condition)
        cells = []
        for group in groups:
            mine = [change for (its, _), change in changes.items() if its == group]
            cells += [shown(mean_db(where(rows, condition=condition, set=group))),
                      shown(sum(mine) / len(mine) if mine else float("nan"), "+.1f")]
        worst = min(changes, key=lambda piece: changes[piece])
        lines.append([condition, *cells, f"{worst[1]} {changes[worst]:+.1f}" if changes[worst] < -0.05 else "–"])
    head = [text for group in groups for text in (f"SDR {group}", "change")]
    return table(["condition", *head, "worst piece"], lines)


# --- studies ----------------------------------------------------------------------------------------------------------


@study("quality", takes=("seconds", "pieces"))
def quality(given: Given) -> list[Table]:
    """SDR against latency, compared with other ways and the oracle, and under adverse conditions.

    Whole pieces take about 12 minutes on two cores. Missing sets are left out. A folder with your own piece (--pieces FOLDER)
    has a sound file for each true stem, a MIDI file, and stems.json.
    """
    pieces, started = all_pieces(given), time.monotonic()
    rows = run_systems(given, pieces, all_systems())
    hurt = conditions(given)[0]
    length = "whole pieces" if given.seconds is None else f"the first {given.seconds:g} s of each piece"
    about = {"date": datetime.date.today().isoformat(), "rtsep": version("rtsep"), "length": length,
             "pieces": [{"set": piece.group, "piece": piece.name, "role": piece.role} for piece in pieces]}
    told = (f"Measured on {about['date']} with rtsep {about['rtsep']}, {length}, in {(time.monotonic() - started) / 60:.0f} "
            f"minutes, by\n\n    python tools/lab.py quality\n\n{roles_text(pieces)}")
    files = {"sdr_against_latency.png": lambda path: draw_latency(path, rows),
             "quality.json": lambda path: write_json(path, {**about, "systems": rows, "conditions": list(hurt.rows)})}
    return [Table("about", told), Table("systems", system_table(rows)), Table("gaps", gap_table(rows)),
            Table("stems", stem_table(rows)), Table("quality", "", rows, files), hurt]


@study("conditions", takes=("seconds", "pieces"))
def conditions(given: Given) -> list[Table]:
    """Adverse conditions: another preset, late, early, missing or wrong MIDI, stereo, 48 kHz, noise; live, 512 samples."""
    pieces = [piece for piece in all_pieces(given) if piece.preset is None]
    rows = [row for condition in all_conditions() for row in measure_condition(given, condition, pieces)]
    judged = where(rows, role="reporting") or rows
    changes = {name: changes_db(judged, name) for (name,) in distinct(judged, "condition")[1:]}
    return [Table("conditions", condition_table(rows), rows, {"conditions.png": lambda path: draw_conditions(path, changes)})]


def figures_of(rows: Sequence[Row]) -> dict[str, float]:
    """The mean SDR in dB of every piece and mode."""
    return {f"{group}/{piece}, {setting}": round(mean_db(where(rows, set=group, piece=piece, setting=setting)), 2)
            for group, piece, setting in distinct(rows, "set", "piece", "setting")}


def losses(figures: dict[str, float], stored: dict[str, float]) -> Iterator[str]:
    """Lines for figures that fell more than is allowed. Pieces that are missing now, or were missing then, are skipped."""
    for name in sorted(figures.keys() & stored.keys()):
        if not figures[name] >= stored[name] - ALLOWED_LOSS_DB:
            yield f"{name}: {figures[name]:.2f} dB, stored {stored[name]:.2f} dB"


@study("quick", option("--store", action="store_true", help="store the results as the figures to compare with"),
       option("--figures", type=Path, default=FIGURES, metavar="FILE", help="the stored figures"),
       seconds=QUICK_SECONDS, takes=("seconds",))
def quick(given: Given) -> list[Table]:
    """The engine alone on short excerpts; exit status 1 if a mean SDR fell more than 0.3 dB below its stored figure."""
    pieces = [piece for piece in all_pieces(given) if piece.name in QUICK_PIECES or piece.role == "extra"]
    figures, path = figures_of(run_systems(given, pieces, in_modes("rtsep"), library=False)), given["figures"]
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"seconds": given.seconds, "sdr_db": {}}
    lines = [f"{name}: {value:.2f} dB" + (f" (stored {kept['sdr_db'][name]:.2f})" if name in kept["sdr_db"] else "")
             for name, value in figures.items()]
    told = "\n".join([roles_text(pieces), *lines])
    if given["store"]:
        others = kept["sdr_db"] if kept["seconds"] == given.seconds else {}
        content = {"seconds": given.seconds, "sdr_db": dict(sorted((others | figures).items()))}
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        return [Table("quick", told)]
    if kept["seconds"] != given.seconds or not figures.keys() & kept["sdr_db"].keys():
        raise RtsepError(f"{path} has no figures for {given.seconds:g} s of these pieces; run with --store first")
    worse = list(losses(figures, kept["sdr_db"]))
    for line in worse:
        print(f"worse: {line}", file=sys.stderr)
    return [Table("quick", told, status=int(bool(worse)))]
