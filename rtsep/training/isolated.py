"""Templates from isolated notes: for every pitch a small KL-NMF of all its notes, started from attack and sustain.

V [frame, bin] ~ H [frame, template] @ W [template, bin], Lee & Seung (NIPS 2000), equation 5, both factors updated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rtsep.windows import Framing, choose_framing, window_pair

Floats = npt.NDArray[np.float64]
ROLES = ("attack", "sustain")
ATTACK_S = 0.08  # frames that end this soon after the onset are attack
ITERATIONS = 5  # few: later ones fit these recordings, not the instrument
RELEASE_DB = 12.0  # a released note is over once it has fallen so far: later it is others' sound that it would take
LEVEL_S = 0.01
LONGEST_DECAY_S = 60.0
DECAY_DB = 60.0  # a held note is over once it has fallen so far below its peak


@dataclass(frozen=True)
class Notes:
    """Isolated notes of one instrument: sound float32 [sample] and, per note, times in s and MIDI pitch."""

    sound: npt.NDArray[np.float32]
    sample_rate: float
    onset_s: Floats
    offset_s: Floats
    pitch: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Templates:
    """What training gives: W float32 [row, bin], rows sum to 1; pitch and role of each row; release and decay [128]."""

    framing: Framing
    W: npt.NDArray[np.float32]
    row_pitch: npt.NDArray[np.int16]
    row_role: tuple[str, ...]
    release_s: npt.NDArray[np.float32]
    decay_s: npt.NDArray[np.float32]


def magnitudes(sound: npt.NDArray[np.float32], ends: npt.NDArray[np.int64], window: Floats) -> Floats:
    """V [frame, bin]: magnitudes of the frames that end before the samples `ends`."""
    size = len(window)
    padded = np.concatenate([np.zeros(size, np.float32), sound])
    frames = padded[ends[:, None] + np.arange(size)]
    result: Floats = np.abs(np.fft.rfft(frames * window, axis=1))
    return result


def kl_nmf(V: Floats, W: Floats, iterations: int) -> Floats:
    """`iterations` multiplicative updates of H and W from the start W; gives W, rows summing to 1."""
    tiny = 1e-12 * V.mean() + 1e-30
    W = W / W.sum(axis=1, keepdims=True)
    H = np.repeat(V.sum(axis=1, keepdims=True) / len(W), len(W), axis=1)
    for _ in range(iterations):
        H *= (V / (H @ W + tiny)) @ W.T
        W = W * (H.T @ (V / (H @ W + tiny))) / (H.sum(axis=0)[:, None] + tiny)
        W /= W.sum(axis=1, keepdims=True)
    return W


def _frames_of(notes: Notes, which: npt.NDArray[np.int64], hop: int) -> tuple[npt.NDArray[np.int64], Floats]:
    """Ends of the frames that hear the notes `which`, and how long before its end each heard its note begin, in s."""
    rate = notes.sample_rate
    ends = [np.arange(round(notes.onset_s[i] * rate) + hop, round(notes.offset_s[i] * rate), hop) for i in which]
    ages = [(end - notes.onset_s[i] * rate) / rate for end, i in zip(ends, which, strict=True)]
    return np.concatenate(ends), np.concatenate(ages)


def pitch_templates(V: Floats, age_s: Floats) -> Floats:
    """Attack and sustain templates [2, bin] from all frames V [frame, bin] of one pitch and their ages."""
    early = age_s < ATTACK_S
    start = np.stack([V[early].mean(axis=0), V[~early].mean(axis=0)])
    return kl_nmf(V, start + 1e-6 * start.mean(), ITERATIONS)


def _level(sound: npt.NDArray[np.float32], rate: float, begin_s: float, end_s: float) -> Floats:
    """RMS in steps of LEVEL_S."""
    step = round(LEVEL_S * rate)
    part = sound[round(begin_s * rate) : round(end_s * rate)].astype(np.float64)
    part = part[: len(part) // step * step].reshape(-1, step)
    level: Floats = np.sqrt((part**2).mean(axis=1))
    return level


def release_and_decay(notes: Notes, i: int, next_onset_s: float) -> tuple[float, float]:
    """Seconds from note `i`'s offset until it has fallen RELEASE_DB, and from its onset until DECAY_DB if it were held.

    The decay is extrapolated from the slope between the first and the last third of the held note.
    """
    held = _level(notes.sound, notes.sample_rate, notes.onset_s[i], notes.offset_s[i]) + 1e-9
    after = _level(notes.sound, notes.sample_rate, notes.offset_s[i], next_onset_s)
    over = after < 10 ** (-RELEASE_DB / 20) * held[-5:].mean()
    release = LEVEL_S * (np.argmax(over) if over.any() else len(over))
    third = max(len(held) // 3, 1)
    fall_db = 20 * np.log10(held[:third].mean() / held[-third:].mean())
    decay = DECAY_DB * LEVEL_S * (len(held) - third) / max(fall_db, 0.1)
    return release, min(decay, LONGEST_DECAY_S)


def train(notes: Notes, hop: int = 256) -> Templates:
    """Templates of every pitch in `notes`, made with the analysis window of the live mode."""
    framing = choose_framing("live", notes.sample_rate)
    window, _ = window_pair(framing)
    next_onset = np.append(notes.onset_s[1:], len(notes.sound) / notes.sample_rate)
    release, decay = np.zeros(128), np.zeros(128)
    W, pitches = [], np.unique(notes.pitch)
    for pitch in pitches:
        which = np.flatnonzero(notes.pitch == pitch)
        ends, age_s = _frames_of(notes, which, hop)
        W.append(pitch_templates(magnitudes(notes.sound, ends, window), age_s))
        times = np.array([release_and_decay(notes, int(i), next_onset[i]) for i in which])
        release[pitch], decay[pitch] = times.max(axis=0)
    return Templates(
        framing, np.concatenate(W).astype(np.float32), np.repeat(pitches, len(ROLES)).astype(np.int16),
        ROLES * len(pitches), release.astype(np.float32), decay.astype(np.float32),
    )
