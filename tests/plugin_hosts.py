"""The long tests of the plug-in, for `.ci/full plugin`: thousands of damaged plans, memory over ten minutes, DawDreamer, Ardour
if it is installed, and code for ARM and Windows if qemu-user-static, wine and ziglang are installed.

DawDreamer is installed into its own environment, in the given folder.
"""

import os
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path

import numpy as np
import plugin_ardour
import soundfile
from conftest import SMALL, band, make_preset, midi, play, prepared
from plugin_core import PITCHES, Core, build, bundle_of, places

from rtsep.cli import main as rtsep
from rtsep.compiling.portable import portable_objects
from rtsep.notes.routing import by_hands, by_split
from rtsep.notes.score import read_midi
from rtsep.plugin.bundle import PluginForm, write_data
from rtsep.plugin.layout import header
from rtsep.plugin.link import ENGINE, NATIVE, SHARED, compiler_for
from rtsep.presets.library import find_preset
from rtsep.presets.preset import load_preset, save_preset

RATE = 48000
GRID = RATE // 64  # DawDreamer counts times in seconds: only times that are exact in seconds come to their exact sample.
DAMAGED, SEEDS = 1500, 4
BLOCK = 128
DEMO = Path(__file__).parents[1] / "presets" / "demo"
PLAYER = Path(__file__).parent / "plugin_player.c"
MINUTES, MOST_GROWTH_MB = 10, 0.5


def damage(folder, library):
    """Check that no damaged plan ends the process."""
    for number, options in enumerate(({}, {"mode": "instant", "latency_samples": 0}, {"routing": by_hands(), "split": None})):
        for seed in range(SEEDS):
            bundle_of(folder / str(number), **options)
            subprocess.run([sys.executable, Path(__file__).parent / "plugin_fuzz.py", library, folder / str(number),
                            str(DAMAGED), str(100 + seed)], check=True, env={**os.environ, "MALLOC_CHECK_": "3"})


def grow(folder, library):
    """Check that after ten minutes of sound the memory is as large as after the first minute."""
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
    """The resident memory of this process, in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def cost(folder, library):
    """Measure the cost of the split piano: time to load, memory, and processor time beside Python's, in turns."""
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


def others(folder):
    """Check in emulation that code for ARM and for Windows plays the same, except for the last bits of their C libraries."""
    for system, runner in (("linux-aarch64", "qemu-aarch64-static"), ("windows-x86_64", "wine")):
        if not shutil.which(runner):
            print(f"{system}: not tried, {runner} is missing")
            continue
        (folder / "layout.h").write_text(header())
        objects = portable_objects("engine", system=system)
        target = compiler_for(system)
        if system == "linux-aarch64":
            target[-1] = "aarch64-linux-musl"  # So that it can be linked statically.
        program = folder / f"player-{system}.exe"
        subprocess.run([*target, "-std=c11", "-O2", "-static", f"-I{folder}", f"-I{NATIVE}",
                        *(NATIVE / each for each in SHARED), PLAYER, *(objects[name] for name in ENGINE),
                        "-o", program], check=True)
        for options in ({}, {"mode": "instant", "latency_samples": 0}):
            form, rng, length = bundle_of(folder / "bundle", **options), np.random.default_rng(1), 40_000
            sound, notes = band(rng, length, 2), midi(*((1000 * at, 0x90, PITCHES[at % 4], 60 + at, 0) for at in range(38)))
            sound.tofile(folder / "in")
            words = np.stack([notes[name] for name in ("sample", "status", "data1", "data2")], axis=1)
            words.astype("<i4").tofile(folder / "notes")
            subprocess.run([runner, program, "bundle", "44100", str(length), "in", "notes", "out"], cwd=folder, check=True,
                           stderr=subprocess.DEVNULL)
            found = np.fromfile(folder / "out", np.float32).reshape(-1, length)
            stems, mix = play(prepared(form.programs["keys"], form.routing, form.params, 2), sound, notes)
            difference = np.abs(found - np.concatenate([mix, stems.reshape(-1, length)])).max()
            print(f"{system}, {options.get('mode', 'live')}: largest difference {difference:.1g}")
            assert difference < 2e-6


def daw(home):
    """Check that JUCE's host plays what the engine plays."""
    python = home / "venv" / "bin" / "python"
    if not python.exists():
        venv.create(home / "venv", with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "dawdreamer", "mido", "numpy"], check=True)
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
    if plugin_ardour.missing():
        print(f"Ardour: not tried, {plugin_ardour.missing()} is missing (apt install ardour)")
    else:
        plugin_ardour.check(folder, "urn:rtsep:keys")
    others(folder)
    cost(folder / "cost", library)
    grow(folder / "growth", library)
    damage(folder / "damaged", library)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
