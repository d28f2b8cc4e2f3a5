"""The pitch of a singer from the singer alone: YIN's difference function, and the best path through it (offline).

de Cheveigné & Kawahara, "YIN, a fundamental frequency estimator for speech and music", JASA 111(4), 2002, equation 8.
"""

import numpy as np

HOP, SIZE = 256, 2048
"""Samples from frame to frame, and in the part of a frame that is compared with later ones."""
LOWEST_HZ, HIGHEST_HZ, PER_OCTAVE = 65.0, 1100.0, 120
STEP_COST = 0.006
"""A path pays this for each step of a tenth of a semitone; YIN's difference lies between 0 and about 1."""
PERIODIC = 0.25
"""A frame is voiced if YIN's difference is less than this,"""
FAINTEST_DB = -42.0
"""and if its level, relative to the loudest frame, is higher than this."""


def differences(frame: np.ndarray, lags: np.ndarray) -> np.ndarray:
    """YIN's cumulative mean normalised difference of a frame [SIZE + longest lag] at these lags, in samples."""
    longest, length = len(frame) - SIZE, 1 << (len(frame) * 2).bit_length()
    product = np.fft.irfft(np.conj(np.fft.rfft(frame[:SIZE], length)) * np.fft.rfft(frame, length), length)[: longest + 1]
    energy = np.concatenate([[0], np.cumsum(frame**2)])
    difference = (energy[SIZE] + energy[SIZE:] - energy[: longest + 1] - 2 * product)[1:]
    normalised = difference * np.arange(1, longest + 1) / np.maximum(np.cumsum(difference), 1e-12)
    return np.interp(lags, np.arange(1, longest + 1), normalised)


def nearby(cost: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The least cost to come to each candidate, and the candidate from which it comes."""
    best, origin = cost.copy(), np.arange(len(cost))
    for order in (range(1, len(cost)), range(len(cost) - 2, -1, -1)):
        step = -1 if order.step == 1 else 1
        for at in order:
            if best[at + step] + STEP_COST < best[at]:
                best[at], origin[at] = best[at + step] + STEP_COST, origin[at + step]
    return best, origin


def pitch_of(sound: np.ndarray, rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Times in s and pitches in Hz of a singer [sample]; 0: unvoiced."""
    hz = LOWEST_HZ * 2 ** (np.arange(round(np.log2(HIGHEST_HZ / LOWEST_HZ) * PER_OCTAVE)) / PER_OCTAVE)
    longest = int(rate / LOWEST_HZ) + 2
    before, after = (SIZE + longest) // 2, SIZE + longest - (SIZE + longest) // 2
    padded = np.pad(sound.astype(np.float64), (before, after))
    frames = np.lib.stride_tricks.sliding_window_view(padded, SIZE + longest)[: len(sound) : HOP]
    costs = np.array([differences(frame, rate / hz) for frame in frames])
    path, cost = np.zeros((len(costs), len(hz)), int), costs[0]
    for n in range(1, len(costs)):
        best, path[n] = nearby(cost)
        cost = best + costs[n]
    at = [int(np.argmin(cost))]
    for n in range(len(costs) - 1, 0, -1):
        at.append(int(path[n][at[-1]]))
    at.reverse()
    power = (frames**2).mean(axis=1)
    voiced = (costs[np.arange(len(costs)), at] < PERIODIC) & (power > power.max() * 10 ** (FAINTEST_DB / 10))
    return np.arange(len(costs)) * HOP / rate, np.where(voiced, hz[at], 0)
