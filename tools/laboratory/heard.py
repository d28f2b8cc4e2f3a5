"""What rtsep hears in a piece, without its notes: scores from sound, and how well they agree with the true notes."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np

from laboratory.pieces import Piece
from laboratory.systems import preset_named
from rtsep.listening.note_net import Net
from rtsep.listening.transcriber import Told, Transcriber, paired
from rtsep.notes.build import Note, build_score
from rtsep.notes.score import Score

BLOCK = 441
"""Sound is heard in blocks of this many samples."""
WITHIN_S = 0.05
"""A note is right if its pitch is, and if its onset lies within this many seconds of the true one."""


@dataclass(frozen=True)
class Heard:
    """Notes that were heard, and the processor time for it, in seconds per second of sound."""

    notes: list[Note]
    cost: float


def heard(piece: Piece, preset: str, net: Net | None = None) -> Heard:
    """The notes of a piece; without `net`, the net that comes with rtsep hears them."""
    began = time.process_time()
    transcriber, told = Transcriber([preset_named(preset)], piece.sample_rate, len(piece.mix), net), list[Told]()
    for begin in range(0, piece.mix.shape[1], BLOCK):
        told += transcriber.hear(piece.mix[:, begin : begin + BLOCK])
    notes = paired(told + transcriber.finish())
    return Heard(notes, (time.process_time() - began) * piece.sample_rate / piece.mix.shape[1])


def true_notes(piece: Piece) -> list[Note]:
    """The notes that the piece has, without those that begin in its last instant."""
    last_s = piece.mix.shape[1] / piece.sample_rate - 2 * WITHIN_S
    return [Note(onset, offset, pitch, velocity) for onset, offset, pitch, velocity, *_ in piece.score.notes().tolist()
            if onset < last_s]


def agreement(found: list[Note], true: list[Note]) -> dict[str, float]:
    """Precision, recall and F1 of onsets within WITHIN_S by mir_eval; the median lateness in s is taken out, and told."""
    import mir_eval

    late_s = _lateness(found, true)
    spans, hz = _arrays(true, 0.0)
    found_spans, found_hz = _arrays(found, late_s)
    precision, recall, f1, _ = mir_eval.transcription.precision_recall_f1_overlap(
        spans, hz, found_spans, found_hz, onset_tolerance=WITHIN_S, offset_ratio=None)
    return {"precision": precision, "recall": recall, "f1": f1, "late_ms": 1000 * late_s}


def _arrays(notes: list[Note], late_s: float) -> tuple[np.ndarray, np.ndarray]:
    spans = np.array([(note.onset_s, max(note.offset_s, note.onset_s + 0.01)) for note in notes]).reshape(-1, 2) - late_s
    return np.maximum(spans, [0, 0.005]), 440 * 2 ** ((np.array([note.pitch for note in notes]) - 69) / 12)


def _lateness(found: list[Note], true: list[Note]) -> float:
    """The median of the times from true onsets to the nearest heard ones of their pitch, within 0.1 s."""
    times = []
    for pitch in {note.pitch for note in true}:
        mine = np.array([note.onset_s for note in found if note.pitch == pitch])
        for onset in (note.onset_s for note in true if note.pitch == pitch):
            if len(mine) and abs(nearest := mine[np.abs(mine - onset).argmin()] - onset) <= 2 * WITHIN_S:
                times.append(nearest)
    return float(np.median(times)) if times else 0.0


def as_score(notes: list[Note], early_s: float = 0.0) -> Score:
    """Heard notes as a score of one track, this much earlier."""
    moved = [note._replace(onset_s=max(note.onset_s - early_s, 0), offset_s=max(note.offset_s - early_s, 0.01))
             for note in notes]
    return build_score("heard", moved, ["piano"])


def with_heard(piece: Piece, notes: list[Note], early_s: float = 0.0) -> Piece:
    """The piece with the heard notes in place of its own."""
    return replace(piece, score=as_score(notes, early_s))
