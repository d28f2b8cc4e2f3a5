"""What the engine computes, in plain NumPy and float64: the specification that the compiled kernels are tested against.

Nothing here is shared with `rtsep.kernels`, and nothing is clever: the whole sound is at hand, notes are intervals,
and every frame is computed from scratch.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

LOUDEST = 1e6  # louder samples are faults, like NaN
LEAST = 1e-9  # share of the flat residual row below which it does not fall
NEVER = -(2**40)  # the onset of a note that nobody told
NEAR = 1e-5  # where a smoothed mixer value lands on its target


# --- frames -----------------------------------------------------------------------------------------------------------


def windows(size: int, overlap: int, hop: int) -> tuple[np.ndarray, np.ndarray]:
    """Mauler & Martin's pair: square root of a Hann window with a long rise and a short fall; and what makes their
    product a Hann window of `overlap` samples, scaled so that its copies at every `hop` add up to 1. With `overlap` 0
    there is no synthesis."""
    fall = overlap // 2 or size // 128
    rise = size - fall
    analysis = np.empty(size)
    for n in range(size):
        if n < rise:
            analysis[n] = math.sqrt(0.5 * (1 - math.cos(math.pi * (n + 0.5) / rise)))
        else:
            analysis[n] = math.sqrt(0.5 * (1 + math.cos(math.pi * (n - rise + 0.5) / fall)))
    synthesis = np.empty(overlap)
    for n in range(overlap):
        hann = 0.5 * (1 - math.cos(2 * math.pi * (n + 0.5) / overlap))
        synthesis[n] = 2 * hop / overlap * hann / analysis[size - overlap + n]
    return analysis, synthesis


def without_faults(sound: np.ndarray) -> np.ndarray:
    """`sound` with 0 for NaN, infinity and whatever is too loud to be sound."""
    good = np.abs(sound) <= LOUDEST
    return np.where(good, sound, 0).astype(np.float64)


def frame_before(sound: np.ndarray, end: int, size: int) -> np.ndarray:
    """The `size` samples before sample `end` of sound [channel, sample]; silence before its beginning."""
    frame = np.zeros((len(sound), size))
    part = sound[:, max(end - size, 0) : end]
    frame[:, size - part.shape[1] :] = part
    return frame


def spectra(frame: np.ndarray, window: np.ndarray) -> np.ndarray:
    """X [channel, bin] of a frame [channel, sample]."""
    return np.fft.rfft(frame * window, axis=1)


def magnitudes(X: np.ndarray) -> np.ndarray:
    """V [bin]: root of the mean square over the channels."""
    return np.sqrt(np.mean(np.abs(X) ** 2, axis=0))


def tail(Y: np.ndarray, size: int, synthesis: np.ndarray) -> np.ndarray:
    """The windowed end of a masked frame, which is added to the output: [channel, overlap] from Y [channel, bin]."""
    return np.fft.irfft(Y, size, axis=1)[:, size - len(synthesis) :] * synthesis


# --- activations and masks --------------------------------------------------------------------------------------------


def with_flat(W: np.ndarray) -> np.ndarray:
    """The rows of W and the flat one."""
    return np.vstack([W, np.full(W.shape[1], 1 / W.shape[1])])


def ratio_of(V: np.ndarray, rows: np.ndarray, h: np.ndarray) -> np.ndarray:
    """V over its model; the flat row, the last, counts for LEAST at least."""
    return V / (np.append(h[:-1], max(h[-1], LEAST)) @ rows)


def activations(
    V: np.ndarray, W: np.ndarray, iterations: int, start: np.ndarray | None = None, favour: np.ndarray | None = None,
    relaxation: float = 1, foreseen: Iterable[tuple[list[int], float]] = (), trust: float = 0.0,
) -> np.ndarray:
    """h [row + 1] such that V ~ h [W; flat], both V and rows summing to 1: multiplicative Kullback-Leibler updates.

    Every update multiplies h by its factor, times `favour` [row + 1], to the power `relaxation`. `foreseen`:
    groups of rows and the sum of h that is expected of each.
    """
    rows = with_flat(W)
    h = np.full(len(rows), 1 / len(rows)) if start is None else start
    for _ in range(iterations):
        h = h * (rows @ ratio_of(V, rows, h) * (1 if favour is None else favour)) ** relaxation
        for group, level in foreseen:
            h[group] *= (h[group].sum() + trust * level) / (1 + trust) / h[group].sum()
    return h


def divergence(V: np.ndarray, model: np.ndarray) -> float:
    """Generalised Kullback-Leibler divergence of the model from V."""
    heard = V > 0
    return float((V[heard] * np.log(V[heard] / model[heard])).sum() - V.sum() + model.sum())


def boost(window: np.ndarray, age: int, most: float) -> float:
    """By how much a note that began `age` samples before the end of the frame is louder now than in the whole frame."""
    return min(window.sum() / window[-age:].sum(), most) if age < len(window) else 1.0


def stem_models(W: np.ndarray, stem_of: np.ndarray, h: np.ndarray, stems: int) -> np.ndarray:
    """Model spectra [stem, bin] of the open rows W [row, bin]; the last is the flat residual's."""
    models = np.zeros((stems, W.shape[1]))
    for i, stem in enumerate(stem_of):
        models[stem] += h[i] * W[i]
    models[-1] += max(h[-1], LEAST) / W.shape[1]
    return models


def masks(models: np.ndarray, power: float) -> np.ndarray:
    """M [stem, bin]: each stem's model to the power, divided by the sum over the stems."""
    raised = (models / models.max(axis=0)) ** power
    return raised / raised.sum(axis=0)


def suppressed(M: np.ndarray, suppression: float) -> np.ndarray:
    """M [stem, bin] where what leaks weighs more than what is lost; the residual, the last, gets what the others leave."""
    others = M[:-1] / (M[:-1] + suppression * (1 - M[:-1]))
    return np.vstack([others, 1 - others.sum(axis=0)])


# --- causal filters ---------------------------------------------------------------------------------------------------


