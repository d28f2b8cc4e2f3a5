"""NMF deconvolution of a problem in a file by libnmfd: python deconvolve.py PROBLEM.npz FOUND.npz UPDATES; prints its seconds.

It runs with the interpreter of an environment that has libnmfd, which pins an old NumPy.
"""

import sys
import time

import numpy as np


def main(problem: str, found: str, updates: str) -> None:
    """Learn W and H from the start in `problem`, and write them into `found`."""
    from libnmfd.core.nmfconv import nmfd

    data = np.load(problem)
    V, W, H = data["V"].T.astype(float), data["W"], data["H"].T.copy()
    started = time.perf_counter()
    W, H = nmfd(V, num_comp=len(W), num_frames=V.shape[1], num_iter=int(updates), num_template_frames=W.shape[1],
                init_W=[w.T.copy() for w in W], init_H=H, num_bins=V.shape[0])[:2]
    print(time.perf_counter() - started)
    np.savez(found, W=np.stack(W).transpose(0, 2, 1), H=H.T)


if __name__ == "__main__":
    main(*sys.argv[1:])
