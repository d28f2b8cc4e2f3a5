"""The specification of rtsep/grains/kernels.py: what a live mosaic computes, in plain NumPy and float64."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from rtsep.reference import frame_before, magnitudes, spectra, windows, without_faults

LEAST, FLOOR, REST = 1e-3, 1e-3, 0.2
LONG_AGO = -(10**12)


@dataclass
class Remade:
    """A mosaic, frame by frame. Row r of W is the frame of the source that ends before sample (r + 1) spacing.

    heads: (samples of the source played, activation). found: the rows that the next frame tries. heard [row]: the end of the
    last frame in which the row sounded. allowed(row): whether the row may sound now.
    """

    source: np.ndarray  # [channel, sample]
    W: np.ndarray  # [row, bin], rows sum to 1, or 0 in silence
    loudness: np.ndarray  # [row], sum of the magnitudes
    edges: np.ndarray  # first bin of every band, and the number of bins
    size: int
    overlap: int
    hop: int
    spacing: int
    parts: int
    iterations: int
    polyphony: int
    candidates: int
    continuity: float
    repetition: int
    allowed: np.ndarray  # bool [row]
    heads: list[tuple[int, float]] = field(default_factory=list)
    found: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        bands = zip(self.edges[:-1], self.edges[1:], strict=True)
        self.C = np.stack([self.W[:, low:high].sum(axis=1) for low, high in bands], axis=1)
        self.heard = np.full(len(self.W), LONG_AGO)
        self.mean = self.C[self.loudness > 0].mean(axis=0)

    def row(self, place: int) -> int:
        """The row whose end is nearest to a place."""
        return min((2 * place + self.spacing) // (2 * self.spacing), len(self.W)) - 1

    def may_sound(self, row: int) -> bool:
        return bool(self.loudness[row] > 0 and self.allowed[row])

    def gain(self, place: int) -> float:
        """1 / loudness of the sound that ends at `place`; the loudness is that of the louder of the two rows around it."""
        row, beyond = divmod(place, self.spacing)
        around = self.loudness[row - 1 : row + 1] if beyond else self.loudness[row - 1 : row]
        return 1 / around.max() if around.min() > 0 else 0.0

    def frame(self, V: np.ndarray, end: int) -> None:
        """Process the frame that ends at `end`, with the magnitudes V [bin]: find new heads."""
        tried = self.heads + [((row + 1) * self.spacing, 0.0) for row in self.found]
        tried = [(place + self.hop, share) for place, share in tried if place + self.hop <= len(self.W) * self.spacing]
        tried = [(place, share) for place, share in tried if self.may_sound(self.row(place))]
        self.heads, self.found = [], []
        if not tried or V.sum() <= 1e-20:
            return
        rows = [self.row(place) for place, _ in tried]
        h = self.weigh(V / V.sum(), self.W[rows], np.array([share for _, share in tried]))
        for (place, _), row, activation in zip(tried, rows, h, strict=True):
            if activation > LEAST * h.max() and len(self.heads) < self.polyphony:
                self.heads.append((place, activation))
                self.heard[row] = end

    def weigh(self, V: np.ndarray, W: np.ndarray, before: np.ndarray) -> np.ndarray:
        """Activations h of the rows of W [row, bin] such that V ~ h W, which favours rows with activations `before`."""
        h = np.full(len(W), 1 / len(W))
        for update in range(self.iterations):
            h = h + self.continuity * before
            if len(h) > self.polyphony:
                least = np.sort(h)[-self.polyphony]
                h = np.where(h < least, h * (1 - (update + 1) / self.iterations), h)
            h = h * (W @ (V / (h @ W + FLOOR * h.sum() / len(V))))
        return h

    def search(self, V: np.ndarray, end: int) -> None:
        """Fill `found` with the rows that best explain what the heads leave of V.

        Rows that were heard lately and neighbours of heads are left out. Of neighbours, only the best row counts.
        """
        rows = np.arange(end // self.hop % self.parts, len(self.W), self.parts)
        model = self.mean
        if self.heads:
            shares = np.array([share for _, share in self.heads])
            model = REST * self.mean + (1 - REST) * (shares / shares.sum()) @ self.C[[self.row(p) for p, _ in self.heads]]
        bands = np.add.reduceat(V / max(V.sum(), 1e-30), self.edges[:-1])
        score = self.C[rows] @ (bands / (model + 1e-6))
        near = {self.row(place) + step for place, _ in self.heads for step in (-1, 0, 1)}
        out = [row in near or not self.may_sound(row) for row in rows]
        score[np.array(out) | (end + 3 * self.hop // 4 - self.heard[rows] < self.repetition)] = -1
        beside = np.maximum(np.append(score[1:], -1), np.insert(score[:-1], 0, -1))
        peaks = np.flatnonzero((score > 0) & (score >= beside))
        self.found = rows[peaks[np.argsort(-score[peaks], kind="stable")][: self.candidates]].tolist()

    def grains(self, total: float, channels: int) -> np.ndarray:
        """The sound of the heads [channel, overlap], at the loudness `total`."""
        analysis, synthesis = windows(self.size, self.overlap, self.hop)
        window = analysis[self.size - self.overlap :] * synthesis
        padded = np.pad(self.source, ((0, 0), (self.overlap, len(self.W) * self.spacing)))
        sound = np.zeros((channels, self.overlap))
        for place, share in self.heads:
            for channel in range(channels):
                heard = padded[channel % len(padded), place : place + self.overlap]
                sound[channel] += share * total * self.gain(place) * window * heard
        return sound


def frames_of(sound: np.ndarray, size: int, overlap: int, hop: int):
    """(end, V [bin]) of every frame of sound [channel, sample]."""
    x, (analysis, _) = without_faults(sound), windows(size, overlap, hop)
    for end in range(hop, x.shape[1] + 1, hop):
        yield end, magnitudes(spectra(frame_before(x, end, size), analysis))
