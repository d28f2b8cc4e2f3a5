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
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from soak_devices import FastCards
from soak_face import Soak
from soak_takes import FindingError

import rtsep.hosts.midi
from rtsep.commands.live_setup import scenes_of
from rtsep.hosts.live import LiveJob, live
from rtsep.hosts.setup_reading import read_setup
from rtsep.hosts.takes import Take

DISK_MB = 400  # The small disk for the takes has so many MB.


SCENES = """
by = "split"
[parameters]
window_samples = 1024
latency_samples = 256
[[scene]]
[[scene]]
name = "Other instruments"
preset = ["gm-piano@low", "organ@high"]
gains = {low = -20}
mute = ["high"]
[scene.parameters]
mask_power = 1.5
[[scene]]
[scene.parameters]
latency_samples = 128
"""


def scenes(folder: Path) -> dict[str, Any]:
    """Options of a job with a set list."""
    (folder / "show.toml").write_text(SCENES)
    setup = read_setup(str(folder / "show.toml"))
    listed = scenes_of(setup, (), {})
    return {"setup": setup, "scenes": listed, "start": listed[0], "presets": listed[0].presets, "params": listed[0].params,
            "by": "split", "controls": folder / "controls.json"}


def soak(play: Callable[[Path, Path, bool], Soak], folder: Path) -> Soak:
    """`play` on takes on a small disk in `folder`. Raises what goes wrong."""
    os.environ.update({"XDG_DATA_HOME": str(folder / "data"), "XDG_CONFIG_HOME": str(folder / "config")})
    disk = folder / "disk"
    disk.mkdir()
    small = bool(shutil.which("mount")) and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", disk], capture_output=True).returncode == 0
    if not small:
        print("a small disk cannot be mounted here: no disk will be full", flush=True)
    os.chdir(disk)
    try:
        return play(folder, disk, small)
    finally:
        os.chdir("/")
        if small:
            subprocess.run(["umount", "-l", disk], check=True)


def session(face: Soak, open_device: Callable[[bool], Any], folder: Path) -> Soak:
    """`rtsep live` with this face. FindingError if anything goes wrong."""
    rtsep.hosts.midi.import_rtmidi = lambda: face.keyboards
    Take.write = lambda take, planes: face.slow.write(take, planes)
    try:
        live(LiveJob(midi=("keys",), **scenes(folder)), open_device, face)
    except Exception as error:
        if not isinstance(error, FindingError):
            traceback.print_exc()
        raise FindingError(f"{error!r}; after {face.minutes:.2f} minutes of sound, with {dict(face.faults)}; the last actions: "
                           f"{list(face.last)}") from error
    return face


def run(play: Callable[[Path, Path, bool], Soak]) -> int:
    """Play, and print the summary; 1 if something went wrong."""
    faulthandler.enable()
    with tempfile.TemporaryDirectory() as folder:
        try:
            print(soak(play, Path(folder)).told())
        except FindingError as error:
            print(f"wrong: {error}")
            return 1
    return 0


def asked(about: str | None) -> argparse.Namespace:
    """The options of a soak."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0, help="of sound (default: %(default)g)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--speed", type=float, default=15.0, help="times as fast as it sounds, at most (default: %(default)g)")
    return parser.parse_args()


def main() -> int:
    """The command line; 1 if something went wrong."""
    arguments = asked(__doc__)

    def play(folder: Path, disk: Path, small: bool) -> Soak:
        face = Soak(arguments.seed, arguments.minutes, FastCards(arguments.seed, arguments.speed), disk, small)
        return session(face, face.cards.open, folder)

    return run(play)


if __name__ == "__main__":
    sys.exit(main())
