"""The long tests of the plug-in, for `.ci/full plugin`: damaged plans by the thousand, DawDreamer, ten minutes without growth.

DawDreamer is installed into an environment of its own, in the folder given.
"""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import numpy as np
from conftest import SMALL, band, make_preset, midi, play, prepared
from plugin_core import PITCHES, Core, build, bundle_of

from rtsep.cli import main as rtsep
from rtsep.notes.routing import by_hands, by_split
from rtsep.presets.preset import load_preset, save_preset

RATE = 48000
GRID = RATE // 64  # DawDreamer keeps times in seconds: only those that are exact come to their sample.
DAMAGED, SEEDS = 1500, 4
MINUTES, MOST_GROWTH_MB = 10, 0.5


def damage(folder, library):
    """No damaged plan ends the process."""
    for number, options in enumerate(({}, {"mode": "instant", "latency_samples": 0}, {"routing": by_hands(), "split": None})):
        for seed in range(SEEDS):
            bundle_of(folder / str(number), **options)
            subprocess.run([sys.executable, Path(__file__).parent / "plugin_fuzz.py", library, folder / str(number),
                            str(DAMAGED), str(100 + seed)], check=True, env={**os.environ, "MALLOC_CHECK_": "3"})


def grow(folder, library):
    """Ten minutes of sound leave the memory as it was after the first."""
    bundle_of(folder)
    rng, core, resident = np.random.default_rng(1), Core(library, folder), []
    assert core.prepare()
    sound = band(rng, 60 * 44100, 2)
    notes = midi(*sorted(event for at in range(0, 59 * 44100, 2000) for event in (
        (at, 0x90, PITCHES[at // 2000 % 4], 90, 0), (at + 5000, 0x80, PITCHES[at // 2000 % 4], 0, 0))))
    for _ in range(MINUTES):
        core.play(sound, notes)
        resident.append(int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6)
    print(f"{MINUTES} minutes: {resident[1]:.1f} to {resident[-1]:.1f} MB")
    assert resident[-1] < resident[1] + MOST_GROWTH_MB


def daw(home):
    """JUCE's host hears what the engine plays."""
    python = home / "venv" / "bin" / "python"
    if not python.exists():
        venv.create(home / "venv", with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "dawdreamer", "mido"], check=True)
    shutil.rmtree(home / ".lv2", ignore_errors=True)
    save_preset(make_preset(PITCHES, rows=1, rate=RATE), home / "keys.npz")
    assert rtsep(["plugin", "-o", str(home / ".lv2"), "--name", "Keys", "--preset", str(home / "keys.npz"),
                  "--rates", str(RATE), "--format", "lv2", *(f"--set={name}={value}" for name, value in SMALL.items())]) == 0
    rng = np.random.default_rng(1)
    sound = band(rng, 2 * RATE, 2, RATE)
    notes = midi(*sorted(event for number, at in enumerate(range(GRID, 80_000, 2 * GRID)) for event in (
        (at, 0x90, PITCHES[number % 4], 40 + number, 0), (at + 6000, 0x80, PITCHES[number % 4], 0, 0))))
    np.savez(home / "in.npz", sound=sound, rate=RATE, notes=np.stack([notes[name] for name in (
        "sample", "status", "data1", "data2")], axis=1))
    host = [python, Path(__file__).parent / "daw_host.py", "urn:rtsep:keys", home / "in.npz", home / "out.npz"]
    subprocess.run(host, check=True, env={**os.environ, "HOME": str(home)})
    found = np.load(home / "out.npz")
    stems, mix = play(prepared(load_preset(home / "keys.npz"), by_split(None, 60), SMALL, 2, rate=RATE), sound, notes)
    difference = np.abs(found["heard"][:, : 2 * RATE] - np.concatenate([mix, stems.reshape(-1, 2 * RATE)])).max()
    print(f"DawDreamer: latency {found['latency']}, largest difference {difference:.1g}")
    assert found["kept"]
    assert difference < 1e-6 and found["latency"] == SMALL["latency_samples"] and "Bypass" in found["parameters"]


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    library = build(folder / "core.so")
    daw(folder)
    grow(folder / "growth", library)
    damage(folder / "damaged", library)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
