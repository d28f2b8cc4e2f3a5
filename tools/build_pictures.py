#!/usr/bin/env python3
"""Makes the pictures of the pages that explain the engine, from the bundled clip: docs/explanation/pictures/NAME.svg or .png.

        python tools/build_pictures.py                # all of them: takes a minute
        python tools/build_pictures.py masks gate     # only these
"""

import argparse
from pathlib import Path

from laboratory.study import ROOT, run_tool
from pictures import learning, players, sound, spectra
from pictures.style import drawn, made

__all__ = ["learning", "players", "sound", "spectra"]
"""The modules of pictures: importing them makes their functions known."""


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"only these pictures: {', '.join(sorted(made()))}")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "explanation" / "pictures", help="folder of the pictures")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    for name in given.names or sorted(made()):
        path = drawn(name, given.out)
        print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    run_tool(main)
