"""Measures how well the engine separates, against latency and beside other ways, on pieces with true stems.

    python tools/evaluate.py                    everything: docs/benchmarks/*, and the tables of docs/benchmarks.md
    python tools/evaluate.py --quick            the engine alone on short excerpts; ends with 1 if it got worse
    python tools/evaluate.py --quick --store    the same, and keeps the results as the figures to compare with
    python tools/evaluate.py FOLDER ...         also these pieces (evaluate_data.py says what a folder must hold)
"""

import argparse
import datetime
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

from conditions import all_conditions, measure
from evaluate_data import SHARED, Piece, excerpt, find_pieces
from evaluate_report import (
    CONDITION_FIELDS,
    FIELDS,
    Row,
    condition_table,
    distinct,
    draw_conditions,
    draw_latency,
    fill_page,
    gap_table,
    mean_db,
    stem_table,
    system_table,
    where,
    write_csv,
    write_json,
)
from evaluate_systems import System, all_systems, engine_systems, judge
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from sources import ROOT

from rtsep.errors import RtsepError

OUT, FIGURES = ROOT / "docs" / "benchmarks", ROOT / "tools" / "figures.json"
QUICK_SECONDS = 10.0
QUICK_PIECES = ("demo", "mozart_k545", "hensel_nachtwanderer")
ALLOWED_LOSS_DB = 0.3
LIBRARY_SETTINGS = ("live 512", "quality 4096")  # of the engine and the oracle; everything else is always judged whole


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="further pieces with true stems")
    parser.add_argument("--shared", type=Path, default=Path(os.path.relpath(SHARED)), metavar="PATH",
                        help="where two_hands, piano_and_others and drums lie, if anywhere (default: %(default)s)")
    parser.add_argument("--out", type=Path, metavar="DIR",
                        help="for CSV, JSON and plots (default: docs/benchmarks; with --quick nothing is written)")
    parser.add_argument("--seconds", type=float, metavar="S",
                        help=f"only the start of each piece (default: all of it; with --quick {QUICK_SECONDS:g})")
    parser.add_argument("--quick", action="store_true",
                        help=f"compare with the stored figures; end with 1 where {ALLOWED_LOSS_DB} dB are lost")
    parser.add_argument("--store", action="store_true", help="with --quick: store what was measured")
    parser.add_argument("--figures", type=Path, default=FIGURES, metavar="FILE", help="the stored figures")
    return parser.parse_args(arguments)


# --- measuring --------------------------------------------------------------------------------------------------------


def progress_bar() -> Progress:
    """On stderr, so that the tables can be redirected."""
    return Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
                    console=Console(stderr=True))


def run_systems(pieces: Sequence[Piece], systems: Sequence[System], progress: Progress) -> list[Row]:
    """Every system on every piece, judged: a row per stem."""
    todo = [(system, piece) for system in systems for piece in pieces if system.concerns(piece)]
    task = progress.add_task("systems", total=len(todo))
    rows: list[Row] = []
    for system, piece in todo:
        progress.update(task, description=f"{system.family}, {system.setting}: {piece.name}")
        library = system.family not in ("rtsep", "oracle ratio mask") or system.setting in LIBRARY_SETTINGS
        for stem, measures in judge(piece, system.separate(piece), library).items():
            latency_ms = None if system.latency is None else 1000 * system.latency / piece.sample_rate
            rows.append({"system": system.family, "setting": system.setting, "latency_samples": system.latency,
                         "latency_ms": latency_ms, "set": piece.group, "role": piece.role, "piece": piece.name,
                         "stem": stem, **measures})
        progress.advance(task)
    return rows


def run_conditions(pieces: Sequence[Piece], progress: Progress) -> list[Row]:
    """The engine on every piece in every condition that concerns it: a row per stem."""
    todo = [(condition, piece) for condition in all_conditions() for piece in pieces if condition.concerns(piece)]
    task = progress.add_task("conditions", total=len(todo))
    rows: list[Row] = []
    for condition, piece in todo:
        progress.update(task, description=condition.name[:60])
        rows += [{"condition": condition.name, "set": piece.group, "role": piece.role, "piece": piece.name,
                  "stem": stem, **measures} for stem, measures in measure(condition, piece).items()]
        progress.advance(task)
    return rows


