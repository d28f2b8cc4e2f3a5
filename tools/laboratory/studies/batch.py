"""What `rtsep batch` costs: against loops of `render`, with ten thousand items, and with one recording of three hours."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from laboratory.report import table
from laboratory.study import ROOT, Given, Table, need_module, option, study
from rtsep.presets.library import find_preset
from rtsep.presets.preset import load_preset, save_preset

DEMO = ROOT / "presets" / "demo"
PARTS = ("scaling", "overhead", "tiny", "long")
ITEM_S, ITEMS = 30.0, 40  # Seconds and number of the items of `scaling`.
TINY_S, FEW, MORE = 0.1, 40, 240  # Seconds of a tiny item; how many of them `overhead` compares.
LONG_S, LONG_RATE = (600.0, 10800.0), 11025  # Seconds and sample rate of the recordings of `long`.
# One process that renders the given items one after another: arguments are the preset, the folder, and the mixes.
LOOP = """
import sys
from pathlib import Path
from rtsep.hosts.render import Job, render
for i, mix in enumerate(sys.argv[3:]):
    notes = next(each for each in map(Path(mix).with_suffix, (".mid", ".csv")) if each.exists())
    render(Job(Path(mix), Path(sys.argv[2]) / str(i), (str(notes),), (sys.argv[1],)))
"""


def _items(folder: Path, seconds: float, count: int) -> list[Path]:
    """So many recordings of this length, cut out of the demo clip one after another, with their notes."""
    sound, rate = soundfile.read(DEMO / "mix.flac", dtype="float32", always_2d=True)
    length = round(seconds * rate)
    folder.mkdir(parents=True)
    mixes = []
    for i in range(count):
        mixes.append(folder / f"{i:05}.wav")
        soundfile.write(mixes[-1], np.resize(np.roll(sound, -i * 1000, axis=0), (length, sound.shape[1])), rate, "FLOAT")
        if seconds > 1:
            shutil.copy(DEMO / "demo.mid", mixes[-1].with_suffix(".mid"))
        else:
            mixes[-1].with_suffix(".csv").write_text("onset,offset,pitch\n0,0.1,60\n")
    return mixes


def _small(folder: Path) -> Path:
    """A preset of a few rows, whose design takes little time: what is measured is all the rest."""
    preset, path = load_preset(find_preset("vibraphone")), folder / "small.npz"
    folder.mkdir(parents=True, exist_ok=True)
    few = slice(0, 8)
    save_preset(replace(preset, W=preset.W[few], row_pitch=preset.row_pitch[few], row_role=preset.row_role[few]), path)
    return path


def _measured(commands: Sequence[Sequence[Any]]) -> tuple[float, float, float]:
    """Commands side by side: seconds until the last has ended, processor time of all in s, the largest peak memory in MB."""
    began, cpu_s, peak = time.monotonic(), 0.0, 0.0
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    running = [subprocess.Popen([*map(str, command)], stdout=subprocess.DEVNULL, env=environment) for command in commands]
    for process in running:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"{process.args} ended with {process.returncode}")
        cpu_s, peak = cpu_s + usage.ru_utime + usage.ru_stime, max(peak, usage.ru_maxrss / 1024)
    return time.monotonic() - began, cpu_s, peak


def _batch(given: Path, out: Path, workers: int, preset: Any = "piano", *more: str) -> list[Any]:
    return [sys.executable, "-m", "rtsep", "batch", given, "--out", out, "--preset", preset, "--workers", workers, *more]


def _loop(mixes: Sequence[Path], out: Path, preset: Any = "piano") -> list[Any]:
    return [sys.executable, "-c", LOOP, preset, out, *mixes]


def _scaling(top: Path, rounds: int) -> list[dict[str, Any]]:
    """Two workers against two loops, taking turns; the median of the rounds."""
    mixes = _items(top / "songs", ITEM_S, ITEMS)
    ratios, cpus = [], []
    for turn in range(rounds):
        loops = _measured([_loop(mixes[part::2], top / f"loop-{turn}-{part}") for part in range(2)])
        batch = _measured([_batch(top / "songs", top / f"batch-{turn}", 2)])
        ratios.append(loops[0] / batch[0])
        cpus.append((batch[1] - loops[1]) / ITEMS)
    return [{"measure": f"speed against two loops of render, {ITEMS} items of {ITEM_S:g} s, two workers",
             "value": f"{np.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"},
            {"measure": "more processor time than the loops, start-up and tables included",
             "value": f"{np.median(cpus):.3f} s/item"}]


def _overhead(top: Path, rounds: int) -> list[dict[str, Any]]:
    """From the processor time of few and of more tiny items: start-up does not count."""
    mixes, found, preset = _items(top / "songs", TINY_S, MORE), [], _small(top)
    _items(top / "few", TINY_S, FEW)
    for turn in range(rounds):
        loop = (_measured([_loop(mixes, top / f"l-{turn}", preset)])[1]
                - _measured([_loop(mixes[:FEW], top / f"lf-{turn}", preset)])[1])
        batch = (_measured([_batch(top / "songs", top / f"b-{turn}", 1, preset)])[1]
                 - _measured([_batch(top / "few", top / f"bf-{turn}", 1, preset)])[1])
        found.append(1000 * (batch - loop) / (MORE - FEW))
    return [{"measure": "processor time of an item beside its separation", "value": f"{np.median(found):.1f} ms"}]


def _sizes(process: int) -> dict[int, tuple[float, int]]:
    """Resident memory in MB and open files of a process and of those that it started."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    found = {}
    for each in (process, *map(int, children)):
        memory = next(line for line in Path(f"/proc/{each}/status").read_text().splitlines() if line.startswith("VmRSS"))
        found[each] = int(memory.split()[1]) / 1024, len(os.listdir(f"/proc/{each}/fd"))
    return found


