"""Times the causal filters as the engine applies them, tap by tap, against partitioned convolution.

    python tools/compare_convolution.py

Stereo, two stems, 2048 taps that change every hop of 128 samples; µs for a block. Partitions are as long as the block, so
neither waits for anything. Direct form fades from the last filters to the next over 32 samples; partitioned convolution is
spared that here, but has to transform every new filter, once for each hop.
"""

import time
from collections.abc import Callable

import numpy as np
from evaluate_report import table
from numba import njit
from rocket_fft import c2r, r2c

from rtsep.kernels.native import OPTIONS
from rtsep.kernels.wiener import filtered

CHANNELS, STEMS, TAPS, HOP, FADE, RING = 2, 2, 2048, 128, 32, 8192
REPEATS = 400
AXES = np.zeros(1, np.int64)


@njit(**OPTIONS)
def direct(ring, at, filters, old, samples, fading, out):
    """`samples` from sample `at`, each stem's taps last first; two filters for the first `fading` of them."""
    for c in range(ring.shape[0]):
        for i in range(samples):
            for s in range(filters.shape[0]):
                y = filtered(ring[c], ring.shape[1], at + i, filters[s])
                if i < fading:
                    share = np.float32(i) / np.float32(fading)
                    y = share * y + (np.float32(1) - share) * filtered(ring[c], ring.shape[1], at + i, old[s])
                out[s, c, i] = y


@njit(**OPTIONS)
def transform(filters, size, frame, axes, spectra):
    """Fill spectra [stem, partition, bin] with those of each `size` taps, first tap first."""
    for s in range(filters.shape[0]):
        for p in range(spectra.shape[1]):
            frame[:size] = filters[s, p * size : (p + 1) * size]
            frame[size:] = 0
            r2c(frame, spectra[s, p], axes, True, 1.0, 1)


@njit(**OPTIONS)
def partitioned(inputs, spectra, past, newest, frame, total, axes, out):
    """One block of inputs [channel, 2 size] (overlap-save) through all partitions; past [channel, partition, bin] is a ring."""
    size, parts = inputs.shape[1] // 2, spectra.shape[1]
    for c in range(inputs.shape[0]):
        r2c(inputs[c], past[c, newest], axes, True, 1.0, 1)
        for s in range(spectra.shape[0]):
            total[:] = 0
            for p in range(parts):
                x, w = past[c, (newest - p) % parts], spectra[s, p]
                for k in range(total.shape[0]):
                    total[k] += x[k] * w[k]
            c2r(total, frame, axes, False, 1.0 / frame.shape[0], 1)
            out[s, c] = frame[size:]


def microseconds(call: Callable[[], None]) -> float:
    """Median over REPEATS."""
    times = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        call()
        times.append(time.perf_counter() - begun)
    return 1e6 * float(np.median(times))


def measure(block: int) -> list[str]:
    """A line for blocks of so many samples."""
    rng, floats = np.random.default_rng(0), np.float32
    ring, filters = rng.standard_normal((CHANNELS, RING)).astype(floats), rng.standard_normal((STEMS, TAPS)).astype(floats)
    out, bins, parts = np.zeros((STEMS, CHANNELS, block), floats), block + 1, TAPS // block
    inputs = ring[:, RING - 2 * block :].copy()
    spectra, past = (np.zeros((n, parts, bins), np.complex64) for n in (STEMS, CHANNELS))
    frame, total = np.zeros(2 * block, floats), np.zeros(bins, np.complex64)
    backwards = np.ascontiguousarray(filters[:, ::-1])
    for p in range(parts):  # what came before, oldest first
        begin = RING - (parts - p + 1) * block
        past[:, p] = np.fft.rfft(ring[:, begin : begin + 2 * block])
    transform(filters, block, frame, AXES, spectra)
    partitioned(inputs, spectra, past, parts - 1, frame, total, AXES, out)
    found = out.copy()
    direct(ring, RING - block, backwards, backwards, block, 0, out)
    if not np.allclose(found, out, atol=1e-2):
        raise SystemExit("the two ways do not agree")
    plain, fading = (microseconds(lambda n=n: direct(ring, RING - block, backwards, backwards, block, n, out))
                     for n in (0, FADE))
    products = microseconds(lambda: partitioned(inputs, spectra, past, parts - 1, frame, total, AXES, out))
    changing = microseconds(lambda: transform(filters, block, frame, AXES, spectra))
    blocks = HOP // block
    return [str(block), f"{(fading + (blocks - 1) * plain) / blocks:.0f}", f"{fading:.0f}",
            f"{products + changing / blocks:.0f}", f"{products + changing:.0f}", f"{products:.0f}"]


def main() -> None:
    print(table(["block", "direct, mean", "direct, worst", "partitioned, mean", "partitioned, worst", "without new filters"],
                [measure(block) for block in (32, 64, 128)]))


if __name__ == "__main__":
    main()
