"""Window sizes, latencies and hops of each mode; windows; magnitudes; templates for other bins or for another tuning."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rtsep.errors import RtsepError

FRAME_S = 4096 / 44100  # Length, in seconds, of the window that suits music: 4096 samples at 44.1 kHz.
SMALLEST_WINDOW, LARGEST_WINDOW = 1024, 8192  # The smallest and the largest allowed window, in samples.
LOWEST_RATE, HIGHEST_RATE = 8000, 192000  # The lowest and the highest allowed sample rate, in Hz.
FAINTEST = 1e-7  # On a logarithmic scale, smaller values of a template count as this share of its peak.
LEAST_KEPT = 0.1  # A template becomes silent if less than this share of it lies below the new Nyquist frequency.
BLOCK_FRAMES = 64  # Spectra are computed for this many frames at a time.
SHORT_FALL = 128  # Without a synthesis window, the analysis window falls over one part in this many of its length.


@dataclass(frozen=True)
class Framing:
    """The layout of frames, in samples: window, synthesis window (`overlap`) and hop.

    `overlap` 0 means: no synthesis window, but causal filters of `taps` samples, whose output is `delay` samples late.
    """

    window_size: int
    overlap: int
    hop: int
    delay: int = 0
    taps: int = 0

    @property
    def latency(self) -> int:
        """Samples from input to output."""
        return self.overlap or self.delay

    @property
    def lead(self) -> int:
        """Samples from the end of a frame to the middle of the sound that its filters are used for.

        Filters are designed during one hop and used in the next one, and the output is `delay` old. With overlap-add the
        lead is 0, since the frame itself is played.
        """
        return max(self.hop - self.delay, 0) if self.taps else 0


def _power_near(samples: float) -> int:
    return 1 << round(math.log2(samples))


def power_above(least: float) -> int:
    """The smallest power of two that is at least `least`."""
    return 1 << int(np.ceil(np.log2(least)))


def _is_power(samples: int) -> bool:
    return samples > 0 and samples & (samples - 1) == 0


def _choose_window(sample_rate: float, asked: int) -> int:
    usual = _power_near(FRAME_S * sample_rate)
    largest = max(LARGEST_WINDOW, usual)
    if asked == 0:
        return usual
    if not (_is_power(asked) and SMALLEST_WINDOW <= asked <= largest):
        raise RtsepError(f"window_samples = {asked}: allowed at {sample_rate:g} Hz are the powers of two from "
                         f"{SMALLEST_WINDOW} to {largest}, or 0 for {usual}")
    return asked


def _choose_latency(mode: str, sample_rate: float, window_size: int, asked: int) -> int:
    if mode == "quality":
        if asked not in (0, window_size):
            raise RtsepError(f"latency_samples = {asked}: in quality mode the latency is the window, {window_size} "
                             "samples; give that, 0, or --mode live")
        return window_size
    scale = _power_near(FRAME_S * sample_rate) / 4096
    allowed = [int(n * scale) for n in (128, 256, 512, 1024) if n * scale <= window_size // 2]
    if asked == 0:
        return min(int(512 * scale), window_size // 2)
    if asked not in allowed:
        raise RtsepError(f"latency_samples = {asked}: allowed in live mode at {sample_rate:g} Hz with a window of "
                         f"{window_size} are {', '.join(map(str, allowed))}")
    return asked


def _choose_delay(window_size: int, asked: int) -> int:
    if not 0 <= asked <= window_size // 4:
        raise RtsepError(f"latency_samples = {asked}: allowed in instant mode with a window of {window_size} is 0 to "
                         f"{window_size // 4}")
    return asked


def _choose_taps(window_size: int, asked: int) -> int:
    most = window_size // 2
    if asked and not most // 8 <= asked <= most:
        raise RtsepError(f"filter_taps = {asked}: allowed with a window of {window_size} is {most // 8} to {most}, or 0 for "
                         f"{most}")
    return asked or most


def _choose_hop(largest: int, asked: int) -> int:
    usual = min(128, largest)
    if asked and not (_is_power(asked) and 16 <= asked <= largest):
        raise RtsepError(f"hop_samples = {asked}: allowed in this mode and with this latency are the powers of two from 16 to "
                         f"{largest}, or 0 for {usual}")
    return asked or usual


def choose_framing(
    mode: str, sample_rate: float, window: int = 0, latency: int = 0, hop: int = 0, taps: int = 0
) -> Framing:
    """The framing of `mode` at `sample_rate` Hz; 0 means the default size. RtsepError: a size that is not allowed."""
    if not LOWEST_RATE <= sample_rate <= HIGHEST_RATE:
        raise RtsepError(f"a sample rate of {sample_rate:g} Hz: allowed is {LOWEST_RATE} to {HIGHEST_RATE} Hz; "
                         "resample the sound first")
    window_size = _choose_window(sample_rate, window)
    if mode == "instant":
        return Framing(window_size, 0, _choose_hop(window_size // 8, hop), _choose_delay(window_size, latency),
                       _choose_taps(window_size, taps))
    overlap = _choose_latency(mode, sample_rate, window_size, latency)
    return Framing(window_size, overlap, _choose_hop(overlap // 2, hop))


def _rise_and_fall(size: int, fall: int) -> npt.NDArray[np.float64]:
    """A window that rises as a quarter of a sine and, over its last `fall` samples, falls as a quarter of a cosine."""
    rise = size - fall
    return np.concatenate([
        np.sin(np.pi * (np.arange(rise) + 0.5) / (2 * rise)),
        np.cos(np.pi * (np.arange(fall) + 0.5) / (2 * fall)),
    ])


def window_pair(framing: Framing) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Analysis window [window_size] and synthesis window [overlap]; together they reconstruct exactly at the framing's hop.

    Their product is a Hann window of `overlap` samples at the end of the frame. So overlap-add costs `overlap` samples of
    latency, whatever the size of the window. With overlap = window_size both are sine windows. Causal filters need no
    synthesis window, and their analysis needs the newest samples.
    Mauler & Martin, "A low delay, variable resolution, perfect reconstruction spectral analysis-synthesis system for
    speech enhancement", EUSIPCO 2007.
    """
    size, overlap = framing.window_size, framing.overlap
    if overlap == 0:
        return _rise_and_fall(size, size // SHORT_FALL), np.zeros(0)
    analysis = _rise_and_fall(size, overlap // 2)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(overlap) + 0.5) / overlap)
    return analysis, hann / analysis[size - overlap :] * (framing.hop / hann.sum())


def magnitudes(
    sound: npt.NDArray[np.float32], ends: npt.NDArray[np.int64], window: npt.NDArray[np.floating]
) -> npt.NDArray[np.float32]:
    """V [frame, bin]: magnitudes of the frames that end before the samples `ends`, the root mean square over channels."""
    size, window32 = len(window), window.astype(np.float32)
    padded = np.pad(np.atleast_2d(sound), ((0, 0), (size, 0)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size, axis=1)
    V = np.empty((len(ends), size // 2 + 1), np.float32)
    for first in range(0, len(ends), BLOCK_FRAMES):
        X = np.fft.rfft(frames[:, ends[first : first + BLOCK_FRAMES]] * window32)
        V[first : first + BLOCK_FRAMES] = np.sqrt((X.real**2 + X.imag**2).mean(axis=0))
    return V


def _covered(edges: npt.NDArray[np.float64], table: npt.NDArray[np.float64], step: float) -> npt.NDArray[np.float64]:
    """Integral of each row of `table` (constant over bins of width `step` centred on multiples of it) up to `edges`."""
    cumulative = np.concatenate([np.zeros((len(table), 1)), np.cumsum(table, axis=1)], axis=1)
    grid = (np.arange(table.shape[1] + 1) - 0.5) * step
    return np.stack([np.interp(edges, grid, row) for row in cumulative])


def map_templates(
    W: npt.NDArray[np.float32], from_rate: float, from_window: int, to_rate: float, to_window: int
) -> npt.NDArray[np.float32]:
    """Templates W [row, bin] for the bins of another rate and window, by how the bins overlap; float32 [row, new bin].

    Rows sum to 1 again; a row that lies mostly above the new Nyquist frequency becomes zero. RtsepError: the bins of W are
    more than twice as wide as the new ones (a template cannot be sharpened), or no row lies below the new Nyquist frequency.
    """
    if from_rate == to_rate and from_window == to_window:
        return W
    if not len(W):
        return np.zeros((0, to_window // 2 + 1), np.float32)
    old, new = from_rate / from_window, to_rate / to_window
    if old > 2 * new * (1 + 1e-9):
        raise RtsepError(f"the preset's bins are {old:.1f} Hz wide; a window of {to_window} samples at {to_rate:g} Hz "
                         f"needs {2 * new:.1f} Hz or less: choose a smaller window or another preset")
    edges = np.asarray((np.arange(to_window // 2 + 2) - 0.5) * new, np.float64)
    mapped = np.diff(_covered(edges, W.astype(np.float64), old), axis=1)
    kept = mapped.sum(axis=1, keepdims=True)
    usable = kept > LEAST_KEPT
    if not usable.any():
        raise RtsepError(f"all of the preset lies above {to_rate / 2:g} Hz, the highest frequency of this sound: "
                         "choose another preset")
    result: npt.NDArray[np.float32] = np.where(usable, mapped / np.maximum(kept, 1e-30), 0).astype(np.float32)
    return result


def retune_templates(W: npt.NDArray[np.float32], cents: float) -> npt.NDArray[np.float32]:
    """Templates W [row, bin] with every partial `cents` higher: bin k gets the value from k / 2^(cents / 1200).

    Cubics (Catmull-Rom) interpolate the logarithms, and so follow the main lobe of a window; linear interpolation blurs it
    twice as much. Rows sum to 1 again. A row of zeros stays zero, and a row that moves beyond the last bin becomes zero.
    """
    if cents == 0:
        return W
    floor = FAINTEST * np.maximum(W.max(axis=1, keepdims=True), 1e-30).astype(np.float64)
    last, at = W.shape[1] - 1, np.arange(W.shape[1]) / 2 ** (cents / 1200)
    below = np.floor(at).astype(np.int64)
    t = at - below
    a, b, c, d = (np.log(W + floor)[:, np.clip(below + step, 0, last)] for step in (-1, 0, 1, 2))
    cubic = b + t / 2 * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    moved = np.exp(cubic) - floor
    moved[(moved < floor) | (at > last)] = 0
    result: npt.NDArray[np.float32] = (moved / np.maximum(moved.sum(axis=1, keepdims=True), 1e-30)).astype(np.float32)
    return result
