"""Fits a preset to one instrument, room and microphone, with a short take of the instrument alone.

First it finds the tuning in which the preset explains the take best. Then it learns the rows of every played pitch from the
take, V [frame, bin] ~ H [frame, row] @ W [row, bin], with the preset as prior (maximum a posteriori updates of KL-NMF: a
Dirichlet prior whose counts are the preset's row, worth HOLD_S seconds of sound; Smaragdis & Raj 2007). Pitches that were not
played change like their neighbours, band by band. Last it corrects the envelopes (levels.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from rtsep.errors import RtsepError
from rtsep.presets.preset import Preset
from rtsep.training.frames import open_spectrogram
from rtsep.training.gates import note_gates
from rtsep.training.inputs import Take
from rtsep.training.isolated import Progress
from rtsep.training.levels import correct_envelopes, sounding
from rtsep.windows import choose_framing, map_templates, retune_templates, window_pair

HOP = 1024  # Samples from frame to frame.
LEAST_S, MOST_S = 5.0, 600.0  # Least and greatest length of all takes together, in seconds.
BEFORE_S, AFTER_S = 0.02, 0.5  # A note can sound this long, in seconds, before its onset and after its end.
# A row of the preset counts like this many seconds of mean loudness; 0.03 to 1 are as good (docs/measurements/benchmarks.md,
# "Calibration").
HOLD_S = 0.1
# Numbers of updates: of templates (4 to 30 are as good), of activations between these, and of activations at first.
PASSES, UPDATES, FIRST_UPDATES = 12, 3, 10
HELD_OUT = 0.25  # The last share of every take is held out, to measure the gain.
# Tunings that are tried, in cents: first these, then others around the best one, on at most this many frames.
COARSE_CENTS, FINE_CENTS, TUNING_FRAMES = range(-60, 61, 10), range(-8, 9, 2), 300
# Number of bands per octave in which pitches change, and the least distance of their centres, in bins.
BANDS_PER_OCTAVE, LEAST_BINS = 3, 8
# A change carries over this many semitones to other pitches; 2.5 to 10 are as good (docs/measurements/benchmarks.md,
# "Calibration").
NEAR = 5.0
DOUBT = 0.02  # A band with much less evidence than this, relative to its energy, does not change.
TINY = 1e-12  # This is added to divisors, so that none is 0.

Floats = npt.NDArray[np.float32]
Gates = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Heard:
    """Takes as frames, `per_s` per second. V [frame, bin]; G [frame, row]: which rows can sound; fresh [frame]: held out."""

    V: Floats
    G: Gates
    fresh: Gates
    per_s: float
    notes: npt.NDArray[np.void]  # SOUNDING (levels.py); its frames count from the start of all takes.

    def part(self, which: npt.NDArray[Any]) -> Heard:
        """Some of the frames."""
        return replace(self, V=self.V[which], G=self.G[which], fresh=self.fresh[which])


def at_rate(preset: Preset, sample_rate: float) -> Preset:
    """The preset for the usual window at `sample_rate`. RtsepError: it is too coarse, or a preset of drums."""
    if (preset.row_age_s != preset.row_age_s[0]).any():
        raise RtsepError(f"{preset.name} is a preset of drums: learn your own kit from single hits, rtsep train --drums")
    framing = choose_framing("live", sample_rate)
    W = map_templates(preset.W, preset.sample_rate, preset.window_size, sample_rate, framing.window_size)
    usable = np.flatnonzero(W.any(axis=1))
    return replace(preset, sample_rate=float(sample_rate), window_size=framing.window_size, overlap=framing.overlap,
                   W=W[usable], row_pitch=preset.row_pitch[usable], row_age_s=preset.row_age_s[usable], background=None,
                   row_role=tuple(preset.row_role[row] for row in usable))


def hear(takes: Sequence[Take], row_pitch: npt.NDArray[np.int16]) -> Heard:
    """The frames of the takes. RtsepError: several rates, too short, too long, silent."""
    rates = sorted({take.sample_rate for take in takes})
    if len(rates) > 1:
        raise RtsepError(f"the recordings have {', '.join(map(str, rates))} Hz: convert them to one rate")
    seconds = sum(take.seconds for take in takes)
    if not LEAST_S <= seconds <= MOST_S:
        raise RtsepError(f"{seconds:.1f} s of play: give {LEAST_S:g} to {MOST_S:g} s, best 20 to 60 (more: rtsep train)")
    window, _ = window_pair(choose_framing("live", rates[0]))
    with open_spectrogram(takes, window, HOP) as frames:
        V, ends = frames[:], [frames.ends_s(i) for i in range(len(takes))]
    if not V.any():
        raise RtsepError("the recording is silent: there is nothing to learn from")
    G = np.concatenate([note_gates(take.notes, row_pitch, end_s, BEFORE_S, AFTER_S)
                        for take, end_s in zip(takes, ends, strict=True)]).astype(bool)
    fresh = np.concatenate([end_s > (1 - HELD_OUT) * take.seconds for take, end_s in zip(takes, ends, strict=True)])
    return Heard(V, G, fresh, rates[0] / HOP, sounding(takes, ends))


def activations(heard: Heard, W: Floats, H: Floats | None = None, updates: int = FIRST_UPDATES) -> Floats:
    """H [frame, row, and a flat row] by Kullback-Leibler updates with fixed W. The flat row takes what no note explains."""
    V, all_W = heard.V, with_flat(W)
    if H is None:
        open_rows = np.concatenate([heard.G, np.ones((len(V), 1), bool)], axis=1)
        H = (open_rows * (V.sum(axis=1) / open_rows.sum(axis=1))[:, None]).astype(np.float32)
    sums = all_W.sum(axis=1)
    for _ in range(updates):
        H = H * ((V / (H @ all_W + TINY)) @ all_W.T) / sums
    return H


def with_flat(W: Floats) -> Floats:
    """W with one flat row appended."""
    flat = np.full((1, W.shape[1]), 1 / W.shape[1], np.float32)
    return np.concatenate([W, flat])


def divergence(heard: Heard, W: Floats) -> float:
    """Kullback-Leibler divergence between V and its model by W, as a share of V."""
    V = heard.V
    model = activations(heard, W, updates=2 * FIRST_UPDATES) @ with_flat(W)
    return float((V * np.log((V + TINY) / (model + TINY)) - V + model).sum(dtype=float) / max(V.sum(dtype=float), TINY))


def estimate_cents(heard: Heard, W: Floats) -> float:
    """Cents by which the instrument sounds higher than W, from about -60 to 60, exact to about half a cent."""
    some = np.linspace(0, len(heard.V) - 1, min(len(heard.V), TUNING_FRAMES)).astype(int)
    few = heard.part(some)
    costs: dict[float, float] = {}

    def best(cents: Sequence[int | float]) -> float:
        costs.update({each: divergence(few, retune_templates(W, each)) for each in map(float, cents) if each not in costs})
        return min(costs, key=lambda each: (costs[each], abs(each)))

    coarse = best(COARSE_CENTS)
    fine = best([coarse + step for step in FINE_CENTS])
    low, mid, high = (costs.get(fine + step, np.nan) for step in (-2, 0, 2))
    bend = low - 2 * mid + high
    return fine if not bend > 0 else round(fine + (low - high) / bend, 2)


def learn_rows(heard: Heard, W: Floats) -> tuple[Floats, Floats]:
    """W after PASSES maximum a posteriori updates, and the share of each row that comes from the take, [row]."""
    hold = np.float32(HOLD_S * heard.per_s * heard.V.sum(axis=1).mean())
    H, now, counts = activations(heard, W), W, np.zeros_like(W)
    for _ in range(PASSES):
        ratio = heard.V / (H @ with_flat(now) + TINY)
        counts = now * (H[:, :-1].T @ ratio)
        now = (counts + hold * W) / (counts.sum(axis=1, keepdims=True) + hold)
        H = activations(heard, now, H, UPDATES)
    mass = counts.sum(axis=1)
    return now.astype(np.float32), (mass / (mass + hold)).astype(np.float32)


def _bands(bins: int) -> Floats:
    """Triangular bands [band, bin], a third of an octave but at least LEAST_BINS apart; they sum to 1 in every bin."""
    centres = [0.0, float(LEAST_BINS)]
    while centres[-1] < bins:
        centres.append(max(centres[-1] * 2 ** (1 / BANDS_PER_OCTAVE), centres[-1] + LEAST_BINS))
    at = np.arange(bins)
    return np.stack([np.interp(at, centres, row) for row in np.eye(len(centres))]).astype(np.float32)


def correct_others(preset: Preset, now: Floats, said: Floats) -> Floats:
    """`now` [row, bin]; rows that the take did not teach (`said` [row] is 0) change like their neighbours, band by band.

    The logarithm of a band's change is the mean over rows of the same role, weighted by nearness in pitch and by evidence.
    """
    bands, result = _bands(now.shape[1]), now.copy()
    before, after = preset.W @ bands.T + TINY, now @ bands.T + TINY
    change, weight = np.log(after / before), said[:, None] * np.sqrt(before * after)
    pitch, role = preset.row_pitch.astype(float), np.array(preset.row_role)
    for row in np.flatnonzero(said == 0):
        near = np.exp(-0.5 * ((pitch - pitch[row]) / NEAR) ** 2) * (role == role[row])
        believed = near[:, None] * weight
        mean = (believed * change).sum(axis=0) / (believed.sum(axis=0) + DOUBT * before[row])
        result[row] = preset.W[row] * np.exp(mean @ bands)
        result[row] /= result[row].sum()
    return result


def fitted(preset: Preset, heard: Heard) -> tuple[Preset, Gates]:
    """The preset with rows learnt from the frames, and a mask of the learnt rows."""
    played = np.flatnonzero(heard.G.any(axis=0))
    W, said = preset.W.copy(), np.zeros(len(preset.W), np.float32)
    W[played], said[played] = learn_rows(replace(heard, G=heard.G[:, played]), preset.W[played])
    return replace(preset, W=correct_others(preset, W, said)), said > 0


def calibrate(preset: Preset, takes: Sequence[Take], progress: Progress) -> tuple[Preset, dict[str, Any]]:
    """The preset fitted to the takes, with its report. RtsepError: takes from which nothing can be learnt."""
    began = at_rate(preset, takes[0].sample_rate)
    heard = hear(takes, began.row_pitch)
    if not heard.G.any():
        raise RtsepError(f"{preset.name} has no templates for any of these notes: give another --preset")
    progress("tuning", 0, 3, None)
    open_rows = heard.G.any(axis=0)
    cents = estimate_cents(replace(heard, G=heard.G[:, open_rows]), began.W[open_rows])
    tuned = replace(began, W=retune_templates(began.W, cents))
    progress("what is gained", 1, 3, None)
    fresh = heard.part(heard.fresh)
    early, _ = fitted(tuned, heard.part(~heard.fresh))
    losses = [divergence(fresh, each.W) for each in (began, tuned, early)]
    progress("learning", 2, 3, None)
    found, learnt = fitted(tuned, heard)
    progress("learning", 3, 3, None)
    pitches = sorted(set(began.row_pitch[learnt].tolist()))
    report = {
        "preset": preset.name, "seconds": round(sum(take.seconds for take in takes), 3), "tuning_cents": cents,
        "pitches_learnt": pitches, "pitches_corrected": sorted(set(began.row_pitch.tolist()) - set(pitches)),
        "divergence": dict(zip(("preset", "tuned", "calibrated"), (round(loss, 5) for loss in losses), strict=True)),
    }
    if found.envelope_db is not None:
        H = activations(heard, found.W, updates=2 * FIRST_UPDATES)
        found = replace(found, envelope_db=correct_envelopes(found.envelope_db, heard.notes, H, found.row_pitch))
    filled = preset.filled.copy()
    filled[pitches] = False
    return replace(found, filled=filled), report