def roles_text(pieces: Sequence[Piece]) -> str:
    """Which pieces may be tuned on and which are kept for reporting."""
    lines = []
    for role in ("tuning", "reporting", "extra"):
        names = [f"{piece.group}/{piece.name}" for piece in pieces if piece.role == role]
        if names:
            lines.append(f"* {role}: {', '.join(names)}")
    return "\n".join(lines)


# --- the full run -----------------------------------------------------------------------------------------------------


def full(pieces: Sequence[Piece], out: Path, seconds: float | None) -> None:
    """All systems and conditions; writes everything, and prints the tables."""
    started = time.monotonic()
    with progress_bar() as progress:
        rows = run_systems(pieces, all_systems(), progress)
        conditions = run_conditions([piece for piece in pieces if piece.preset is None], progress)
    out.mkdir(parents=True, exist_ok=True)
    write_csv(out / "quality.csv", FIELDS, rows)
    write_csv(out / "conditions.csv", CONDITION_FIELDS, conditions)
    length = "whole pieces" if seconds is None else f"the first {seconds:g} s of each piece"
    about = {"date": datetime.date.today().isoformat(), "rtsep": version("rtsep"), "length": length,
             "pieces": [{"set": piece.group, "piece": piece.name, "role": piece.role} for piece in pieces]}
    write_json(out / "quality.json", {**about, "systems": rows, "conditions": conditions})
    draw_latency(out / "sdr_against_latency.png", rows)
    draw_conditions(out / "conditions.png", conditions)
    minutes = (time.monotonic() - started) / 60
    parts = {
        "about": f"Measured on {about['date']} with rtsep {about['rtsep']}, {length}, in {minutes:.0f} minutes, by\n\n"
                 f"    python tools/evaluate.py\n\n{roles_text(pieces)}",
        "systems": system_table(rows), "gaps": gap_table(rows), "stems": stem_table(rows),
        "conditions": condition_table(conditions),
    }
    page = out.with_suffix(".md")
    if page.exists():
        fill_page(page, parts)
    print("\n\n".join(parts.values()))


# --- the quick run ----------------------------------------------------------------------------------------------------


def figures_of(rows: Sequence[Row]) -> dict[str, float]:
    """Mean SDR in dB of every piece and mode."""
    return {f"{group}/{piece}, {setting}": round(mean_db(where(rows, set=group, piece=piece, setting=setting)), 2)
            for group, piece, setting in distinct(rows, "set", "piece", "setting")}


def losses(figures: dict[str, float], stored: dict[str, float]) -> Iterator[str]:
    """What fell more than is allowed. Pieces that are not here now, or were not here then, are passed over."""
    for name in figures.keys() & stored.keys():
        if not figures[name] >= stored[name] - ALLOWED_LOSS_DB:
            yield f"{name}: {figures[name]:.2f} dB, stored {stored[name]:.2f} dB"


def quick(pieces: Sequence[Piece], seconds: float, path: Path, store: bool) -> int:
    """The engine in every mode on short excerpts; gives the exit status."""
    with progress_bar() as progress:
        figures = figures_of(run_systems(pieces, engine_systems(), progress))
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"seconds": seconds, "sdr_db": {}}
    print(roles_text(pieces))
    for name, value in figures.items():
        before = kept["sdr_db"].get(name)
        print(f"{name}: {value:.2f} dB" + ("" if before is None else f" (stored {before:.2f})"))
    if store:
        others = kept["sdr_db"] if kept["seconds"] == seconds else {}
        content = {"seconds": seconds, "sdr_db": dict(sorted((others | figures).items()))}
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        return 0
    if kept["seconds"] != seconds or not figures.keys() & kept["sdr_db"].keys():
        raise RtsepError(f"{path} has no figures for {seconds:g} s of these pieces; run with --store first")
    worse = sorted(losses(figures, kept["sdr_db"]))
    for line in worse:
        print(f"worse: {line}", file=sys.stderr)
    return 1 if worse else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 = done, 1 = worse than the stored figures, 2 = something to mend."""
    options = parse(arguments)
    try:
        pieces = find_pieces(options.shared, options.folders)
        if options.quick:
            seconds = options.seconds or QUICK_SECONDS
            chosen = [piece for piece in pieces if piece.name in QUICK_PIECES or piece.role == "extra"]
            return quick([excerpt(piece, seconds) for piece in chosen], seconds, options.figures, options.store)
        full([excerpt(piece, options.seconds) for piece in pieces], options.out or OUT, options.seconds)
    except RtsepError as error:
        print(f"evaluate: error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
