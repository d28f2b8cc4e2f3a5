"""`rtsep train` on a manifest: many recordings, learnt from by several processes or a cluster."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rtsep.commands.workers import add_workers, wish_of
from rtsep.errors import RtsepError

if TYPE_CHECKING:
    from rtsep.training.learn import About, Job, Learnt

ENDINGS = (".csv", ".jsonl", ".ndjson", ".parquet")  # As in batch/items.py, which is loaded only when it is needed.


def add_manifest(parser: argparse.ArgumentParser) -> None:
    """The options."""
    group = parser.add_argument_group("manifests: who works")
    add_workers(group, None)
    group.add_argument("--checkpoint", metavar="DIR",
                       help="folder, also an address such as s3://bucket/training, that all workers reach: activations and the "
                       "last update are kept there while it trains, and the same command goes on from it (default: beside "
                       "PRESET)")


def check_manifest(arguments: argparse.Namespace) -> bool:
    """Whether the input is a manifest. RtsepError: options that do not go with it, or that only go with it."""
    named = [path for path in arguments.inputs if path.name.lower().endswith(ENDINGS)]
    if not named:
        for option, value in {"--engine": arguments.engine, "--address": arguments.address, "--workers": arguments.workers,
                              "--checkpoint": arguments.checkpoint}.items():
            if value is not None:
                raise RtsepError(f"{option} {value}: this is for a manifest of many recordings ({', '.join(ENDINGS)})")
        return False
    if len(arguments.inputs) > 1 or arguments.scores:
        raise RtsepError(f"{named[0]} is a manifest: give it alone, without --score; it names recordings and notes")
    if arguments.method != "nmf" or arguments.drums or arguments.kind == "notes":
        raise RtsepError(f"{named[0]} is a manifest, whose recordings of music are learnt from by --method nmf: leave out "
                         "--method, --drums and --as notes")
    return True


def learn_manifest(arguments: argparse.Namespace, job: Job, about: About, target: Path, progress: Any) -> Learnt:
    """Learn from all recordings of the manifest."""
    from rtsep.batch.engines import open_engine
    from rtsep.batch.items import read_items
    from rtsep.batch.places import absolute
    from rtsep.batch.train import train

    items = read_items(absolute(str(arguments.inputs[0])), "").items
    kept = absolute(arguments.checkpoint or str(target.with_suffix(".training")))
    with open_engine(replace(wish_of(arguments), name=arguments.engine or "joblib")) as engine:
        return train(items, job, about, engine, kept, progress)
