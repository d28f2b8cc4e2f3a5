"""Times NMF by rtsep, libfmp and scikit-learn in turns: python factorise.py TURNS THREADS; prints JSON.

The shortest of all turns counts. With one thread, times are processor seconds. The first turn warms up.
"""

import importlib.util
import json
import sys
import time
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import numpy as np

from rtsep.files.sound import read_sound
from rtsep.training.initial import random_start
from rtsep.training.nmf import factorise

CLIP = Path(str(files("rtsep_presets"))) / "demo" / "mix.flac"
SIZES = {"173 frames x 1025 bins x 24 rows": (2048, 1024, 24, 173, 40), "2000 x 2049 x 88": (4096, 512, 88, 2000, 3)}
LOSSES = {"euclid": "frobenius", "kl": "kullback-leibler"}


def spectrogram(window, hop, frames):
    """V float32 [frame, bin] of the bundled clip."""
    sound = read_sound(CLIP)[0][0]
    at = np.arange(frames)[:, None] * hop + np.arange(window)
    return np.abs(np.fft.rfft(sound[at] * np.hanning(window), axis=1)).astype(np.float32)


def ours(V, W, H, updates, divergence, measure_every):
    """`factorise`, which measures the loss once in `measure_every` updates."""
    found = factorise(V, W, H, divergence=divergence, max_iter=updates, tolerance=0, measure_every=measure_every,
                      normalise=None)
    return found.W, found.H


def libfmp_way(V, W, H, updates, divergence):
    """libfmp, with Euclid as its only divergence, float64 as its only type, and the textbook's orientation."""
    from libfmp.c8 import nmf

    found = nmf(V.T, W.shape[0], thresh=0.0, L=updates, W=W.T, H=H.T)
    return found[0].T, found[1].T


def sklearn_way(V, W, H, updates, divergence):
    """scikit-learn's multiplicative solver, which does not measure the loss here."""
    from sklearn.decomposition import NMF

    model = NMF(len(W), init="custom", solver="mu", beta_loss=LOSSES[divergence], tol=0, max_iter=updates)
    found = model.fit_transform(V, W=H.copy(), H=W.copy())
    return model.components_, found


def systems():
    """The systems that are installed: (name, divergence, type) -> function."""
    found = {}
    for divergence in LOSSES:
        for dtype in ("float32", "float64"):
            for every, name in ((1, "loss in every update"), (10, "loss in every tenth")):
                found[f"rtsep, {name}", divergence, dtype] = lambda *args, every=every: ours(*args, every)
            if importlib.util.find_spec("sklearn"):
                found[f"scikit-learn {version('scikit-learn')}, no loss", divergence, dtype] = sklearn_way
    if importlib.util.find_spec("libfmp"):
        found[f"libfmp {version('libfmp')}", "euclid", "float64"] = libfmp_way
    return found


def measured(size, turns, clock):
    """The least time per update in ms, and the final relative Euclidean distance, of each system."""
    window, hop, rows, frames, updates = size
    V32 = spectrogram(window, hop, frames)
    W, H = random_start(frames, V32.shape[1], rows)
    inputs = {dtype: (V32.astype(dtype), W.astype(dtype), H.astype(dtype)) for dtype in ("float32", "float64")}
    best, apart = {}, {}
    for turn in range(turns + 1):
        for key, run in systems().items():
            start = clock()
            found = run(*inputs[key[2]], updates, key[1])
            took = (clock() - start) / updates * 1000
            if turn == 0:
                apart[key] = float(np.linalg.norm(V32 - found[1] @ found[0]) / np.linalg.norm(V32))
            else:
                best[key] = min(took, best.get(key, np.inf))
    return {key: (best[key], apart[key]) for key in best}


def main(turns, threads):
    """Print the sizes, and [[name, divergence, type, [ms, distance] of every size], ...]."""
    clock = time.process_time if threads == "1" else time.perf_counter
    results = [measured(size, int(turns), clock) for size in SIZES.values()]
    print(json.dumps([list(SIZES), [[*key, *(found[key] for found in results)] for key in results[0]]]))


if __name__ == "__main__":
    main(*sys.argv[1:])
