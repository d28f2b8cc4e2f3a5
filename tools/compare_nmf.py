"""How fast `rtsep.training.nmf.factorise` is beside libfmp and scikit-learn: the same V, W, H and number of updates in one run.

    pip install libfmp scikit-learn
    python tools/compare_nmf.py            # with one thread, then with as many as there are
    python tools/compare_nmf.py --hour     # instead: memory and time of an hour of sound

V is the bundled clip, its start random. A peer that is not installed is left out. All are warmed up, then take turns; the
shortest of all turns counts. Ours are timed measuring the loss in every update, and in every tenth, as scikit-learn does if
it is asked to converge; here it measures none. Turns with one thread are timed in seconds of the processor.
"""

import argparse
import importlib.util
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

if "--threads" in sys.argv:  # BLAS reads it when NumPy is imported
    os.environ["OPENBLAS_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = sys.argv[sys.argv.index("--threads") + 1]

import numpy as np

from rtsep.files.sound import read_sound
from rtsep.training.initial import random_start
from rtsep.training.nmf import factorise

CLIP = Path(__file__).resolve().parent.parent / "presets" / "demo" / "mix.flac"
SIZES = {"173 x 1025 x 24": (2048, 1024, 24, 173, 40), "2000 x 2049 x 88": (4096, 512, 88, 2000, 3)}
TURNS = 5
Key = tuple[str, str, str]  # name, divergence, type
Run = Callable[[np.ndarray, np.ndarray, np.ndarray, int], tuple[np.ndarray, np.ndarray]]


def spectrogram(window: int, hop: int, frames: int) -> np.ndarray:
    """V float32 [frame, bin] of the bundled clip."""
    sound = read_sound(CLIP)[0][0]
    at = np.arange(frames)[:, None] * hop + np.arange(window)
    return np.abs(np.fft.rfft(sound[at] * np.hanning(window), axis=1)).astype(np.float32)


def ours(divergence: str, measure_every: int) -> Run:
    """`factorise`."""
    def run(V, W, H, updates):
        found = factorise(V, W, H, divergence=divergence, max_iter=updates, tolerance=0, measure_every=measure_every,
                          normalise=None)
        return found.W, found.H
    return run


def libfmp_way(V, W, H, updates):
    """libfmp's only divergence is Euclid, its only type float64; the textbook's orientation."""
    from libfmp.c8 import nmf

    found = nmf(V.T, W.shape[0], thresh=0.0, L=updates, W=W.T, H=H.T)
    return found[0].T, found[1].T


def sklearn_way(divergence: str) -> Run:
    """scikit-learn's multiplicative solver."""
    def run(V, W, H, updates):
        from sklearn.decomposition import NMF

        loss = {"euclid": "frobenius", "kl": "kullback-leibler"}[divergence]
        model = NMF(len(W), init="custom", solver="mu", beta_loss=loss, tol=0, max_iter=updates)
        found = model.fit_transform(V, W=H.copy(), H=W.copy())
        return model.components_, found
    return run


def systems() -> dict[Key, Run]:
    """What can be run here."""
    found = {}
    for divergence in ("euclid", "kl"):
        for every in (10, 1):
            for dtype in ("float32", "float64"):
                found[f"rtsep, loss every {every}", divergence, dtype] = ours(divergence, every)
    if importlib.util.find_spec("libfmp"):
        found[f"libfmp {version('libfmp')}", "euclid", "float64"] = libfmp_way
    if importlib.util.find_spec("sklearn"):
        for divergence in ("euclid", "kl"):
            for dtype in ("float32", "float64"):
                found[f"scikit-learn {version('scikit-learn')}", divergence, dtype] = sklearn_way(divergence)
    return found


def missing() -> list[str]:
    """Packages that are compared with, but are not installed."""
    modules = {"libfmp": "libfmp", "scikit-learn": "sklearn"}
    return [package for package, module in modules.items() if not importlib.util.find_spec(module)]


def measure(size: tuple[int, ...], clock: Callable[[], float]) -> dict[Key, tuple[float, float]]:
    """ms per update and final Euclidean distance (relative) of each system."""
    window, hop, rows, frames, updates = size
    V32 = spectrogram(window, hop, frames)
    W, H = random_start(frames, V32.shape[1], rows)
    inputs = {dtype: (V32.astype(dtype), W.astype(dtype), H.astype(dtype)) for dtype in ("float32", "float64")}
    best, apart = {}, {}
    for turn in range(TURNS + 1):
        for key, run in systems().items():
            start = clock()
            found = run(*inputs[key[2]], updates)
            took = (clock() - start) / updates * 1000
            if turn == 0:
                apart[key] = np.linalg.norm(V32 - found[1] @ found[0]) / np.linalg.norm(V32)
            else:
                best[key] = min(took, best.get(key, np.inf))
    return {key: (best[key], apart[key]) for key in best}


def print_table(threads: int | None) -> None:
    """The comparison as a Markdown table."""
    clock = time.process_time if threads == 1 else time.perf_counter
    results = {name: measure(size, clock) for name, size in SIZES.items()}
    kind = "one thread" if threads == 1 else "all threads"
    print(f"| {kind} | divergence | type | " + " | ".join(f"{name}: ms per update | ‖V - HW‖/‖V‖" for name in SIZES) + " |")
    print("| --- | --- | --- |" + " --: | --: |" * len(SIZES))
    for key in sorted(systems(), key=lambda key: (key[1], key[2], key[0])):
        cells = " | ".join(f"{results[name][key][0]:.2f} | {results[name][key][1]:.4f}" for name in SIZES)
        print(f"| {key[0]} | {key[1]} | {key[2]} | {cells} |", flush=True)


class Hour:
    """V of an hour of sound, float32: the bundled clip over and over, computed when it is asked for."""

    def __init__(self, window: int = 4096, hop: int = 1024, rate: int = 44100) -> None:
        self._sound = read_sound(CLIP)[0][0]
        self._window, self._hop = np.hanning(window).astype(np.float32), hop
        self.shape, self.dtype = (3600 * rate // hop, window // 2 + 1), np.dtype(np.float32)

    def __getitem__(self, frames: slice) -> np.ndarray:
        begins = np.arange(frames.start, frames.stop) * self._hop % (len(self._sound) - len(self._window))
        framed = self._sound[begins[:, None] + np.arange(len(self._window))]
        return np.abs(np.fft.rfft(framed * self._window, axis=1))


def print_hour(rows: int = 176, updates: int = 2) -> None:
    """What an hour costs: every frame is computed anew each time it is needed."""
    V = Hour()
    W, H = (part.astype(np.float32) for part in random_start(*V.shape, rows))
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    factorise(V, W, H, max_iter=updates, tolerance=0, measure_every=10)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sizes = f"V {V.shape[0] * V.shape[1] * 4 / 1e6:.0f} MB (never held), H {H.nbytes / 1e6:.0f} MB"
    print(f"an hour, {V.shape[0]} frames x {V.shape[1]} bins x {rows} rows, KL, {updates} updates: {sizes}; "
          f"{(after - before) / 1e3:.0f} MB on top of the start, {time.perf_counter() - start:.0f} s")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hour", action="store_true", help="memory and time of an hour of sound")
    parser.add_argument("--threads", type=int, help="only this number of threads")
    arguments = parser.parse_args()
    if arguments.hour:
        print_hour()
        return
    for package in missing():
        print(f"{package} is not installed and left out: pip install {package}", file=sys.stderr)
    if arguments.threads is not None:
        print_table(arguments.threads)
        return
    for threads in ("1", str(os.cpu_count())):
        subprocess.run([sys.executable, __file__, "--threads", threads], check=True, stderr=subprocess.DEVNULL)
        print()


if __name__ == "__main__":
    main()
