"""The source of a mosaic: its frames as templates, and the pitch of each frame."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rtsep.errors import RtsepError
from rtsep.files.sound import read_sound
from rtsep.kernels.memory import PITCHES
from rtsep.windows import Framing, window_pair

OVERLAPS = 4  # Every sample of the source is in this many frames.
LONGEST_S = 600.0  # The source lasts at most this many seconds.
FAINTEST = 3e-3  # A frame below this share of the loudest one, 50 dB down, counts as silence: played louder, it would be noise.
PER_OCTAVE = 24  # The coarse templates have this many bands per octave: quarter tones (docs/measurements/mosaic.md, "Live").
LOWEST_PITCH, HIGHEST_PITCH = 28, 103  # The pitch of a frame is sought between these MIDI pitches.
# Number of partials of the tones that a frame is compared with, and of KL updates of their activations.
PARTIALS, UPDATES = 12, 20
PARTIAL_FALL = 0.8  # Each partial of these tones is this many times as strong as the one below it.
# Shares of a partial in its band and in the bands beside it, for the main lobe and for other tunings.
SPREAD = ((-1, 0.5), (0, 1.0), (1, 0.5))
BETWEEN_PARTIALS = 1e-5  # A band without partials has this value, relative to the first partial.
CLEAR = 0.3  # A frame has a pitch if its strongest one explains at least this share of it.
FRAMES_AT_ONCE = 256  # Spectra of this many frames are computed at a time, to bound memory.

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Source:
    """A sound with a name. samples: float32 [channel, sample]. sample_rate: in Hz."""

    name: str
    samples: Floats
    sample_rate: float


@dataclass(frozen=True)
class Templates:
    """Frames of a source.

    W: float32 [row, bin]; rows sum to 1, or are 0 if the source is silent. loudness: float32 [row], sums of magnitudes.
    C: float32 [row, band], W summed over bands. first_bin: int64 [band + 1]. Row r ends before sample (r + 1) `spacing`; its
    window is the analysis window of the framing.
    """

    W: Floats
    loudness: Floats
    C: Floats
    first_bin: Integers
    spacing: int


def load_source(path: Path) -> Source:
    """The source in a file; NaN and infinity become 0. RtsepError: no sound, silent, or longer than ten minutes."""
    samples, sample_rate = read_sound(path)
    if samples.shape[1] > LONGEST_S * sample_rate:
        raise RtsepError(f"{path} lasts {samples.shape[1] / sample_rate:.0f} s: a live mosaic takes a source of at most "
                         f"{LONGEST_S:.0f} s; cut it")
    samples = np.nan_to_num(samples, copy=False, nan=0, posinf=0, neginf=0)
    if not samples.any():
        raise RtsepError(f"{path} is silent: give a source that sounds")
    return Source(path.stem, samples, float(sample_rate))


def bands(bins: int) -> Integers:
    """First bins of bands of a quarter tone, but at least one bin, and then the number of bins: int64 [band + 1]."""
    edges = [0, 1]
    while edges[-1] < bins:
        edges.append(max(edges[-1] + 1, round(edges[-1] * 2 ** (1 / PER_OCTAVE))))
    edges[-1] = bins
    return np.array(edges, np.int64)


def templates(source: Source, framing: Framing) -> Templates:
    """The frames of `source` for `framing`; except for the result, memory is bounded."""
    size, spacing = framing.window_size, framing.window_size // OVERLAPS
    rows = -(-source.samples.shape[1] // spacing) + 1
    padded = np.pad(source.samples, ((0, 0), (size - spacing, rows * spacing - source.samples.shape[1])))
    window, first_bin = window_pair(framing)[0].astype(np.float32), bands(size // 2 + 1)
    W = np.empty((rows, size // 2 + 1), np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(padded, size, axis=1)[:, ::spacing]
    for begin in range(0, rows, FRAMES_AT_ONCE):
        X = np.fft.rfft(frames[:, begin : begin + FRAMES_AT_ONCE] * window, axis=2)
        W[begin : begin + FRAMES_AT_ONCE] = np.sqrt(np.square(np.abs(X)).mean(axis=0))
    loudness = W.sum(axis=1)
    heard = loudness >= FAINTEST * loudness.max()
    W *= np.where(heard, 1 / np.where(heard, loudness, 1), 0)[:, None].astype(np.float32)
    return Templates(W, np.where(heard, loudness, 0).astype(np.float32), np.add.reduceat(W, first_bin[:-1], axis=1), first_bin,
                     spacing)


def _combs(found: Templates, bin_hz: float) -> Floats:
    """Harmonic tones of every pitch in bands, [pitch from LOWEST_PITCH, band], rows sum to 1."""
    combs = np.full((HIGHEST_PITCH + 1 - LOWEST_PITCH, found.C.shape[1]), BETWEEN_PARTIALS, np.float32)
    for comb, pitch in zip(combs, range(LOWEST_PITCH, HIGHEST_PITCH + 1), strict=True):
        place = 440 * 2 ** ((pitch - 69) / 12) * np.arange(1, PARTIALS + 1) / bin_hz
        inside = place < found.first_bin[-1] - 1
        at = np.searchsorted(found.first_bin, np.round(place[inside]), side="right") - 1
        for beside, share in SPREAD:
            np.add.at(comb, np.clip(at + beside, 0, len(comb) - 1), share * PARTIAL_FALL ** np.arange(len(at)))
    normalised: Floats = combs / combs.sum(axis=1, keepdims=True)
    return normalised


def pitches(found: Templates, bin_hz: float) -> Integers:
    """The MIDI pitch of every row, int64 [row], by KL updates of harmonic tones; PITCHES if no tone explains enough of it."""
    combs = _combs(found, bin_hz)
    H = np.full((len(found.C), len(combs)), 1 / len(combs), np.float32)
    for _ in range(UPDATES):
        H *= (found.C / (H @ combs + 1e-9)) @ combs.T
    clear = H.max(axis=1) >= CLEAR * np.maximum(H.sum(axis=1), 1e-9)
    return np.where(clear & (found.loudness > 0), LOWEST_PITCH + H.argmax(axis=1), PITCHES).astype(np.int64)


def served(row_pitch: Integers) -> Integers:
    """The pitch of the rows that a note of each pitch allows, int64 [pitch]; -1: none.

    It is the note's own pitch, else the nearest octave in the source. Rows without a pitch serve every note, so a source with
    only such rows serves all notes.
    """
    present = np.unique(row_pitch[row_pitch < PITCHES])
    if not len(present):
        return np.full(PITCHES, PITCHES, np.int64)
    serves = np.full(PITCHES, -1, np.int64)
    for pitch in range(PITCHES):
        octaves = present[(present - pitch) % 12 == 0]
        if len(octaves):
            serves[pitch] = octaves[np.argmin(np.abs(octaves - pitch))]
    return serves