def _tiny(top: Path, count: int) -> list[dict[str, Any]]:
    """Memory and open files after a tenth of the items and at the end."""
    mix = _items(top / "songs", TINY_S, 1)[0]
    manifest = top / "tiny.csv"
    manifest.write_text("\n".join(["mix,midi,id", *(f"{mix},{mix.with_suffix('.csv')},{i // 100}/{i}" for i in range(count))]))
    command = [*map(str, _batch(manifest, top / "out", 2, _small(top), "--json"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        early, late, ended = {}, {}, 0
        for line in program.stdout or ():
            if "summary" in json.loads(line):
                break
            ended += 1
            if ended == count // 10:
                early = _sizes(program.pid)
            if ended == count - 10:
                late = _sizes(program.pid)
    grown = [late[each][0] - early[each][0] for each in early if each in late]
    files = [late[each][1] - early[each][1] for each in early if each in late]
    return [{"measure": f"items done, of {count}", "value": str(ended)},
            {"measure": f"growth of memory from item {count // 10} to {count - 10}, main program and workers",
             "value": ", ".join(f"{each:.1f}" for each in grown) + " MB"},
            {"measure": "growth of open files, the same", "value": ", ".join(map(str, files))}]


def _long(top: Path, lengths: Sequence[float]) -> list[dict[str, Any]]:
    """Peak memory of `rtsep render` by the length of the recording, which is written as it is made."""
    found = []
    for seconds in lengths:
        mix, rng = top / "long.wav", np.random.default_rng(0)
        with soundfile.SoundFile(mix, "w", LONG_RATE, 1, "FLOAT") as file:
            for _ in range(round(seconds)):
                file.write(rng.standard_normal(LONG_RATE).astype(np.float32) * 0.05)
        notes = [f"{i * 0.5:.2f},{i * 0.5 + 0.4:.2f},{48 + i * 7 % 30}" for i in range(round(2 * seconds) - 1)]
        (top / "long.csv").write_text("\n".join(["onset,offset,pitch", *notes]) + "\n")
        command = [sys.executable, "-m", "rtsep", "render", mix, "--midi", top / "long.csv", "--out", top / f"long-{seconds:g}",
                   "--preset", "piano", "--mode", "live"]
        wall_s, _, peak = _measured([command])
        found.append({"measure": f"peak memory of one recording of {seconds / 60:g} min",
                      "value": f"{peak:.0f} MB ({wall_s:.0f} s)"})
        shutil.rmtree(top / f"long-{seconds:g}")
    return found


@study("batch", option("--parts", nargs="+", choices=PARTS, default=PARTS, help="what is measured (default: all)"),
       option("--rounds", type=int, default=3, help="how often it is compared (default: %(default)s)"),
       option("--items", type=int, default=10_000, help="tiny items (default: %(default)s)"),
       page="docs/tutorials/batch.md", takes=())
def batch(given: Given) -> list[Table]:
    """What `rtsep batch` costs beside separating: time, processor time, memory, open files."""
    need_module("joblib", "pip install 'rtsep[batch]'")
    work = {"scaling": lambda top: _scaling(top, given["rounds"]), "overhead": lambda top: _overhead(top, given["rounds"]),
            "tiny": lambda top: _tiny(top, given["items"]), "long": lambda top: _long(top, LONG_S)}
    rows = []
    for part in given["parts"]:
        with tempfile.TemporaryDirectory(prefix="rtsep-study-") as folder:
            rows += work[part](Path(folder))
    return [Table("batch", table(("measure", "value"), [(row["measure"], row["value"]) for row in rows]), rows)]
