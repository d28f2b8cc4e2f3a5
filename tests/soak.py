"""`rtsep live` for an hour with faults: `python tests/soak.py [--minutes M] [--seed S] [--speed X]`.

The real loop plays on a pretended card that is faster than any real one. A face (a pretended user) presses keys at random.
Faults come at random, each kind at least once: the card is lost or hangs, the keyboard's port disappears, more notes come than
the ring holds, the disk is slow, and once it is full. Every sample tells its position. So every take is read and checked as
soon as it has ended, and then removed.

At its end it prints one line. At the first error it prints the error, the seed and the time, and ends with exit code 1.
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

DISK_MB = 400  # The small disk for takes has this many MB.


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
    """Run `play` with takes on a small disk in `folder`. Raises what goes wrong."""
    os.environ.update({"XDG_DATA_HOME": str(folder / "data"), "XDG_CONFIG_HOME": str(folder / "config")})
    disk = folder / "disk"
    disk.mkdir()
    small = bool(shutil.which("mount")) and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", disk], capture_output=True).returncode == 0
    if not small:
        print("cannot mount a small disk here: the fault of a full disk is left out", flush=True)
    os.chdir(disk)
    try:
        return play(folder, disk, small)
    finally:
        os.chdir("/")
        if small:
            subprocess.run(["umount", "-l", disk], check=True)


def session(face: Soak, open_device: Callable[[bool], Any], folder: Path) -> Soak:
    """Run `rtsep live` with this face. Raises FindingError if anything goes wrong."""
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
    """Play, and print the summary. Returns 1 if something went wrong."""
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
    parser.add_argument("--minutes", type=float, default=60.0, help="minutes of sound (default: %(default)g)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--speed", type=float, default=15.0, help="greatest speed, 1 is real time (default: %(default)g)")
    return parser.parse_args()


def main() -> int:
    """The command line. Returns 1 if something went wrong."""
    arguments = asked(__doc__)

    def play(folder: Path, disk: Path, small: bool) -> Soak:
        face = Soak(arguments.seed, arguments.minutes, FastCards(arguments.seed, arguments.speed), disk, small)
        return session(face, face.cards.open, folder)

    return run(play)


if __name__ == "__main__":
    sys.exit(main())
