"""The long tests of the plug-in, for `.ci/full plugin`: damaged plans by the thousand, DawDreamer, ten minutes without growth.

DawDreamer is installed into an environment of its own, in the folder given.
"""

import os
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path

import numpy as np
import soundfile
from conftest import SMALL, band, make_preset, midi, play, prepared
from plugin_core import PITCHES, Core, build, bundle_of, places

from rtsep.cli import main as rtsep
from rtsep.notes.routing import by_hands, by_split
from rtsep.notes.score import read_midi
from rtsep.plugin.bundle import PluginForm, write_data
from rtsep.presets.library import find_preset
from rtsep.presets.preset import load_preset, save_preset

RATE = 48000
GRID = RATE // 64  # DawDreamer keeps times in seconds: only those that are exact come to their sample.
DAMAGED, SEEDS = 1500, 4
BLOCK = 128
DEMO = Path(__file__).parents[1] / "presets" / "demo"
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
        resident.append(resident_mb())
    print(f"{MINUTES} minutes: {resident[1]:.1f} to {resident[-1]:.1f} MB")
    assert resident[-1] < resident[1] + MOST_GROWTH_MB


def resident_mb():
    """Memory of this process that is really there."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def cost(folder, library):
    """What the piano, split, costs: time to load, memory, and processor time beside Python's, taking turns."""
    preset = load_preset(find_preset("piano"))
    form = PluginForm("Piano", by_split(None, 60), {"piano": (preset,) * 2}, {}, (44100,), 2, 60)
    write_data(form, folder, lambda text: None)
    before, began = resident_mb(), time.perf_counter()
    core = Core(library, folder)
    assert core.prepare()
    print(f"loaded in {1000 * (time.perf_counter() - began):.0f} ms; {resident_mb() - before:.1f} MB; "
          f"{sum(path.stat().st_size for path in folder.iterdir()) / 1e6:.1f} MB of files")
    engine = prepared(preset, by_split(None, 60), {}, 2)
    score = read_midi(DEMO / "demo.mid").events(44100)
    score["part"] = score["stem"] = 0
    sound = np.repeat(soundfile.read(DEMO / "mix.flac", dtype="float32", always_2d=True)[0].T[:1], 2, axis=0)
    part, mix, stems = (np.zeros((count, BLOCK), np.float32) for count in (2, 2, 6))
    own, took = [places(planes) for planes in (part, mix, stems)], {"Python": [], "plug-in": []}
    for begin in range(0, sound.shape[1] - BLOCK, BLOCK):
        part[:] = sound[:, begin : begin + BLOCK]
        notes = score[(score["sample"] >= begin) & (score["sample"] < begin + BLOCK)].copy()
        core.notes(notes, begin)
        notes["sample"] -= begin
        at = [time.thread_time()]
        engine.process(part, notes)
        at.append(time.thread_time())
        core.process(BLOCK, *own)
        at.append(time.thread_time())
        for name, each in zip(took, np.diff(at), strict=True):
            took[name].append(1e6 * each)
    for name, each in took.items():
        print(f"{name}: {np.median(each):.0f} us for {BLOCK} samples, 99 %: {np.quantile(each, 0.99):.0f} us")


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
    cost(folder / "cost", library)
    grow(folder / "growth", library)
    damage(folder / "damaged", library)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
