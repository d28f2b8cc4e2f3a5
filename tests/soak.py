"""`rtsep live` for an hour with faults: `python tests/soak.py [--minutes M] [--seed S] [--speed X]`.

The real loop plays on a pretended card that is faster than any real one. A face presses at random what a player may press, and
things break at random, each kind at least once: the card is lost or hangs, the keyboard's port goes, more notes come than
anybody can play, the disk is slow, and once it is full. Every sample tells its position, so every take is read, checked and
removed as soon as it has ended.

It prints one line at its end. At the first wrong thing it prints that, with the seed and the moment, and ends with 1.
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from soak_face import Soak
from soak_takes import FindingError

import rtsep.hosts.midi
from rtsep.hosts.live import LiveJob, live
from rtsep.hosts.takes import Take

DISK_MB = 400  # The small disk for the takes has so many MB.


def soak(seed: int, minutes: float, speed: float, folder: Path) -> Soak:
    """Play on takes in `folder`. Raises what goes wrong."""
    os.environ.update({"XDG_DATA_HOME": str(folder / "data"), "XDG_CONFIG_HOME": str(folder / "config")})
    disk = folder / "disk"
    disk.mkdir()
    small = bool(shutil.which("mount")) and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", disk], capture_output=True).returncode == 0
    if not small:
        print("a small disk cannot be mounted here: no disk will be full", flush=True)
    face = Soak(seed, minutes, speed, disk, small)
    rtsep.hosts.midi.import_rtmidi = lambda: face.keyboards
    Take.write = lambda take, planes: face.slow.write(take, planes)
    os.chdir(disk)
    try:
        live(LiveJob(midi=("keys",), by="split", controls=folder / "controls.json",
                     params={"window_samples": 1024, "latency_samples": 256}), face.cards.open, face)
    except Exception as error:
        raise FindingError(f"{error!r}; seed {seed}, after {face.minutes:.2f} minutes of sound, with {dict(face.faults)}; the "
                           f"last actions: {list(face.last)}") from error
    finally:
        os.chdir("/")
        if small:
            subprocess.run(["umount", "-l", disk], check=True)
    return face


def main() -> int:
    """The command line; 1 if something went wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0, help="of sound (default: %(default)g)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--speed", type=float, default=15.0, help="times as fast as it sounds, at most (default: %(default)g)")
    arguments = parser.parse_args()
    faulthandler.enable()
    with tempfile.TemporaryDirectory() as folder:
        try:
            print(soak(arguments.seed, arguments.minutes, arguments.speed, Path(folder)).told())
        except FindingError as error:
            print(f"wrong: {error}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
