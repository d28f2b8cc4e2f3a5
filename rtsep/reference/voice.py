"""Stage: a voice, as a comb of harmonics times a filter, and filtered noise. See `rtsep.stages.voice`."""

from __future__ import annotations

import numpy as np

from rtsep.reference.estimator import hold, sparsity, with_flat
from rtsep.reference.melody import Melody
from rtsep.reference.passed import Estimate, Expected, Floats, Frame, Open
from rtsep.reference.setup import Setup
from rtsep.reference.voice_left import leave
from rtsep.reference.voice_pitch import VoicePitch
from rtsep.stages.voice import (
    BACKGROUND_WEIGHT,
    FADES,
    HELD,
    HIGHEST_HARMONIC_HZ,
    KEPT,
    LEAST_ACTIVATION,
    LEAST_DIVISOR,
    LEAST_SUM,
    MOST_OF_A_STEP,
    MOVES_S,
    NOISE_WEIGHT,
    NOISE_WEIGHT_ALONE,
    SAME_NOTE,
    SPREAD,
    UPDATES,
)
from rtsep.stages.voice_bands import VOICE_BANDS, place_of
from rtsep.stages.voice_comb import LINE_STEPS, line_of
from rtsep.stages.voice_rest import RESTS, SINGS_S


class Voice:
    """The voice of the last frame. `known_hz`: the pitch of the next frame if it is known; None: it is tracked."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.bin_hz = setup.sample_rate / setup.size
        self.hz_of_bins = np.arange(setup.bins, dtype=np.float64) * self.bin_hz
        self.bands = self._bands()
        self.noise = self.bands / self.bands.sum(axis=1, keepdims=True)
        self.noise_weight = NOISE_WEIGHT_ALONE if setup.melody_told and not len(setup.W) else NOISE_WEIGHT
        width, self.skirt = line_of(setup.windows[0])
        self.line_hz = width * self.bin_hz
        self.melody = Melody(setup.melody_middle, setup.melody_loose)
        self.tracker = VoicePitch(setup.bins, self.bin_hz, setup.hop_s, setup.candidates)
        self.known_hz: float | None = None
        self.forget()

    def forget(self) -> None:
        """Forget the voice of the frames before."""
        self.hz, self.before_hz, self.share = 0.0, 0.0, 0.0
        self.sings, self.rests = 0.0, False
        self.levels = np.zeros(VOICE_BANDS)
        self.model = np.zeros(self.setup.bins)

    def _bands(self) -> Floats:
        """The bands, [band, bin]: triangles, whose sum is 1 from the first bin to the centre of the last band."""
        places = place_of(self.hz_of_bins)
        bands: Floats = np.clip(1 - np.abs(places - np.arange(VOICE_BANDS)[:, None]), 0, 1)
        bands[:, 0] = 0
        bands[:, places >= VOICE_BANDS - 1] = 0
        return bands

    def find_pitch(self, frame: Frame, opened: Open, expected: Expected, estimate: Estimate) -> None:
        """Take the frame's pitch as it is known, else find it in what the told notes leave."""
        W, h, count = estimate.W, estimate.h, opened.count
        others = h[count:-1] @ W[count:] + h[-1] / self.setup.bins + self.model
        left = leave(frame.V, h[:count] @ W[:count], expected.h @ W[:count], others)
        told = self.melody.told_hz(frame.end) if self.setup.melody_told else (0.0, 0.0)
        hz = self.tracker.step(left, told)
        self.before_hz, self.hz = self.hz, hz if self.known_hz is None else self.known_hz
        self.rest(bool(opened.groups))

    def rest(self, told: bool) -> None:
        """Fill `rests`, whether the frame is separated as without a voice. See `rtsep.stages.voice_rest`."""
        part = min(self.setup.hop_s / SINGS_S, 1)
        self.rests = self.hz <= 0 and self.sings < RESTS and told and self.known_hz is None
        self.sings = min(self.sings + part, 1) if self.hz > 0 else self.sings * (1 - part)

    def comb(self) -> Floats:
        """The harmonics of the pitch, [bin]: Gaussians, wider than the window makes them where the pitch moves."""
        if self.hz <= 0:
            return np.zeros(self.setup.bins)
        ratio = self.hz / self.before_hz if self.before_hz > 0 else np.inf
        slope = abs(self.hz - self.before_hz) / self.setup.hop_s if 1 / SAME_NOTE <= ratio <= SAME_NOTE else 0.0
        n = np.maximum(np.floor(self.hz_of_bins / self.hz + 0.5), 1)
        width = np.sqrt(self.line_hz**2 + (n * slope * MOVES_S) ** 2 + (n * self.hz * SPREAD) ** 2)
        width = np.minimum(width, MOST_OF_A_STEP * self.hz)
        away = np.abs(self.hz_of_bins - n * self.hz)
        comb = np.exp(-0.5 * (away / width) ** 2) * self.line_hz / width
        comb += self.skirt[np.minimum((away / self.bin_hz * LINE_STEPS).astype(int), len(self.skirt) - 1)]
        return np.where((self.hz_of_bins > 0) & (n <= int(HIGHEST_HARMONIC_HZ / self.hz)), comb, 0)

    def step(self, frame: Frame, opened: Open, expected: Expected, estimate: Estimate, others: float) -> Estimate:
        """The activations of all templates, with the voice among them: Kullback-Leibler updates with priors.

        others: 0 to 1, how certain it is that others play.
        """
        setup, count, rows = self.setup, opened.count, len(estimate.W) + 1
        tonal = self.bands * self.comb()
        sums = tonal.sum(axis=1, keepdims=True)
        sounds = sums[:, 0] >= LEAST_SUM
        aim = np.maximum(self.levels / frame.total, LEAST_ACTIVATION)
        W = np.vstack([with_flat(estimate.W), np.where(sounds[:, None], tonal / np.maximum(sums, LEAST_SUM), 0), self.noise])
        h = np.concatenate([estimate.h, np.where(sounds, aim, 0), np.full(VOICE_BANDS, LEAST_ACTIVATION)])
        voice = slice(rows, rows + VOICE_BANDS)
        held = [(group.members, share, least) for group, share, least in
                zip(opened.groups, expected.share, expected.least, strict=True) if share is not None]
        sparse = sparsity(setup.log_weight, others)
        for _ in range(UPDATES):
            before = h
            ratio = frame.V / (h @ W)
            h = h * (W @ ratio)
            h[count : rows - 1] *= min(sparse, 1 / (1 + BACKGROUND_WEIGHT))
            group_h = [float(h[group.members].sum()) for group in opened.groups]
            hold(h, held, setup.prediction)
            h[voice] = np.where(sounds, (h[voice] + HELD * KEPT * aim) / (1 + HELD), 0)
            h[rows + VOICE_BANDS :] *= min(sparse, 1 / (1 + self.noise_weight))
        self.levels = h[voice] * frame.total if self.hz > 0 else FADES * self.levels
        self.model, self.share = h[rows:] @ W[rows:], 0.0 if self.rests else float(h[rows:].sum())
        return Estimate(estimate.W, before[:rows], h[:rows], group_h, ratio)

    def split(self, M: Floats, model: Floats) -> Floats:
        """The masks M [stem, bin] with the residual's divided between the voice and itself; model [bin]: the residual's."""
        mine, others = self.model**2, np.maximum(model - self.model, LEAST_DIVISOR) ** 2
        divided = M.copy()
        divided[self.setup.voice] = M[-1] * mine / (mine + others)
        divided[-1] -= divided[self.setup.voice]
        return divided
