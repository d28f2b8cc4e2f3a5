"""Learns templates from music and its notes: score-informed NMF over all takes together.

V [frame, bin] ~ H [frame, row] @ W [row, bin]. Every pitch starts from a harmonic template, which can sound during its
notes, and a flat one, which can sound only at their onsets; background rows are always open. Ewert & Müller, "Using
score-informed constraints for NMF-based source separation", ICASSP 2012. Unlike in that paper, harmonic templates are not zero
between their partials. This gains 0.4 dB: gates are enough of a constraint, and real notes are not perfectly harmonic.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from rtsep.errors import RtsepError
from rtsep.training.decompose import Found, decompose
from rtsep.training.envelopes import heard_notes, music_envelopes
from rtsep.training.fill import mend_gaps
from rtsep.training.frames import open_spectrogram
from rtsep.training.inputs import Take
from rtsep.training.isolated import Floats, Progress, Settings, Templates
from rtsep.training.ringing import Ringing, measure_ringing
from rtsep.training.rows import Rows, gates_of, keyed, rows_of
from rtsep.training.start import first_activations, first_templates, listen
from rtsep.training.updates import Frames
from rtsep.windows import choose_framing, window_pair

Floats32 = npt.NDArray[np.float32]
ITERATIONS = {"nmf": 20, "nae": 50, "nae-gradient": 200, "nae-signed": 20}  # Updates of each method by default.
# Samples from frame to frame; 256 and 512 differ by less than 0.1 dB (docs/measurements/benchmarks.md, "What training is
# worth").
HOP = 1024
MOST_BYTES = 256 * 2**20  # A larger V, in bytes, is not kept, but computed anew in every update.


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

    The memory is that of three arrays of activations, [frame, row] of 4 bytes; the spectrogram need not fit into memory.
    KeyboardInterrupt ends it with the best result so far; before the first update it is raised. RtsepError: several rates,
    silence.
    """
    rate = one_rate(take.sample_rate for take in takes)
    framing = choose_framing("live", rate)
    window, _ = window_pair(framing)
    with open_spectrogram(takes, window, HOP) as frames:
        keep = frames.shape[0] * frames.shape[1] * 4 <= MOST_BYTES
        V: Frames = frames[:] if keep else frames
        notes = keyed([take.notes for take in takes], settings.levels)
        rows = rows_of(notes, settings.templates)
        G = np.concatenate([gates_of(rows, of_take, frames.ends_s(i)) for i, of_take in enumerate(notes)])
        listened = listen(V, G, rows)
        start, tuning_cents = first_templates(listened, rows, rate / framing.window_size)
        made = _decompose(V, start, first_activations(listened.energy, G), G, settings, progress)
        found = made.factors
        if found.reason == "interrupted" and not found.iterations:
            raise KeyboardInterrupt
        W, H = found.W[: len(rows.pitch)], found.H[:, : len(rows.pitch)]
        ringing = measure_ringing(frames, V, takes, W, rows.pitch)
        end_s = [frames.ends_s(i) for i in range(len(takes))]
        envelopes = _envelopes(H, rows, end_s, takes, ringing.decay_s)
        frame_s = np.concatenate(end_s)
    heard = (H.max(axis=0) > 0) & (W.max(axis=1) > 0)
    templates = templates_of(W, heard, rows, float(rate), ringing, envelopes)
    encoder = None if made.encoder is None else made.encoder[: len(heard)][heard].astype(np.float32)
    templates = replace(templates, losses=found.losses, frames=len(H), reason=found.reason, encoder=encoder)
    return Music(templates, H[:, heard], frame_s, tuning_cents)


def one_rate(of_takes: Iterable[int]) -> int:
    """The sample rate of all takes. RtsepError: there are several."""
    rates = sorted({*of_takes})
    if len(rates) > 1:
        raise RtsepError(f"the recordings have {', '.join(map(str, rates))} Hz: convert them to one rate")
    return rates[0]


def templates_of(
    W: Floats32, heard: npt.NDArray[np.bool_], rows: Rows, rate: float, ringing: Ringing, envelope_db: Floats32 | None
) -> Templates:
    """The templates W [row, bin] of the rows that were `heard`, without losses and frames. RtsepError: there are none."""
    if not heard.any():
        raise RtsepError("none of the notes can be heard in the recording: do score and recording belong together?")
    framing, role = choose_framing("live", rate), np.array(rows.role)[heard]
    whole = mend_gaps(W[heard], rows.pitch[heard], role, rate / framing.window_size)
    return Templates(rate, framing, whole, rows.pitch[heard].astype(np.int16), tuple(role.tolist()), ringing.release_s,
                     ringing.decay_s, np.zeros(0), 0, envelope_db=envelope_db)


def _envelopes(
    H: Floats32, rows: Rows, end_s: Sequence[Floats], takes: Sequence[Take], decay_s: Floats32
) -> Floats32 | None:
    """Levels of the notes by velocity and age, from the activations of their pitches."""
    firsts = np.cumsum([0, *(len(each) for each in end_s)])
    found = [note for first, ends, take in zip(firsts, end_s, takes, strict=False)
             for note in heard_notes(H[first : first + len(ends)], rows.pitch, ends, take.notes)]
    return music_envelopes(np.unique(rows.pitch), found, decay_s)


def _decompose(
    V: Frames, W: Floats32, H: Floats32, G: npt.NDArray[np.bool_], settings: Settings, progress: Progress | None
) -> Found:
    updates = settings.iterations or ITERATIONS[settings.method]

    def tell(done: int, loss: float) -> None:
        if progress is not None:
            progress("training", done, updates, loss)

    return decompose(V, W, H, G, method=settings.method, divergence=settings.divergence, updates=updates, progress=tell)
