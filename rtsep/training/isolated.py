"""Learns templates from isolated notes: a small NMF for each pitch, over all its notes, started from the stages of their sound.

V [frame, bin] ~ H [frame, template] @ W [template, bin], with updates of both factors (see `rtsep.training.nmf`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rtsep.errors import RtsepError
from rtsep.training.decompose import decompose
from rtsep.training.envelopes import note_envelope, pitch_envelope, table
from rtsep.training.nmf import Factors
from rtsep.windows import Framing, choose_framing, magnitudes, window_pair

Floats = npt.NDArray[np.float64]
Sound = npt.NDArray[np.float32]
STAGES = {1: ("sustain",), 2: ("attack", "sustain"), 3: ("attack", "sustain", "decay")}
# Ages, in seconds, at which the attack ends, and at which the sustain ends if the decay has its own template.
STAGE_ENDS_S = (0.08, 0.6)
# Number of updates: few, to avoid overfitting; 1 and 20 are as good (docs/measurements/benchmarks.md,
# "What training is worth").
ITERATIONS = 5
# A released note ends once it has fallen by this many decibels: later it would take the sound of other notes.
RELEASE_DB = 12.0
LEVEL_S = 0.01  # Levels are measured in steps of this many seconds.
LONGEST_DECAY_S = 60.0  # A decay lasts at most this many seconds.
DECAY_DB = 60.0  # A held note ends once it has fallen by this many decibels below its peak.
Progress = Callable[[str, int, int, float | None], None]  # The work, how much of it is done, of how much, and the loss or None.


@dataclass(frozen=True)
class Notes:
    """Isolated notes of one instrument: sound float32 [sample] or [channel, sample] and, per note, times in s and MIDI pitch.

    velocity: 1 to 127. release_s: known release times; nan: the time is measured. Both are optional.
    """

    sound: Sound
    sample_rate: float
    onset_s: Floats
    offset_s: Floats
    pitch: npt.NDArray[np.int64]
    velocity: npt.NDArray[np.int64] | None = None
    release_s: Floats | None = None

    def velocities(self) -> npt.NDArray[np.int64]:
        """Velocities [note]; all are 64 if they are not known."""
        return np.full(len(self.pitch), 64, np.int64) if self.velocity is None else self.velocity

    def releases_s(self) -> Floats:
        """Release times [note]; nan if they have to be measured."""
        return np.full(len(self.pitch), np.nan) if self.release_s is None else self.release_s


@dataclass(frozen=True)
class Settings:
    """How templates are learnt; every default is the best value that was measured.

    templates: per pitch 1 (sustain), 2 (attack, sustain) or 3 (attack, sustain, decay), for each of at most `levels` dynamic
    levels. stage_ends_s: the ages at which frames of isolated notes are no longer attack, and no longer sustain. method: one of
    `decompose.METHODS`. divergence: of the method "nmf". drums: the notes are single hits, learnt by `rtsep.training.drums`,
    which ignores all other settings.
    """

    templates: int = 2
    levels: int = 1
    iterations: int | None = None  # None: the usual number for the material.
    divergence: str = "kl"
    hop: int = 256
    stage_ends_s: tuple[float, float] = STAGE_ENDS_S
    drums: bool = False
    method: str = "nmf"


@dataclass(frozen=True)
class Templates:
    """The result of training: W float32 [row, bin], rows sum to 1; pitch and role of each row; release and decay [128].

    losses: the divergence before and after every update, of all pitches together. frames: the number of frames learnt from.
    reason: why training stopped. row_age_s: float32 [row, 2], for rows that are open only at some ages of their note. encoder:
    float32 [row, bin], of an autoencoder; a row without one is zeros. envelope_db: float32 [128, 2, 32], levels of the notes.
    """

    sample_rate: float
    framing: Framing
    W: npt.NDArray[np.float32]
    row_pitch: npt.NDArray[np.int16]
    row_role: tuple[str, ...]
    release_s: npt.NDArray[np.float32]
    decay_s: npt.NDArray[np.float32]
    losses: Floats
    frames: int
    reason: str = "max_iter"
    row_age_s: npt.NDArray[np.float32] | None = None
    envelope_db: npt.NDArray[np.float32] | None = None
    encoder: npt.NDArray[np.float32] | None = None


def _frames_of(notes: Notes, which: npt.NDArray[np.int64], hop: int) -> tuple[npt.NDArray[np.int64], Floats]:
    """Ends of the frames of the notes `which`, and for each frame the seconds from its note's onset to its end."""
    rate = notes.sample_rate
    ends = [np.arange(round(notes.onset_s[i] * rate) + hop, round(notes.offset_s[i] * rate), hop) for i in which]
    ages = [(end - notes.onset_s[i] * rate) / rate for end, i in zip(ends, which, strict=True)]
    return np.concatenate(ends), np.concatenate(ages)


def first_templates(V: npt.NDArray[np.float32], age_s: Floats, settings: Settings) -> npt.NDArray[np.float32]:
    """The start of NMF, [template, bin]: the mean of the frames V [frame, bin] of each stage, by their ages."""
    stage = np.searchsorted(settings.stage_ends_s[: settings.templates - 1], age_s, side="right")
    stages = [stage == i for i in range(settings.templates)]
    means = np.stack([V[those if those.any() else slice(None)].mean(axis=0) for those in stages])
    means += np.float32(1e-6) * means.mean()
    result: npt.NDArray[np.float32] = means / means.sum(axis=1, keepdims=True)
    return result