def minimum_phase(power: np.ndarray) -> np.ndarray:
    """B [bin] with |B|**2 = power [bin], whose response to an impulse is causal, and that of its inverse too."""
    size = 2 * (len(power) - 1)
    cepstrum = np.fft.irfft(np.log(power))
    causal = np.zeros(size)
    causal[0], causal[1 : size // 2], causal[size // 2] = cepstrum[0] / 2, cepstrum[1 : size // 2], cepstrum[size // 2] / 2
    return np.exp(np.fft.rfft(causal))


def expected_power(models: np.ndarray, floor: float) -> np.ndarray:
    """Power [bin] of all that the models [stem, bin] expect, the loudest bin being 1, above a floor."""
    power = models.sum(axis=0) ** 2
    return power / power.max() + floor


def causal_filter(mask: np.ndarray, power: np.ndarray, delay: int, taps: int) -> np.ndarray:
    """The best filter [tap] that picks, `delay` samples late, what has the share mask [bin] of power [bin].

    Wiener-Hopf: [mask power z^-delay / B*]+ / B, where power = B B* and []+ keeps what is causal; power / B* = B.
    """
    size = 2 * (len(power) - 1)
    B = minimum_phase(power)
    wanted = np.fft.irfft(mask * B * np.exp(-2j * np.pi * np.arange(len(power)) * delay / size))
    wanted[size // 2 :] = 0
    return np.fft.irfft(np.fft.rfft(wanted) / B)[:taps]


def filtered(x: np.ndarray, filters: list[tuple[int, np.ndarray]], fade: int) -> np.ndarray:
    """x [channel, sample] through each filter [to channel, from channel, tap] from its sample on, faded in over `fade` samples
    from the one before."""
    y = np.zeros_like(x)
    before = np.zeros((len(x), len(x), 1))
    for number, (start, taps) in enumerate(filters):
        end = filters[number + 1][0] if number + 1 < len(filters) else x.shape[1]
        share = np.minimum(np.arange(1, end - start + 1) / fade, 1)
        first = max(start - max(taps.shape[2], before.shape[2]), 0)  # all that they reach back to
        for target, out in enumerate(y):
            new, old = (sum(np.convolve(channel[first:end], h)[start - first : end - first]
                            for channel, h in zip(x, paths[target], strict=True) if h.any()) for paths in (taps, before))
            out[start:end] = share * new + (1 - share) * old
        before = taps
    return y


# --- the background ---------------------------------------------------------------------------------------------------


@dataclass
class Background:
    """Rows that learn what no open note explains: each is the mean of what it was given of every frame.

    rows [row, bin]; weight [row]: how many s of mean loudness each stands for; h: the last activations.
    """

    rows: np.ndarray
    weight: np.ndarray
    hop_s: float
    memory_s: float
    h: np.ndarray
    level: float = 0.0
    heard_s: float = 0.0
    lost_s: float = 0.0
    patience_s: float = 0.0
    paused_s: float = 0.0
    familiar: float = 0.0  # share of the sound that open notes explain, where there are drums
    totals: list[float] = field(default_factory=list)  # magnitudes of the frames before
    jump: int = 0  # end of the frame at which the rows were kept last; 0: not lately
    kept: tuple[np.ndarray, np.ndarray] | None = None  # rows and weight before they learnt of it

    def look_back(self, total: float, end: int, age: int, rate: float, possible: bool) -> str:
        """What the frame before `end`, whose youngest note is so old, asks of the rows: keep, restore or learn."""
        loudest = max(self.totals[-max(int(0.02 / self.hop_s), 1) :], default=0)
        self.totals.append(total)
        if not possible or total < 1e-20:
            return "learn"
        jumps, kept = total > 1.15 * loudest, self.jump > 0 and (end - self.jump) / rate < 0.06
        if kept and age <= round(self.hop_s * rate):
            self.jump = 0
            return "restore"
        if jumps and not kept and age / rate > 0.03:
            self.jump = end
            return "keep"
        return "learn"

    def seconds(self, total: float) -> float:
        """What a frame of this magnitude counts for: its hop, longer when it is loud (up to 4 times)."""
        self.heard_s = min(self.heard_s + self.hop_s, 5.0)
        self.level += (total - self.level) * self.hop_s / self.heard_s
        return self.hop_s * min(total / self.level, 4.0)

    def boldness(self, share: float, seconds: float) -> float:
        """How many times more drums learn that play alone: where open notes explain 80 to 90 % of the sound of a second."""
        self.familiar += (share - self.familiar) * seconds / (seconds + 1)
        return 1 + 9 * min(max((self.familiar - 0.8) / 0.1, 0), 1)

    def mended(self, total: float) -> bool:
        """A pause of a second, after notes that were lost."""
        self.paused_s = self.paused_s + self.hop_s if total < 0.01 * self.level else 0.0
        if self.paused_s < 1 or self.patience_s == 0:
            return False
        self.patience_s = 0.0
        return True

    def lost(self, share: float) -> bool:
        """Did new notes have less than 15 % of the frames for as long as patience lasts, which doubles every time?"""
        self.lost_s = 0 if share > 0.15 else self.lost_s + self.hop_s
        patience_s = max(self.patience_s, 1)
        if self.lost_s < patience_s:
            return False
        self.lost_s, self.patience_s = 0, min(2 * patience_s, 32)
        return True

    def learn(self, evidence: np.ndarray, ratio: np.ndarray, forget: bool, known: float) -> None:
        """evidence [row]: for how many s each row counts in a frame that is ratio [bin] times what it was taken for.

        Forgets twice as fast beside what is `known`.
        """
        keep = math.exp(-self.hop_s / self.memory_s)
        past = self.weight * (keep - known * (1 - keep)) if forget else self.weight
        past = np.maximum(past, 0.0002)
        parts = evidence[:, None] * self.rows * ratio
        self.weight = past + parts.sum(axis=1)
        self.rows = (past[:, None] * self.rows + parts) / self.weight[:, None]


@dataclass
class Adapted:
    """Rows of the preset that follow what is heard of them, as if the preset had been heard for `hold_s` before.

    rows, preset [row, bin]; weight [row]: s that each row stands for, the preset's share included.
    """

    rows: np.ndarray
    preset: np.ndarray
    weight: np.ndarray
    hop_s: float
    memory_s: float
    hold_s: float

    def learn(self, row: int, factor: float, ratio: np.ndarray, gradient: float) -> None:
        """One row takes in factor * its row * ratio [bin], of which `gradient` was the sum."""
        if self.hold_s == 0:
            return
        keep = math.exp(-self.hop_s / self.memory_s)
        part = factor * self.rows[row] * ratio
        past, back = keep * min(self.weight[row], 20 * self.hold_s), (1 - keep) * self.hold_s
        self.weight[row] = past + back + factor * gradient
        self.rows[row] = (past * self.rows[row] + part + back * self.preset[row]) / self.weight[row]


# --- the notes' own prediction ----------------------------------------------------------------------------------------


@dataclass
class Prediction:
    """What velocity and age of the notes tell, and what is learnt of it: how loud this sound is, how badly rows fit."""

    envelope: np.ndarray  # [stem, pitch, 2, point], natural logarithms at velocity 64, and per step of velocity
    instrument: np.ndarray  # [stem]
    release: np.ndarray  # [stem, pitch], samples
    rate: float
    hop_s: float
    trust: float
    later_s: float  # by which frames hear a note later than those of the envelopes
    gain: dict[int, tuple[float, float]] = field(default_factory=dict)  # of an instrument, and over how many s
    lag: dict[int, tuple[float, float]] = field(default_factory=dict)  # s that sound is ahead of MIDI, and how sure
    manner: dict[int, np.ndarray] = field(default_factory=dict)  # of a stem: sums of [1, x, x x, error, x error, error error]
    misfit: tuple[float, float] = (0.0, 0.0)
    known: float = 0.0  # is it the very instrument?
    others: float = 0.0  # the background's share in the sound
    said: np.ndarray = field(default_factory=lambda: np.zeros(0))  # by the residual's network, of every bin

    def __post_init__(self) -> None:
        self.told = self.envelope.any(axis=(2, 3))  # [stem, pitch]: of which something is known

    def in_time(self) -> bool:
        """Is it known that no instrument's notes are late?"""
        known = [self.lag.get(number, (0.0, 0.0)) for number in self.instrument]
        return max(seen for _, seen in known) > 2000 and max(lag_s for lag_s, _ in known) < 0.002

    def lag_s(self, stem: int) -> float:
        """Of a stem's instrument."""
        return self.lag.get(self.instrument[stem], (0.0, 0.0))[0]

    def line(self, stem: int) -> tuple[float, float, float]:
        """Offset and slope of how a stem's notes fade otherwise, over log2(1 + age / 40 ms) - 2.5; is it of another kind?"""
        if stem not in self.manner:
            return 0.0, 0.0, 0.0
        noted, ages, ages_2, errors, ages_errors, errors_2 = self.manner[stem].tolist()
        noted_0, ages_0 = noted + 0.4, ages_2 + 0.3
        det = noted_0 * ages_0 - ages**2
        offset, slope = (errors * ages_0 - ages * ages_errors) / det, (noted_0 * ages_errors - ages * errors) / det
        explained = max(offset * errors + slope * ages_errors, 0)
        size, scatter = (math.sqrt(max(part, 0) / max(noted, 1e-6)) for part in (explained, errors_2 - explained))
        foreign = min(max((size - 0.3) / 0.2, 0), 1) * min(max((0.7 - scatter) / 0.15, 0), 1)
        return offset * foreign, slope * foreign, foreign

    def otherwise(self, stem: int, age_s: float) -> float:
        """What that adds to the level of a note."""
        offset, slope, _ = self.line(stem)
        return offset + slope * (math.log2(1 + min(max(age_s, 0), 3) / 0.04) - 2.5)

    def level(self, note: Note, seen: int, end: int, later_s: float) -> float:
        """Natural logarithm of what the frame before `end` holds of a note `later_s` later, by the keys before `seen`."""
        base, more = self.envelope[note.stem, note.pitch]
        age_s = max((end - note.onset) / self.rate - self.later_s + self.lag_s(note.stem) + later_s, 0)
        values = base + (min(max(note.velocity, 8), 127) - 64) * more
        level = float(np.interp(math.log2(1 + age_s / 0.04), np.arange(32) / 4, values))  # at ages 0.04 * (2 ** (i / 4) - 1)
        level += self.otherwise(note.stem, age_s)
        if note.end < seen:
            since_s = max((end - note.end) / self.rate - self.later_s, 0)
            level -= 1.38 * since_s / max(self.release[note.stem, note.pitch] / self.rate, 1e-3)
        return max(level, -49.0)

    def expected(self, notes: Iterable[Note], stem: int, pitch: int, end: int, lead: int = 0,
                 later_s: float = 0.0) -> float | None:
        """Of the loudest note of a stem's pitch, `lead` later; None: its instrument tells nothing."""
        levels = [self.level(note, end, end + lead, later_s) for note in notes if self.trust > 0 and self.told[stem, pitch]
                  and (note.stem, note.pitch) == (stem, pitch) and note.onset < end < note.close]
        return max(levels, default=None)

    def foreseen(self, stem: int, expected: float | None, total: float) -> float | None:
        """The same as a share of the frame, once the gain is known."""
        gain, heard_s = self.gain.get(self.instrument[stem], (0.0, 0.0))
        return math.exp(min(expected + gain - math.log(total), 30)) if expected is not None and heard_s > 0.1 else None

    def learn_lag(self, stem: int, age_s: float, expected: float, rising: float, heard: float, share: float | None) -> None:
        """From one group that is young and rises by `rising` in 5 ms."""
        slope = 0 if share is None else (rising - expected) / 0.005
        if age_s >= 0.08 or slope < 10:
            return
        lag_s, seen = self.lag.get(self.instrument[stem], (0.0, 0.0))
        error = min(max(heard - expected - self.gain[self.instrument[stem]][0], -1), 1)
        weight = min(4 * share, 1) * slope * self.hop_s
        seen = min(seen + weight * slope, 6000)
        self.lag[self.instrument[stem]] = (min(max(lag_s + error * weight / (seen + 600), 0), 0.05), seen)

    def learn_manner(self, found: list[tuple[int, float, float | None, float, float | None, float]]) -> None:
        """From all groups, each stem, age, expected, heard, the share that was foreseen and the share that was heard."""
        taken = {stem: self.line(stem)[:2] for stem, *_ in found}
        for stem, age_s, expected, heard, share, whole in found:
            if share is None or not 0.02 <= (age_s := age_s - self.later_s) <= 1.5:
                continue
            x = np.log2(1 + min(max(age_s, 0), 3) / 0.04) - 2.5
            error = min(max(heard - expected - self.gain[self.instrument[stem]][0], -2.5), 2.5) + np.dot(taken[stem], [1, x])
            weight = min(4 * max(whole, share), 1) * self.hop_s
            sums = self.manner.get(stem, np.zeros(6)) + weight * np.array([1, x, x * x, error, x * error, error**2])
            self.manner[stem] = sums * 4 / (4 + weight)

    def learn_gain(self, stem: int, age_s: float, expected: float | None, heard: float, share: float | None) -> None:
        """From one group: `heard` is its natural logarithm, `share` what was foreseen."""
        if expected is None or not 0.02 <= age_s - self.later_s <= 1.5:
            return
        gain, heard_s = self.gain.get(self.instrument[stem], (0.0, 0.0))
        error, weight = heard - expected - gain, self.hop_s
        if share is not None:
            error, weight = min(max(error, -2), 2), weight * max(min(4 * share, 1), 1e-3)
        heard_s = min(heard_s + weight, 0.6)
        self.gain[self.instrument[stem]] = (gain + error * weight / heard_s, heard_s)

    def rest(self, V: np.ndarray, model: np.ndarray) -> np.ndarray:
        """What the prediction leaves of V [bin] to others: cautious where the rows do not fit."""
        misfit, heard_s = self.misfit
        weight = min(model.sum(), 1) * self.hop_s
        heard_s = min(heard_s + weight, 1.2)
        misfit += (np.maximum(model - V, 0).sum() / model.sum() - misfit) * weight / heard_s
        self.misfit, self.known = (misfit, heard_s), min(max((0.19 - misfit) / 0.03, 0), 1) * heard_s / 1.2
        self.known *= min(max(model.sum() / 0.1 - 1, 0), 1)
        self.known = min([self.known, *(1 - self.line(stem)[2] for stem in self.manner)])
        caution = min(1 + 12 * max(misfit - 0.12, 0), 3)
        return np.maximum(V - caution * model, 1e-3 * V) + 1e-9 / len(V)

    def rest_factor(self, net: np.ndarray, power: float, V: np.ndarray, models: np.ndarray, mask: np.ndarray, frame: int
                    ) -> np.ndarray:
        """How many times the residual's mask [bin] counts; models [4, bin]: its own, then others', told or estimated.

        Every frame hears every other 256 bins anew.
        """
        surely = min(max((self.others - 0.03) / 0.1, 0), 1) * min(self.trust, 1)
        if surely == 0:
            return np.ones_like(V)
        own = np.lib.stride_tricks.sliding_window_view
        level = np.sqrt((own(V, 5) ** 2).mean(axis=1, keepdims=True)) + 1e-12
        inputs = [*(own(x, 5) / (own(x, 5) + level) for x in (V, *models)), own(mask, 5)]
        heard = np.hstack(inputs) @ net[:30] + net[30]
        now = np.arange(len(heard)) // 256 % 2 == frame % 2
        self.said = np.where(now, np.maximum(heard, 0.1 * heard) @ net[31] + net[32, 0], self.said if self.said.size else 0)
        return np.pad(np.exp(surely * power / 2 * np.clip(self.said, -8, 8)), 2, constant_values=1)


# --- where stems lie between two channels -----------------------------------------------------------------------------


@dataclass
class Places:
    """Spatial covariances of the stems, real and the same in all bins, learnt from bins that are surely one stem's."""

    hop_s: float
    stems: int
    sums: np.ndarray = field(init=False)  # [stem, channel, channel]
    heard_s: float = 0.0  # of the residual

    def __post_init__(self) -> None:
        self.sums = np.zeros((self.stems, 2, 2))

    def learn(self, X: np.ndarray, M: np.ndarray, playing: list[int]) -> None:
        """From spectra X [channel, bin], not all 0, and masks M [stem, bin] of a frame; these stems and the residual play."""
        keep = 1 - self.hop_s / 5
        for stem in [*playing, self.stems - 1]:
            self.sums[stem] = keep * self.sums[stem] + ((X * M[stem] ** 8) @ X.conj().T).real
        self.heard_s = keep * self.heard_s + self.hop_s

    def covariances(self) -> np.ndarray:
        """R [stem, channel, channel]: of trace 2, held by that of all, and a little from everywhere."""
        R = self.sums + 0.05 / self.heard_s * self.sums.sum(axis=0)
        trace = np.trace(R, axis1=1, axis2=2)[:, None, None]
        return 2 * np.divide(R, trace, out=np.zeros_like(R), where=trace > 1e-30) + 1e-3 * np.eye(2)

    def separate(self, X: np.ndarray, M: np.ndarray, playing: list[int]) -> tuple[np.ndarray, dict[int, np.ndarray]] | None:
        """Masks that doubt themselves, and what share [bin, to channel, from channel] of the mix is each stem's; None where all
        lie at one place."""
        playing, R = [*playing, self.stems - 1], self.covariances()
        narrow = np.maximum(1 - np.linalg.det(R[playing]), 0)
        distance = np.outer(narrow, narrow) * ((R[playing][:, None] - R[playing]) ** 2).sum(axis=(2, 3)) / 8
        most = distance.sum(axis=1).max()
        if most <= 1e-5:
            return None
        rate, m = 0.1 / (most + 0.05), M[playing]
        doubted = M.copy()
        doubted[playing] = m + rate * (distance @ m - distance.sum(axis=1)[:, None] * m)
        mean = np.einsum("sk,scd->kcd", np.maximum(doubted[playing], 0), R[playing])
        return doubted, {stem: doubted[stem][:, None, None] * (R[stem] @ np.linalg.inv(mean)) for stem in playing}


# --- onsets of drums ---------------------------------------------------------------------------------------------------


@dataclass
class Strokes:
    """Onsets of the stems that play drums, from the sums of their activations; `found`: the last one of each."""

    rate: float
    hop: int
    levels: dict[int, list[float]] = field(default_factory=dict)
    peak: dict[int, float] = field(default_factory=dict)
    found: dict[int, int] = field(default_factory=dict)

    def hear(self, stem: int, level: float, end: int) -> None:
        """The level in the frame that ends before `end`, one frame after the other."""
        lag = min(max(int(0.0116 * self.rate / self.hop + 0.5), 1), 63)
        levels = self.levels.setdefault(stem, [0.0] * lag)
        rise = level - levels[-lag]
        levels.append(level)
        self.peak[stem] = max(rise, self.peak.get(stem, 0.0) * math.exp(-self.hop / self.rate / 4))
        over = stem not in self.found or (end - self.found[stem]) / self.rate > 0.05
        if over and rise > 0.12 * self.peak[stem]:
            self.found[stem] = end - self.hop // 2


# --- the gate ---------------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class Note:
    """One sounding note. Frames that end at t see it if onset < t < close (no close: it still sounds)."""

    part: int
    channel: int
    pitch: int
    stem: int
    onset: int
    presses: int = 1
    up: int | None = None  # when its key came up
    end: float = math.inf  # when neither key nor pedal held it any more
    velocity: int = 64
    close: float = math.inf


@dataclass
class Piano:
    """Keys and pedals: from messages to notes, each with the time at which its gate closes."""

    size: int  # window
    hop: int
    route: np.ndarray  # [part, channel, pitch] -> stem or -1
    rows: dict[tuple[int, int], list[int]]  # of (stem, pitch), the residual too
    release: np.ndarray  # [stem, pitch], samples
    decay: np.ndarray  # [stem, pitch], samples
    choke: np.ndarray  # [stem, pitch], notes of one stem and number end each other; 0: none
    notes: list[Note] = field(default_factory=list)
    unmatched: int = 0
    sounding: dict[tuple[int, int, int], Note] = field(default_factory=dict)  # held by a key or a pedal
    last: dict[tuple[int, int, int], Note] = field(default_factory=dict)
    sustain: set[tuple[int, int]] = field(default_factory=set)  # (part, channel)
    sostenuto: set[tuple[int, int]] = field(default_factory=set)  # (part, channel)
    captured: set[tuple[int, int, int]] = field(default_factory=set)

    def play(self, events: Iterable) -> list[Note]:
        """All notes of EVENT records whose samples count from the start."""
        for event in events:
            sample, part, status = int(event["sample"]), int(event["part"]), int(event["status"])
            data1, data2, own = int(event["data1"]), int(event["data2"]), int(event["stem"])
            if part >= 32 or data1 >= 128:
                continue
            self.forget_decayed(sample)
            self.message(sample, part, status & 0xF0, status & 0x0F, data1, data2, own)
            self.let_go(sample)
        self.forget_decayed(math.inf)
        return self.notes

    def message(self, sample: int, part: int, kind: int, channel: int, data1: int, data2: int, own: int) -> None:
        key, keyboard = (part, channel, data1), (part, channel)
        if kind == 0x90 and data2 > 0:
            self.press(sample, key, own, data2)
        elif kind in (0x80, 0x90):
            if key in self.sounding and self.sounding[key].presses:
                self.sounding[key].presses -= 1
        elif kind == 0xB0 and data1 == 64:
            (self.sustain.add if data2 >= 64 else self.sustain.discard)(keyboard)
        elif kind == 0xB0 and data1 == 66:
            self.hold_pressed(keyboard) if data2 >= 64 else self.drop_captured(keyboard)
        elif kind == 0xB0 and data1 == 120:
            for note in self.of(keyboard):
                self.end(note, sample)
        elif kind == 0xB0 and data1 == 121:
            self.sustain.discard(keyboard)
            self.drop_captured(keyboard)
        elif kind == 0xB0 and data1 >= 123:
            for note in self.of(keyboard):
                note.presses = 0

    def press(self, sample: int, key: tuple[int, int, int], own: int, velocity: int) -> None:
        stem = own - 1 if own else int(self.route[key])
        if not 0 <= stem < max(self.rows)[0]:
            return
        if not self.rows[stem, key[2]]:
            self.unmatched += 1
            return
        self.take_over(sample, key, stem)
        note = Note(*key, stem, sample, velocity=velocity)
        if key in self.sounding:  # pressed once more
            note.presses += self.sounding[key].presses
        if key in self.last:
            self.last[key].close = min(self.last[key].close, sample + 1)
        self.sounding[key] = self.last[key] = note
        self.notes.append(note)
        self.choke_others(sample, note)

    def choke_others(self, sample: int, struck: Note) -> None:
        """What the note chokes is remembered by the window alone."""
        group = self.choke[struck.stem, struck.pitch]
        for key, note in list(self.last.items()):
            if group and note.stem == struck.stem and note.pitch != struck.pitch and self.choke[note.stem, note.pitch] == group:
                note.close = min(note.close, sample + self.size)
                note.end = min(note.end, sample) - int(self.release[note.stem, note.pitch])
                if key in self.sounding and self.sounding[key] is note:
                    self.remove(note)

    def take_over(self, sample: int, key: tuple[int, int, int], stem: int) -> None:
        """A string that is struck again, on the same instrument but for another stem, rings no more for the old one."""
        for other in self.notes:
            its_key = (other.part, other.channel, other.pitch)
            sounds = self.sounding.get(its_key) is other
            same_string = other.pitch == key[2] and self.rows[other.stem, other.pitch] == self.rows[stem, key[2]]
            if its_key == key or other.stem == stem or not same_string or (sounds and other.presses):
                continue
            other.close = min(other.close, sample + 1)
            if sounds:
                self.remove(other)

    def hold_pressed(self, keyboard: tuple[int, int]) -> None:
        if keyboard not in self.sostenuto:
            self.captured |= {key for key, note in self.sounding.items() if key[:2] == keyboard and note.presses}
        self.sostenuto.add(keyboard)

    def drop_captured(self, keyboard: tuple[int, int]) -> None:
        self.sostenuto.discard(keyboard)
        self.captured = {key for key in self.captured if key[:2] != keyboard}

    def of(self, keyboard: tuple[int, int]) -> list[Note]:
        return [note for key, note in self.sounding.items() if key[:2] == keyboard]

    def end(self, note: Note, sample: int) -> None:
        """Nothing holds the note from `sample` on: it rings on for its release, and the window remembers it."""
        note.close = sample + self.size + int(self.release[note.stem, note.pitch])
        note.end = sample
        self.remove(note)

    def remove(self, note: Note) -> None:
        key = (note.part, note.channel, note.pitch)
        del self.sounding[key]
        self.captured.discard(key)

    def let_go(self, sample: int) -> None:
        """End the notes that neither key nor pedal holds."""
        for key, note in list(self.sounding.items()):
            if note.presses:
                continue
            if note.up is None:
                note.up = sample
            if key[:2] not in self.sustain and key not in self.captured:
                self.end(note, sample)

    def forget_decayed(self, before: float) -> None:
        """Close what a pedal holds longer than it sounds, at the first frame that ends late enough."""
        for note in list(self.sounding.values()):
            if note.presses or note.up is None:
                continue
            decayed = max(note.onset + self.size + int(self.decay[note.stem, note.pitch]), note.up + 1)
            frame = -(-decayed // self.hop) * self.hop
            if frame <= before:
                note.close = frame
                self.remove(note)


def open_pitches(notes: Iterable[Note], end: int) -> dict[tuple[int, int], int]:
    """(stem, pitch) of the notes that the frame ending at `end` sees, and the latest onset of each."""
    found: dict[tuple[int, int], int] = {}
    for note in notes:
        if note.onset < end < note.close:
            key = (note.stem, note.pitch)
            found[key] = max(note.onset, found.get(key, -1))
    return dict(sorted(found.items()))


# --- mixer ------------------------------------------------------------------------------------------------------------


def mix(stems: np.ndarray, targets: np.ndarray, rate: float) -> np.ndarray:
    """Mixdown [channel, sample]; targets [sample, 2 + stems] hold wet, bypass and the gains that are wanted by then."""
    values = targets[0].copy()
    result = np.zeros(stems.shape[1:])
    for i, wanted in enumerate(targets):
        values += rate * (wanted - values)
        values = np.where(np.abs(wanted - values) < NEAR, wanted, values)
        wet, bypass, gains = values[0], values[1], values[2:]
        dry = stems[:, :, i].sum(axis=0)
        processed = wet * (gains @ stems[:, :, i]) + (1 - wet) * dry
        result[:, i] = bypass * dry + (1 - bypass) * processed
    return result


# --- the whole engine -------------------------------------------------------------------------------------------------


@dataclass
class Setup:
    """What a separation needs: sizes, templates W [row, bin], which of them play what on each stem's instrument, routing
    and the times of the gate in samples [stem, pitch]."""

    size: int
    overlap: int
    hop: int
    W: np.ndarray
    rows: dict[tuple[int, int], list[int]]  # of (stem, pitch)
    route: np.ndarray
    release: np.ndarray
    decay: np.ndarray
    choke: np.ndarray
    row_age: np.ndarray  # [row, 2], samples: from and until which age of its note a row is open
    stems: int
    estimator: str
    E: np.ndarray  # [row, bin], what an encoder multiplies by
    iterations: int
    relaxation: float
    power: float
    suppression: float
    open_limit: int
    gated: bool
    latency: int
    lead: int  # from a frame's end to what its filters are for
    taps: int  # of causal filters instead of overlap-add
    floor: float
    background: np.ndarray  # [row, bin], what it starts from
    background_weight_s: float
    adapt_hold_s: float
    adapt_memory_s: float
    handicap: float
    memory_s: float
    learns: bool
    take: int  # so many samples are background alone
    sample_rate: float
    boost: float  # the most that a new note may count more
    envelope: np.ndarray  # [stem, pitch, 2, point], natural logarithms
    instrument: np.ndarray  # [stem]
    trust: float  # in the prediction
    later_s: float
    drums: np.ndarray  # [stem], whose strokes are looked for where they are not told, or too late
    early: int  # so many samples after something was struck the first rows of all drums are open
    panning: bool  # do two channels tell stems apart?
    rest_net: np.ndarray  # [33, unit], weights of the residual's network: of 30 inputs, bias, output, its bias
    undoes: bool  # does the background take back what it learnt of late notes?
    lag: dict[int, tuple[float, float]]  # of each instrument before the first sample: s that sound is ahead of MIDI, how sure


@dataclass
class Separated:
    """stems [stem, channel, sample]; and of each frame the masks, the activations [stem, row] and the open rows."""

    stems: np.ndarray
    masks: list[np.ndarray]
    H: list[np.ndarray]
    open_rows: list[list[tuple[int, int]]]
    unmatched: int
    background: np.ndarray  # [row, bin], as it is in the end
    W: np.ndarray  # [row, bin], the templates as they are in the end


def within_limit(
    found: dict[tuple[int, int], int], H: np.ndarray, end: int, setup: Setup
) -> list[tuple[int, int]]:
    """The (stem, pitch) that stay open: the quietest, then the oldest close first; young ones count as loud."""

    def loudness(key: tuple[int, int]) -> tuple[float, int]:
        young = end - found[key] < setup.size
        return (math.inf if young else H[key[0], setup.rows[key]].sum(), found[key])

    kept = sorted(found, key=loudness)
    while sum(len(setup.rows[key]) for key in kept) > setup.open_limit:
        kept.pop(0)
    return sorted(kept)


def open_rows(
    found: dict[tuple[int, int], int], kept: list[tuple[int, int]], early: set[tuple[int, int]], end: int, setup: Setup
) -> list[tuple[int, int, int]]:
    """(stem, row, onset) of the rows of `kept` that are open at the age of their note, and, as far as the limit goes, of the
    first rows of the drums that may be struck but not told yet."""
    room = setup.open_limit - sum(len(setup.rows[key]) for key in kept)
    opened = []
    for key in sorted({*kept, *early}):
        young = [row for row in setup.rows[key] if key in kept
                 and setup.row_age[row, 0] <= end - found[key] < setup.row_age[row, 1]]
        first = [row for row in setup.rows[key] if key in early and setup.drums[key[0]] and row not in young
                 and setup.row_age[row, 0] < setup.early][:room]
        room -= len(first)
        opened += [(key[0], row, found[key]) for row in young] + [(key[0], row, NEVER) for row in first]
    return opened


def part_of(share: np.ndarray, X: np.ndarray) -> np.ndarray:
    """Spectra [channel, bin] of the share [bin, to channel, from channel] of X [channel, bin]."""
    return np.einsum("kcd,dk->ck", share, X)


def separate(sound: np.ndarray, events: Iterable, setup: Setup) -> Separated:
    """Stems of sound [channel, sample], the residual last, delayed by the latency."""
    x = without_faults(sound)
    channels, samples = x.shape
    bins = setup.size // 2 + 1
    analysis, synthesis = windows(setup.size, setup.overlap, setup.hop)
    piano = Piano(setup.size, setup.hop, setup.route, setup.rows, setup.release, setup.decay, setup.choke)
    notes = piano.play(events)
    result = Separated(np.zeros((setup.stems, channels, samples + setup.overlap)), [], [], [], piano.unmatched,
                       setup.background, setup.W)
    H = np.zeros((setup.stems, len(setup.W)))
    filters: list[list[tuple[int, np.ndarray]]] = [[] for _ in range(setup.stems - 1)]
    extra = len(setup.background)
    rest = Background(setup.background, np.full(extra, setup.background_weight_s), setup.hop / setup.sample_rate,
                      setup.memory_s, np.full(extra, 1 / max(extra, 1)))
    own = Adapted(setup.W.copy(), setup.W, np.full(len(setup.W), setup.adapt_hold_s), setup.hop / setup.sample_rate,
                  setup.adapt_memory_s, setup.adapt_hold_s)
    foretold = Prediction(setup.envelope, setup.instrument, setup.release, setup.sample_rate, setup.hop / setup.sample_rate,
                          setup.trust if setup.gated else 0.0, setup.later_s, lag=dict(setup.lag))

    places = Places(setup.hop / setup.sample_rate, setup.stems)
    strokes = Strokes(setup.sample_rate, setup.hop)
    previous, struck, played = np.zeros(bins), 0, set()

    def begin_again() -> None:
        rest.rows, rest.weight = setup.background, np.full(extra, setup.background_weight_s)
        rest.h, rest.kept = np.full(extra, 1 / max(extra, 1)), None
        foretold.gain.clear()
        foretold.lag.clear()
        foretold.manner.clear()
        foretold.misfit, foretold.known, foretold.others = (0.0, 0.0), 0.0, 0.0

    playable = [(s, p) for s in range(setup.stems - 1) for p in range(128) if (setup.route[:, :, p] == s).any()]
    pitch_of = {r: key[1] for key, rows in setup.rows.items() for r in rows}
    for end in range(setup.hop, samples + 1, setup.hop):
        X = spectra(frame_before(x, end, setup.size), analysis)
        V = magnitudes(X)
        if setup.early and np.maximum(V - previous, 0).sum() > 0.15 * V.sum():
            struck = end
        previous = V
        found = open_pitches(notes, end) if setup.gated else {}
        if end <= setup.take:
            opened = []
        elif setup.gated:
            played |= {key for key, onset in found.items() if onset > 0}
            early = played if end - struck < setup.early else set()
            opened = open_rows(found, within_limit(found, H, end, setup), early, end, setup)
        else:
            opened = [(stem, row, 0) for stem, pitch in playable for row in setup.rows[stem, pitch]]
        age = end - max((onset for *_, onset in opened), default=NEVER)
        undoes = (setup.undoes and setup.gated and setup.learns and not setup.early and setup.envelope.any()
                  and end > setup.take and not foretold.in_time())
        task = rest.look_back(V.sum(), end, age, setup.sample_rate, undoes)
        if len(opened) + extra and rest.mended(V.sum()) and setup.learns:
            begin_again()
        M, H = np.zeros((setup.stems, bins)), np.zeros((setup.stems, len(setup.W)))
        designed: dict[int, np.ndarray] = {}
        heard = V.sum() > 1e-20 and len(opened) + extra > 0
        stem_of, row, onsets = np.array(opened, int).reshape(-1, 3).T
        levels = np.zeros(setup.stems)
        if heard:
            W = np.vstack([own.rows[row], rest.rows])
            share = 1 / (len(W) + 1)
            start = np.concatenate([np.full(len(row), share), np.maximum(rest.h, 1e-3 * share), [share]])
            trust = setup.trust * (1 + 2 * foretold.known)
            handicap = setup.handicap + (1 - setup.handicap) * foretold.known
            favour = np.concatenate([np.ones(len(row)), np.full(extra, handicap), [1]])
            total, v = V.sum(), V / V.sum()
            of_key: dict[tuple[int, int, bool], list[int]] = {}
            for i, (stem, r, onset) in enumerate(opened):
                of_key.setdefault((stem, pitch_of[r], onset != NEVER), []).append(i)
            groups = [(key[:2], members, foretold.expected(notes, *key[:2], end) if key[2] else None)
                      for key, members in of_key.items()]
            shares = [foretold.foreseen(key[0], expected, total) for key, _, expected in groups]
            held = [(members, share) for (_, members, _), share in zip(groups, shares, strict=True) if share is not None]
            if setup.estimator != "kl":
                encoded = np.maximum(setup.E[row] @ v, 0)
                start[: len(row)] = encoded if setup.estimator == "encoder" else start[: len(row)] + 0.3 * encoded
            before = activations(v, W, setup.iterations - 1, start, favour, setup.relaxation, held, trust)
            raw = activations(v, W, 1, before, favour)
            if setup.estimator == "encoder":
                raw[: len(row)] = encoded
            h = raw.copy()
            for members, share in held:
                h[members] *= (h[members].sum() + trust * share) / (1 + trust) / h[members].sum()
            rest.h = h[len(row) : -1]
            predicted = h[: len(row)].copy()
            for members, share in held:
                predicted[members] *= share / h[members].sum()
            ahead = [foretold.expected(notes, *key, end, setup.lead) for key, _, _ in groups]
            rising = [foretold.expected(notes, *key, end, later_s=0.005) for key, _, _ in groups]
            for (key, members, expected), share, soon in zip(groups, shares, rising, strict=True):
                foretold.learn_lag(key[0], (end - onsets[members[0]]) / setup.sample_rate, expected, soon,
                                   math.log((raw[members].sum() + 1e-6) * total), share)
            leaves = foretold.rest(v, predicted @ W[: len(row)]) if held else v
            if held:
                part = (rest.h.sum() + 1e-9) / (h[:-1].sum() + 2e-9)
                foretold.others += (part - foretold.others) * foretold.hop_s / 0.3
            telling = [(*group, share) for group, share in zip(groups, shares, strict=True)
                       if setup.row_age[row[group[1][0]], 0] == 0]  # a drum does in its first stage
            foretold.learn_manner([
                (key[0], (end - onsets[members[0]]) / setup.sample_rate, expected,
                 math.log((raw[members].sum() + 1e-6) * total), share, raw[members].sum())
                for key, members, expected, share in telling])
            for key, members, expected, share in telling:
                foretold.learn_gain(key[0], (end - onsets[members[0]]) / setup.sample_rate, expected,
                                    math.log((raw[members].sum() + 1e-6) * total), share)
            H[stem_of, row] = h[: len(row)] * total
            levels = H.sum(axis=1)
        if not setup.gated:
            for stem in np.flatnonzero(setup.drums):
                strokes.hear(stem, levels[stem], end)
            onsets = np.array([strokes.found.get(stem, NEVER) for stem in stem_of], int)
        if heard:
            lag = [int(foretold.lag_s(stem) * setup.sample_rate) for stem in stem_of]
            age = end - onsets + np.array(lag, int)
            now = np.array([boost(analysis, each, setup.boost) for each in age])
            for (_, members, expected), share, then in zip(groups, shares, ahead, strict=True):
                if share is not None:
                    rise = math.exp(min(then - expected, 3))
                    now[members] = rise * boost(analysis, age[members[0]] + setup.lead, setup.boost)
            h[: len(row)] *= now
            seconds = rest.seconds(total)
            ratio = np.tile(ratio_of(v, with_flat(W), before), (setup.stems, 1))
        if heard and opened:
            models = estimated = stem_models(W, [*stem_of, *[setup.stems - 1] * extra], h, setup.stems)
            if held:
                told = np.array([(predicted * now * (stem_of == s)) @ W[: len(row)] for s in range(setup.stems)])
                told[-1] = leaves
                models = np.sqrt(estimated * told)
            M = masks(models, setup.power)
            if held:
                ratio = v * M / np.maximum(estimated, 1e-12)
                seen = np.array([told[-1], estimated[-1], estimated[:-1].sum(axis=0), told[:-1].sum(axis=0)])
                factor = foretold.rest_factor(setup.rest_net, setup.power, v, seen, M[-1], end // setup.hop)
                M = M * np.where(np.arange(setup.stems) == setup.stems - 1, factor[:, None], 1).T
                M /= M.sum(axis=0)
            M = suppressed(M, setup.suppression)
        else:
            M[-1] = 1
        playing = sorted(set(stem_of.tolist())) if heard else []
        mine = {stem: M[stem][:, None, None] * np.eye(channels) for stem in playing}
        if setup.panning and X.any():
            places.learn(X, M, playing)
            M, mine = places.separate(X, M, playing) or (M, mine)
        for stem in playing if not setup.taps else ():
            # the end of the frame, [end - overlap, end) of the input, is heard `overlap` later
            result.stems[stem, :, end : end + setup.overlap] += tail(part_of(mine[stem], X), setup.size, synthesis)
        for stem in playing if setup.taps and opened else ():
            power, shares_of = expected_power(models, setup.floor), mine[stem].transpose(1, 2, 0)
            designed[stem] = np.array([[causal_filter(share, power, setup.latency, setup.taps) if share.any()
                                        else np.zeros(setup.taps) for share in row_of] for row_of in shares_of])
        if heard:
            part = h if held else before
            sure = 1 if held else 0.3 * (before[: len(row)].sum() / before.sum()) ** 4
            bold = rest.boldness(before[: len(row)].sum() / before.sum(), seconds) if setup.early and opened else 1
            for i, r in enumerate(row):
                told = setup.row_age[r, 0] <= end - onsets[i] < setup.row_age[r, 1]
                told = told * (bold if setup.drums[stem_of[i]] else 1)
                own.learn(r, seconds * sure * part[i] * told, ratio[stem_of[i]], W[i] @ ratio[stem_of[i]])
            seconds *= 1 if opened else 2
            new = setup.gated and any((end - onset) / setup.sample_rate < 1 for onset in onsets)
            if setup.learns and extra and setup.take == 0 and new and rest.lost(before[: len(row)].sum() / before.sum()):
                begin_again()
            elif task == "restore" and rest.kept:
                rest.rows, rest.weight = rest.kept
            elif (setup.learns and struck != end) or end <= setup.take:
                rest.kept = (rest.rows, rest.weight) if task == "keep" else rest.kept
                rest.learn(seconds * part[len(row) : -1], ratio[-1], end > setup.take, foretold.known)
        for stem in range(setup.stems - 1):  # one slot after another of the hop
            filters[stem].append((end + (1 + stem % 3) * setup.hop // 4, designed.get(stem, np.zeros((channels, channels, 1)))))
        result.masks.append(M)
        result.H.append(H)
        result.open_rows.append(list(zip(stem_of.tolist(), row.tolist(), strict=True)))
    result.background, result.W = rest.rows, own.rows
    result.stems = result.stems[:, :, :samples]
    for stem in range(setup.stems - 1 if setup.taps else 0):
        result.stems[stem] = filtered(x, [f for f in filters[stem] if f[0] < samples], setup.hop // 4)
    delayed = np.concatenate([np.zeros((channels, setup.latency)), x], axis=1)[:, :samples]
    result.stems[-1] = delayed - result.stems[:-1].sum(axis=0)
    return result
