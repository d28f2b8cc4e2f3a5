"""Makes every table and plot of docs/: cost (rtsep bench), live callbacks (tools/evaluate_live.py, where jackd is there) and
quality (tools/evaluate_instruments.py and tools/evaluate.py), one after the other.

    python tools/benchmarks.py        about twenty minutes on two cores; close other programs first
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from sources import ROOT

COST = ROOT / "docs" / "benchmarks" / "cost.txt"


def measure_cost(path: Path) -> None:
    """What `rtsep bench` prints for people, into `path`."""
    bench = subprocess.run([sys.executable, "-m", "rtsep", "bench"], stdout=subprocess.PIPE, text=True, check=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(bench.stdout, encoding="utf-8")


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    measure_cost(COST)
    print(f"{COST.relative_to(ROOT)}: what a hop and a block cost here", flush=True)
    if shutil.which("jackd"):
        subprocess.run([sys.executable, str(ROOT / "tools" / "evaluate_live.py")], check=True)
    for tool in ("evaluate_instruments.py", "evaluate.py"):
        subprocess.run([sys.executable, str(ROOT / "tools" / tool)], check=True)


if __name__ == "__main__":
    main()