def _level(sound: Sound, rate: float, begin_s: float, end_s: float) -> Floats:
    """RMS at steps of LEVEL_S."""
    step = round(LEVEL_S * rate)
    part = np.atleast_2d(sound)[:, round(begin_s * rate) : round(end_s * rate)].astype(np.float64)
    part = part[:, : part.shape[1] // step * step].reshape(len(part), -1, step)
    level: Floats = np.sqrt((part**2).mean(axis=(0, 2)))
    return level


def release_and_decay(notes: Notes, i: int, next_onset_s: float) -> tuple[float, float]:
    """Seconds from note `i`'s offset until it has fallen by RELEASE_DB, and from its onset until DECAY_DB while held.

    The decay is extrapolated from the slope between the first and the last third of the held note.
    """
    held = _level(notes.sound, notes.sample_rate, notes.onset_s[i], notes.offset_s[i]) + 1e-9
    after = _level(notes.sound, notes.sample_rate, notes.offset_s[i], next_onset_s)
    over = after < 10 ** (-RELEASE_DB / 20) * held[-5:].mean()
    release = LEVEL_S * (np.argmax(over) if over.any() else len(over))
    known = float(notes.releases_s()[i])
    third = max(len(held) // 3, 1)
    fall_db = 20 * np.log10(held[:third].mean() / held[-third:].mean())
    decay = DECAY_DB * LEVEL_S * (len(held) - third) / max(fall_db, 0.1)
    return release if np.isnan(known) else known, min(decay, LONGEST_DECAY_S)


def _usable(notes: Notes, hop: int) -> npt.NDArray[np.int64]:
    """The notes that lie within the sound and are audible. RtsepError: there are none."""
    rate, samples = notes.sample_rate, notes.sound.shape[-1]
    long_enough = np.rint(notes.offset_s * rate) - np.rint(notes.onset_s * rate) > 2 * hop
    within = np.flatnonzero(long_enough & (np.rint(notes.offset_s * rate) <= samples))
    heard = [i for i in within if _level(notes.sound, rate, notes.onset_s[i], notes.offset_s[i]).max(initial=0) > 0]
    if not heard:
        raise RtsepError("none of the notes can be heard: the sound is silent, or the notes lie beyond its end")
    return np.array(heard, np.int64)


def level_of(velocity: npt.NDArray[np.int64], levels: int) -> npt.NDArray[np.int64]:
    """The dynamic level, 0 (soft) to at most `levels` - 1, of the notes of one pitch; notes of equal velocity share one."""
    steps, step = np.unique(velocity, return_inverse=True)
    return step * min(levels, len(steps)) // len(steps)


def _envelope_of_pitch(notes: Notes, which: npt.NDArray[np.int64], window: Floats, hop: int) -> Floats:
    """The envelope of one pitch, [2, point]."""
    found = []
    for note in which:
        ends, age_s = _frames_of(notes, np.array([note]), hop)
        found.append(note_envelope(magnitudes(notes.sound, ends, window).sum(axis=1).astype(np.float64), age_s))
    return pitch_envelope(found, notes.velocities()[which])


def _rows_of_pitch(notes: Notes, which: npt.NDArray[np.int64], window: Floats, settings: Settings) -> list[Factors]:
    """The factors of one pitch, one pair for each dynamic level."""
    found = []
    level = level_of(notes.velocities()[which], settings.levels)
    for group in (which[level == number] for number in range(level.max() + 1)):
        ends, age_s = _frames_of(notes, group, settings.hop)
        V = magnitudes(notes.sound, ends, window)
        start = first_templates(V, age_s, settings)
        H = np.tile(V.sum(axis=1, keepdims=True) / len(start), (1, len(start)))
        updates = settings.iterations or ITERATIONS
        found.append(decompose(V, start, H, None, method=settings.method, divergence=settings.divergence,
                               updates=updates).factors)
        if found[-1].reason == "interrupted":
            raise KeyboardInterrupt
    return found


def train(notes: Notes, settings: Settings | None = None, progress: Progress | None = None) -> Templates:
    """Templates of every pitch in `notes`, made with the analysis window of the live mode.

    KeyboardInterrupt ends it with the finished pitches; it is raised if there is none yet. RtsepError: no note is audible.
    """
    settings = settings or Settings()
    framing = choose_framing("live", notes.sample_rate)
    window, _ = window_pair(framing)
    usable = _usable(notes, settings.hop)
    onsets, end_s = np.sort(notes.onset_s), notes.sound.shape[-1] / notes.sample_rate
    next_onset = np.append(onsets, end_s)[np.searchsorted(onsets, notes.onset_s, side="right")]
    release, decay = np.zeros(128, np.float32), np.zeros(128, np.float32)
    factors: dict[int, list[Factors]] = {}
    envelopes: dict[int, Floats] = {}
    pitches, reason = np.unique(notes.pitch[usable]), "max_iter"
    try:
        for pitch in pitches:
            which = usable[notes.pitch[usable] == pitch]
            times = np.array([release_and_decay(notes, int(i), next_onset[i]) for i in which])
            factors[int(pitch)] = _rows_of_pitch(notes, which, window, settings)
            release[pitch], decay[pitch] = times.max(axis=0)
            envelopes[int(pitch)] = _envelope_of_pitch(notes, which, window, settings.hop)
            if progress is not None:
                progress("training", len(factors), len(pitches), None)
    except KeyboardInterrupt:
        if not factors:
            raise
        reason = "interrupted"
    groups = [(pitch, found) for pitch, of_pitch in factors.items() for found in of_pitch]
    return Templates(
        notes.sample_rate, framing, np.concatenate([found.W for _, found in groups]).astype(np.float32),
        np.repeat([pitch for pitch, _ in groups], settings.templates).astype(np.int16),
        STAGES[settings.templates] * len(groups), release, decay, np.sum([found.losses for _, found in groups], axis=0),
        sum(len(found.H) for _, found in groups), reason, envelope_db=table(envelopes),
    )
