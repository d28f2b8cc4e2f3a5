"""The time of our NMFD beside libnmfd's `nmfd`, on the same spectrogram, start and number of updates.

    python3.11 -m venv /tmp/venv-nmfd && /tmp/venv-nmfd/bin/pip install libnmfd==1.0.0
    OPENBLAS_NUM_THREADS=1 python tools/compare_nmfd.py --python /tmp/venv-nmfd/bin/python

libnmfd needs an environment of its own, for it pins an old NumPy. Both run by turns, with the variable on one thread; the
fastest of each counts.
The spectrograms are random: what is in them does not matter, only how much.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from rtsep.training.nmfd import nmfd

SIZES = ((276, 3, 8), (2600, 3, 8))  # frames, drums, lags; of 1025 bins: 3 and 30 s
UPDATES, TURNS = 30, 3
THEIRS = """
import sys, time
import numpy as np
from libnmfd.core.nmfconv import nmfd
data = np.load(sys.argv[1])
V, W, H = data["V"].T.astype(float), data["W"], data["H"].T.copy()
started = time.perf_counter()
W, H = nmfd(V, num_comp=len(W), num_frames=V.shape[1], num_iter=int(sys.argv[2]), num_template_frames=W.shape[1],
            init_W=[w.T.copy() for w in W], init_H=H, num_bins=V.shape[0])[:2]
print(time.perf_counter() - started)
np.savez(sys.argv[1].replace("problem", "found"), W=np.stack(W).transpose(0, 2, 1), H=H.T)
"""


def problem(frames: int, drums: int, lags: int) -> dict[str, np.ndarray]:
    """V [frame, bin] in float32, and a start."""
    rng = np.random.default_rng(1)
    H = rng.random((frames, drums)) * (rng.random((frames, drums)) < 0.05)
    W = rng.random((drums, lags, 1025)) ** 4 * np.exp(-np.arange(lags) / 3)[:, None]
    V = sum(np.pad(H, ((lag, 0), (0, 0)))[:frames] @ W[:, lag] for lag in range(lags)) + 1e-3
    return {"V": V.astype(np.float32), "W": rng.random(W.shape), "H": np.ones_like(H)}


def our_seconds(data: dict[str, np.ndarray], dtype: type) -> float:
    """Of one run."""
    started = time.perf_counter()
    nmfd(data["V"].astype(dtype), data["W"], data["H"], max_iter=UPDATES, tolerance=0)
    return time.perf_counter() - started


def run_theirs(python: Path, file: Path) -> float:
    """Seconds of one run on problem.npz, without the start of Python; W and H go into found.npz beside it."""
    command = [python, "-W", "ignore", "-c", THEIRS, file, str(UPDATES)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        sys.exit(f"{python} could not run libnmfd:\n{ended.stderr}")
    return float(ended.stdout.split()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", type=Path, required=True, help="the Python in which libnmfd is installed")
    python = parser.parse_args().python
    print("| frames x drums x lags | libnmfd, s | float64, s | times faster | float32, s | times faster |")
    print("| --- | --: | --: | --: | --: | --: |")
    for size in SIZES:
        data = problem(*size)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "problem.npz")
            np.savez(file, **data)
            our_seconds(data, np.float64), our_seconds(data, np.float32)  # compile
            times = [(run_theirs(python, file), our_seconds(data, np.float64), our_seconds(data, np.float32))
                     for _ in range(TURNS)]
        theirs, double, single = np.min(times, axis=0)
        print(f"| {' x '.join(map(str, size))} | {theirs:.2f} | {double:.3f} | {theirs / double:.1f} | {single:.3f} | "
              f"{theirs / single:.1f} |", flush=True)


if __name__ == "__main__":
    main()
