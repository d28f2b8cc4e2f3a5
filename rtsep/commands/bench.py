"""`rtsep bench`: measures the cost of separating on this computer."""

from __future__ import annotations

import argparse
import json
from typing import Any

from rtsep.commands.common import progress_bar


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "bench", help="measure the cost of separating on this computer",
        description="Measures the engine on the bundled sound: which block sizes this computer can play, and what window, hop, "
        "open templates, stems and channels cost. Close other programs first. It takes about a minute.")
    parser.add_argument("--quick", action="store_true", help="measure for a few seconds; the figures are less exact")
    parser.add_argument("--seconds", type=float, metavar="S",
                        help="how long to measure, 1 to 600 s (default: 45, with --quick 6)")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Measure, and show tables or JSON."""
    from rtsep.hosts.bench import QUICK_SECONDS, SECONDS, bench
    from rtsep.hosts.bench_tables import show_bench

    usual = QUICK_SECONDS if arguments.quick else SECONDS
    with progress_bar() as progress:
        report = bench(usual if arguments.seconds is None else arguments.seconds, progress)
    if arguments.json:
        print(json.dumps(report, indent=2))
    else:
        show_bench(report)
