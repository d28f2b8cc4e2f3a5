"""Measures the pitch of a single note: finds the fundamental that explains the peaks of its spectrum.

A peak counts for a fundamental if it lies at one of its partials, which are stretched upwards on strings. Low fundamentals have
partials everywhere. So the share that they would explain by chance is subtracted, and so are missing partials. The first
partial can be missing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rtsep.windows import power_above

Floats = npt.NDArray[np.float64]
LOWEST, HIGHEST, STEP = 20, 109, 0.1  # Fundamentals are tried between these MIDI pitches, in steps of this many semitones.
WINDOW_S, WINDOWS = 0.3, 3  # The spectrum is the mean over windows of this many seconds, and this is their number.
SKIP_S = 0.04  # The attack, this many seconds, is skipped in notes that are long enough.
SHORTEST_S = 0.05  # A note must last at least this many seconds.
LOWEST_HZ, HIGHEST_HZ = 18.0, 8000.0  # Peaks are sought between these frequencies, in Hz.
BIN_HZ = 0.7  # The bins of the spectrum are at most this many Hz apart.
DOWN_DB = 40.0  # Peaks count if they are at most this many decibels below the highest one.
# The surroundings of a peak are this many Hz wide; the peak must be this many times as high as their median.
FLOOR_HZ, ABOVE_FLOOR = 120.0, 4.0
PEAKS = 40  # At most this many peaks count: the highest ones.
PARTIALS = 24  # At most this many partials of a fundamental count.
LOUDNESS = 0.85  # A peak's weight is its magnitude raised to this power.
TOLERANCE = 0.006  # A peak can lie off a partial by this share of the partial's frequency.
LOBE = 0.35  # A peak can always lie off a partial by this share of a main lobe.
CHANCE = 0.5  # This share of what a fundamental would explain by chance is subtracted.
THERE = 0.2  # A partial is present if it has this share of the weight of the strongest one.
MISSING = 0.35  # A fundamental without any of its partials loses this much of its fit.
# These multiples of this stretch of strings (B, no unit) are tried; it doubles with every octave away from this MIDI pitch.
STRETCHES, STRETCH, STRETCH_PITCH = (0, 1, 2, 3), 2e-4, 45
STRETCH_COST = 0.01  # Each of these steps of stretch costs this much of the fit.
SURE = 0.25  # A pitch with at least this fit counts as clear.


@dataclass(frozen=True)
class Heard:
    """A measured pitch in MIDI numbers, not rounded, and how well it explains the sound, at most 1."""

    pitch: float
    fit: float

    @property
    def sure(self) -> bool:
        """Whether the sound has a clear pitch."""
        return self.fit >= SURE


def measure_pitch(sound: npt.NDArray[np.float32], rate: float) -> Heard | None:
    """The pitch of the note at the beginning of `sound`, float32 [sample]; None if it is too short, silent or without peaks."""
    skip = round(SKIP_S * rate)
    note = sound[skip:] if len(sound) > 4 * skip else sound
    if len(note) < SHORTEST_S * rate or not np.abs(note).max() > 0:
        return None
    length = min(round(WINDOW_S * rate), len(note))
    hz, weight = _peaks(_spectrum(note, length, rate), length, rate)
    if not len(hz):
        return None
    pitches = np.arange(LOWEST, HIGHEST, STEP)
    fits = np.max([_fits(pitches, hz, weight / weight.sum(), rate / length, stretch) for stretch in STRETCHES], axis=0)
    best = int(np.argmax(fits))
    return Heard(float(pitches[best]), float(fits[best]))


def _size(rate: float) -> int:
    return power_above(rate / BIN_HZ)


def _spectrum(note: npt.NDArray[np.float32], length: int, rate: float) -> Floats:
    """Magnitudes [bin] between the lowest and the highest frequency, as root mean square over windows."""
    size = _size(rate)
    begins = np.unique(np.linspace(0, min(len(note) - length, (WINDOWS - 1) * length / 2), WINDOWS).astype(int))
    frames = np.stack([note[begin : begin + length] * np.hanning(length) for begin in begins])
    magnitude: Floats = np.sqrt((np.abs(np.fft.rfft(frames, size)) ** 2).mean(axis=0))
    magnitude[: int(LOWEST_HZ * size / rate)] = 0
    return magnitude[: min(int(HIGHEST_HZ * size / rate), size // 2)]


def _peaks(magnitude: Floats, length: int, rate: float) -> tuple[Floats, Floats]:
    """Frequencies in Hz, and weights, of the prominent peaks; each is the highest within its main lobe."""
    bin_hz = rate / _size(rate)
    inner = magnitude[1:-1]
    peaks = np.flatnonzero((inner > magnitude[:-2]) & (inner >= magnitude[2:])) + 1
    loud = (magnitude[peaks] > magnitude.max() * 10 ** (-DOWN_DB / 20))
    peaks = peaks[loud & (magnitude[peaks] > ABOVE_FLOOR * _floor(magnitude, bin_hz)[peaks])]
    lobe = int(1.5 * rate / length / bin_hz)
    highest = [bin for bin in peaks if magnitude[bin] >= magnitude[max(bin - lobe, 0) : bin + lobe + 1].max()]
    kept = np.array(sorted(highest, key=lambda bin: -magnitude[bin])[:PEAKS], np.int64)
    weight: Floats = magnitude[kept] ** LOUDNESS
    return bin_hz * kept.astype(np.float64), weight


def _floor(magnitude: Floats, bin_hz: float) -> Floats:
    """The median of the surroundings of every bin, [bin]."""
    width = max(int(FLOOR_HZ / bin_hz), 8)
    medians = np.median(np.pad(magnitude, (0, -len(magnitude) % width), "edge").reshape(-1, width), axis=1)
    floor: Floats = np.interp(np.arange(len(magnitude)), (np.arange(len(medians)) + 0.5) * width, medians)
    return floor


def _fits(pitches: Floats, hz: Floats, weight: Floats, resolution_hz: float, stretch: int) -> Floats:
    """How well each pitch explains the peaks, [pitch], if partial k lies at k f0 sqrt(1 + B k^2)."""
    f0 = 440 * 2 ** ((pitches[:, None] - 69) / 12)
    B = stretch * STRETCH * 2 ** (np.abs(pitches[:, None] - STRETCH_PITCH) / 12)
    squared = (hz / f0) ** 2
    number = np.maximum(np.round(np.sqrt(2 * squared / (1 + np.sqrt(1 + 4 * B * squared)))), 1)
    partial = number * f0 * np.sqrt(1 + B * number**2)
    tolerance = np.maximum(LOBE * 2 * resolution_hz, TOLERANCE * partial)
    hit = np.exp(-0.5 * ((hz - partial) / tolerance) ** 2) * (number <= PARTIALS)
    by_chance = np.minimum(2.5 * tolerance / f0, 1)
    explained = (weight * (hit - CHANCE * by_chance)).sum(axis=1)
    fits: Floats = explained - MISSING * _missing(number.astype(np.int64), hit * weight) - STRETCH_COST * stretch
    return fits


def _missing(number: npt.NDArray[np.int64], explained: Floats) -> Floats:
    """The share of each pitch's partials that are missing, [pitch], up to the mean number of the partials that it explains."""
    partials = np.zeros((len(number), PARTIALS))
    for peak in range(number.shape[1]):
        rows = np.flatnonzero(number[:, peak] <= PARTIALS)
        np.maximum.at(partials, (rows, number[rows, peak] - 1), explained[rows, peak])
    total = np.maximum(explained.sum(axis=1), 1e-9)
    mean = (explained * np.minimum(number, PARTIALS)).sum(axis=1) / total
    count = np.clip(np.ceil(mean), 1, PARTIALS)
    strongest = np.maximum(partials.max(axis=1, keepdims=True), 1e-12)
    there = np.minimum(partials / (THERE * strongest), 1)
    missing: Floats = ((np.arange(PARTIALS) < count[:, None]) * (1 - there)).sum(axis=1) / count
    return missing
