"""How fast `rtsep.training.nmf.factorise` is beside libfmp and scikit-learn."""

import importlib.util
import json
import os
import resource
import subprocess
import sys
import time

import numpy as np

from laboratory.pieces import DEMO
from laboratory.report import table
from laboratory.study import ROOT, Given, MissingError, Table, option, study
from rtsep.files.sound import read_sound
from rtsep.training.initial import random_start
from rtsep.training.nmf import factorise

WORKER = ROOT / "tools" / "laboratory" / "workers" / "factorise.py"
PEERS = {"libfmp": "libfmp", "sklearn": "scikit-learn"}
DIVERGENCES = {"euclid": "Euclid", "kl": "KL"}


def threads_table(threads: int, turns: int) -> str:
    """The comparison with so many threads, measured by a process of its own: BLAS reads their number when it starts."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    ended = subprocess.run([sys.executable, WORKER, str(turns), str(threads)], check=True, env=environment,
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    sizes, systems = json.loads(ended.stdout)
    kind = "one thread, ms per update" if threads == 1 else f"{threads} threads, ms per update"
    lines = [[name, DIVERGENCES[kind_of], dtype, *(cell for took, apart in found for cell in (f"{took:.2f}", f"{apart:.4f}"))]
             for name, kind_of, dtype, *found in sorted(systems, key=lambda system: (system[1], system[2], system[0]))]
    return table([kind, "divergence", "type", *(cell for size in sizes for cell in (size, "‖V - HW‖/‖V‖"))], lines, 3)


class Hour:
    """V of an hour of sound, float32: the bundled clip over and over, computed when it is asked for."""

    def __init__(self, window: int = 4096, hop: int = 1024, rate: int = 44100) -> None:
        self._sound = read_sound(DEMO / "mix.flac")[0][0]
        self._window, self._hop = np.hanning(window).astype(np.float32), hop
        self.shape, self.dtype = (3600 * rate // hop, window // 2 + 1), np.dtype(np.float32)

    def __getitem__(self, frames: slice) -> np.ndarray:
        begins = np.arange(frames.start, frames.stop) * self._hop % (len(self._sound) - len(self._window))
        framed = self._sound[begins[:, None] + np.arange(len(self._window))]
        return np.abs(np.fft.rfft(framed * self._window, axis=1))


def hour(rows: int = 176, updates: int = 2) -> str:
    """What an hour costs: every frame is computed anew each time it is needed."""
    V = Hour()
    W, H = (part.astype(np.float32) for part in random_start(*V.shape, rows))
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    factorise(V, W, H, max_iter=updates, tolerance=0, measure_every=10)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sizes = f"V {V.shape[0] * V.shape[1] * 4 / 1e6:.0f} MB (never held), H {H.nbytes / 1e6:.0f} MB"
    return (f"an hour, {V.shape[0]} frames x {V.shape[1]} bins x {rows} rows, KL, {updates} updates: {sizes}; "
            f"{(after - before) / 1e3:.0f} MB on top of the start, {time.perf_counter() - start:.0f} s")


@study("nmf", option("--hour", action="store_true", help="instead: memory and time of an hour of sound"),
       option("--threads", type=int, help="only this number of threads"),
       option("--turns", type=int, default=5, help="of which the shortest counts (default: %(default)s)"), takes=())
def nmf(given: Given) -> list[Table]:
    """How fast NMF for training is beside libfmp and scikit-learn: the same V, W, H and number of updates in one run.

    V is the bundled clip, its start random. A peer that is not installed is left out. All are warmed up, then take turns; the
    shortest of all turns counts. Ours are timed measuring the loss in every update, and in every tenth, as scikit-learn does if
    it is asked to converge; here it measures none. Turns with one thread are timed in seconds of the processor.
    """
    if given["hour"]:
        return [Table("nmf-hour", hour())]
    for module, package in PEERS.items():
        if not importlib.util.find_spec(module):
            given.miss(MissingError(f"{package} is not installed and left out: pip install {package}"))
    counts = [given["threads"]] if given["threads"] else [1, os.cpu_count() or 1]
    return [Table("nmf" if threads == 1 else "nmf-threads", threads_table(threads, given["turns"])) for threads in counts]
