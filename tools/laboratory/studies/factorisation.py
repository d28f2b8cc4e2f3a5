"""The speed of `rtsep.training.nmf.factorise`, compared with libfmp and scikit-learn."""

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
    """The comparison with this many threads, in a separate process, since BLAS reads their number when it starts."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    ended = subprocess.run([sys.executable, WORKER, str(turns), str(threads)], check=True, env=environment,
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    sizes, systems = json.loads(ended.stdout)
    kind = "one thread, ms per update" if threads == 1 else f"{threads} threads, ms per update"
    lines = [[name, DIVERGENCES[kind_of], dtype, *(cell for took, apart in found for cell in (f"{took:.2f}", f"{apart:.4f}"))]
             for name, kind_of, dtype, *found in sorted(systems, key=lambda system: (system[1], system[2], system[0]))]
    return table([kind, "divergence", "type", *(cell for size in sizes for cell in (size, "‖V - HW‖/‖V‖"))], lines, 3)


class Hour:
    """V of an hour of sound, float32: the bundled clip, repeated; frames are computed on request."""

    def __init__(self, window: int = 4096, hop: int = 1024, rate: int = 44100) -> None:
        self._sound = read_sound(DEMO / "mix.flac")[0][0]
        self._window, self._hop = np.hanning(window).astype(np.float32), hop
        self.shape, self.dtype = (3600 * rate // hop, window // 2 + 1), np.dtype(np.float32)

    def __getitem__(self, frames: slice) -> np.ndarray:
        begins = np.arange(frames.start, frames.stop) * self._hop % (len(self._sound) - len(self._window))
        framed = self._sound[begins[:, None] + np.arange(len(self._window))]
        return np.abs(np.fft.rfft(framed * self._window, axis=1))


def hour(rows: int = 176, updates: int = 2) -> str:
    """The cost of an hour, where every frame is computed anew each time it is needed."""
    V = Hour()
    W, H = (part.astype(np.float32) for part in random_start(*V.shape, rows))
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    factorise(V, W, H, max_iter=updates, tolerance=0, measure_every=10)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sizes = f"V {V.shape[0] * V.shape[1] * 4 / 1e6:.0f} MB (never held), H {H.nbytes / 1e6:.0f} MB"
    return (f"an hour, {V.shape[0]} frames x {V.shape[1]} bins x {rows} rows, KL, {updates} updates: {sizes}; "
            f"{(after - before) / 1e3:.0f} MB on top of the start, {time.perf_counter() - start:.0f} s")


@study("nmf", option("--hour", action="store_true", help="measure memory and time for an hour of sound instead"),
       option("--threads", type=int, help="only this number of threads"),
       option("--turns", type=int, default=5, help="turns; the shortest counts (default: %(default)s)"), takes=())
def nmf(given: Given) -> list[Table]:
    """The speed of NMF for training, compared with libfmp and scikit-learn: the same V, W, H and number of updates in one run.

    V is the bundled clip, with a random start. A library that is not installed is left out. All are warmed up, and then take
    turns; the shortest of all turns counts. rtsep measures the loss in every update, and in every tenth, as scikit-learn does
    if it has to converge; here scikit-learn measures no loss. Turns with one thread are timed in processor seconds.
    """
    if given["hour"]:
        return [Table("nmf-hour", hour())]
    for module, package in PEERS.items():
        if not importlib.util.find_spec(module):
            given.miss(MissingError(f"{package} is not installed and left out: pip install {package}"))
    counts = [given["threads"]] if given["threads"] else [1, os.cpu_count() or 1]
    return [Table("nmf" if threads == 1 else "nmf-threads", threads_table(threads, given["turns"])) for threads in counts]
