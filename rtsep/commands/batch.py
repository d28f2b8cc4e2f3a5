"""`rtsep batch`: separates many recordings, on this computer or on a cluster."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rtsep.commands.batch_shown import Shown, show_check, show_estimate, show_summary
from rtsep.commands.job import add_job, job_of
from rtsep.commands.workers import add_workers, wish_of
from rtsep.errors import RtsepError

if TYPE_CHECKING:
    from rtsep.batch.run import Plan

ABOUT = """\
Separates every recording of INPUT as rtsep render does, several at a time, and writes into DIR

  ID/              of each recording: its stems, report.json, and item.json; a folder appears when it is whole
  results.csv      a row for each recording: status, times, warnings, levels, counts, SDR where true stems are given, error
  results.parquet  the same (with pyarrow)
  summary.json     the run in some figures; summary.png: histograms, and the ten worst recordings
  journal.jsonl    a line for each recording that ended, written as it ends

INPUT is a folder with sound and notes of the same name (song.wav, song.mid), in any depth, or a manifest (.csv, .jsonl,
.parquet) with a line for each recording and the columns

  mix     the recording; addresses count from the manifest's folder
  midi    its notes; several with ; between, each FILE or FILE@STEM
  score   a score: without midi, it is brought into line with the recording, as by rtsep render --score
  preset, by, set    as --preset, --by and --set, for this recording alone; several with ; between
  id      the name of its folder of results (default: the mix without its ending)
  stems   true stems, for SDR: NAME=FILE;NAME=FILE, or a folder with a sound file for each stem
  tags    any text; the results repeat it

The same command again does only what is not done or has changed: a recording's content, options, preset or rtsep. INPUT, DIR
and all files may be addresses that fsspec knows, such as s3://bucket/songs (with s3fs installed).

examples:
  rtsep batch songs --out separated
  rtsep batch songs.csv --out separated --format flac --workers 4
  rtsep batch songs.csv --out separated --dry-run
  rtsep batch s3://bucket/songs.csv --out s3://bucket/separated --engine dask --address tcp://10.0.0.1:8786
"""


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("batch", help="separate many recordings, on this computer or a cluster", description=ABOUT,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("input", metavar="INPUT", help="a folder, or a manifest, see above")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for the results")
    add_workers(parser.add_argument_group("who works"), "joblib")
    group = parser.add_argument_group("what is done")
    what = group.add_mutually_exclusive_group()
    what.add_argument("--dry-run", action="store_true",
                      help="say what would be done, how long it takes and how much disk it needs; separates 20 s to find out")
    what.add_argument("--check", action="store_true",
                      help="only look: whether all results are there, whole, and made from what INPUT holds now; exit code 2 "
                      "if not")
    group.add_argument("--retry-failed", action="store_true", help="also try again what failed before")
    group.add_argument("--json", action="store_true",
                       help="print a line of JSON for each recording that ends, and one for the summary, on standard output")
    add_job(parser.add_argument_group("how each recording is separated, as in rtsep render"))
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Do what is asked for, and tell of it."""
    job = job_of(arguments)
    from rtsep.batch.places import absolute

    arguments.input, arguments.out = absolute(arguments.input), absolute(arguments.out)
    if arguments.check:
        _check(arguments, job)
        return
    from rtsep.batch.journal import Journal, home_of
    from rtsep.batch.run import plan

    if arguments.dry_run:
        _dry_run(arguments, plan(arguments.input, arguments.out, job, Journal(home_of(arguments.out)), arguments.retry_failed))
    else:
        _run(arguments, job)


def _check(arguments: argparse.Namespace, job: Any) -> None:
    from rtsep.batch.check import check
    from rtsep.batch.items import read_items

    faults = {item.id: fault for item, fault in check(read_items(arguments.input, arguments.out).items, job, arguments.out)}
    if show_check(faults, arguments.out, arguments.json):
        raise RtsepError(f"{sum(map(bool, faults.values()))} of {len(faults)} items are not as they should be: the same "
                         "command without --check does them again")


def _dry_run(arguments: argparse.Namespace, planned: Plan) -> None:
    from rtsep.batch.engines import processors
    from rtsep.batch.estimate import estimate

    workers = arguments.workers or processors()
    if arguments.engine != "joblib":
        from rtsep.batch.engines import open_engine

        with open_engine(wish_of(arguments)) as engine:
            workers = engine.workers
    show_estimate(estimate(planned).told(workers), planned, arguments.json)


def _run(arguments: argparse.Namespace, job: Any) -> None:
    from rtsep.batch.engines import open_engine
    from rtsep.batch.finish import finish, finishing
    from rtsep.batch.journal import Journal, alone_in
    from rtsep.batch.run import do, plan
    from rtsep.compiling import machine

    with alone_in(arguments.out) as home:
        journal = Journal(home)
        planned = plan(arguments.input, arguments.out, job, journal, arguments.retry_failed)
        with open_engine(wish_of(arguments)) as engine, Shown(planned, engine, arguments.json) as shown:
            if arguments.engine == "joblib":
                machine.compile_objects("engine")
            with journal, finishing(planned.items.items, journal, home, arguments.out):
                so_far = do(planned, engine, journal, shown)
        summary = finish(planned.items.items, journal, home, arguments.out)
    show_summary(summary, so_far, _where(arguments.out, home), arguments.json)


def _where(out: str, home: Path) -> str:
    from rtsep.batch.places import is_remote

    return f"{out} (tables also in {home})" if is_remote(out) else out


