"""Templates from music and its notes: score-informed NMF over all takes together.

V [frame, bin] ~ H [frame, row] @ W [row, bin]. Every pitch starts from a harmonic template, which may sound during its notes,
and a flat one, which may sound only at their onsets; background rows are always open. Ewert & Müller, "Using score-informed
constraints for NMF-based source separation", ICASSP 2012. Unlike there, harmonic templates are not zero between their partials,
which gains 0.4 dB: gates are constraint enough, and real notes are not perfectly harmonic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rtsep.errors import RtsepError
from rtsep.training.decompose import Found, decompose
from rtsep.training.envelopes import music_envelopes
from rtsep.training.fill import mend_gaps
from rtsep.training.frames import open_spectrogram
from rtsep.training.gates import note_gates, onset_gates
from rtsep.training.initial import harmonic_templates, onset_templates, pitch_hz
from rtsep.training.inputs import Take
from rtsep.training.isolated import STAGE_ENDS_S, STAGES, Floats, Progress, Settings, Templates, level_of
from rtsep.training.ringing import measure_ringing
from rtsep.training.updates import Frames, parts
from rtsep.windows import choose_framing, window_pair

ITERATIONS = {"nmf": 20, "nae": 50, "nae-gradient": 200, "nae-signed": 20}  # Updates of each method by default.
# Samples from frame to frame; 256 and 512 are within 0.1 dB (docs/measurements/benchmarks.md, "What training is worth").
HOP = 1024
# A note may sound this long, in seconds, before its onset and after its end; 0.05, and 0.1 to 0.25, do as well (the same).
BEFORE_S, AFTER_S = 0.02, 0.15
ATTACK_S = 0.1  # An attack template is open for this many seconds from its onset on.
# Harmonic templates have this share of their peak between partials; 0 loses 0.4 dB (docs/measurements/benchmarks.md, the same).
FLOOR = 0.02
BACKGROUND_ROWS = 2  # Rows of the background; one to four are within 0.1 dB (docs/measurements/benchmarks.md, the same).
SCATTER = 0.5  # Background rows start at random, by up to this share above or below the mean spectrum.
FAINT = 1e-4  # Background fainter than this share of V's mean is not used as a start.
# Tunings tried, in cents; partials beyond this number are sharp and do not count.
TUNINGS_CENTS, TUNING_PARTIALS = range(-50, 51, 5), 6
MOST_BYTES = 256 * 2**20  # A V of more bytes is not kept, but computed anew in every update.
KEYED = np.dtype([("onset_s", "<f8"), ("offset_s", "<f8"), ("pitch", "<i8")])  # Gates take notes in this form.


@dataclass(frozen=True)
class Rows:
    """Pitch, key (128 * dynamic level + pitch) and role of each template, ordered by pitch."""

    pitch: npt.NDArray[np.int64]
    key: npt.NDArray[np.int64]
    role: tuple[str, ...]

    def with_role(self, role: str) -> npt.NDArray[np.int64]:
        """The rows of one role."""
        return np.flatnonzero(np.array(self.role) == role)


@dataclass(frozen=True)
class Music:
    """Templates and the other results of factorising the takes.

    H float32 [frame, row] without background; frame_s [frame]: ends of the frames in seconds, take after take.
    """

    templates: Templates
    H: npt.NDArray[np.float32]
    frame_s: npt.NDArray[np.float64]
    tuning_cents: float


def train_music(takes: Sequence[Take], settings: Settings, progress: Progress | None = None) -> Music:
    """Templates of every pitch in `takes`, made with the analysis window of the live mode; jointly over all takes.

    Memory is bounded by the activations, [frame, row] of 4 bytes three times; the spectrogram need not fit.
    KeyboardInterrupt ends it with the best so far; before the first update it is raised. RtsepError: several rates, silence.
    """
    rates = sorted({take.sample_rate for take in takes})
    if len(rates) > 1:
        raise RtsepError(f"the recordings have {', '.join(map(str, rates))} Hz: convert them to one rate")
    framing = choose_framing("live", rates[0])
    window, _ = window_pair(framing)
    with open_spectrogram(takes, window, HOP) as frames:
        keep = frames.shape[0] * frames.shape[1] * 4 <= MOST_BYTES
        V: Frames = frames[:] if keep else frames
        notes = _keyed(takes, settings.levels)
        rows = _rows(np.unique(np.concatenate(notes)["pitch"]), settings.templates)
        G = np.concatenate([_gates(rows, of_take, frames.ends_s(i)) for i, of_take in enumerate(notes)])
        start = _start(V, G, rows, rates[0] / framing.window_size)
        made = _decompose(V, start, G, settings, progress)
        found = made.factors
        if found.reason == "interrupted" and not found.iterations:
            raise KeyboardInterrupt
        W, H = found.W[: len(rows.pitch)], found.H[:, : len(rows.pitch)]
        ringing = measure_ringing(frames, V, takes, W, rows.pitch)
        end_s = [frames.ends_s(i) for i in range(len(takes))]
        envelopes = _envelopes(H, rows, end_s, takes, ringing.decay_s)
        frame_s = np.concatenate(end_s)
    heard = (H.max(axis=0) > 0) & (W.max(axis=1) > 0)
    if not heard.any():
        raise RtsepError("none of the notes can be heard in the recording: do score and recording belong together?")
    role = np.array(rows.role)[heard]
    whole = mend_gaps(W[heard], rows.pitch[heard], role, rates[0] / framing.window_size)
    templates = Templates(
        float(rates[0]), framing, whole, rows.pitch[heard].astype(np.int16),
        tuple(role.tolist()), ringing.release_s, ringing.decay_s, found.losses, len(H), found.reason,
        envelope_db=envelopes,
        encoder=None if made.encoder is None else made.encoder[: len(heard)][heard].astype(np.float32))
    return Music(templates, H[:, heard], frame_s, start.tuning_cents)


def _keyed(takes: Sequence[Take], levels: int) -> list[npt.NDArray[np.void]]:
    """The notes of each take as KEYED, with 128 * level + pitch as one number."""
    counts = [len(take.notes) for take in takes]
    notes = np.concatenate([take.notes for take in takes])
    keyed = np.zeros(len(notes), KEYED)
    for name in ("onset_s", "offset_s", "pitch"):
        keyed[name] = notes[name]
    for pitch in np.unique(notes["pitch"]):
        mine = notes["pitch"] == pitch
        keyed["pitch"][mine] += 128 * level_of(notes["velocity"][mine], levels)
    return np.split(keyed, np.cumsum(counts)[:-1])


def _rows(keys: npt.NDArray[np.int64], templates: int) -> Rows:
    """One row for each stage of each key, ordered by pitch."""
    keys = np.repeat(sorted(keys.tolist(), key=lambda key: (key % 128, key)), templates)
    return Rows(keys % 128, keys, STAGES[templates] * (len(keys) // templates))


def _gates(rows: Rows, notes: npt.NDArray[np.void], end_s: Floats) -> npt.NDArray[np.bool_]:
    """G [frame, row, then background]: which rows may sound in the frames that end at `end_s`."""
    G = np.ones((len(end_s), len(rows.pitch) + BACKGROUND_ROWS), bool)
    for role in set(rows.role):
        mine = rows.with_role(role)
        if role == "attack":
            G[:, mine] = onset_gates(notes, rows.key[mine], end_s, BEFORE_S, ATTACK_S)
        else:
            late_s = STAGE_ENDS_S[1] if role == "decay" else -BEFORE_S
            G[:, mine] = note_gates(notes, rows.key[mine], end_s, -late_s, AFTER_S)
    return G


def _envelopes(
    H: npt.NDArray[np.float32], rows: Rows, end_s: Sequence[Floats], takes: Sequence[Take], decay_s: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32] | None:
    """Levels of the notes by velocity and age, from the activations of their pitches."""
    levels = {int(pitch): H[:, rows.pitch == pitch].sum(axis=1).astype(np.float64) for pitch in np.unique(rows.pitch)}
    return music_envelopes(levels, end_s, [take.notes for take in takes], decay_s)


@dataclass(frozen=True)
class Start:
    """The start of NMF, W [row, bin] and H [frame, row], background last."""

    W: npt.NDArray[np.float32]
    H: npt.NDArray[np.float32]
    tuning_cents: float


def _start(V: Frames, G: npt.NDArray[np.bool_], rows: Rows, bin_hz: float) -> Start:
    """Harmonic templates in the recording's tuning, flat ones, background from frames without notes; H from gates and energy.

    RtsepError: silence.
    """
    count = len(rows.pitch)
    sustain = rows.with_role("sustain")
    energy, by_row, quiet = np.zeros(len(G)), np.zeros((len(sustain), V.shape[1])), np.zeros(V.shape[1])
    silent: npt.NDArray[np.bool_] = G[:, :count].sum(axis=1) == 0
    for part in parts(V):
        block = np.asarray(V[part])
        energy[part] = block.sum(axis=1)
        by_row += G[part][:, sustain].T.astype(np.float32) @ block
        quiet += block[silent[part]].sum(axis=0)
    if not energy.any():
        raise RtsepError("the recording is silent: there is nothing to learn from")
    tuning = estimate_tuning(by_row, rows.pitch[sustain], bin_hz)
    W = np.empty((count + BACKGROUND_ROWS, V.shape[1]), np.float32)
    harmonic = harmonic_templates(rows.pitch, V.shape[1], bin_hz, tuning_cents=tuning)
    W[:count] = harmonic + FLOOR * harmonic.max(axis=1, keepdims=True)
    attack = rows.with_role("attack")
    W[attack] = onset_templates(len(attack), V.shape[1])
    quiet = quiet / max(silent.sum(), 1)
    even = quiet if quiet.mean() > FAINT * energy.mean() / V.shape[1] else np.ones(V.shape[1])
    W[count:] = even * np.random.default_rng(0).uniform(1 - SCATTER, 1 + SCATTER, (BACKGROUND_ROWS, V.shape[1]))
    W /= np.maximum(W.sum(axis=1, keepdims=True), 1e-30)
    H = G * (energy / G.sum(axis=1))[:, None].astype(np.float32)
    return Start(W, H, tuning)


def estimate_tuning(by_pitch: Floats, pitches: npt.NDArray[np.int64], bin_hz: float) -> float:
    """Cents from A4 = 440 Hz, -50 to 50, for which the lowest partials meet most of the pitches' spectra [pitch, bin]."""
    spectra, bins = by_pitch / np.maximum(by_pitch.sum(axis=1, keepdims=True), 1e-30), np.arange(by_pitch.shape[1])

    def met(cents: float) -> float:
        partials = pitch_hz(pitches, cents)[:, None] * np.arange(1, 1 + TUNING_PARTIALS) / bin_hz
        return float(sum(np.interp(at, bins, row, right=0).sum() for at, row in zip(partials, spectra, strict=True)))

    return max(map(float, TUNINGS_CENTS), key=lambda cents: (met(cents), -abs(cents)))


def _decompose(
    V: Frames, start: Start, G: npt.NDArray[np.bool_], settings: Settings, progress: Progress | None
) -> Found:
    updates = settings.iterations or ITERATIONS[settings.method]

    def tell(done: int, loss: float) -> None:
        if progress is not None:
            progress("training", done, updates, loss)

    return decompose(V, start.W, start.H, G, method=settings.method, divergence=settings.divergence, updates=updates,
                     progress=tell)
