"""Options about who does the work: processes of this computer, or a cluster."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rtsep.batch.engines import Wish

ENGINES = ("joblib", "dask", "ray")  # As in batch/engines.py, which is loaded only when it is needed.


def add_workers(parser: Any, default: str | None) -> None:
    """The options."""
    usual = f" (default: {default})" if default else ""
    parser.add_argument("--engine", choices=ENGINES, default=default,
                        help="who works: joblib = processes of this computer (pip install 'rtsep[batch]'); dask, ray = a "
                        f"cluster that runs already (rtsep[dask], rtsep[ray]){usual}")
    parser.add_argument("--address", metavar="ADDRESS",
                        help="the cluster: of the Dask scheduler, such as tcp://10.0.0.1:8786; of Ray, auto for the cluster of "
                        "this computer, ray://HOST:10001 or HOST:6379")
    parser.add_argument("--workers", type=int, metavar="N",
                        help="processes of this computer, with one thread each (default: one for each processor)")


def wish_of(arguments: argparse.Namespace) -> Wish:
    """What the options ask for."""
    from rtsep.batch.engines import Wish

    return Wish(arguments.engine, arguments.address, arguments.workers)
